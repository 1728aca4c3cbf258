"""Running somebody's command: signals go through to it, and its end is told as a shell would."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    reason: str
    signal: int | None = None
    started: bool = True


def run_child(command: Sequence[str], environ: Mapping[str, str]) -> ChildExit:
    """Run a command in our place in the terminal, wait for its end, and pass signals on to it.

    To be called from the main thread.
    """
    with _forwarding() as forward_to:
        try:
            process = subprocess.Popen(command, env=dict(environ))  # noqa: S603 - it is the user's
        except FileNotFoundError:
            return ChildExit(NOT_FOUND, f"{command[0]}: command not found", started=False)
        except OSError as error:
            return ChildExit(NOT_EXECUTABLE, f"{command[0]}: {error.strerror}", started=False)
        forward_to(process)
        code = process.wait()
    if code >= 0:
        return ChildExit(code, "it is the command's own")
    name = signal.strsignal(-code)
    return ChildExit(BY_SIGNAL - code, f"the command was ended by signal {-code} ({name})", -code)


@contextmanager
def handling(
    numbers: Iterable[int], handle: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Have signals handled, but for those that are ignored.

    With a handler of ours, a command would no longer ignore what we ignore (nohup).
    """
    heeded = [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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

    with handling(_FORWARDED, handle):
        yield forward_to


def _in_foreground() -> bool:
    """Whether the terminal sends what is typed (Ctrl-C) to our process group: to both of us."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False  # no terminal: somebody sent the signal to us alone
