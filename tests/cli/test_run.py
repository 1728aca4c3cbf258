"""`run`: the command's pixels, the verdict, and whose exit code counts."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pixel_emulator.cli.program import main
from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, Outcome
from pixel_emulator.core.verification.verdict import Status, exit_code
from pixel_emulator.files.read_write import read_recording
from tests.programs import CHROMIUM, needs_chromium, needs_curl

GOOD = {"writeKey": "wk_test_0000000000000000", "userId": "user_1", "event": "Email Opened"}
NOBODY = {key: value for key, value in GOOD.items() if key != "userId"}
LITERAL = GOOD | {"userId": "undefined"}
OPENED = "expect:\n  - track: Email Opened\n"
TRUST = '--ignore-certificate-errors-spki-list="$PIXEL_EMULATOR_SPKI"'
SILENCE = "expect: []\n"
type Runner = Callable[..., subprocess.CompletedProcess[str]]


def get(payload: dict[str, str]) -> list[str]:
    """A command that fires one pixel."""
    return ["curl", "-sS", "-o", os.devnull, encode(CallType.TRACK, dict(payload))]


def python(code: str) -> list[str]:
    """A command that runs this code."""
    return [sys.executable, "-c", code]


def program(*arguments: str) -> list[str]:
    """The command line of `pixel-emulator run`."""
    return [sys.executable, "-m", "pixel_emulator", "run", *arguments]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The directory for temporary files, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def runs(tmp_path: Path, temporary: Path) -> Runner:
    """Runs `pixel-emulator run` in a folder of its own; the first argument is a scenario's text."""

    def run(
        scenario: str | None, command: list[str], *options: str, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        arguments = list(options)
        if scenario is not None:
            (tmp_path / "scenario.yaml").write_text(scenario)
            arguments += ["--scenario", "scenario.yaml"]
        return subprocess.run(
            program(*arguments, "--", *command),
            check=False,
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(temporary)} | environ,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize(
    ("verdict", "command", "expected"),
    [
        (Status.MET, 0, 0),
        (Status.MET, 7, 7),
        (Status.UNMET, 0, 1),
        (Status.UNMET, 7, 7),
        (Status.UNDECIDED, 7, 3),
        (Status.INCOMPLETE, 0, 3),
        (Status.INCOMPLETE, 7, 3),
        (Status.INCOMPLETE, 137, 3),
    ],
)
def test_incomplete_evidence_counts_most_then_the_command_then_the_verdict(
    verdict, command, expected
):
    assert exit_code(verdict, command) == expected


@pytest.mark.thorough_but_first
@needs_curl
@pytest.mark.parametrize(
    ("payload", "scenario", "code"),
    [
        (GOOD, OPENED, 0),
        (GOOD, "expect:\n  - track: Something Else\n", 1),
        (GOOD, SILENCE, 1),
        (NOBODY, OPENED, 1),
        (NOBODY, "expect:\n  - dropped: no_user_anon_id\n", 0),
        (LITERAL, OPENED, 1),
        (LITERAL, "damaged: ignore\n" + OPENED, 0),
    ],
    ids=[
        "passing",
        "failing",
        "not silent",
        "dropped",
        "dropped as expected",
        "damaged",
        "damaged and accepted",
    ],
)
def test_the_verdict_is_the_exit_code(runs, payload, scenario, code):
    done = runs(scenario, get(payload))
    assert done.returncode == code, done.stderr


@pytest.mark.thorough
@needs_curl
def test_a_client_that_does_not_trust_our_ca_is_incomplete_evidence(runs):
    untrusting = get(GOOD)
    untrusting[1:1] = ["--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    done = runs(f"within: 0s\n{OPENED}", untrusting)
    assert done.returncode == 3
    message = " ".join(done.stderr.split())
    assert "0 calls, 1 TLS handshake for api.segment.io refused by the client" in message


@pytest.mark.thorough
@needs_curl
def test_an_untrusting_client_counts_without_a_scenario_too(runs):
    untrusting = get(GOOD)
    untrusting[1:1] = ["--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    assert runs(None, untrusting).returncode == 3


@pytest.mark.thorough
@needs_chromium
@pytest.mark.parametrize(
    ("payload", "trust", "code"),
    [
        (GOOD, TRUST, 0),
        (GOOD | {"event": "Something Else"}, TRUST, 1),
        (NOBODY, TRUST, 1),
        (LITERAL, TRUST, 1),
        (GOOD, "", 3),
    ],
    ids=["passing", "failing", "dropped", "damaged", "untrusted"],
)
def test_the_verdict_on_a_mail_that_a_browser_renders(runs, tmp_path, payload, trust, code):
    mail = tmp_path / "mail.html"
    mail.write_text(f'<p>Hello</p><img src="{get(payload)[-1]}" alt="">')
    flags = f'--headless --no-sandbox --dump-dom --proxy-server="$PIXEL_EMULATOR_PROXY" {trust}'
    line = f'exec "$0" {flags} --user-data-dir="$1" "$2"'
    done = runs(
        f"within: 0s\n{OPENED}",
        ["sh", "-c", line, CHROMIUM, str(tmp_path / "profile"), mail.as_uri()],
    )
    assert done.returncode == code, done.stderr
    assert "Hello" in done.stdout


@pytest.mark.thorough
def test_silence_in_which_nothing_reached_us_is_no_proof(runs):
    assert runs(SILENCE, python("pass")).returncode == 3


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("code", "expected", "message"),
    [
        ("raise SystemExit(7)", 7, "exit code 7: it is the command's own"),
        ("raise SystemExit(2)", 2, "exit code 2: it is the command's own"),
        (
            "import os; os.kill(os.getpid(), 9)",
            137,
            "exit code 137: the command was ended by signal 9 (Killed)",
        ),
    ],
)
def test_stderr_says_that_the_code_is_the_commands(runs, code, expected, message):
    done = runs(None, python(code))
    assert done.returncode == expected
    assert message in done.stderr


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("scenario", [OPENED, None])
def test_a_command_that_is_not_found_gives_127(runs, scenario):
    done = runs(scenario, ["no-such-command-at-all"])
    assert done.returncode == 127
    assert done.stderr == (
        "pixel-emulator: exit code 127: no-such-command-at-all: command not found\n"
    )


def test_a_scenario_without_its_option_is_no_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my opened.yaml").write_text(OPENED)
    assert main(["run", "my opened.yaml"]) == 2
    assert capsys.readouterr().err == (
        "pixel-emulator: my opened.yaml is no command: "
        "did you mean `--scenario 'my opened.yaml'`?\n"
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["false", "--record", "x.yaml", "--tag=a"], ["--record", "--tag"]),
        (["true", "--scenario=one.yaml"], ["--scenario"]),
        (["true", "--record", "x.yaml"], []),
        (["false", "x.yaml"], []),
    ],
)
def test_an_option_behind_the_command_is_told(runs, command, options):
    lines = runs(None, command).stderr.splitlines()
    told = [line for line in lines if line.endswith("those of `run` stand before it")]
    assert [line.split()[0] for line in told] == options


