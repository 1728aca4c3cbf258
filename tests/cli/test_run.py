"""`run`: the command's pixels, the verdict, and whose exit code counts."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pixel_emulator.cli.exit_codes import Exit, after_command
from pixel_emulator.core.calls import CallType, Outcome
from pixel_emulator.core.endpoint.pixel import encode
from pixel_emulator.files import read_recording
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
        (Exit.MET, 0, 0),
        (Exit.MET, 7, 7),
        (Exit.UNMET, 0, 1),
        (Exit.UNMET, 7, 7),
        (Exit.INCOMPLETE, 0, 3),
        (Exit.INCOMPLETE, 7, 3),
        (Exit.INCOMPLETE, 137, 3),
    ],
)
def test_incomplete_evidence_counts_most_then_the_command_then_the_verdict(
    verdict, command, expected
):
    assert after_command(verdict, command) == expected


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


@needs_curl
def test_a_client_that_does_not_trust_our_ca_is_incomplete_evidence(runs):
    untrusting = get(GOOD)
    untrusting[1:1] = ["--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    done = runs(OPENED, untrusting)
    assert done.returncode == 3
    said = " ".join(done.stderr.split())
    assert "0 calls, 1 TLS handshake for api.segment.io refused by the client" in said


@needs_curl
def test_an_untrusting_client_counts_without_a_scenario_too(runs):
    untrusting = get(GOOD)
    untrusting[1:1] = ["--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    assert runs(None, untrusting).returncode == 3


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
    done = runs(OPENED, ["sh", "-c", line, CHROMIUM, str(tmp_path / "profile"), mail.as_uri()])
    assert done.returncode == code, done.stderr
    assert "Hello" in done.stdout


def test_silence_in_which_nothing_reached_us_is_no_proof(runs):
    assert runs(SILENCE, python("pass")).returncode == 3


@pytest.mark.parametrize(
    ("code", "expected", "said"),
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
def test_stderr_says_that_the_code_is_the_commands(runs, code, expected, said):
    done = runs(None, python(code))
    assert done.returncode == expected
    assert said in done.stderr


def test_a_command_that_is_not_found_gives_127(runs):
    done = runs(OPENED, ["no-such-command-at-all"])
    assert done.returncode == 127
    assert "exit code 127: no-such-command-at-all: command not found" in done.stderr


@needs_curl
def test_the_commands_code_goes_before_an_unmet_scenario(runs):
    shell = ["sh", "-c", '"$@"; exit 7', "sh", *get(GOOD)]
    done = runs("expect:\n  - track: Something Else\n", shell)
    assert done.returncode == 7
    assert "exit code 7: it is the command's own" in done.stderr


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


def test_without_a_command_it_is_a_mistake(runs):
    assert runs(None, []).returncode == 2


def test_options_behind_the_commands_name_are_its_own_without_dashes_too(tmp_path):
    command = program(*python("import sys; print(sys.argv[1:])"), "--record", "out.yaml")
    done = subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "['--record', 'out.yaml']\n"


def test_without_a_client_it_asks_whether_the_proxy_is_used(runs):
    assert "nothing reached the emulator" in runs(None, python("pass")).stderr


@needs_curl
def test_without_a_scenario_the_calls_are_shown_and_nothing_is_asserted(runs):
    done = runs(None, get(NOBODY))
    assert done.returncode == 0
    assert "dropped" in done.stderr
    assert "no_user_anon_id" in done.stderr


def test_stdout_belongs_to_the_command(runs):
    assert runs(SILENCE, python("print('mine')")).stdout == "mine\n"


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


@needs_curl
def test_with_wait_a_process_that_outlives_the_command_is_heard(runs, tmp_path):
    os.mkfifo(tmp_path / "go")
    later = 'read line < go; exec "$@"'
    leaving = ["sh", "-c", f"sh -c '{later}' sh \"$@\" & (echo > go) &", "sh", *get(GOOD)]
    done = runs(OPENED, leaving, "--wait", "60")
    assert done.returncode == 0, done.stderr


@needs_curl
def test_a_recording_is_written_where_it_was_asked_for(runs, tmp_path):
    done = runs(OPENED, get(GOOD), "--record", "out.yaml")
    assert "recorded to out.yaml" in done.stderr
    (hit,) = read_recording(tmp_path / "out.yaml").evidence().hits
    assert hit.outcome is Outcome.DELIVERED


@needs_curl
def test_nothing_is_written_that_was_not_asked_for(runs, tmp_path, temporary):
    runs(OPENED, get(GOOD))
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"scenario.yaml", "temporary"}
    assert list(temporary.iterdir()) == []


def test_a_no_proxy_that_would_defeat_us_is_corrected_with_a_warning(runs):
    showing = python("import os; print(os.environ['NO_PROXY'])")
    done = runs(None, showing, NO_PROXY="corp.example.com,.segment.io", no_proxy="")
    assert done.stdout == "corp.example.com,localhost,127.0.0.1,::1\n"
    assert 'NO_PROXY: ".segment.io" would hide calls' in done.stderr


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


def test_a_run_that_is_terminated_while_it_waits_ends_cleanly(temporary, tmp_path):
    (tmp_path / "scenario.yaml").write_text(OPENED)
    options = ["--scenario", str(tmp_path / "scenario.yaml"), "--wait", "600"]
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
                process.wait(timeout=1)
    assert process.returncode == 143
    assert list(temporary.iterdir()) == []
