"""A command gets its signals, and its exit code is reported, as without the emulator."""

import os
import pty
import shlex
import signal
import subprocess
import sys

import pytest

from pixel_emulator.command.process import run_command

# Runs the rest of its command line through run_command and ends with the code that it got.
WRAPPER = """
import os, sys
from pixel_emulator.command.process import run_command
end = run_command(sys.argv[1:], os.environ)
print(end.code, end.signal, flush=True)
"""
# Says that it is ready, and then which signals it gets; SIGTERM ends it with 5.
LISTENER = """
import os, signal, sys
def got(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGTERM:
        os._exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, got)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""
LISTEN = [sys.executable, "-c", LISTENER]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wrapper(*command: str) -> list[str]:
    return [sys.executable, "-c", WRAPPER, *command]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", (0, None)),
        ("raise SystemExit(7)", (7, None)),
        ("import os; os.kill(os.getpid(), 9)", (137, 9)),
        ("import os; os.kill(os.getpid(), 15)", (143, 15)),
    ],
)
def test_the_exit_is_reported_as_a_shell_does(code, expected):
    end = run_command(python(code), os.environ)
    assert (end.code, end.signal) == expected


def test_a_command_that_does_not_exist_gives_127():
    end = run_command(["no-such-command-at-all"], os.environ)
    assert (end.code, end.reason) == (127, "no-such-command-at-all: command not found")


def test_a_whole_command_in_one_word_is_explained():
    end = run_command(["no-such-command 'a b'"], os.environ)
    assert end.code == 127
    assert end.reason.startswith("no-such-command 'a b': command not found; write it without the")
    assert end.reason.endswith(f"as sh -c {shlex.quote("no-such-command 'a b'")}")


def test_a_path_with_a_space_and_arguments_is_only_not_found():
    assert run_command(["no such", "a"], os.environ).reason == "no such: command not found"


def test_a_command_that_may_not_be_executed_gives_126(tmp_path):
    (tmp_path / "plain.txt").write_text("text")
    end = run_command([str(tmp_path / "plain.txt")], os.environ)
    assert (end.code, end.reason) == (126, f"{tmp_path}/plain.txt: Permission denied")


def test_the_command_is_looked_up_in_the_path_it_will_have(tmp_path):
    (tmp_path / "only-here").symlink_to("/bin/true")
    assert run_command(["only-here"], {"PATH": str(tmp_path)}).code == 0


def test_the_command_gets_the_environment_and_nothing_else():
    end = run_command(python("import os; raise SystemExit(int(os.environ['CODE']))"), {"CODE": "9"})
    assert end.code == 9


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_for_us_alone_is_forwarded(name):
    # A session of its own has no terminal, so only this process can have received the signal.
    with subprocess.Popen(
        wrapper(*LISTEN), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.Signals[name])
        assert process.stdout.readline() == f"{name}\n"
        process.terminate()
        assert process.stdout.read() == "SIGTERM\n5 None\n"


def test_what_we_ignore_the_command_ignores_too():
    """`nohup pixel-emulator run …` protects the command."""
    ignoring = "import signal; raise SystemExit(signal.getsignal(signal.SIGHUP) != signal.SIG_IGN)"
    ran = subprocess.run(
        ["nohup", *wrapper(*python(ignoring))],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert ran.stdout == b"0 None\n"


def test_ctrl_c_in_a_terminal_reaches_the_command_once():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, wrapper(*LISTEN))
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        seen = _until(screen.fileno(), b"ready")
        screen.write(b"\x03")
        seen = _until(screen.fileno(), b"SIGINT")
        os.kill(pid, signal.SIGTERM)
        seen += _until(screen.fileno(), b"5 None")
        os.waitpid(pid, 0)
    assert seen.count(b"SIGINT") == 1


def test_our_own_handlers_are_back_afterwards():
    before = signal.getsignal(signal.SIGINT)
    run_command(python("pass"), os.environ)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_command_keeps_our_standard_streams():
    copying = python("import sys; sys.stdout.write(sys.stdin.read()); sys.stderr.write('err')")
    ran = subprocess.run(wrapper(*copying), check=True, input="in", capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("in0 None\n", "err")


def _until(fd: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        seen += os.read(fd, 1024)
    return seen


# -- own session: its output is kept, and it has no terminal ---------------------------------------


def test_what_a_command_prints_goes_to_the_output_in_its_order(tmp_path):
    with (tmp_path / "output").open("w+b") as output:
        run_command(["sh", "-c", "echo out; echo err >&2; cat"], os.environ, output=output)
    assert (tmp_path / "output").read_text() == "out\nerr\n"


@pytest.mark.parametrize(("name", "ends"), [("SIGTERM", True), ("SIGUSR1", False)])
def test_a_signal_reaches_all_processes_and_is_reported(tmp_path, name, ends):
    """The shell ignores the signal; the processes that it started receive it."""
    number = signal.Signals[name]
    script = (
        "import os, signal\n"
        f"signal.signal({number}, lambda *_: os._exit(5))\n"
        "signal.alarm(30)\n"
        f"os.kill({os.getpid()}, {number})\n"
        "while True: signal.pause()\n"
    )
    (tmp_path / "child.py").write_text(script)
    shell = f"trap '' {name[3:]}; {sys.executable} {tmp_path / 'child.py'}; exit $?"
    with (tmp_path / "output").open("w+b") as output:
        end = run_command(["sh", "-c", shell], os.environ, output=output)
    assert end.code == 5
    assert end.ending_signal == (number if ends else None)


def test_without_a_signal_none_is_reported():
    assert run_command(python("pass"), os.environ).ending_signal is None
