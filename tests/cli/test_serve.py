"""`serve` and `env`: the ready line, the calls as they arrive, and every way to end."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pixel_emulator.cli.serve import _ready_message
from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runtime.server_info import (
    ServerInfo,
    find_server,
    remove_stale,
    running_servers,
)
from pixel_emulator.runtime.settings import Settings
from tests.programs import needs_curl
from tests.wire import ask, connect, get, read, secured, tunnel

PAYLOAD = {"writeKey": "wk_test_0000000000000000", "userId": "user_1", "event": "Email Opened"}
PIXEL = encode(CallType.TRACK, dict(PAYLOAD))
TARGET = PIXEL.removeprefix("https://api.segment.io")
BROKEN = encode(CallType.TRACK, {"event": "x"}).removeprefix("https://api.segment.io")


class Served:
    """A running `pixel-emulator serve --json`."""

    def __init__(self, *arguments: str, temporary: Path, stdin: int = subprocess.DEVNULL) -> None:
        command = [sys.executable, "-m", "pixel_emulator", "serve", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.ready = json.loads(line)
        self.port: int = self.ready["port"]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop it; the exit code, and all that it wrote after the ready line."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def hit(self, target: str = TARGET) -> None:
        """One pixel over plain HTTP, answered."""
        with connect(self.port) as client:
            assert ask(client, get(target, f"127.0.0.1:{self.port}")).is_pixel


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts emulators; their temporary files go to a folder of the test."""
    started: list[Served] = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(*arguments: str) -> Served:
        started.append(Served(*arguments, temporary=temporary))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end(signal.SIGKILL)


@pytest.mark.thorough
def test_the_ready_line_has_the_address_and_the_certificate(serve):
    served = serve()
    ready = served.ready
    fields = {"proxy", "url", "port", "ca", "bundle", "spki", "pid", "control", "token"}
    assert set(ready) == fields
    assert ready["proxy"] == ready["url"] == f"http://127.0.0.1:{ready['port']}"
    assert ready["pid"] == served.process.pid
    assert "BEGIN CERTIFICATE" in Path(ready["ca"]).read_text()
    assert Path(ready["ca"]).read_text().strip() in Path(ready["bundle"]).read_text()


def test_the_ready_line_has_the_address_of_the_control_api(serve):
    served = serve()
    served.hit()
    headers = {"authorization": f"Bearer {served.ready['token']}"}
    with httpx.Client(base_url=served.ready["control"], trust_env=False) as client:
        assert client.get("/emulator").status_code == 401
        info = client.get("/emulator", headers=headers).json()
        assert (info["pid"], info["proxy"]) == (served.process.pid, served.ready["proxy"])
        page = client.get("/sessions/default/requests", headers=headers).json()
        assert [call["outcome"] for entry in page["entries"] for call in entry["calls"]] == [
            "delivered"
        ]


@pytest.mark.thorough
def test_the_control_api_has_the_port_and_the_token_that_were_chosen(serve, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    token = "mine-0123456789abcdef"
    ready = serve("--control-port", port, "--control-token", token).ready
    assert (ready["control"], ready["token"]) == (f"http://127.0.0.1:{port}", token)
    monkeypatch.setenv("PIXEL_EMULATOR_TOKEN", "from-the-environment-0123")
    assert serve().ready["token"] == "from-the-environment-0123"
    assert serve("--control-token", token).ready["token"] == token


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--control-token", "short", "control_token: must be 16 or more"),
        ("--control-port", "65536", "control_port: 65536 cannot be had"),
    ],
)
def test_a_control_api_that_cannot_be_is_a_mistake(run_cli, option, value, message):
    code, out, err = run_cli("serve", "--port", "0", option, value)
    assert (code, out) == (2, "")
    assert message in err


def test_it_ends_with_the_program_that_holds_its_stdin(tmp_path):
    (tmp_path / "temporary").mkdir()
    served = Served("--until-eof", temporary=tmp_path / "temporary", stdin=subprocess.PIPE)
    served.hit()
    out, err = served.process.communicate(timeout=30)  # closes its stdin
    assert (served.process.returncode, out) == (0, "")
    assert "1 call" in err
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.thorough
def test_without_the_option_stdin_means_nothing(serve):
    served = serve()
    served.hit()
    assert served.process.poll() is None
    assert served.end()[0] == 0


@pytest.mark.thorough
def test_requests_for_closed_sessions_are_reported_at_the_end(serve):
    served = serve()
    served.hit(f"/s/mispelt{TARGET}")
    code, _, err = served.end()
    assert code == 0
    assert '1 request for session "mispelt", which was never opened: not recorded' in err
    assert "0 calls" in err