@pytest.mark.thorough
@pytest.mark.parametrize("scenario", [OPENED, None])
def test_a_command_that_failed_may_have_sent_nothing_because_of_that(runs, scenario):
    """Its failure is told first, and clients without a proxy only after it."""
    failed = runs(scenario, [sys.executable, "no-such-file.py"])
    assert failed.returncode == 2
    assert "if it sent a call: Python's http.client" in failed.stderr
    if scenario is None:
        first = "nothing reached the emulator: the command ended with exit code 2, perhaps before"
        assert first in failed.stderr
        assert "see Clients in the manual" not in failed.stderr
    passed = runs(scenario, python("pass"))
    said = " ".join(passed.stderr.split())  # reports are as wide as their terminal
    assert said.count("see Clients in the manual") == 1
    assert "if it sent a call" not in said


@pytest.mark.thorough
def test_a_command_that_is_not_found_leaves_a_report_that_is_no_pass(runs, tmp_path):
    done = runs(OPENED, ["no-such-command-at-all"], "--report", "out.xml")
    assert done.returncode == 127
    report = (tmp_path / "out.xml").read_text()
    assert "nothing was run: no-such-command-at-all: command not found" in report


@pytest.mark.thorough
@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_scenarios_that_a_shell_made_of_a_star_are_no_command(runs, tmp_path, mode):
    (tmp_path / "second.yaml").write_text(OPENED)
    (tmp_path / "second.yaml").chmod(mode)
    done = runs(OPENED, ["./second.yaml"])
    hint = "./second.yaml is no command: write --scenario before each scenario"
    assert (done.returncode == 2, hint in done.stderr) == (mode == 0o644,) * 2


def test_a_report_without_a_scenario_is_a_mistake(run_cli, tmp_path):
    code, _, err = run_cli("run", "--report", tmp_path / "out.xml", "--", "true")
    assert (code, "needs a --scenario" in err) == (2, True)


