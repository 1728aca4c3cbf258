"""The scenarios that a command is about: `--scenario`, `--tag` and `--let`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.core.model import JSON
from pixel_emulator.core.scenarios.model import Scenario, choose
from pixel_emulator.files.scenario_loader import load_scenarios

Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Only scenarios with this tag; of several tags one is enough. '!TAG' leaves out.",
    ),
]
"""The option, as the annotation of a command's parameter."""


def load_chosen(
    paths: Sequence[Path], tags: Sequence[str] | None, given: Mapping[str, JSON]
) -> tuple[Scenario, ...]:
    """The scenarios of files and folders, as far as they are chosen.

    Raises InputError for the mistakes of all files, chosen or not, and SelectionError where
    nothing is chosen.
    """
    return choose(load_scenarios(paths, given=given), tags or ())
