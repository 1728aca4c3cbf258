"""Who acts in a run: a command, or the scenarios themselves."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.text.display import quoted
from pixel_emulator.runner.actions import missing_files

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
        if command and each.acts:
            both = f"{name} acts by itself (`do`), so it takes no command"
            yield InputIssue(f"{both}: run it alone, or without its `do`", each.location)
        elif not command and not each.acts:
            none = f"{name} does nothing by itself: give a command behind `--`"
            yield InputIssue(f"{none}, or write a `do` into it", each.location)


def _is_scenario(path: Path) -> bool:
    """Whether a file looks like one of several that a shell made of `--scenario *.yaml`."""
    return path.suffix in _SCENARIOS and path.is_file() and not os.access(path, os.X_OK)
