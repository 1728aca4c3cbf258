"""What commands leave in the file that they record to: never less than was there."""

import signal
import subprocess
import sys

import pytest

from pixel_emulator.files.read_write import read_recording
from tests.cli.test_run import GOOD, get, program, python, runs, temporary
from tests.programs import SERVE, needs_curl
from tests.recordings import write_recording

pytestmark = pytest.mark.thorough

__all__ = ["runs", "temporary"]

NEVER = "expect: [{track: Email Opened, times: 0..}]\nnever: [{track: Secret}]\n"


def names(folder):
    return {path.name for path in folder.iterdir()} - {"temporary"}


@pytest.fixture
def old(tmp_path):
    """A good recording."""
    path = write_recording(tmp_path / "calls.yaml", ("track", {"event": "Email Opened"}))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["no-such-command"], 127, ""),
        (python("raise SystemExit(1)"), 1, "calls.yaml still holds the earlier recording"),
        (python("pass"), 0, "calls.yaml still holds the earlier recording"),
        (python("import os; os.kill(os.getpid(), 9)"), 137, "still holds the earlier recording"),
    ],
    ids=["not found", "failing", "silent", "killed"],
)
def test_a_command_without_calls_costs_no_recording(runs, tmp_path, old, command, code, message):
    done = runs(None, command, "--record", "calls.yaml")
    assert done.returncode == code
    assert message in done.stderr
    assert "recorded to calls.yaml" not in done.stderr
    assert (tmp_path / "calls.yaml").read_bytes() == old
    assert names(tmp_path) == {"calls.yaml"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--port", "99999999"], 2),
        (["--control-token", "short"], 2),
        (["--host", "192.0.2.1"], 2),
    ],
)
def test_an_emulator_that_does_not_start_costs_no_recording(tmp_path, old, options, code):
    done = subprocess.run(
        [sys.executable, "-m", "pixel_emulator", "serve", "--record", "calls.yaml", *options],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == code
    assert (tmp_path / "calls.yaml").read_bytes() == old
    assert names(tmp_path) == {"calls.yaml"}


@needs_curl
def test_what_arrives_replaces_it(runs, tmp_path, old):
    done = runs(None, get(GOOD), "--record", "calls.yaml")
    assert "1 call: 1 delivered, recorded to calls.yaml" in done.stderr
    assert (tmp_path / "calls.yaml").read_bytes() != old
    assert len(read_recording(tmp_path / "calls.yaml").hits) == 1
    assert names(tmp_path) == {"calls.yaml"}


CHANGES = {
    "deleted": "rm calls.yaml",
    "moved": "mv calls.yaml other.yaml",
    "replaced": "cp calls.yaml new && mv new calls.yaml",
    "emptied": ": > calls.yaml",
    "written to": "echo '# mine' >> calls.yaml",
}


@needs_curl
@pytest.mark.parametrize("scenario", [None, "expect: [{track: Email Opened}]\n"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_recording_that_the_command_spoils_is_incomplete_evidence(runs, change, scenario):
    line = f'"$@" && {change}'
    done = runs(scenario, ["sh", "-c", line, "sh", *get(GOOD)], "--record", "calls.yaml")
    assert done.returncode == 3, done.stderr
    assert "while calls were recorded to it" in " ".join(done.stderr.split())
    assert "recorded to calls.yaml" not in done.stderr


def test_a_second_emulator_on_the_same_file_is_refused(tmp_path, serve_beside):
    for door in (["serve", "--port", "0"], ["run", "--", "touch", "ran"], ["demo"]):
        done = serve_beside(door)
        assert done.returncode == 2, done.stderr
        assert "calls.yaml: is being recorded to by" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def serve_beside(tmp_path):
    """Runs a command that records to the same file as an emulator that runs."""
    record = ["--record", "calls.yaml"]
    with subprocess.Popen(
        [*SERVE, *record],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as first:
        assert first.stdout
        first.stdout.readline()

        def run(door):
            command = [sys.executable, "-m", "pixel_emulator", door[0], *record, *door[1:]]
            return subprocess.run(
                command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
            )

        yield run
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0
    assert read_recording(tmp_path / "calls.yaml").end is not None


# Runs that were cut short.


def verified(run_cli, folder):
    (folder / "never.yaml").write_text(NEVER)
    return run_cli("verify", folder / "never.yaml", folder / "calls.yaml")


@needs_curl
@pytest.mark.parametrize(
    ("end", "code", "gap"),
    [
        ("exit 0", 0, ""),
        ("exit 7", 7, ""),
        ("kill -9 $$", 137, "the command was ended by signal 9 (Killed)"),
        ("kill -TERM $$", 143, "the command was ended by signal 15 (Terminated)"),
        ("sh -c 'kill -9 $$'; exit $?", 137, "exit code 137: signal 9 (Killed)"),
        ("kill -INT $PPID; sleep 60", 130, "the command was ended by signal 2 (Interrupt)"),
        (
            "trap 'kill $!; exit 0' TERM; kill $PPID; sleep 60 & wait",
            3,
            "was told to end by signal 15",
        ),
    ],
)
def test_a_command_that_was_cut_short_leaves_a_gap(runs, tmp_path, run_cli, end, code, gap):
    shell = ["sh", "-c", f'"$@"; {end}', "sh", *get(GOOD)]
    done = runs(None, shell, "--record", "calls.yaml")
    assert done.returncode == code, done.stderr
    content = read_recording(tmp_path / "calls.yaml")
    assert len(content.hits) == 1
    assert content.end is not None
    assert len(content.end.gaps) == bool(gap)
    assert gap in "".join(content.end.gaps)
    verdict, out, _ = verified(run_cli, tmp_path)
    assert verdict == (3 if gap else 0)
    assert gap in " ".join(out.split())


def test_a_command_that_did_not_start_leaves_a_gap(runs, tmp_path, run_cli):
    runs(None, ["no-such-command"], "--record", "calls.yaml")
    verdict, out, _ = verified(run_cli, tmp_path)
    assert verdict == 3
    assert "nothing was run: no-such-command: command not found" in " ".join(out.split())


SEND = "{send: {track: Email Opened, userId: u}}"
FIRST = f"{{do: {SEND}, expect: [{{track: Email Opened}}]}}"
FAILING = f"{{do: [{SEND}, {{run: exit 7}}], expect: [{{track: Email Opened}}]}}"
UNMET = f"{{do: {SEND}, expect: [{{track: Other}}], within: 0s}}"
SECOND = "{do: {send: {track: Secret, userId: u}}, expect: [{track: Secret}]}"


@pytest.mark.parametrize(
    ("steps", "code", "gap"),
    [
        (f"[{FIRST}, {SECOND}]", 0, ""),
        (f"[{FAILING}, {SECOND}]", 7, "at its step 1 of 2"),
        (f"[{UNMET}, {SECOND}]", 1, "at its step 1 of 2"),
        (f"[{FIRST}, {FAILING}]", 7, "at its step 2 of 2"),
    ],
    ids=["whole", "a command failed", "a step failed", "the last command failed"],
)
def test_a_scenario_that_stops_at_an_error_leaves_a_gap(tmp_path, run_cli, steps, code, gap):
    """The secret call of the second step was never tried, so its silence says nothing."""
    (tmp_path / "scenario.yaml").write_text(f"steps: {steps}\n")
    done = subprocess.run(
        program("--scenario", "scenario.yaml", "--record", "calls.yaml"),
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert gap not in done.stderr or not gap  # there the step that failed says so itself
    content = read_recording(tmp_path / "calls.yaml")
    assert content.end is not None
    assert len(content.end.gaps) == bool(gap)
    assert gap in "".join(content.end.gaps)
    assert verified(run_cli, tmp_path)[0] == (3 if gap else 1)


def test_ctrl_c_under_serve_is_its_normal_end(tmp_path):
    with subprocess.Popen(
        [*SERVE, "--record", "calls.yaml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as served:
        assert served.stdout
        served.stdout.readline()
        served.send_signal(signal.SIGINT)
        assert served.wait(60) == 0
    assert read_recording(tmp_path / "calls.yaml").evidence().gaps == ()


@pytest.mark.parametrize(("umask", "mode"), [("022", 0o644), ("077", 0o600)])
def test_a_recording_follows_the_umask(tmp_path, umask, mode):
    line = f"umask {umask}; exec {sys.executable} -m pixel_emulator run --record calls.yaml -- true"
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "calls.yaml").stat().st_mode & 0o777 == mode