@pytest.mark.thorough
@pytest.mark.parametrize("waits", [True, False])
def test_it_ends_while_somebody_waits_at_the_control_api(serve, waits):
    served = serve()
    port = int(served.ready["control"].rpartition(":")[2])
    with connect(port) as client:
        path = "/sessions/default/wait?cursor=0&timeout=600" if waits else "/health"
        extra = f"Authorization: Bearer {served.ready['token']}\r\nContent-Length: 0\r\n"
        method = "POST" if waits else "GET"
        client.sendall(get(path, f"127.0.0.1:{port}", method=method, extra=extra))
        if not waits:
            assert read(client).status == 200
        assert served.end()[:2] == (0, "")


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(serve, tmp_path, number):
    recording = tmp_path / "out.yaml"
    served = serve("--record", str(recording))
    served.hit()
    code, out, err = served.end(number)
    assert (code, out) == (0, "")
    assert 'delivered  track "Email Opened"  userId=user_1' in err
    assert "1 call: 1 delivered, recorded to" in err
    assert not list((tmp_path / "temporary").iterdir())
    content = read_recording(recording)
    assert len(content.hits) == 1
    assert content.evidence().gaps == ()


@pytest.mark.thorough
def test_one_port_is_a_proxy_and_a_server_in_the_clear_and_with_tls(serve):
    served = serve()
    ca = Path(served.ready["ca"])
    served.hit()
    with secured(connect(served.port), ca, "localhost") as client:
        assert ask(client, get(TARGET, f"localhost:{served.port}")).is_pixel
    with secured(tunnel(served.port, "api.segment.io:443"), ca) as client:
        assert ask(client, get(TARGET, "api.segment.io")).is_pixel
    with connect(served.port) as client:
        assert ask(client, get("http://api.segment.io" + TARGET, "api.segment.io")).is_pixel
    assert "4 calls: 4 delivered" in served.end()[2]


@pytest.mark.thorough
def test_the_last_line_counts_the_calls_of_all_sessions(serve):
    served = serve()
    api = httpx.Client(
        base_url=served.ready["control"],
        headers={"authorization": f"Bearer {served.ready['token']}"},
        trust_env=False,
    )
    with api:
        first, second = (api.post("/sessions").json() for _ in range(2))
        served.hit()
        served.hit(f"/s/{first['name']}{TARGET}")
        served.hit(f"/s/{first['name']}{BROKEN}")
        served.hit(f"/s/{second['name']}{TARGET}")
        api.delete(f"/sessions/{first['name']}")
    *_, last = served.end()[2].splitlines()
    assert last == "1 call: 1 delivered; 3 calls in 2 sessions: 2 delivered, 1 dropped"


@pytest.mark.thorough
@pytest.mark.parametrize("calls", [0, 1, 3])
def test_killed_at_any_moment_it_leaves_every_answered_call(serve, tmp_path, run_cli, calls):
    recording = tmp_path / "out.yaml"
    served = serve("--record", str(recording))
    for _ in range(calls):
        served.hit()
    served.end(signal.SIGKILL)
    content = read_recording(recording)
    assert len(content.hits) == calls
    assert content.end is None
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(f"expect:\n  - track: Email Opened\n    times: {calls}\n")
    assert run_cli("verify", scenario, recording)[0] == 3
    assert run_cli("verify", "--allow-open", scenario, recording)[0] == (0 if calls else 3)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_full_disk_answers_the_gif_and_ends_with_3(serve):
    served = serve("--record", "/dev/full")
    served.hit()
    code, _, err = served.end()
    assert code == 3
    assert "could not be recorded" in err
    assert "No space left on device" in err


@pytest.mark.thorough
def test_a_dropped_call_shows_its_code(serve):
    served = serve()
    served.hit(BROKEN)
    err = served.end()[2]
    assert "dropped    track" in err
    assert "no_user_anon_id" in err


