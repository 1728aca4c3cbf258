"""The end of a run: what is printed, which exit code counts, and what happens on a signal."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from pixel_emulator.cli.reports import for_terminal, write_reports
from pixel_emulator.cli.run_display import hit_line, recording_note, run_summary
from pixel_emulator.cli.terminal import ExitCode, print_message, wants_colour
from pixel_emulator.command.process import BY_SIGNAL, ENDING_SIGNALS, CommandExit, signal_handlers
from pixel_emulator.core.model import Outcome, count_calls, count_outcomes
from pixel_emulator.core.report.page import counted
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.verification.verdict import (
    CLIENTS_PAGE,
    EXIT_CODES,
    FailedCommand,
    Status,
    Verdict,
)
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.waiting import GrowingEvidence
from pixel_emulator.runtime.journal import Journal

_REASONS = {
    Status.UNMET: "a scenario is not met",
    Status.UNDECIDED: "there are too many ways to share out the calls, so nothing is decided",
    Status.INCOMPLETE: "the evidence is incomplete, so nothing can be said for sure",
}


def print_calls(journal: Journal, recorded: str, end: CommandExit | None) -> Status:
    """Print the calls that arrived in a run without scenarios; `end` is that of its command."""
    evidence = journal.evidence()
    for hit in evidence.hits:
        print_message(hit_line(hit, colour=wants_colour(sys.stderr)))
    print_message(run_summary(journal, recorded=recorded))
    if not evidence.connections:
        reason = f"does the command use the proxy in its environment? {CLIENTS_PAGE}"
        if failed := failed_command(end):
            reason = f"{failed.sentence}, perhaps before it sent a call"
        print_message(f"nothing reached the emulator: {reason}")
    return Status.INCOMPLETE if evidence.gaps else Status.MET


def failed_command(end: CommandExit | None) -> FailedCommand | None:
    """Return the command for a verdict if it failed, or None."""
    if end is None or not end.code:
        return None
    own = end.started and end.signal is None
    sentence = f"the command ended with exit code {end.code}" if own else end.reason
    return FailedCommand(end.code, sentence)


def explain_not_run(
    end: CommandExit,
    scenarios: Sequence[Scenario],
    journal: Journal,
    window: GrowingEvidence,
    report: Sequence[Path],
) -> int:
    """Return the exit code of a command that did not start; its report must not read as a pass."""
    journal.interrupted(f"nothing was run: {end.reason}")
    if scenarios:
        verdict = verify(scenarios, window.evidence())
        write_reports(report, replace(verdict, command=failed_command(end), final_code=end.code))
    print_message(f"pixel-emulator: exit code {end.code}: {end.reason}")
    return end.code


@contextmanager
def reporting_interruption(
    scenarios: Sequence[Scenario],
    journal: Journal,
    window: GrowingEvidence,
    report: Sequence[Path],
    recorded: str,
) -> Iterator[None]:
    """Print and write the verdict so far if a signal ends the body."""
    try:
        yield
    except SystemExit as error:
        if scenarios:
            journal.interrupted(stop_reason(error))
            verdict = replace(verify(scenarios, window.evidence()), final_code=int(error.code or 0))
            print_verdict(journal, verdict, recorded)
            write_reports(report, verdict, recording=recorded)
        raise


def print_verdict(journal: Journal, verdict: Verdict, recorded: str) -> None:
    """Print the verdict, and what is not part of it: late calls, the recording, refused hosts."""
    print_message(for_terminal(verdict, sys.stderr, recording=recorded))
    if late := journal.outcomes - count_outcomes(verdict.hits):
        counts = (
            (count_calls(late), "call"),
            (late[Outcome.UNHANDLED], "unhandled request"),
        )
        late_text = " and ".join(counted(number, noun) for number, noun in counts if number)
        print_message(
            f"{late_text} arrived when the last scenario was over: not verified (see `quiet`)"
        )
    if note := recording_note(journal, recorded):
        print_message(note)
    if journal.refused_hosts:
        print_message(f"refused: {', '.join(journal.refused_hosts)}")


def interruption_reason(end: CommandExit) -> str:
    """Return why a command may have been stopped before its end, or "" if it ended by itself.

    A command that fails has ended by itself. One that a signal ended has not, nor has one to which
    a signal was sent; shells report a signal as an exit code above 128.
    """
    if end.signal is not None:
        return end.reason
    if end.ending_signal is not None:
        return f"the command was told to end by {_signal_text(end.ending_signal)}"
    if end.code - BY_SIGNAL in signal.valid_signals():
        return f"the command ended with exit code {end.code}: {_signal_text(end.code - BY_SIGNAL)}"
    return ""


def explain_exit_code(code: int, status: Status, end: CommandExit | None) -> int:
    """Print the reason of a non-zero exit code, and return the code.

    `end` is the command whose exit code counts, if there is one.
    """
    if code:
        is_ours = code == EXIT_CODES[status] == ExitCode.INCOMPLETE
        own = end if end and end.code and not is_ours else None
        print_message(
            f"pixel-emulator: exit code {code}: {own.reason if own else _REASONS[status]}"
        )
    return code


@contextmanager
def exiting_on_signal() -> Iterator[None]:
    """Raise SystemExit on a signal, so that temporary files are removed and the recording is
    finished."""

    def raise_exit(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(BY_SIGNAL + number)

    with signal_handlers(ENDING_SIGNALS, raise_exit):
        try:
            yield
        except SystemExit as error:
            print_message(f"pixel-emulator: exit code {error.code}: {_signal_reason(error)}")
            raise


def stop_reason(error: BaseException) -> str:
    """Return why this exception interrupted a run, as a sentence without its full stop."""
    if isinstance(error, SystemExit):
        return f"the run was {_signal_reason(error)}"
    if isinstance(error, KeyboardInterrupt):
        return f"the run was ended by {_signal_text(signal.SIGINT)}"
    return f"the run was stopped by an error: {' '.join(str(error).split())}"


def _signal_reason(error: SystemExit) -> str:
    return f"ended by {_signal_text(int(error.code or 0) - BY_SIGNAL)}"


def _signal_text(number: int) -> str:
    return f"signal {number} ({signal.strsignal(number)})"