@pytest.mark.thorough
@needs_curl
def test_the_commands_code_goes_before_an_unmet_scenario(runs):
    shell = ["sh", "-c", '"$@"; exit 7', "sh", *get(GOOD)]
    done = runs("expect:\n  - track: Something Else\n", shell)
    assert done.returncode == 7
    assert "exit code 7: it is the command's own" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("expects:\n  - track: A\n", []),
        ("expect: [\n", []),
        (None, ["--scenario", "missing.yaml"]),
        (None, ["--dialect", "srict"]),
        (None, ["--source", "no equals sign"]),
        (None, ["--no-such-option"]),
        (None, ["--record", "no/such/folder/out.yaml"]),
    ],
)
def test_a_mistake_of_the_user_is_found_before_the_command_starts(
    runs, tmp_path, scenario, options
):
    done = runs(scenario, ["touch", "started"], *options)
    assert done.returncode == 2
    assert not (tmp_path / "started").exists()
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_without_a_command_it_is_a_mistake(runs):
    assert runs(None, []).returncode == 2


@pytest.mark.thorough
def test_options_behind_the_commands_name_are_its_own_without_dashes_too(tmp_path):
    command = program(*python("import sys; print(sys.argv[1:])"), "--record", "out.yaml")
    done = subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "['--record', 'out.yaml']\n"


@pytest.mark.thorough
def test_without_a_client_it_hints_at_the_proxy(runs):
    assert "nothing reached the emulator" in runs(None, python("pass")).stderr


@pytest.mark.thorough
@needs_curl
def test_without_a_scenario_the_calls_are_shown_and_nothing_is_asserted(runs):
    done = runs(None, get(NOBODY))
    assert done.returncode == 0
    assert "dropped" in done.stderr
    assert "no_user_anon_id" in done.stderr


@pytest.mark.thorough
def test_stdout_belongs_to_the_command(runs):
    assert runs(SILENCE, python("print('mine')")).stdout == "mine\n"


@pytest.mark.thorough
def test_a_pixel_that_nobody_waited_for_is_read_to_its_end(runs):
    """The client is gone with its request still in the socket."""
    firing = """
import os, socket, sys
from urllib.parse import urlsplit
proxy = urlsplit(os.environ["PIXEL_EMULATOR_PROXY"])
request = f"GET {sys.argv[1]} HTTP/1.1\\r\\nHost: api.segment.io\\r\\n\\r\\n".encode()
for number in range(20):
    socket.create_connection((proxy.hostname, proxy.port)).sendall(request)
os._exit(0)
"""
    url = encode(CallType.TRACK, dict(GOOD), base="http://api.segment.io")
    done = runs("expect:\n  - {track: Email Opened, times: 20}\n", [*python(firing), url])
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@needs_curl
def test_calls_of_a_process_that_outlives_the_command_are_recorded(runs, tmp_path):
    os.mkfifo(tmp_path / "go")
    later = 'read line < go; exec "$@"'
    leaving = ["sh", "-c", f"sh -c '{later}' sh \"$@\" & (echo > go) &", "sh", *get(GOOD)]
    done = runs(f"within: 60s\n{OPENED}", leaving)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@needs_curl
def test_a_recording_is_written_where_it_was_asked_for(runs, tmp_path):
    done = runs(OPENED, get(GOOD), "--record", "out.yaml")
    assert "recorded to out.yaml" in done.stderr
    (hit,) = read_recording(tmp_path / "out.yaml").evidence().hits
    assert hit.outcome is Outcome.DELIVERED


@pytest.mark.thorough
@needs_curl
def test_nothing_is_written_that_was_not_asked_for(runs, tmp_path, temporary):
    runs(OPENED, get(GOOD))
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"scenario.yaml", "temporary"}
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
def test_a_no_proxy_that_would_defeat_us_is_corrected_with_a_warning(runs):
    showing = python("import os; print(os.environ['NO_PROXY'])")
    done = runs(None, showing, NO_PROXY="corp.example.com,.segment.io", no_proxy="")
    assert done.stdout == "corp.example.com,localhost,127.0.0.1,::1\n"
    assert 'NO_PROXY: ".segment.io" would hide calls' in done.stderr


