"""`run`: a command, or the steps of scenarios, whose pixels come here; and a verdict on them."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator.child.process import BY_SIGNAL, ENDING, ChildExit, handling, run_child
from pixel_emulator.cli.actors import check_who_acts
from pixel_emulator.cli.display import farewell, hit_line
from pixel_emulator.cli.exit_codes import Exit, after_command
from pixel_emulator.cli.lets import Lets, read_lets
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.reports import Reports, check_reports, for_terminal, write_reports
from pixel_emulator.cli.session import emulation
from pixel_emulator.cli.terminal import say, wants_colour
from pixel_emulator.config import Settings
from pixel_emulator.core.quoting import printable
from pixel_emulator.core.scenarios.model import Open, Run, Scenario
from pixel_emulator.core.verdicts.verdict import EXIT_CODES, Status, Verdict
from pixel_emulator.core.verdicts.verify import verify
from pixel_emulator.core.verdicts.watch import Watch
from pixel_emulator.email.render import find_browser
from pixel_emulator.journal import Journal
from pixel_emulator.running.access import WRITE_KEY, Access
from pixel_emulator.running.runner import Runner
from pixel_emulator.running.waiting import Part, acted, patience, settle
from pixel_emulator.scenario_files import load_scenarios

if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator

_AT_REST = 2.0
"""Seconds for clients to go. Those that end with the command are read at once, to their end."""

_REASONS = {
    Status.UNMET: "a scenario is not met",
    Status.UNDECIDED: "there are too many ways to share out the calls, so nothing is decided",
    Status.INCOMPLETE: "the evidence is incomplete, so nothing can be said for sure",
}


@takes_settings(
    *(
        "record",
        "dialect",
        "source",
        "hosts",
        "keep_write_keys",
        "host",
        "offline",
        "http2",
        "lane",
        "max_calls",
    ),
    port=0,
)
def run(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[[--] COMMAND...]", show_default=False)
    ] = None,
    *,
    scenario: Annotated[
        list[Path] | None, typer.Option("--scenario", help="A file that says what is expected.")
    ] = None,
    let: Lets = None,
    report: Reports = None,
    settings: Settings,
) -> int:
    """Run a command, or what scenarios do, whose pixels come here, and check these.

    Exit code: 2 for a mistake found before anything starts, 3 for incomplete evidence, or else
    that of the command that failed, or else 1 where a scenario is not met. Messages and the
    report go to stderr.
    """
    check_reports(report, (*(scenario or ()), Path(settings.record)), asserts=bool(scenario))
    scenarios = load_scenarios(scenario or (), given=read_lets(let))
    check_who_acts(scenarios, command)
    end: ChildExit | None
    with _ending_cleanly():
        with emulation(settings, scenarios) as (journal, emulator):
            access = _access(scenarios, settings, emulator, runs=bool(command))
            with _telling_when_cut_short(scenarios, journal, report, settings.record):
                if command:
                    end = run_child(command, access.environ)
                    if not end.started:
                        return _not_run(end, scenarios, journal, report)
                    _settle(scenarios, journal, emulator)
                else:
                    runner = Runner(journal, access, lambda: emulator.drain(_AT_REST), _tell_step)
                    ran = runner.run_all(scenarios)
        if not command:
            verdict, end = _with_gaps(ran.verdict, journal), ran.failed
        elif scenarios:
            verdict = verify(scenarios, journal.evidence())
        else:
            return _conclude(_show_calls(journal, settings.record), end)
        _say_verdict(journal, verdict, settings.record)
        write_reports(report, verdict, recording=settings.record)
        return _conclude(verdict.status, end)


def _access(
    scenarios: Sequence[Scenario], settings: Settings, emulator: "Emulator", *, runs: bool
) -> Access:
    """How commands and actions reach the emulator."""
    actions = [each for s in scenarios for step in s.steps for each in step.actions]
    runs = runs or any(isinstance(each, Run) for each in actions)
    opens = any(isinstance(each, Open) for each in actions)
    return Access(
        proxy=emulator.proxy,
        ca=emulator.authority.ca,
        spki=emulator.authority.spki,
        hosts=settings.hosts,
        environ=_environ(settings, emulator) if runs else {},
        write_key=next(iter(settings.sources()), WRITE_KEY),
        browser=find_browser(os.environ) if opens else None,
    )


def _environ(settings: Settings, emulator: "Emulator") -> dict[str, str]:
    # These need packages that only come with the extra `proxy`.
    from pixel_emulator.child.environment import child_environment  # noqa: PLC0415
    from pixel_emulator.trust.stores import TrustStores  # noqa: PLC0415

    child = child_environment(
        os.environ,
        proxy=emulator.proxy,
        spki=emulator.authority.spki,
        stores=TrustStores(emulator.directory, emulator.authority.ca),
        hosts=settings.hosts,
    )
    for warning in child.warnings:
        say(f"pixel-emulator: {warning}")
    return child.over(os.environ)


def _settle(scenarios: Sequence[Scenario], journal: Journal, emulator: "Emulator") -> None:
    """Read what the command has sent before its end; then wait as the scenarios say."""
    titles = [each.step_title(*each.steps) for each in scenarios if len(each.steps) == 1]
    begun = acted(journal, titles, lambda: emulator.drain(_AT_REST))
    if scenarios:
        within, quiet = patience(scenarios)
        settle(Watch(scenarios), Part(journal), deadline=begun + within, quiet=quiet)


def _tell_step(title: str) -> None:
    """Say which step runs, to who waits for it at a terminal."""
    if sys.stderr and sys.stderr.isatty():
        say(f"running  {printable(title)}")


def _with_gaps(verdict: Verdict, journal: Journal) -> Verdict:
    """The verdict with all that went wrong up to the very end."""
    gaps = dict.fromkeys((*verdict.gaps, *journal.evidence().gaps))
    return replace(verdict, gaps=tuple(gaps))


def _show_calls(journal: Journal, recorded: str) -> Status:
    """Say what arrived where nothing is asserted."""
    evidence = journal.evidence()
    for hit in evidence.hits:
        say(hit_line(hit, colour=wants_colour(sys.stderr)))
    say(farewell(journal, recorded=recorded))
    if not evidence.connections:
        say("nothing reached the emulator: does the command use the proxy in its environment?")
    return Status.INCOMPLETE if evidence.gaps else Status.MET


def _not_run(
    end: ChildExit, scenarios: Sequence[Scenario], journal: Journal, report: Reports
) -> int:
    """The exit code for a command that did not start; a report must not read as a pass."""
    if scenarios:
        write_reports(report, _cut_short(scenarios, journal, f"nothing was run: {end.reason}"))
    say(f"pixel-emulator: exit code {end.code}: {end.reason}")
    return end.code


def _cut_short(scenarios: Sequence[Scenario], journal: Journal, why: str) -> Verdict:
    """The verdict on a run that did not come to its end."""
    evidence = journal.evidence()
    return verify(scenarios, replace(evidence, gaps=(*evidence.gaps, why)))


@contextmanager
def _telling_when_cut_short(
    scenarios: Sequence[Scenario], journal: Journal, report: Reports, recorded: str
) -> Iterator[None]:
    """On a signal, say and write what became of the scenarios until then."""
    try:
        yield
    except SystemExit as leaving:
        if scenarios:
            verdict = _cut_short(scenarios, journal, f"the run was {_ended_by(leaving)}")
            _say_verdict(journal, verdict, recorded)
            write_reports(report, verdict, recording=recorded)
        raise


def _say_verdict(journal: Journal, verdict: Verdict, recorded: str) -> None:
    """Say the verdict, and what is no part of it."""
    say(for_terminal(verdict, sys.stderr, recording=recorded))
    if late := len(journal.hits) - len(verdict.hits):
        calls = "1 call" if late == 1 else f"{late} calls"
        say(f"{calls} arrived when the last scenario was over: not judged (see `quiet`)")
    if recorded:
        say(f"recorded to {recorded}")
    if journal.refused_hosts:
        say(f"refused: {', '.join(journal.refused_hosts)}")


def _conclude(status: Status, end: ChildExit | None) -> int:
    """The exit code; says whose it is. `end` is that of the command which counts, if any does."""
    ours = Exit(EXIT_CODES[status])
    code = after_command(ours, end.code if end else 0)
    if code:
        own = end if end and end.code and ours is not Exit.INCOMPLETE else None
        say(f"pixel-emulator: exit code {code}: {own.reason if own else _REASONS[status]}")
    return code


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Leave by SystemExit on a signal, so that temporary files go and the recording ends."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(BY_SIGNAL + number)

    with handling(ENDING, leave):
        try:
            yield
        except SystemExit as leaving:
            say(f"pixel-emulator: exit code {leaving.code}: {_ended_by(leaving)}")
            raise


def _ended_by(leaving: SystemExit) -> str:
    number = int(leaving.code or 0) - BY_SIGNAL
    return f"ended by signal {number} ({signal.strsignal(number)})"
