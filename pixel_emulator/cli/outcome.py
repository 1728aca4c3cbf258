"""How a run ends: what is said then, whose exit code counts, and what a signal leaves behind."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from pixel_emulator.cli.display import destination, farewell, hit_line
from pixel_emulator.cli.reports import Reports, for_terminal, write_reports
from pixel_emulator.cli.terminal import Exit, say, wants_colour
from pixel_emulator.command.process import BY_SIGNAL, ENDING_SIGNALS, CommandExit, signal_handlers
from pixel_emulator.core.model import total
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.verdict import EXIT_CODES, FailedCommand, Status, Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.waiting import GrowingEvidence
from pixel_emulator.runtime.journal import Journal

_REASONS = {
    Status.UNMET: "a scenario is not met",
    Status.UNDECIDED: "there are too many ways to share out the calls, so nothing is decided",
    Status.INCOMPLETE: "the evidence is incomplete, so nothing can be said for sure",
}


def show_calls(journal: Journal, recorded: str) -> Status:
    """Say what arrived where nothing is asserted."""
    evidence = journal.evidence()
    for hit in evidence.hits:
        say(hit_line(hit, colour=wants_colour(sys.stderr)))
    say(farewell(journal, recorded=recorded))
    if not evidence.connections:
        say("nothing reached the emulator: does the command use the proxy in its environment?")
    return Status.INCOMPLETE if evidence.gaps else Status.MET


def failed_command(end: CommandExit | None) -> FailedCommand | None:
    """The command for a verdict, if it failed."""
    if end is None or not end.code:
        return None
    own = end.started and end.signal is None
    sentence = f"the command ended with exit code {end.code}" if own else end.reason
    return FailedCommand(end.code, sentence)


def not_run(
    end: CommandExit,
    scenarios: Sequence[Scenario],
    journal: Journal,
    window: GrowingEvidence,
    report: Reports,
) -> int:
    """The exit code for a command that did not start; a report must not read as a pass."""
    journal.interrupted(f"nothing was run: {end.reason}")
    if scenarios:
        verdict = verify(scenarios, window.evidence())
        write_reports(report, replace(verdict, command=failed_command(end), final_code=end.code))
    say(f"pixel-emulator: exit code {end.code}: {end.reason}")
    return end.code


@contextmanager
def telling_when_cut_short(
    scenarios: Sequence[Scenario],
    journal: Journal,
    window: GrowingEvidence,
    report: Reports,
    recorded: str,
) -> Iterator[None]:
    """On a signal, say and write what became of the scenarios until then."""
    try:
        yield
    except SystemExit as leaving:
        if scenarios:
            journal.interrupted(stopped_by(leaving))
            verdict = replace(
                verify(scenarios, window.evidence()), final_code=int(leaving.code or 0)
            )
            say_verdict(journal, verdict, recorded)
            write_reports(report, verdict, recording=recorded)
        raise


def say_verdict(journal: Journal, verdict: Verdict, recorded: str) -> None:
    """Say the verdict, and what is no part of it."""
    say(for_terminal(verdict, sys.stderr, recording=recorded))
    if late := journal.outcomes.total() - total(verdict.hits):
        calls = "1 call" if late == 1 else f"{late} calls"
        say(f"{calls} arrived when the last scenario was over: not judged (see `quiet`)")
    if where := destination(journal, recorded):
        say(where)
    if journal.refused_hosts:
        say(f"refused: {', '.join(journal.refused_hosts)}")


def why_cut_short(end: CommandExit) -> str:
    """Why a command may not have done all that it does; empty if it came to its own end.

    A command that fails has ended by itself. One that ended by a signal has not, nor has one that
    was sent a signal to end; shells report a signal as an exit code above 128.
    """
    if end.signal is not None:
        return end.reason
    if end.ending_signal is not None:
        return f"the command was told to end by {_signal(end.ending_signal)}"
    if end.code - BY_SIGNAL in signal.valid_signals():
        return f"the command ended with exit code {end.code}: {_signal(end.code - BY_SIGNAL)}"
    return ""


def conclude(code: int, status: Status, end: CommandExit | None) -> int:
    """Say whose exit code `code` is, and return it.

    `end` is that of the command which counts, if any does.
    """
    if code:
        is_ours = code == EXIT_CODES[status] == Exit.INCOMPLETE
        own = end if end and end.code and not is_ours else None
        say(f"pixel-emulator: exit code {code}: {own.reason if own else _REASONS[status]}")
    return code


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Leave by SystemExit on a signal, so that temporary files go and the recording ends."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(BY_SIGNAL + number)

    with signal_handlers(ENDING_SIGNALS, leave):
        try:
            yield
        except SystemExit as leaving:
            say(f"pixel-emulator: exit code {leaving.code}: {_ended_by(leaving)}")
            raise


def stopped_by(error: BaseException) -> str:
    """Why a run was cut short by this exception, as a sentence without its full stop."""
    if isinstance(error, SystemExit):
        return f"the run was {_ended_by(error)}"
    if isinstance(error, KeyboardInterrupt):
        return f"the run was ended by {_signal(signal.SIGINT)}"
    return f"the run was stopped by an error: {' '.join(str(error).split())}"


def _ended_by(leaving: SystemExit) -> str:
    return f"ended by {_signal(int(leaving.code or 0) - BY_SIGNAL)}"


def _signal(number: int) -> str:
    return f"signal {number} ({signal.strsignal(number)})"
