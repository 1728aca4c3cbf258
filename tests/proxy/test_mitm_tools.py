"""mitmproxy's own tools, as processes: with `-s`, and with the addon loaded."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pixel_emulator.cli.mitm_commands import ADDON_PATH
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.proxy.addon_options import OPTIONS
from pixel_emulator.proxy.mitm_tools import TOOLS
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL, ask, connect, get, secured, trap, tunnel

ROOT = Path(__file__).parents[2]
_RUN = "from sys import *; from pixel_emulator.proxy.mitm_tools import run"
OURS = [sys.executable, "-c", f"{_RUN}; exit(run(argv[1], argv[2:]))"]
SCRIPT = [
    str(Path(sys.executable).with_name("mitmdump")),
    "-s",
    str(ADDON_PATH),
    "--set",
    "listen_host=127.0.0.1",
]
BOTH = pytest.mark.parametrize("command", [SCRIPT, [*OURS, "dump"]], ids=["script", "tool"])
LISTENING = re.compile(r"proxy listening at 127\.0\.0\.1:(\d+)")


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@contextmanager
def running(home: Path, *command: str, code: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Run a tool; yield its port and the lines that it prints until it is interrupted."""
    process = subprocess.Popen(
        [*command, "-p", "0"],
        env=environment(home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if match := LISTENING.search(line):
            break
    else:
        pytest.fail("".join(lines))
    try:
        yield int(match[1]), lines
    finally:
        process.send_signal(signal.SIGINT)
        lines += process.communicate(timeout=30)[0].splitlines(keepends=True)
    assert process.returncode == code, "".join(lines)


def refused(home: Path, *command: str, code: int = 1) -> str:
    """Return the output of a tool that does not start."""
    done = subprocess.run(
        [*command, "-p", "0"],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    return done.stdout + done.stderr


@BOTH
def test_calls_are_answered_recorded_and_ended(tmp_path: Path, command: list[str]):
    record = tmp_path / "calls.yaml"
    with (
        running(tmp_path, *command, "--set", f"pixel_record={record}") as (port, _),
        connect(port) as client,
    ):
        assert ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io")).is_pixel
    recording = read_recording(record)
    assert len(recording.hits) == 1
    assert recording.evidence().gaps == ()


UNKNOWN = ("pixel_hots=a.example", 'unknown option pixel_hots (did you mean "pixel_hosts"?)')
UNREADABLE = ("pixel_offline=maybe", "Failed to parse option pixel_offline")
NOT_ALLOWED = ("pixel_dialect=stric", 'pixel_dialect: "stric" is not documented or strict (did you')
TOO_MANY = ("pixel_record=a pixel_record=b", "Received multiple values for pixel_record")
UNWRITABLE = ("pixel_record=/nonexistent/calls.yaml", "/nonexistent/calls.yaml: cannot write")


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("command", "option", "message"),
    [
        *((SCRIPT, *case) for case in (UNKNOWN, UNREADABLE, NOT_ALLOWED, TOO_MANY, UNWRITABLE)),
        *(([*OURS, "dump"], *case) for case in (UNKNOWN, UNREADABLE, NOT_ALLOWED, UNWRITABLE)),
    ],
)
def test_a_mistake_in_an_option_ends_the_start(
    tmp_path: Path, command: list[str], option: str, message: str
):
    options = (word for assignment in option.split() for word in ("--set", assignment))
    code = 2 if option.startswith("pixel_record=/") else 1  # 1 is mitmproxy's own
    output = refused(tmp_path, *command, *options, code=code)
    assert message in output
    assert "Traceback" not in output


@pytest.mark.thorough_but_first
@BOTH
def test_a_recording_that_another_emulator_writes_is_refused(tmp_path: Path, command: list[str]):
    record = ("--set", f"pixel_record={tmp_path / 'calls.yaml'}")
    first = open_recording(Settings(record=str(tmp_path / "calls.yaml")))
    assert first is not None
    output = refused(tmp_path, *command, *record, code=2)
    assert f"calls.yaml: is being recorded to by process {os.getpid()}" in " ".join(output.split())
    assert "Traceback" not in output
    first.abandon()


@pytest.mark.thorough_but_first
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("tool", ["dump", "web"])
def test_lost_calls_make_the_exit_code_3(tmp_path: Path, tool: str):
    full = ("--set", "pixel_record=/dev/full")
    quiet = ("--no-web-open-browser", "--web-port", "0") if tool == "web" else ()
    with (
        running(tmp_path, *OURS, tool, *full, *quiet, code=3) as (port, lines),
        connect(port) as client,
    ):
        assert ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io")).is_pixel
    assert "could not be recorded" in "".join(lines)


@pytest.mark.thorough_but_first
@BOTH
def test_unparsed_bytes_at_the_end_are_a_gap_in_the_recording(tmp_path: Path, command: list[str]):
    record = tmp_path / "calls.yaml"
    with (
        ExitStack() as longer,
        running(tmp_path, *command, "--set", f"pixel_record={record}") as (port, _),
        connect(port) as client,
    ):
        ask(client, get(PIXEL, "api.segment.io"))  # the tool is running
        longer.enter_context(torn := connect(port))
        torn.sendall(b"GET /v1/pixel/track HTTP/1.1\r\nHo")
        ask(client, get(PIXEL, "api.segment.io"))  # the bytes before it have been read
    [gap] = read_recording(record).evidence().gaps
    assert gap.startswith("1 request could not be read")


@pytest.mark.thorough
@BOTH
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pixel_hots: [a.example]", "unknown option pixel_hots"),
        ("pixel_offline: maybe", "Expected <class 'bool'> for pixel_offline"),
    ],
)
def test_a_mistake_in_the_configuration_file_ends_the_start(
    tmp_path: Path, command: list[str], line: str, message: str
):
    (tmp_path / "config.yaml").write_text(line)
    assert message in refused(tmp_path, *command, "--set", f"confdir={tmp_path}")


