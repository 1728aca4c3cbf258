"""`scenario check` and `scenario schema`: scenario files without a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.cli.decode import one_of
from pixel_emulator.cli.lets import Lets, read_lets
from pixel_emulator.cli.terminal import show
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.files.scenario_loader import ScenarioFile, mistakes_of, read_files

KINDS = ("scenario", "recording")


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.")],
    *,
    let: Lets = None,
) -> int:
    """Check scenario files without running them.

    Exit code: 0 if all are well, 2 if there is a mistake; each is shown with its place.
    """
    given = read_lets(let)
    found = read_files(files, given=given)
    for each in found:
        if not each.mistakes:
            show(f"{each.path}: {_summary(each)}")
    if mistakes := mistakes_of(found, given):
        raise InputError(*mistakes)
    return 0


def schema(
    *,
    kind: Annotated[str, typer.Option("--kind", help="scenario or recording.")] = "scenario",
) -> int:
    """Print the JSON Schema of scenario files or of recordings, for an editor."""
    from pixel_emulator.core.schemas import recording_schema, scenario_schema  # noqa: PLC0415 - big

    one_of("--kind", kind, KINDS)
    made = {
        "scenario": scenario_schema.scenario_schema,
        "recording": recording_schema.recording_schema,
    }
    sys.stdout.write(json_codec.write(made[kind](), indent=2) + "\n")
    return 0


def _summary(file: ScenarioFile) -> str:
    """`1 scenario, 2 cases, 3 expectations`; a scenario counts once, with all of its cases."""
    scenarios: dict[object, Scenario] = {}
    for each in file.scenarios:
        scenarios.setdefault(each.location, each)
    counts = {
        "scenario": len(scenarios),
        "case": sum(bool(each.case) for each in file.scenarios),
        "expectation": sum(len(each.expectations) for each in scenarios.values()),
        "definition": file.definitions,
    }
    always = ("scenario", "expectation") if scenarios else ()
    said = [_count(n, word) for word, n in counts.items() if n or word in always]
    return ", ".join(said) or "nothing"


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
