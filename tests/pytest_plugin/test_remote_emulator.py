"""The same tests on an emulator in another process: one of our own, and a running one."""

import json
import os
import select
import shlex
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.pytest_plugin.examples import EXAMPLES, FAILING, module

pytest_plugins = ["pytester"]

PIXEL_EMULATOR = [sys.executable, "-m", "pixel_emulator"]
ALL = module(*EXAMPLES.values(), *FAILING.values())
ONE = module(next(iter(EXAMPLES.values())))


def command(*words):
    return f"pixel_emulator_command = {shlex.join(words)}"


@pytest.fixture(scope="module")
def served():
    """A running emulator: what its ready line says."""
    arguments = ["serve", "--json", "--port", "0"]
    with subprocess.Popen(
        [*PIXEL_EMULATOR, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


class Way(NamedTuple):
    """Where the emulator of a run is."""

    arguments: tuple[str, ...] = ()
    ini: str = ""


@pytest.fixture
def way(request):
    if request.param == "url":
        return Way(arguments=(f"--pixel-url={request.getfixturevalue('served')['url']}",))
    return Way(ini=command(*PIXEL_EMULATOR) if request.param == "command" else "")


# A command starts an emulator of its own each time; the tests without ways have it, too.
WAYS = pytest.mark.parametrize(
    "way", ["here", "url", pytest.param("command", marks=pytest.mark.thorough)], indirect=True
)


def assert_all_are_judged(result):
    result.assert_outcomes(passed=len(EXAMPLES), failed=len(FAILING))


@pytest.mark.thorough
def test_all_examples_on_an_emulator_of_our_own(inner):
    assert_all_are_judged(inner(ini=command(*PIXEL_EMULATOR), test_it=ALL))


@pytest.mark.thorough
def test_all_examples_on_a_running_emulator_by_its_port(inner, served):
    assert_all_are_judged(inner(f"--pixel-url={served['url']}", test_it=ALL))


def test_a_running_emulator_by_its_control_api(inner, served, monkeypatch):
    monkeypatch.setenv("PIXEL_EMULATOR_TOKEN", served["token"])
    inner(f"--pixel-url={served['control']}", test_it=ONE).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_workers_may_share_a_running_emulator(inner, served):
    result = inner("-n2", f"--pixel-url={served['url']}", apart=True, test_it=ALL)
    assert_all_are_judged(result)


def test_scenario_files_and_recordings_work_there_too(inner, pytester):
    (pytester.path / "mail.yaml").write_text("expect: [{track: A}]\n")
    inner(
        ini=f"{command(*PIXEL_EMULATOR)}\npixel_record = recordings",
        test_it="""
            from client import send
            def test_it(pixels):
                with pixels.expecting("mail.yaml"): send(pixels, "A")
                assert len(pixels.calls) == 1
        """,
    ).assert_outcomes(passed=1)
    assert (pytester.path / "recordings" / "test_it" / "test_it.yaml").exists()


DRIP = """\
name: drip ${n}
let: {n: }
cases: [{n: 1}, {n: 2}]
steps:
  - name: first
    do: {send: {track: Opened, userId: u1, messageId: m1, properties: {step: $n}}}
    expect: [{track: Opened, properties: {step: $n}}]
  - name: second
    do: {run: "curl -s \\"$PIXEL_EMULATOR_URL/v1/pixel/page?userId=u1&writeKey=wk_test_0000\\""}
    expect:
      - page:
        userId: u1
      - track: Closed
    within: 10ms
"""


@WAYS
def test_scenario_files_run_the_same_on_all_emulators(inner, pytester, way):
    (pytester.path / "drip.yaml").write_text(DRIP)
    (pytester.path / "met.yaml").write_text(DRIP.replace("      - track: Closed\n", ""))
    result = inner(*way.arguments, "-v", "drip.yaml", "met.yaml", ini=way.ini)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "drip.yaml::drip 2?n=2? FAILED*",
            "met.yaml::drip 1?n=1? PASSED*",
            ">         - track: Closed",
            "E *AssertionError: track: Closed: wanted 1, got 0: not sent",
            "drip.yaml:13: AssertionError",
            "pixels: 8 calls in 4 tests",
        ]
    )