@pytest.mark.thorough
def test_a_client_that_refuses_the_ca_is_named(serve, tmp_path):
    served = serve("--record", str(tmp_path / "out.yaml"))
    client = tunnel(served.port, "api.segment.io:443")
    with client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(client, server_hostname="api.segment.io")
    assert served.process.stderr
    refusal = (
        "TLS handshake for api.segment.io refused by the client with the alert unknown_ca: it "
    )
    while not (line := served.process.stderr.readline()).startswith(refusal):  # as it happens
        assert line
    err = served.end()[2]
    assert "0 calls, 1 TLS handshake for api.segment.io refused by the client" in err
    assert read_recording(tmp_path / "out.yaml").evidence().gaps


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dialect", "strickt"], 'did you mean "strict"'),
        (["--record", "no/such/folder/out.yaml"], "cannot write this file"),
        (["--hosts", "not a host"], "not a host"),
        (["--host", "203.0.113.7"], "203.0.113.7"),
    ],
)
def test_a_mistake_ends_with_2_before_anything_is_served(run_cli, arguments, words):
    code, out, err = run_cli("serve", "--port", "0", *arguments)
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.thorough
def test_a_port_that_is_taken_is_a_mistake(serve, run_cli):
    code, _, err = run_cli("serve", "--port", serve().port)
    assert code == 2
    assert "port" in err


@needs_curl
def test_env_configures_a_shell_for_the_emulator(serve, tmp_path):
    served = serve()
    script = (
        f'eval "$({sys.executable} -m pixel_emulator env --port {served.port})" &&'
        f" curl -sS -o {os.devnull} '{PIXEL}'"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    subprocess.run(["sh", "-c", script], check=True, env=environ)
    assert "1 call: 1 delivered" in served.end()[2]


@pytest.mark.thorough
def test_env_prints_the_flags_of_a_browser(serve, tmp_path, monkeypatch, run_cli):
    served = serve()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    code, out, _ = run_cli("env", "--port", served.port)
    assert code == 0
    assert f"--ignore-certificate-errors-spki-list={served.ready['spki']}" in out
    assert f"export PIXEL_EMULATOR_CONTROL={served.ready['control']}" in out
    assert f"export PIXEL_EMULATOR_TOKEN={served.ready['token']}" in out


def test_env_refuses_what_a_format_cannot_hold(serve, tmp_path, monkeypatch, run_cli):
    served = serve()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Da=1\n-Db=2")
    code, _, said = run_cli("env", "--port", served.port, "--format", "github")
    assert code == 2
    assert "JAVA_TOOL_OPTIONS has a line break" in said


def test_env_without_an_emulator_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match="pixel-emulator serve --port 8080"):
        find_server(8080)


def test_a_folder_of_another_user_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"pixel-emulator-{os.getuid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(InputError, match="not a private folder"):
        find_server(8080)


@pytest.mark.thorough
def test_what_holds_a_token_is_readable_by_its_owner_only(serve, tmp_path):
    served = serve()
    files = [path for path in (tmp_path / "temporary").rglob("*") if path.is_file()]
    holding = [
        path for path in files if served.ready["token"] in path.read_text("utf-8", "replace")
    ]
    assert [path.name for path in holding] == [f"{served.port}.json"]
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in holding} == {0o700}


