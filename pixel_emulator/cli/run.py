"""`run`: a command or the actions of scenarios, run through the emulator, and the verdict."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixel_emulator.cli.commands import PATH, argument, option, takes_settings
from pixel_emulator.cli.commands import command as cli_command
from pixel_emulator.cli.emulator_run import emulation
from pixel_emulator.cli.inputs import let_option, load_selected, parse_variables, tag_option
from pixel_emulator.cli.outcome import (
    exiting_on_signal,
    explain_exit_code,
    explain_not_run,
    failed_command,
    interruption_reason,
    print_calls,
    print_verdict,
    reporting_interruption,
)
from pixel_emulator.cli.reports import check_reports, report_option, write_reports
from pixel_emulator.cli.terminal import print_message
from pixel_emulator.command.process import CommandExit, run_command
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.scenario import Action, Open, Run, Scenario
from pixel_emulator.core.text.display import printable, quoted
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verdict import Verdict, exit_code
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.email.render import find_browser
from pixel_emulator.runner.actions import WRITE_KEY, ActionContext, missing_files
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

_SCENARIOS = (".yaml", ".yml", ".json")

_DRAIN_SECONDS = 2.0
"""Seconds for clients to disconnect. Input of clients that ended is read at once, to its end."""


@cli_command(
    example="pixel-emulator run --scenario opened.yaml -- npm test",
    context={"allow_interspersed_args": False},  # options behind the command are the command's
)
@argument("command", metavar="[--] COMMAND...", nargs=-1, required=False, type=click.UNPROCESSED)
@option(
    "--scenario",
    multiple=True,
    type=PATH,
    help="A file that says what is expected, or a folder of them.",
)
@tag_option
@let_option
@report_option
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
        "ca_dir",
        "cert",
        "max_calls",
    ),
    port=0,
)
def run(
    command: tuple[str, ...],
    *,
    scenario: tuple[Path, ...],
    tag: tuple[str, ...],
    let: tuple[str, ...],
    report: tuple[Path, ...],
    settings: Settings,
) -> int:
    """Run a command, or the actions of scenarios, and check the pixel calls that it makes.

    Exit code: 2 for a mistake found before anything starts, 3 for incomplete evidence, or else
    that of the command that failed, or else 1 where a scenario is not met. Messages and the
    report go to stderr.
    """
    check_reports(report, (*scenario, Path(settings.record)), asserts=bool(scenario))
    scenarios = load_selected(scenario, tag, parse_variables(let))
    _check_actors(scenarios, command)
    end: CommandExit | None = None
    with exiting_on_signal():
        with emulation(settings, scenarios) as (journal, emulator):
            context = _action_context(scenarios, settings, emulator, runs=bool(command))
            window = Window(journal, scenarios) if scenarios else JournalTail(journal)
            with reporting_interruption(scenarios, journal, window, report, settings.record):
                if command:
                    with window.followed() if isinstance(window, Window) else nullcontext():
                        end = run_command(command, context.environ)
                    if not end.started:
                        return explain_not_run(end, scenarios, journal, window, report)
                    _wait_for_calls(scenarios, journal, window, emulator)
                    cut_short = interruption_reason(end)
                else:
                    runner = Runner(
                        journal, context, lambda: emulator.drain(_DRAIN_SECONDS), _print_step
                    )
                    ran = runner.run_all(scenarios)
                    cut_short = ran.stopped
            if cut_short:
                journal.interrupted(cut_short)
        # If evidence is incomplete only because the command was killed, its exit code counts.
        only_cut_short = bool(command) and journal.gaps == (cut_short,)
        final_code = (end.code or None) if end and only_cut_short else None
        if not command:
            verdict, end = _with_gaps(ran.verdict, journal, known=cut_short), ran.failed_command
        elif scenarios:
            verdict = verify(scenarios, window.evidence())
        else:
            status = print_calls(journal, settings.record, end)
            _explain_silence(journal, scenarios, command, context, end)
            code = final_code or exit_code(status, end.code if end else 0)
            return explain_exit_code(code, status, end)
        verdict = replace(verdict, command=failed_command(end), final_code=final_code)
        print_verdict(journal, verdict, settings.record)
        _explain_silence(journal, scenarios, command, context, end)
        write_reports(report, verdict, recording=settings.record)
        return explain_exit_code(verdict.exit_code, verdict.status, end)


def _action_context(
    scenarios: Sequence[Scenario], settings: Settings, emulator: "Emulator", *, runs: bool
) -> ActionContext:
    """Return how commands and actions reach the emulator."""
    actions = _actions(scenarios)
    runs = runs or any(isinstance(action, Run) for action in actions)
    opens = any(isinstance(action, Open) for action in actions)
    return ActionContext(
        proxy=emulator.proxy,
        ca=emulator.authority.ca,
        spki=emulator.authority.spki,
        hosts=settings.hosts,
        environ=_environ(settings, emulator) if runs else {},
        write_key=next(iter(settings.sources()), WRITE_KEY),
        browser=find_browser(os.environ) if opens else None,
    )


def _actions(scenarios: Sequence[Scenario]) -> list[Action]:
    return [action for s in scenarios for step in s.steps for action in step.actions]


def _environ(settings: Settings, emulator: "Emulator") -> dict[str, str]:
    from pixel_emulator.command.environment import command_environment
    from pixel_emulator.trust.stores import TrustStores

    changes = command_environment(
        os.environ,
        proxy=emulator.proxy,
        spki=emulator.authority.spki,
        stores=TrustStores(emulator.directory, emulator.authority.ca),
        hosts=settings.hosts,
    )
    for warning in changes.warnings:
        print_message(f"pixel-emulator: {warning}")
    return changes.applied_to(os.environ)


def _explain_silence(
    journal: Journal,
    scenarios: Sequence[Scenario],
    command: Sequence[str],
    context: ActionContext,
    end: CommandExit | None,
) -> None:
    """Print why the command may have had no effect.

    These are options of `run` that the command got and, if nothing connected, clients that ignore
    proxy variables. A command that failed may have sent nothing because of that.
    """
    has_failed = end is not None and end.code != 0
    for name in _options_behind(command):
        if has_failed or name == "--scenario":
            print_message(
                f"{name} behind the command is an option of the command: those of `run` stand "
                "before it"
            )
    ran = [action.command for action in _actions(scenarios) if isinstance(action, Run)]
    commands = [(line,) if isinstance(line, str) else line for line in ran]
    if command:
        commands.append(tuple(command))
    if commands and not journal.evidence().connections:
        from pixel_emulator.command.environment import silence_hint

        if hint := silence_hint(commands, context.environ):
            print_message(f"if it sent a call: {hint}" if has_failed else hint)


def _options_behind(command: Sequence[str]) -> list[str]:
    """Return the options of `run` alone that stand behind the command, and so are the command's."""
    names = ("--scenario", "--record", "--report", "--let", "--tag")
    return [name for name in names if any(word.partition("=")[0] == name for word in command)]