@WAYS
def test_commands_of_a_test_reach_the_control_api_and_their_session(inner, way):
    inner(
        *way.arguments,
        ini=way.ini,
        test_it="""
            import json
            from urllib.error import HTTPError
            from urllib.request import Request, urlopen
            import pytest
            from client import send
            def asked(env, token):
                url = f"{env['PIXEL_EMULATOR_CONTROL']}/sessions/{env['PIXEL_EMULATOR_SESSION']}"
                known = {"Authorization": f"Bearer {token}"}
                return json.load(urlopen(Request(f"{url}/calls", headers=known)))["entries"]
            def test_it(pixels):
                send(pixels, "A")
                env = pixels.env
                (call,) = asked(env, env["PIXEL_EMULATOR_TOKEN"])
                assert call["payload"]["event"] == "A"
                with pytest.raises(HTTPError, match="401"): asked(env, "wrong")
                pixels.expect(track="A")
        """,
    ).assert_outcomes(passed=1)


@WAYS
def test_a_wait_ends_with_its_session(inner, pytester, way):
    """An error of a file fails the test also where it is caught."""
    (pytester.path / "never.yaml").write_text("within: 30s\nexpect:\n  - track: B\n")
    result = inner(
        *way.arguments,
        ini=way.ini,
        test_it="""
            from concurrent.futures import ThreadPoolExecutor
            import pytest
            def expect(pixels):
                with pixels.expecting("never.yaml"): pass
            def test_it(pixel_session_factory):
                own = pixel_session_factory()
                with ThreadPoolExecutor(2) as pool:
                    waiting = [
                        pool.submit(own.wait_for, track="B", timeout=30),
                        pool.submit(expect, own),
                    ]
                    own.close()
                    for future in waiting:
                        with pytest.raises(AssertionError) as failed: future.result(15)
                        assert str(failed.value).startswith(
                            "the session is closed, and no call can come any more: track: B: "
                        )
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       with pixels.expecting*",
            "E *AssertionError: the session is closed, *",
        ]
    )


@WAYS
def test_a_session_that_the_test_itself_closes_is_verified_all_the_same(inner, way):
    result = inner(
        *way.arguments,
        ini=way.ini,
        test_it="""
            from client import send
            def test_silent(pixels, pixel_session_factory):
                other = pixel_session_factory("other")
                other.expect_none(proven=False)
                for session in (other, pixels, other): session.close()
            def test_met(pixel_session_factory):
                other = pixel_session_factory("other")
                send(other, "A")
                other.close()
                other.expect(track="A")
            def test_unmet(pixel_session_factory):
                other = pixel_session_factory("other")
                send(other, "A")
                other.close()
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["pixels: 2 calls in 3 tests", "FAILED test_it.py::test_unmet*"])


def test_more_calls_than_one_answer_holds(inner):
    inner(
        ini=command(*PIXEL_EMULATOR),
        test_it="""
            from client import url
            def test_it(pixels):
                for n in range(1001): pixels.receive(url("https://api.segment.io", "A"))
                assert len(pixels.calls) == 1001
                pixels.expect(track="A", times=1001)
        """,
    ).assert_outcomes(passed=1)


def test_settings_reach_an_emulator_of_our_own(inner):
    inner(
        ini=f"pixel_hosts = pixels.example.com\npixel_offline = true\n{command(*PIXEL_EMULATOR)}",
        test_it="""
            def test_it(pixels): assert pixels.session.hosts == ("pixels.example.com",)
        """,
    ).assert_outcomes(passed=1)


def test_calls_are_shown_live(inner):
    """They come from another process, and so perhaps after the test."""
    result = inner(
        "--pixel-show",
        ini=command(*PIXEL_EMULATOR),
        test_it="""
            import time
            from client import send
            def test_it(pixels, capfd):
                send(pixels, "A")
                pixels.expect(track="A")
            def test_other(pixels): pixels.wait_for(any=None, timeout=1)
        """,
    )
    result.stdout.fnmatch_lines(['test_it.py::test_it #1  delivered  track "A"*'])


