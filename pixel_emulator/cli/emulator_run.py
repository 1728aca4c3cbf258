"""One run of the emulator for a command: journal, recording and proxy, put together."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_emulator.cli.outcome import stopped_by
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.text.display import quoted
from pixel_emulator.core.times import clock
from pixel_emulator.runner.actions import missing_files
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator


@contextmanager
def needs_mitmproxy() -> Iterator[None]:
    """Around an import: without the extra `proxy` it becomes a mistake that says what to type."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            InputIssue(
                f"this command needs mitmproxy, and {error.name} is not installed: "
                "type `uv tool install 'pixel-emulator[proxy]'`"
            )
        ) from None


@contextmanager
def emulation(
    settings: Settings, scenarios: Sequence[Scenario] = ()
) -> "Iterator[tuple[Journal, Emulator]]":
    """A running emulator; at the end it is stopped and its recording is finished.

    An exception out of the body, or a signal, cuts the run short: the recording says so.

    The first `clock` that is given in the scenarios holds from the beginning, also in the head of
    the recording, and with a `seed` its run has the same id each time. Raises InputError where
    the recording cannot be written, the port is taken, or mitmproxy is not installed.
    """
    clocks = [each.given.clock for each in scenarios if each.given.clock]
    created = clock(clocks[0]) if clocks else None
    seeds = [str(each.given.seed) for each in scenarios if each.given.seed is not None]
    with needs_mitmproxy():
        from pixel_emulator.proxy.emulator import Emulator
    journal = Journal(
        settings, recorder=open_recording(settings, created=created, seed=" ".join(seeds))
    )
    journal.begin_run(created)
    try:
        with Emulator(settings, journal) as emulator:
            yield journal, emulator
    except BaseException as error:
        journal.interrupted(stopped_by(error))
        raise
    finally:
        journal.close()


_SCENARIOS = (".yaml", ".yml", ".json")


def check_who_acts(scenarios: Sequence[Scenario], command: Sequence[str] | None) -> None:
    """See that somebody acts, and not both: the command, or each of the scenarios.

    Raises InputError otherwise.
    """
    if scenarios and command and _is_scenario(Path(command[0])):
        message = f"{command[0]} is no command: write --scenario before each scenario"
        raise InputError(InputIssue(message))
    mistakes = dict.fromkeys(_mistakes(scenarios, command)) or tuple(missing_files(scenarios))
    if mistakes:
        raise InputError(*mistakes)


def _mistakes(scenarios: Sequence[Scenario], command: Sequence[str] | None) -> Iterator[InputIssue]:
    if command and len({each.given.clock for each in scenarios if each.given.clock}) > 1:
        yield InputIssue("the scenarios share one run, and want several clocks for it")
    if not command and not scenarios:
        yield InputIssue("give a command behind `--`, or a --scenario that has a `do`")
    for each in scenarios:
        name = quoted(each.name) if each.name and not each.case else "this scenario"
        if command and each.has_actions:
            both = f"{name} acts by itself (`do`), so it takes no command"
            yield InputIssue(f"{both}: run it alone, or without its `do`", each.location)
        elif not command and not each.has_actions:
            none = f"{name} does nothing by itself: give a command behind `--`"
            yield InputIssue(f"{none}, or write a `do` into it", each.location)


def _is_scenario(path: Path) -> bool:
    """Whether a file looks like one of several that a shell made of `--scenario *.yaml`."""
    return path.suffix in _SCENARIOS and path.is_file() and not os.access(path, os.X_OK)
