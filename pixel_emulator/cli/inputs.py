"""The scenarios that a command is about: `--scenario`, `--tag` and `--let`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence
from pixel_emulator.core.parser.definitions import NAME
from pixel_emulator.core.problems.classify import MessageIds
from pixel_emulator.core.recordings.recording import Recording, Redaction
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.scenarios.model import Scenario, select_by_tags
from pixel_emulator.core.text import json_codec
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.runtime.output import run_keys

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
    return select_by_tags(load_scenarios(paths, given=given), tags or ())


Lets = Annotated[
    list[str] | None,
    typer.Option("--let", metavar="NAME=VALUE", help="A value of a scenario's variable."),
]
"""The option, as the annotation of a command's parameter."""


def read_lets(texts: Iterable[str] | None) -> dict[str, JSON]:
    """The values by name. JSON's scalars are resolved, everything else is text.

    Raises InputError for what is no `name=value`, and for a name that is given twice.
    """
    given: dict[str, JSON] = {}
    mistakes = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not NAME.fullmatch(name):
            mistakes.append(InputIssue(f"--let {text}: write it as name=value"))
        elif name in given:
            mistakes.append(InputIssue(f"--let {text}: `{name}` is given twice"))
        else:
            given[name] = _scalar(value)
    if mistakes:
        raise InputError(*mistakes)
    return given


def _scalar(text: str) -> JSON:
    try:
        value = json_codec.parse(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list | str) else value


def read_evidence(paths: Sequence[Path], *, allow_open: bool = False) -> Evidence:
    """The evidence of recordings, as of one run.

    Raises InputError for what is no recording, and where two of them hold the same run.
    """
    found = [read(path) for path in paths]
    refuse_repeats(found)
    return union([each.evidence(allow_open=allow_open) for each in found])


def read(path: Path) -> Recording:
    """Read a recording; if its write keys are not masked, they are in what is printed of it.

    Raises InputError as `read_write.read_recording` does.
    """
    found = read_write.read_recording(path)
    if found.head.redaction is Redaction.NONE:
        keys = run_keys()
        for hit in found.hits:
            keys.learn(hit)
    return found


def union(evidences: Sequence[Evidence]) -> Evidence:
    """The evidence of several recordings as that of one run, in order of time.

    One recording stays as it is; the calls of several are counted anew, and a messageId that one
    of them has makes duplicates of the calls in the others.
    """
    if len(evidences) == 1:
        return evidences[0]
    masked = any(each.masked for each in evidences)
    parts = [
        tuple(map(redact, each.hits)) if masked and not each.masked else each.hits
        for each in evidences
    ]
    # Not sorted: with `given.clock` the times of one recording may well go back.
    hits = list(merge(*parts, key=lambda hit: hit.time))
    seen = MessageIds()
    for index, hit in enumerate(hits):
        hits[index] = seen.judge(replace(hit, seq=index + 1))
    return Evidence(
        hits=tuple(hits),
        connections=sum(each.connections for each in evidences),
        gaps=tuple(gap for each in evidences for gap in each.gaps),
        masked=masked,
        acted={title: time for each in evidences for title, time in each.acted.items()},
    )


def refuse_repeats(recordings: Sequence[Recording]) -> None:
    """See that no run is there twice. Raises InputError otherwise."""
    first_of: dict[tuple[str, str | None], Recording] = {}
    for each in recordings:
        first = first_of.setdefault((each.head.run, each.head.shard), each)
        if first is not each:
            message = f"holds the same run as {first.file}: its calls would count twice"
            raise InputError(InputIssue(message, Location(each.file)))