@WAYS
def test_calls_of_no_test_are_reported_for_an_emulator_of_our_own(inner, way):
    result = inner(
        *way.arguments,
        ini=way.ini,
        test_it="""
            from client import send
            first = []
            def test_first(pixels, pixel_emulator):
                first.append(pixels)
                for n in range(3): send(pixel_emulator, "A")
            def test_second(pixels): send(first[0], "Late")
        """,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["pixels: 1 request for a session of test_it.py::test_first, *"])
    nobodys = "pixels: 3 requests came to the emulator itself and belong to no test"
    assert (nobodys in result.outlines) is (not way.arguments)


@pytest.mark.parametrize(
    ("arguments", "ini", "said"),
    [
        (
            (),
            command("/no/such/command"),
            "/no/such/command: No such file or directory*",
        ),
        ((), command("echo", "hello"), "`echo hello` does not serve: hello*"),
        (("--pixel-url=http://127.0.0.1:9",), "", "no emulator serves on port 9"),
        (("--pixel-url=nonsense",), "", "--pixel-url nonsense: write it as http://127.0.0.1:8080"),
    ],
)
def test_an_emulator_that_is_not_there_is_an_error_that_says_so(inner, arguments, ini, said):
    result = inner(*arguments, ini=ini, test_it=ONE)
    # One that is to be there is asked at once, any other when it is needed.
    result.assert_outcomes(**{"errors" if arguments else "failed": 1})
    result.stdout.fnmatch_lines([f"*pixels: {said}*"])
    result.stdout.no_fnmatch_line("*another exception*")


WITHOUT = """
    import importlib.util
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *at: None if name == "httptools" else find(name, *at)
"""


PROGRAM_NAMES = ("uvx", "uv", "pipx", "pip", "pixel-emulator")


def programs(folder, **scripts):
    """Write shell scripts; each that is not given notes that it was called, and fails."""
    for name in PROGRAM_NAMES:
        script = scripts.get(name.replace("-", "_"), f'echo {name} "$@" >> called; exit 1')
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("where", ["nowhere", "only beside the tests"])
def test_without_the_extra_nothing_is_fetched_from_an_index(inner, pytester, monkeypatch, where):
    folder = pytester.mkdir("bin")
    programs(folder)
    here = sysconfig.get_path("scripts")
    assert (Path(here) / "pixel-emulator").exists()
    (folder / "pixel-emulator").unlink()
    beside = f"{here}:" if where != "nowhere" else ""
    monkeypatch.setenv("PATH", f"{beside}{folder}:/usr/bin:/bin")
    result = inner(apart=True, conftest=WITHOUT, test_it=ONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "pixels: no `pixel-emulator` with the extra `proxy` is found",
            "The emulator runs in the process of the tests if `pixel-*",
        ]
    )
    result.stdout.fnmatch_lines(["*`pixel_emulator_command = /path/to/pixel-emulator`*"])
    assert not (pytester.path / "called").exists()


SERVE = f'exec {shlex.join(PIXEL_EMULATOR)} "$@"'


def test_without_the_extra_an_installed_program_serves(inner, pytester, monkeypatch):
    folder = pytester.mkdir("bin")
    programs(folder, pixel_emulator=SERVE)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    inner(apart=True, conftest=WITHOUT, test_it=ONE).assert_outcomes(passed=1)
    assert not (pytester.path / "called").exists()


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            f"exec {sys.executable} other.py serve --json --port 0 --until-eof",
            "pixels: */bin/pixel-emulator has version 7.7.7, the plugin has *",
        ),
        (
            "echo 'serve needs the extra proxy' >&2; exit 1",
            "pixels: `*/bin/pixel-emulator` does not serve: serve needs the extra proxy",
        ),
    ],
)
def test_an_installed_program_that_cannot_serve_here_is_reported(
    inner, pytester, monkeypatch, script, said
):
    other = """
        import importlib.metadata
        importlib.metadata.version = lambda name: "7.7.7"
        from pixel_emulator.cli.program import main
        main()
    """
    folder = pytester.mkdir("bin")
    programs(folder, pixel_emulator=script)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    result = inner(apart=True, conftest=WITHOUT, test_it=ONE, other=other)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said, "The emulator runs in the process of the tests if *"])