@pytest.mark.thorough
def test_a_terminated_run_forwards_the_signal_and_removes_its_temporary_files(temporary):
    waiting = python("import signal; print('ready', flush=True); signal.pause()")
    with subprocess.Popen(
        program("--", *waiting),
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert list(temporary.iterdir()) != []
        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "exit code 143: the command was ended by signal 15 (Terminated)" in messages
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
def test_a_run_that_is_terminated_while_it_waits_ends_cleanly(temporary, tmp_path):
    (tmp_path / "scenario.yaml").write_text(f"within: 600s\n{OPENED}")
    options = ["--scenario", str(tmp_path / "scenario.yaml")]
    with subprocess.Popen(
        program(*options, "--", *python("print('done')")),
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "done\n"
        while process.poll() is None:  # the first signal may still find the command
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
    assert process.returncode == 143
    assert list(temporary.iterdir()) == []


# -- scenarios that act ---------------------------------------------------------------------

SEND = "do: {send: {track: Email Opened, userId: user_1}}\n"
ACTING = SEND + OPENED


@pytest.fixture
def acts(tmp_path: Path, temporary: Path) -> Runner:
    """Runs `pixel-emulator run` with scenarios alone; the first argument is their text."""

    def run(scenario: str, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "scenario.yaml").write_text(scenario)
        return subprocess.run(
            program("--scenario", "scenario.yaml", *options),
            check=False,
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (ACTING, 0, "1 of 1 expectation met"),
        (f"within: 0s\n{SEND}expect: [{{track: X}}]", 1, "exit code 1: a scenario is not met"),
        (f"do: {{run: exit 7}}\n{OPENED}", 7, "exit code 7: it is that of `exit 7`"),
        (f"do: {{run: exit 2}}\n{OPENED}", 2, "exit code 2: it is that of `exit 2`"),
        (f"do: {{run: echo broken; exit 7}}\n{OPENED}", 7, "broken"),
        ("do: {wait: 1ms}\nexpect: []\n", 3, "exit code 3: the evidence is incomplete"),
        ("do: {run: exit 7}\nexpect: []\n", 3, "exit code 3: the evidence is incomplete"),
    ],
)
def test_a_scenario_that_acts_needs_no_command(acts, text, code, message):
    done = acts(text)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("text", "command", "words"),
    [
        (ACTING, ["--", "true"], "acts by itself (`do`), so it takes no command"),
        (OPENED, [], "does nothing by itself: give a command behind `--`"),
        (f"do: {{open: gone.html}}\n{OPENED}", [], "gone.html: cannot read this file"),
        (f"do: {{replay: gone.yaml}}\n{OPENED}", [], "gone.yaml: cannot read this file"),
        (f"client: gmial\n{ACTING}", [], 'did you mean "gmail"'),
    ],
)
def test_who_acts_is_checked_before_anything_starts(acts, text, command, words):
    done = acts(text, *command)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("scenario.yaml:") == 1


@pytest.mark.thorough
def test_who_acts_is_reported_once_for_all_cases(acts):
    done = acts(f"name: n is ${{n}}\nlet: [n]\ncases: [{{n: 1}}, {{n: 2}}]\n{OPENED}")
    assert done.stderr.count("this scenario does nothing by itself") == 1


def test_without_a_command_and_without_a_scenario_there_is_nothing_to_run(run_cli):
    code, _, err = run_cli("run")
    assert code == 2
    assert "give a command behind `--`, or a --scenario that has a `do`" in err


def test_one_run_has_one_clock(run_cli, tmp_path):
    arguments = []
    for year in (2030, 2031):
        file = tmp_path / f"{year}.yaml"
        file.write_text(f"given: {{clock: '{year}-01-31T12:00:00Z'}}\n{OPENED}")
        arguments += ["--scenario", file]
    code, _, err = run_cli("run", *arguments, "--", "true")
    assert code == 2
    assert "several clocks" in err


@pytest.mark.thorough
def test_a_value_is_given_to_a_variable(acts):
    text = "let: [n]\ndo: {send: {track: E, userId: u, properties: {n: $n}}}\n"
    wanted = text + "expect: [{track: E, properties: {n: 7}}]\nwithin: 0s\n"
    assert acts(wanted, "--let", "n=7").returncode == 0
    assert acts(wanted, "--let", "n='7'").returncode == 1
    assert acts(wanted, "--let", "m=7").returncode == 2


@pytest.mark.thorough
@needs_curl
def test_a_command_is_waited_for_as_its_scenarios_say(runs, tmp_path):
    """The call that is too many comes when the command has ended; it ends the wait at once."""
    os.mkfifo(tmp_path / "go")
    later = 'read line < go; exec "$@"'
    line = f'"$@"; sh -c \'{later}\' sh "$@" & (echo > go) &'
    done = runs(f"quiet: 100s\n{OPENED}", ["sh", "-c", line, "sh", *get(GOOD)])
    assert done.returncode == 1, done.stderr
    assert "2 calls seen" in done.stderr


