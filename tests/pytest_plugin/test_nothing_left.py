"""After a run no thread, process, file or variable is left, however it ends."""

import os
import shlex
import signal
import subprocess
import sys

import pytest

from pixel_emulator.core.scenarios.expectation import call_name
from pixel_emulator.files.read_write import read_recording
from tests.pytest_plugin.examples import PLUGIN

pytestmark = pytest.mark.thorough

pytest_plugins = ["pytester"]

# What is there when pytest itself is done, in a process of its own.
DRIVER = """
import os, sys, threading, tempfile, socket, pytest
environ, files = dict(os.environ), set(os.listdir(tempfile.gettempdir()))
code = int(pytest.main(sys.argv[1:]))
changed = sorted({k for k, v in {*environ.items()} ^ {*os.environ.items()} if k[:7] != "PYTEST_"})
threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
sockets = []
left = {name for name in set(os.listdir(tempfile.gettempdir())) - files if name.startswith("pixel")}
for descriptor in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        continue
    if target.startswith("socket:"):
        sockets.append(target)
print("LEFT", threads, sorted(left), sockets, changed)
sys.exit(code)
"""
ALONE = ("-p", "no:randomly", "-p", "no:rerunfailures")  # the latter leaves a thread of its own
NOTHING = "LEFT [] [] [] []"
ENDS = {
    "success": ("pixels.expect(track='A')", 0),
    "failure": ("assert False", 1),
    "a crash in the test": ("raise SystemExit(7)", 1),
    "exit": ("import pytest; pytest.exit('enough', 5)", 5),
    "an interrupt": ("raise KeyboardInterrupt", 2),
}
TEST = """
    from client import send
    def test_it(pixels):
        send(pixels, "A")
        pixels.proxy, pixels.env
        {body}
"""


@pytest.fixture
def in_a_process(inner, pytester, monkeypatch):
    """Run pytest in a process that tells what is left; with a folder for temporary files."""
    folder = pytester.path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    inner("--version", ini="")
    return [sys.executable, "-c", DRIVER, *PLUGIN, "-p", "no:cacheprovider", *ALONE]


@pytest.mark.parametrize(("body", "code"), ENDS.values(), ids=ENDS)
def test_nothing_is_left_after(in_a_process, pytester, body, code):
    pytester.makepyfile(test_it=TEST.format(body=body))
    result = pytester.run(*in_a_process, "--basetemp=basetemp")
    assert (result.ret, result.outlines[-1]) == (code, NOTHING)


def test_nothing_is_left_after_the_first_failure_of_several(in_a_process, pytester):
    pytester.makepyfile(test_it=TEST.format(body="assert False"), test_other=TEST.format(body=""))
    result = pytester.run(*in_a_process, "-x", "--basetemp=basetemp")
    result.assert_outcomes(failed=1)
    assert result.outlines[-1] == NOTHING


@pytest.mark.parametrize("end", ["os._exit(9)", "import ctypes; ctypes.string_at(0)"])
def test_nothing_is_left_of_a_worker_that_dies(inner, pytester, monkeypatch, end):
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    result = inner(
        *("-n1", "-p", "no:faulthandler", "--basetemp=basetemp"),
        apart=True,
        test_it="import os\n" + TEST.format(body=end).replace("\n    ", "\n"),
    )
    result.assert_outcomes(failed=1)
    assert not [path for path in folder.iterdir() if path.name.startswith("pixel")]


def test_nothing_is_left_of_workers_after_ctrl_c(in_a_process, pytester):
    """The calls that came before are recorded, all the same."""
    os.mkfifo(pytester.path / "started")
    body = "open('started', 'w').write('x'); pixels.wait_for(track='B', timeout=60)"
    pytester.makepyfile(test_it=TEST.format(body=body))
    with subprocess.Popen(
        [*in_a_process, "-n1", "--basetemp=basetemp", "--pixel-recording=calls.yaml"],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert (pytester.path / "started").read_text() == "x"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    assert process.returncode == 2, lines
    assert lines[-1].startswith("LEFT [] [] ")  # what execnet leaves is its own
    assert [call_name(hit) for hit in read_recording(pytester.path / "calls.yaml").hits] == ["A"]


@pytest.mark.parametrize(("body", "code"), ENDS.values(), ids=ENDS)
def test_nothing_is_left_of_an_emulator_of_our_own_after(in_a_process, inner, pytester, body, code):
    inner("--version", ini=command_that_notes_its_pid())
    pytester.makepyfile(test_it=TEST.format(body=body))
    result = pytester.run(*in_a_process, "--basetemp=basetemp")
    assert (result.ret, result.outlines[-1]) == (code, NOTHING)
    assert_it_is_gone(pytester)


def test_nothing_is_left_of_an_emulator_of_our_own_after_ctrl_c(in_a_process, inner, pytester):
    inner("--version", ini=command_that_notes_its_pid())
    interrupt(in_a_process, pytester)
    assert_it_is_gone(pytester)


def test_nothing_is_left_after_ctrl_c_while_a_test_waits(in_a_process, pytester):
    interrupt(in_a_process, pytester)


def interrupt(in_a_process, pytester):
    """Ctrl-C while a test waits."""
    body = "print('waiting', flush=True); pixels.wait_for(track='B', timeout=60)"
    pytester.makepyfile(test_it=TEST.format(body=body))
    with subprocess.Popen(
        [*in_a_process, "-s", "--basetemp=basetemp"],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        assert any("waiting" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        *_, last = process.stdout
    assert (process.returncode, last.strip()) == (2, NOTHING)


def command_that_notes_its_pid():
    """The ini line of an emulator of our own."""
    script = f'echo $$ > pid; exec {shlex.quote(sys.executable)} -m pixel_emulator "$@"'
    return f"pixel_emulator_command = {shlex.join(['sh', '-c', script, 'sh'])}"


def assert_it_is_gone(pytester):
    with pytest.raises(ProcessLookupError):
        os.kill(int((pytester.path / "pid").read_text()), 0)


def test_the_emulator_is_stopped_before_an_xdist_worker_may_be_interrupted(pytester, monkeypatch):
    """As execnet does 5 seconds after a worker's last test; pytest then cleans up nothing."""
    monkeypatch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
    pytester.makeconftest("""
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_sessionfinish(session):
            if hasattr(session.config, "workerinput"):
                raise KeyboardInterrupt
    """)
    pytester.makepyfile("""
        def test_it(pixels):
            assert pixels.env
    """)
    ended = pytester.run(sys.executable, "-m", "pytest", "-n", "1", *ALONE, *PLUGIN)
    text = f"{ended.stdout.str()}\n{ended.stderr.str()}"
    assert "1 passed" in text
    assert "Implicitly cleaning up" not in text
