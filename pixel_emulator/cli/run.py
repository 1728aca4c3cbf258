"""`run`: a command whose pixels come here, and a verdict on them."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator import files
from pixel_emulator.child.process import BY_SIGNAL, ChildExit, handling, run_child
from pixel_emulator.cli.display import farewell, hit_line
from pixel_emulator.cli.exit_codes import Exit, after_command
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.session import emulation
from pixel_emulator.cli.terminal import say, wants_colour, width
from pixel_emulator.config import Settings
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.core.reports.text import text as report_text
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.scenarios.scenario import parse
from pixel_emulator.core.verdicts.verdict import Status
from pixel_emulator.core.verdicts.verify import verify
from pixel_emulator.journal import Journal

if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator


_AT_REST = 2.0
"""Seconds for clients to go. Those that end with the command are read at once, to their end."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REASONS = {
    Exit.UNMET: "a scenario is not met",
    Exit.INCOMPLETE: "the evidence is incomplete, so nothing can be said for sure",
}


@takes_settings(
    *("record", "dialect", "source", "hosts", "keep_write_keys", "host", "offline", "http2"), port=0
)
def run(
    command: Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", show_default=False)],
    *,
    scenario: Annotated[
        list[Path] | None, typer.Option("--scenario", help="A file that says what is expected.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds to wait for calls of processes that outlive the command."
        ),
    ] = 0.0,
    settings: Settings,
) -> int:
    """Run a command whose pixels come here, and check them against scenarios.

    Exit code: 2 for a mistake found before the command starts, 3 for incomplete evidence, or else
    the command's own, or else 1 where a scenario is not met. Messages and the report go to stderr.
    """
    scenarios = load_scenarios(scenario or ())
    with _ending_cleanly():
        with emulation(settings) as (journal, emulator):
            end = _run(command, settings, emulator)
            if end.started:
                _settle(scenarios, journal, emulator, wait)
        if end.started:
            return _conclude(scenarios, journal, end, settings.record)
        say(f"pixel-emulator: exit code {end.code}: {end.reason}")
        return end.code


def load_scenarios(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """The scenarios of all files; raises InputError with the mistakes of all of them."""
    scenarios: list[Scenario] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            scenarios += parse(files.read_document(path))
        except InputError as error:
            mistakes += error.mistakes
    if mistakes:
        raise InputError(*mistakes)
    return tuple(scenarios)


def _run(command: Sequence[str], settings: Settings, emulator: "Emulator") -> ChildExit:
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
    return run_child(command, child.over(os.environ))


def _settle(
    scenarios: Sequence[Scenario], journal: Journal, emulator: "Emulator", wait: float
) -> None:
    """Read what the command has sent before its end; then wait for those that it left behind."""
    emulator.drain(_AT_REST)
    if wait:
        journal.wait(lambda _: _are_met(scenarios, journal), wait)
        emulator.drain(_AT_REST)


def _are_met(scenarios: Sequence[Scenario], journal: Journal) -> bool:
    return bool(scenarios) and verify(scenarios, journal.evidence()).status is Status.MET


def _conclude(
    scenarios: Sequence[Scenario], journal: Journal, end: ChildExit, recorded: str
) -> int:
    """Say what arrived and what is to be thought of it; returns the exit code."""
    evidence = journal.evidence()
    colour = wants_colour(sys.stderr)
    if scenarios:
        verdict = verify(scenarios, evidence)
        ours = Exit(verdict.exit_code)
        say(report_text(verdict, width=width(), colour=colour).rstrip("\n"))
        if recorded:
            say(f"recorded to {recorded}")
        if journal.refused_hosts:
            say(f"refused: {', '.join(journal.refused_hosts)}")
    else:
        ours = Exit.INCOMPLETE if evidence.gaps else Exit.MET
        for hit in evidence.hits:
            say(hit_line(hit, colour=colour))
        say(farewell(journal, recorded=recorded))
        if not evidence.connections:
            say("nothing reached the emulator: does the command use the proxy in its environment?")
    code = after_command(ours, end.code)
    if code:
        reason = end.reason if end.code and ours is not Exit.INCOMPLETE else _REASONS[ours]
        say(f"pixel-emulator: exit code {code}: {reason}")
    return code


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Leave by SystemExit on a signal, so that temporary files go and the recording ends."""

    def leave(number: int, _frame: FrameType | None) -> None:
        name = signal.strsignal(number)
        say(f"pixel-emulator: exit code {BY_SIGNAL + number}: ended by signal {number} ({name})")
        raise SystemExit(BY_SIGNAL + number)

    with handling(_ENDING, leave):
        yield