@pytest.mark.thorough
def test_an_emulator_of_our_own_ends_with_a_run_that_is_killed(inner, pytester):
    """Its stdin ends, and the temporary files are its own."""
    folder = pytester.mkdir("temporary")
    script = f'echo $$ > pid; export TMPDIR={folder}; exec {shlex.join(PIXEL_EMULATOR)} "$@"'
    result = inner(
        apart=True,
        ini=command("sh", "-c", script, "sh"),
        test_it="""
            import os
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                os._exit(9)
        """,
    )
    assert result.ret == 9
    pid = int((pytester.path / "pid").read_text())
    with suppress(ProcessLookupError):
        file = os.pidfd_open(pid)
        select.select([file], [], [], 30)
        os.close(file)
    assert list(folder.iterdir()) == []


def test_an_emulator_of_our_own_is_gone_after_the_run(inner, pytester):
    inner(
        ini=command("sh", "-c", f'echo $$ > pid; exec {shlex.join(PIXEL_EMULATOR)} "$@"', "sh"),
        test_it=ONE,
    ).assert_outcomes(passed=1)
    pid = int((pytester.path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


TARGETS = (
    *("/nothing", "/nothing", "/v1/t", "/v1/pixel/track?data=%25"),
    "/v1/pixel/track?data=eyJ3cml0ZUtleSI6IndrX3Rlc3QiLCJ1c2VySWQiOiJ1IiwiZXZlbnQiOiJPcGVuZWQifQ",
)
"""Three requests that are no calls, a dropped call, and a delivered one."""


def test_every_place_counts_unhandled_requests_alike(inner, tmp_path):
    scenario, recording = tmp_path / "s.yaml", tmp_path / "calls.yaml"
    scenario.write_text("dropped: ignore\nexpect: [{track: Opened}]\n")
    files = [*("--scenario", scenario), *("--record", recording)]
    reports = [f"--report={tmp_path / name}" for name in ("r.txt", "r.json")]
    command = [*PIXEL_EMULATOR, "serve", "--json", "--port", "0", *files, *reports]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            ready = json.loads(process.stdout.readline())
            for target in TARGETS:
                httpx.get(f"{ready['url']}{target}", trust_env=False)
            met = next(line for line in process.stderr if line.startswith("scenarios: met"))
            headers = {"authorization": f"Bearer {ready['token']}", "accept": "text/plain"}
            session = f"{ready['control']}/sessions/default"
            with httpx.Client(headers=headers, trust_env=False) as client:
                found = client.get(f"{session}/requests?outcome=unhandled").json()["entries"]
                calls = client.get(f"{session}/calls").json()["entries"]
                report = client.post(f"{session}/verify", content=scenario.read_bytes()).text
            test = f"""
                import httpx
                import pytest

                @pytest.mark.pixel(dropped="ignore")
                def test_it(pixels):
                    for target in {TARGETS!r}:
                        httpx.get(pixels.url + target, trust_env=False)
                    pixels.expect(track="Opened")
                """
            result = inner(f"--pixel-url={ready['url']}", test_it=test)
        finally:
            process.terminate()
        lines = process.stderr.read()

    assert (len(calls), len(found)) == (2, 3)
    counts = "2 calls seen · 1 dropped · 3 unhandled"
    assert counts in report
    assert counts in (tmp_path / "r.txt").read_text()
    outcomes = [call["outcome"] for call in json.loads((tmp_path / "r.json").read_text())["calls"]]
    assert outcomes == ["unhandled"] * 3 + ["dropped", "delivered"]
    verified = subprocess.run(
        [*PIXEL_EMULATOR, "verify", scenario, recording], stdout=subprocess.PIPE, check=True
    )
    assert counts in verified.stdout.decode()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["pixels: 2 calls in 1 test, 1 dropped, 3 unhandled"])
    assert met == "scenarios: met, after 2 calls\n"
    sums = "1 delivered, 1 dropped, and 3 unhandled requests"
    assert f"\n2 calls: {sums}, recorded to " in lines
    assert f"; 2 calls in 1 session: {sums}" in lines