@pytest.mark.thorough
@BOTH
def test_options_can_be_in_the_configuration_file(tmp_path: Path, command: list[str]):
    (tmp_path / "config.yaml").write_text("pixel_hosts: [a.example]\npixel_offline: true\n")
    with (
        running(tmp_path, *command, "--set", f"confdir={tmp_path}") as (port, _),
        connect(port) as client,
    ):
        assert ask(client, get(f"http://a.example{PIXEL}", "a.example")).is_pixel


@pytest.mark.thorough
@BOTH
def test_under_the_eager_strategy_nothing_is_opened(tmp_path: Path, command: list[str]):
    options = ("--set", "connection_strategy=eager", "--set", "pixel_hosts=localhost")
    with trap() as target:
        with (
            running(tmp_path, *command, *options) as (port, _),
            tunnel(port, f"localhost:{target.port}") as client,
        ):
            assert ask(client, get(PIXEL, "localhost")).is_pixel
        assert target.connections() == 0


def test_our_tools_have_a_ca_of_their_own_and_write_nothing_to_the_home(tmp_path: Path):
    hosts = ("--set", "pixel_hosts=a.example")
    with running(tmp_path, *OURS, "dump", *hosts) as (port, lines):
        [ca] = re.findall(r"The CA for the emulated hosts is (\S+)", "".join(lines))
        with secured(tunnel(port, "a.example:443"), Path(ca), "a.example") as client:
            assert ask(client, get(PIXEL, "a.example")).is_pixel
    assert not Path(ca).exists()
    assert list(tmp_path.iterdir()) == []


def test_mitmweb_runs_with_the_addon(tmp_path: Path):
    quiet = ("--no-web-open-browser", "--web-port", "0")
    with running(tmp_path, *OURS, "web", *quiet) as (port, _), connect(port) as client:
        assert ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io")).is_pixel


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_lists_our_options(tmp_path: Path, tool: str):
    done = subprocess.run(
        [*OURS, tool, "--options"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "pixel_dialect: documented" in done.stdout
    assert "\nlisten_host: " in done.stdout


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_tool_has_our_options_in_its_help(run_cli, tool: str, flag: str):
    code, out, err = run_cli(tool, flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: pixel-emulator {tool} [options]")
    assert all(f"  --set {name}=" in out for name in OPTIONS)
    assert "--set option[=value]" in out
    assert f"Example: pixel-emulator {tool}" in out


@pytest.mark.thorough
def test_flows_from_a_file_are_recorded(tmp_path: Path):
    flows, record = tmp_path / "flows.mitm", tmp_path / "calls.yaml"
    with running(tmp_path, *OURS, "dump", "-w", str(flows)) as (port, _), connect(port) as client:
        ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io"))
    subprocess.run(
        [*OURS, "dump", "-n", "-r", str(flows), "--set", f"pixel_record={record}"],
        env=environment(tmp_path),
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert [hit.request.url for hit in read_recording(record).hits] != []
