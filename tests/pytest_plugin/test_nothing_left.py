"""After a run nothing is left behind: no thread, process, file or variable, however it ends."""

import os
import signal
import subprocess
import sys

import pytest

from tests.pytest_plugin.examples import PLUGIN

pytest_plugins = ["pytester"]

# What is there when pytest itself is done, in a process of its own.
DRIVER = """
import os, sys, threading, tempfile, socket, pytest
environ, files = dict(os.environ), set(os.listdir(tempfile.gettempdir()))
code = int(pytest.main(sys.argv[1:]))
changed = sorted({k for k, v in {*environ.items()} ^ {*os.environ.items()} if k[:7] != "PYTEST_"})
threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
sockets = []
left = {each for each in set(os.listdir(tempfile.gettempdir())) - files if each.startswith("pixel")}
for each in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{each}")
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


def test_nothing_is_left_after_ctrl_c_while_a_test_waits(in_a_process, pytester):
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