@pytest.mark.thorough
def test_env_finds_the_only_emulator_and_tells_several_apart(serve, tmp_path, monkeypatch, run_cli):
    first, second, dead = serve(), serve(), serve()
    dead.end(signal.SIGKILL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    code, out, err = run_cli("env", "--port", first.port)
    assert (code, f"PIXEL_EMULATOR_CONTROL={first.ready['control']}" in out) == (0, True)
    assert f"using the one on port {first.port}; also serving: one on port {second.port}" in err
    assert str(dead.port) not in err
    code, out, err = run_cli("env")
    assert (code, out) == (2, "")
    assert all(
        str(served.port) in err and str(served.process.pid) in err for served in (first, second)
    )
    first.end()
    code, out, err = run_cli("env")
    assert (code, err) == (0, "")
    assert f"PIXEL_EMULATOR_CONTROL={second.ready['control']}" in out


@pytest.mark.thorough
@pytest.mark.parametrize("look", [remove_stale, running_servers])
def test_the_tokens_of_dead_emulators_are_removed(serve, tmp_path, monkeypatch, look):
    dead, served = serve(), serve()
    dead.end(signal.SIGKILL)
    folder = tmp_path / "temporary" / f"pixel-emulator-{os.getuid()}"
    assert len([*folder.iterdir()]) == 2
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    look()
    assert [path.name for path in folder.iterdir()] == [f"{served.port}.json"]
    assert [server.port for server in running_servers()] == [served.port]


@pytest.mark.thorough
def test_a_dead_emulator_is_not_listed(tmp_path, monkeypatch, serve):
    served = serve()
    served.end(signal.SIGKILL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with pytest.raises(InputError, match="has died"):
        find_server(served.port)
    with pytest.raises(InputError, match="no emulator"):
        find_server(served.port)


# -- scenarios ------------------------------------------------------------------------------

OPENED = "expect: [{track: Email Opened}]\n"


class Watching(Served):
    """A running `serve` whose words can be waited for."""

    def until(self, words: str) -> str:
        """What it says up to a line that holds these words."""
        assert self.process.stderr
        message = ""
        for line in self.process.stderr:
            message += line
            if words in line:
                return message
        raise AssertionError(message)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    """Serves `scenario.yaml`, with this text."""
    started: list[Watching] = []
    (tmp_path / "temporary").mkdir()

    def start(text: str, *arguments: str) -> Watching:
        (tmp_path / "scenario.yaml").write_text(text)
        scenario = ("--scenario", str(tmp_path / "scenario.yaml"))
        started.append(Watching(*scenario, *arguments, temporary=tmp_path / "temporary"))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end(signal.SIGKILL)


def test_it_says_when_scenarios_are_met_and_when_they_can_no_longer_be(watch):
    served = watch(OPENED)
    served.until("scenarios: not yet met, after 0 calls")
    served.hit()
    served.until("scenarios: met, after 1 call")
    served.hit()
    served.until("scenarios: can no longer be met, after 2 calls")
    served.until("scenario.yaml:1 track: Email Opened: wanted 1, got 2: sent twice")
    code, _, err = served.end()
    assert code == 1
    assert "FAIL" in err
    assert "2 calls: 2 delivered" in err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "calls", "code"),
    [
        (OPENED, 1, 0),
        (OPENED, 0, 1),
        ("expect: []\n", 0, 3),
        ("let: [event]\nexpect: [{track: $event}]\n", 1, 0),
    ],
)
def test_the_verdict_at_the_end_is_the_exit_code(watch, tmp_path, text, calls, code):
    let = ("--let", "event=Email Opened") if "$event" in text else ()
    served = watch(text, *let, "--report", str(tmp_path / "out.xml"))
    for _ in range(calls):
        served.hit()
    assert served.end()[0] == code
    assert "<testsuite" in (tmp_path / "out.xml").read_text()


@pytest.mark.thorough
def test_a_file_that_changes_is_read_again_for_the_calls_so_far(watch, tmp_path):
    served = watch("expect: [{track: Other}]\n", "--record", str(tmp_path / "out.yaml"))
    served.hit()
    served.until("scenarios: can no longer be met, after 1 call")
    (tmp_path / "scenario.yaml").write_text(OPENED)
    served.until("scenarios read again")
    served.until("scenarios: met, after 1 call")
    assert served.end()[0] == 0
    assert len(read_recording(tmp_path / "out.yaml").hits) == 1


@pytest.mark.thorough
def test_with_a_mistake_the_last_good_file_stays_in_force(watch, tmp_path):
    served = watch(OPENED)
    served.until("not yet met")
    (tmp_path / "scenario.yaml").write_text("expect: [\n")
    message = served.until("without a mistake stays in use")
    assert "scenario.yaml:2" in message
    served.hit()
    assert "not yet met" not in served.until("scenarios: met, after 1 call")
    assert served.end()[0] == 0


@pytest.mark.thorough
def test_actions_of_a_scenario_are_not_run(watch):
    served = watch(f"do: {{run: exit 1}}\n{OPENED}")
    served.until("what its `do` says is not done here")
    served.hit()
    assert served.end()[0] == 0


def test_a_scenario_with_a_mistake_prevents_the_start(run_cli, tmp_path):
    (tmp_path / "scenario.yaml").write_text("expect: [\n")
    code, out, err = run_cli("serve", "--port", "0", "--scenario", tmp_path / "scenario.yaml")
    assert (code, out) == (2, "")
    assert "scenario.yaml:2" in err


@pytest.mark.parametrize(
    ("host", "first", "is_open"),
    [
        ("127.0.0.1", "The emulator listens on http://127.0.0.1:8080, as a proxy", False),
        ("0.0.0.0", "The emulator listens on 0.0.0.0, port 8080 (here: http://127.0", True),
    ],
)
def test_the_ready_line_shows_where_it_listens_and_that_the_proxy_is_open(host, first, is_open):
    ready = ServerInfo(
        proxy="http://127.0.0.1:8080", url="http://127.0.0.1:8080", port=8080, ca="", bundle="",
        spki="", hosts=(), pid=1, control="", token="",
    )  # fmt: skip
    message = _ready_message(ready, Settings(host=host))
    assert message.startswith(first)
    assert ("The proxy is open: everybody who reaches" in message) is is_open
