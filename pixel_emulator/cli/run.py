"""`run`: a command, or the steps of scenarios, whose pixels come here; and a verdict on them."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator.cli.emulator_run import check_who_acts, emulation
from pixel_emulator.cli.inputs import Lets, Tags, load_chosen, read_lets
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.outcome import (
    conclude,
    ending_cleanly,
    failed_command,
    not_run,
    say_verdict,
    show_calls,
    telling_when_cut_short,
    why_cut_short,
)
from pixel_emulator.cli.reports import Reports, check_reports, write_reports
from pixel_emulator.cli.terminal import say
from pixel_emulator.command.process import CommandExit, run_command
from pixel_emulator.core.scenarios.model import Open, Run, Scenario
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verdict import Verdict, exit_code
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.email.render import find_browser
from pixel_emulator.runner.actions import WRITE_KEY, ActionContext
from pixel_emulator.runner.runner import Runner
from pixel_emulator.runner.waiting import (
    GrowingEvidence,
    JournalTail,
    Window,
    mark_done,
    timeouts,
    wait_until_decided,
)
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator

_AT_REST = 2.0
"""Seconds for clients to go. Those that end with the command are read at once, to their end."""


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
        "fast_path",
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
        list[Path] | None,
        typer.Option("--scenario", help="A file that says what is expected, or a folder of them."),
    ] = None,
    tag: Tags = None,
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
    scenarios = load_chosen(scenario or (), tag, read_lets(let))
    check_who_acts(scenarios, command)
    end: CommandExit | None = None
    with ending_cleanly():
        with emulation(settings, scenarios) as (journal, emulator):
            access = _access(scenarios, settings, emulator, runs=bool(command))
            window = Window(journal, scenarios) if scenarios else JournalTail(journal)
            with telling_when_cut_short(scenarios, journal, window, report, settings.record):
                if command:
                    with window.followed() if isinstance(window, Window) else nullcontext():
                        end = run_command(command, access.environ)
                    if not end.started:
                        return not_run(end, scenarios, journal, window, report)
                    _settle(scenarios, journal, window, emulator)
                    cut_short = why_cut_short(end)
                else:
                    runner = Runner(journal, access, lambda: emulator.drain(_AT_REST), _tell_step)
                    ran = runner.run_all(scenarios)
                    cut_short = ran.stopped
            if cut_short:
                journal.interrupted(cut_short)
        # Where the evidence is incomplete only because the command was killed, its code says so.
        only_cut_short = bool(command) and journal.gaps == (cut_short,)
        final_code = (end.code or None) if end and only_cut_short else None
        if not command:
            verdict, end = _with_gaps(ran.verdict, journal, told=cut_short), ran.failed_command
        elif scenarios:
            verdict = verify(scenarios, window.evidence())
        else:
            status = show_calls(journal, settings.record)
            _explain_silence(journal, scenarios, command, access)
            code = final_code or exit_code(status, end.code if end else 0)
            return conclude(code, status, end)
        verdict = replace(verdict, command=failed_command(end), final_code=final_code)
        say_verdict(journal, verdict, settings.record)
        _explain_silence(journal, scenarios, command, access)
        write_reports(report, verdict, recording=settings.record)
        return conclude(verdict.exit_code, verdict.status, end)


def _access(
    scenarios: Sequence[Scenario], settings: Settings, emulator: "Emulator", *, runs: bool
) -> ActionContext:
    """How commands and actions reach the emulator."""
    actions = [each for s in scenarios for step in s.steps for each in step.actions]
    runs = runs or any(isinstance(each, Run) for each in actions)
    opens = any(isinstance(each, Open) for each in actions)
    return ActionContext(
        proxy=emulator.proxy,
        ca=emulator.authority.ca,
        spki=emulator.authority.spki,
        hosts=settings.hosts,
        environ=_environ(settings, emulator) if runs else {},
        write_key=next(iter(settings.sources()), WRITE_KEY),
        browser=find_browser(os.environ) if opens else None,
    )


def _environ(settings: Settings, emulator: "Emulator") -> dict[str, str]:
    from pixel_emulator.command.environment import command_environment
    from pixel_emulator.trust.stores import TrustStores

    child = command_environment(
        os.environ,
        proxy=emulator.proxy,
        spki=emulator.authority.spki,
        stores=TrustStores(emulator.directory, emulator.authority.ca),
        hosts=settings.hosts,
    )
    for warning in child.warnings:
        say(f"pixel-emulator: {warning}")
    return child.applied_to(os.environ)


def _explain_silence(
    journal: Journal,
    scenarios: Sequence[Scenario],
    command: list[str] | None,
    access: ActionContext,
) -> None:
    """Say which clients of what was run read no proxy variable, if nothing reached us."""
    actions = [each for s in scenarios for step in s.steps for each in step.actions]
    ran = [each.command for each in actions if isinstance(each, Run)]
    commands = [(each,) if isinstance(each, str) else each for each in ran]
    if command:
        commands.append(tuple(command))
    if commands and not journal.evidence().connections:
        from pixel_emulator.command.environment import silence_hint

        say(silence_hint(commands, access.environ))


def _settle(
    scenarios: Sequence[Scenario], journal: Journal, window: GrowingEvidence, emulator: "Emulator"
) -> None:
    """Read what the command has sent before its end; then wait as the scenarios say."""
    titles = [each.step_title(*each.steps) for each in scenarios if len(each.steps) == 1]
    begun = mark_done(journal, titles, lambda: emulator.drain(_AT_REST))
    if scenarios:
        within, quiet = timeouts(scenarios)
        wait_until_decided(LiveVerdict(scenarios), window, deadline=begun + within, quiet=quiet)


def _tell_step(title: str) -> None:
    """Say which step runs, to who waits for it at a terminal."""
    if sys.stderr and sys.stderr.isatty():
        say(f"running  {printable(title)}")


def _with_gaps(verdict: Verdict, journal: Journal, *, told: str) -> Verdict:
    """The verdict with all that went wrong up to the very end, but for what it has `told`."""
    gaps = dict.fromkeys((*verdict.gaps, *journal.gaps))
    return replace(verdict, gaps=tuple(gap for gap in gaps if gap != told))
