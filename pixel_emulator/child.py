"""Running somebody's command: signals go through to it, and its end is told as a shell would."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
"""Exit codes as POSIX shells give them; `BY_SIGNAL` plus the signal's number."""

_FORWARDED = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_FROM_KEYBOARD = {signal.SIGINT, signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a command ended: the code for our own exit, the signal it died of, and in words."""

    code: int
    signal: int | None = None
    reason: str = ""


def run_child(command: Sequence[str], environ: Mapping[str, str]) -> ChildExit:
    """Run a command in our place in the terminal, wait for its end, and pass signals on to it.

    To be called from the main thread.
    """
    with _forwarding() as forward_to:
        try:
            process = subprocess.Popen(command, env=dict(environ))  # noqa: S603 - it is the user's
        except FileNotFoundError:
            return ChildExit(NOT_FOUND, reason=f"{command[0]}: command not found")
        except OSError as error:
            return ChildExit(NOT_EXECUTABLE, reason=f"{command[0]}: {error.strerror}")
        forward_to(process)
        code = process.wait()
    if code >= 0:
        return ChildExit(code, reason=f"the command ended with {code}")
    name = signal.strsignal(-code)
    return ChildExit(BY_SIGNAL - code, -code, f"the command was ended by signal {-code} ({name})")


@contextmanager
def _forwarding() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Hand signals on to the process that is named later; those before it are kept for it."""
    early: list[int] = []
    send: Callable[[int], None] = early.append

    def handle(number: int, _frame: FrameType | None) -> None:
        if not (number in _FROM_KEYBOARD and _in_foreground()):
            send(number)

    def forward_to(process: subprocess.Popen[bytes]) -> None:
        nonlocal send
        send = process.send_signal
        for number in early:
            send(number)

    # What we ignore (nohup) the command ignores too: with a handler of ours it would not.
    caught = [each for each in _FORWARDED if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in caught}
    try:
        yield forward_to
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether the terminal sends what is typed (Ctrl-C) to our process group: to both of us."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False  # no terminal: somebody sent the signal to us alone
