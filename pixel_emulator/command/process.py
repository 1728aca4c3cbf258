"""Running somebody's command: signals go through to it, and its end is told as a shell would."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
"""Exit codes as POSIX shells give them; `BY_SIGNAL` plus the signal's number."""

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals with which somebody asks us to end."""

_FORWARDED = (*ENDING_SIGNALS, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_KEYBOARD = {signal.SIGINT, signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class CommandExit:
    """How a command ended: the code for our own exit, the signal it died of, and in words.

    `ending_signal` is the last signal with which we were asked to end while it ran.
    """

    code: int
    reason: str
    signal: int | None = None
    started: bool = True
    ending_signal: int | None = None


def run_command(
    command: Sequence[str], environ: Mapping[str, str], *, output: IO[bytes] | None = None
) -> CommandExit:
    """Run a command in our place in the terminal, wait for its end, and pass signals on to it.

    With `output`, what it prints goes there, it has nothing to read and no terminal, and signals
    go to all the processes that it starts. To be called from the main thread.
    """
    forwarding = _Forwarding(apart=output is not None)
    with signal_handlers(_FORWARDED, forwarding.handle):
        try:
            process = subprocess.Popen(  # noqa: S603 - it is the user's
                command,
                env=dict(environ),
                stdin=None if output is None else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=output is not None,
            )
        except FileNotFoundError:
            return CommandExit(NOT_FOUND, f"{command[0]}: command not found", started=False)
        except OSError as error:
            return CommandExit(NOT_EXECUTABLE, f"{command[0]}: {error.strerror}", started=False)
        forwarding.begin(process)
        code = process.wait()
    if code >= 0:
        return CommandExit(code, "it is the command's own", ending_signal=forwarding.ending_signal)
    name = signal.strsignal(-code)
    reason = f"the command was ended by signal {-code} ({name})"
    return CommandExit(BY_SIGNAL - code, reason, -code, ending_signal=forwarding.ending_signal)


@contextmanager
def signal_handlers(
    numbers: Iterable[int], handle: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Have signals handled, but for those that are ignored.

    With a handler of ours, a command would no longer ignore what we ignore (nohup).
    """
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Forwarding:
    """Hands signals on to a process; those that come before it has begun are kept for it.

    `apart` says that it has a session of its own: no terminal tells it anything.
    """

    apart: bool
    ending_signal: int | None = None
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = field(default_factory=list)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if number in ENDING_SIGNALS:
            self.ending_signal = number
        if self.process is None:
            self.early.append(number)
        elif self.apart:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(self.process.pid, number)
        elif not (number in _FROM_KEYBOARD and _in_foreground()):
            self.process.send_signal(number)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        for number in self.early:
            self.handle(number, None)


def _in_foreground() -> bool:
    """Whether the terminal sends what is typed (Ctrl-C) to our process group: to both of us."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False  # no terminal: somebody sent the signal to us alone
