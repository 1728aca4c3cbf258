"""Run a command: forward signals to it, and report its end as a shell does."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
"""Exit codes of POSIX shells; that for a signal is `BY_SIGNAL` plus its number."""

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask this process to end."""

_FORWARDED_SIGNALS = (*ENDING_SIGNALS, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_KEYBOARD_SIGNALS = {signal.SIGINT, signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class CommandExit:
    """How a command ended: the exit code for us, a reason in words, and the signal that ended it.

    `ending_signal` is the last of `ENDING_SIGNALS` that this process received meanwhile.
    """

    code: int
    reason: str
    signal: int | None = None
    started: bool = True
    ending_signal: int | None = None


def run_command(
    command: Sequence[str], environ: Mapping[str, str], *, output: IO[bytes] | None = None
) -> CommandExit:
    """Run a command in the foreground, forward signals to it, and return how it ended.

    With `output`, its stdout and stderr go there, its stdin is empty, it has no terminal, and
    signals go to all the processes that it starts. Must be called from the main thread.
    """
    forwarder = _SignalForwarder(own_session=output is not None)
    with signal_handlers(_FORWARDED_SIGNALS, forwarder.handle):
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
            return CommandExit(NOT_FOUND, _not_found(command), started=False)
        except OSError as error:
            return CommandExit(NOT_EXECUTABLE, f"{command[0]}: {error.strerror}", started=False)
        forwarder.attach(process)
        code = process.wait()
    if code >= 0:
        return CommandExit(code, "it is the command's own", ending_signal=forwarder.ending_signal)
    name = signal.strsignal(-code)
    reason = f"the command was ended by signal {-code} ({name})"
    return CommandExit(BY_SIGNAL - code, reason, -code, ending_signal=forwarder.ending_signal)


def _not_found(command: Sequence[str]) -> str:
    reason = f"{command[0]}: command not found"
    if len(command) > 1 or len(command[0].split()) < 2:
        return reason
    return f"{reason}; write it without the quotes around it, or as sh -c {shlex.quote(command[0])}"


@contextmanager
def signal_handlers(
    numbers: Iterable[int], handle: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle signals within the context, except those that are ignored.

    A handled signal would no longer be ignored by the command either (nohup).
    """
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _SignalForwarder:
    """Forwards signals to a process; those received before `attach` are kept until then.

    `own_session` is True if the process has a session of its own, hence no terminal.
    """

    own_session: bool
    ending_signal: int | None = None
    process: subprocess.Popen[bytes] | None = None
    pending: list[int] = field(default_factory=list)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if number in ENDING_SIGNALS:
            self.ending_signal = number
        if self.process is None:
            self.pending.append(number)
        elif self.own_session:
            with suppress(ProcessLookupError):  # all processes of the group have ended
                os.killpg(self.process.pid, number)
        elif not (number in _KEYBOARD_SIGNALS and _in_foreground()):
            self.process.send_signal(number)

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        for number in self.pending:
            self.handle(number, None)


def _in_foreground() -> bool:
    """Return True if the terminal sends keyboard signals (Ctrl-C) to our process group, and so to
    the command, too."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False  # no terminal: only this process received the signal