@pytest.mark.thorough
@needs_curl
def test_a_command_leaves_in_the_recording_when_it_had_ended(runs, tmp_path):
    runs(OPENED, get(GOOD), "--record", "out.yaml")
    evidence = read_recording(tmp_path / "out.yaml").evidence()
    assert [hit.step for hit in evidence.hits] == [""]
    assert len(evidence.acted) == 1


@pytest.mark.thorough
def test_the_verdict_is_written_where_it_was_asked_for(acts, tmp_path):
    reports = ["out.xml", "out.json", "out.txt"]
    options = [part for name in reports for part in ("--report", name)]
    assert acts(ACTING, *options).returncode == 0
    assert "<testsuite" in (tmp_path / "out.xml").read_text()
    assert json.loads((tmp_path / "out.json").read_text())["status"] == "met"
    assert (tmp_path / "out.txt").read_text().startswith("PASS")


@pytest.mark.thorough
@pytest.mark.parametrize("report", ["out.html", "out", "gone/out.xml", "scenario.json", "out.yaml"])
def test_a_report_that_cannot_be_written_is_found_before_anything_starts(tmp_path, report):
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"do": {"run": "touch started"}, "expect": []}')
    command = program("--scenario", "scenario.json", "--report", report)
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 2
    assert f"--report {report}".encode() in done.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.thorough
def test_seed_and_clock_make_the_head_of_a_recording_repeatable(acts, tmp_path):
    text = f"given: {{seed: 7, clock: '2031-01-31T12:00:00Z'}}\n{ACTING}"
    texts = set()
    for name in ("a.yaml", "b.yaml"):
        assert acts(text, "--record", name).returncode == 0
        text_of_all, end, _ = (tmp_path / name).read_text().partition("end:")
        assert end
        texts.add(text_of_all)
    assert len(texts) == 1


@pytest.mark.thorough
def test_ctrl_c_in_a_step_ends_the_step_and_the_run(temporary, tmp_path):
    script = "import signal; open('go', 'w').close(); signal.pause()"
    (tmp_path / "wait.py").write_text(script)
    os.mkfifo(tmp_path / "go")
    (tmp_path / "scenario.yaml").write_text(
        f"do: [{{run: {sys.executable} wait.py}}, {{run: touch second}}]\n{OPENED}"
    )
    with subprocess.Popen(
        program("--scenario", "scenario.yaml", "--record", "out.yaml"),
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        (tmp_path / "go").read_text()  # it runs
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "exit code 130: ended by signal 2 (Interrupt)" in messages
    assert "Traceback" not in messages
    assert not (tmp_path / "second").exists()
    assert read_recording(tmp_path / "out.yaml").end is not None
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
@needs_curl
def test_on_a_signal_the_verdict_so_far_is_printed_and_written(temporary, tmp_path):
    os.mkfifo(tmp_path / "go")
    (tmp_path / "scenario.yaml").write_text(
        f"steps:\n  - name: opening\n    {SEND}    expect: [{{track: Email Opened}}]\n"
        "  - {name: hanging, do: {run: echo > go; exec sleep 600}, expect: [{track: Closed}]}\n"
    )
    with subprocess.Popen(
        program("--scenario", "scenario.yaml", "--report", "out.xml", "--report", "out.json"),
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        (tmp_path / "go").read_text()
        process.terminate()
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "PASS  opening" in messages
    assert messages.endswith("exit code 143: ended by signal 15 (Terminated)\n")
    assert "the run was ended by signal 15 (Terminated)" in (tmp_path / "out.xml").read_text()
    assert json.loads((tmp_path / "out.json").read_text())["exit_code"] == 143


@pytest.mark.thorough
def test_killed_in_a_step_it_leaves_the_marked_calls(temporary, tmp_path, run_cli):
    (tmp_path / "do.sh").write_text(f"{shlex.join(get(GOOD))}; echo > went; exec sleep 600\n")
    os.mkfifo(tmp_path / "went")
    text = "steps: [{name: opening, do: {run: sh do.sh}, expect: [{track: Email Opened}]}]"
    (tmp_path / "scenario.yaml").write_text(text)
    with subprocess.Popen(
        program("--scenario", "scenario.yaml", "--record", "out.yaml"),
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        (tmp_path / "went").read_text()
        process.kill()
    content = read_recording(tmp_path / "out.yaml")
    assert [hit.step for hit in content.hits] == [
        "scenario.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} opening"
    ]
    files = tmp_path / "scenario.yaml", tmp_path / "out.yaml"
    assert run_cli("verify", *files)[0] == 3
    assert run_cli("verify", "--allow-open", *files)[0] == 0