def _wait_for_calls(
    scenarios: Sequence[Scenario], journal: Journal, window: GrowingEvidence, emulator: "Emulator"
) -> None:
    """Read what the command has sent before it ended; then wait as long as the scenarios say."""
    single = [scenario for scenario in scenarios if len(scenario.steps) == 1]
    titles = [scenario.step_title(*scenario.steps) for scenario in single]
    start = mark_done(journal, titles, lambda: emulator.drain(_DRAIN_SECONDS))
    if scenarios:
        within, quiet = timeouts(scenarios)
        wait_until_decided(LiveVerdict(scenarios), window, deadline=start + within, quiet=quiet)


def _print_step(title: str) -> None:
    """Print the name of the running step if stderr is a terminal."""
    if sys.stderr and sys.stderr.isatty():
        print_message(f"running  {printable(title)}")


def _with_gaps(verdict: Verdict, journal: Journal, *, known: str) -> Verdict:
    """Return the verdict with the gaps found up to the end, without `known`, which it includes
    already."""
    gaps = dict.fromkeys((*verdict.gaps, *journal.gaps))
    return replace(verdict, gaps=tuple(gap for gap in gaps if gap != known))


def _check_actors(scenarios: Sequence[Scenario], command: Sequence[str]) -> None:
    """Check that either the command or every scenario acts, and not both.

    Raises InputError otherwise.
    """
    if command and _is_scenario(Path(command[0])):
        wanted = "write --scenario before each scenario"
        if not scenarios:
            wanted = f"did you mean `--scenario {shlex.quote(command[0])}`?"
        raise InputError(InputIssue(f"{command[0]} is no command: {wanted}"))
    issues = dict.fromkeys(_actor_issues(scenarios, command)) or tuple(missing_files(scenarios))
    if issues:
        raise InputError(*issues)


def _actor_issues(scenarios: Sequence[Scenario], command: Sequence[str]) -> Iterator[InputIssue]:
    if (
        command
        and len({scenario.given.clock for scenario in scenarios if scenario.given.clock}) > 1
    ):
        yield InputIssue("the scenarios share one run, and want several clocks for it")
    if not command and not scenarios:
        yield InputIssue("give a command behind `--`, or a --scenario that has a `do`")
    for scenario in scenarios:
        name = quoted(scenario.name) if scenario.name and not scenario.case else "this scenario"
        if command and scenario.has_actions:
            both = f"{name} acts by itself (`do`), so it takes no command"
            yield InputIssue(f"{both}: run it alone, or without its `do`", scenario.location)
        elif not command and not scenario.has_actions:
            none = f"{name} does nothing by itself: give a command behind `--`"
            yield InputIssue(f"{none}, or write a `do` into it", scenario.location)


def _is_scenario(path: Path) -> bool:
    """Return True if a file looks like one of several that a shell made of `--scenario *.yaml`."""
    return path.suffix in _SCENARIOS and path.is_file() and not os.access(path, os.X_OK)
