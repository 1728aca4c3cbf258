"""`verify`: the same assertion offline, on recordings."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from heapq import merge
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator import files
from pixel_emulator.cli.decode import one_of
from pixel_emulator.cli.lets import Lets, read_lets
from pixel_emulator.cli.reports import (
    FORMATS,
    Reports,
    check_reports,
    for_terminal,
    write_reports,
)
from pixel_emulator.cli.terminal import show
from pixel_emulator.core.calls import Evidence
from pixel_emulator.core.mistakes import InputError, Location, Mistake
from pixel_emulator.core.problems.duplicates import SeenMessages
from pixel_emulator.core.recordings.recording import Recording
from pixel_emulator.core.recordings.redaction import redact
from pixel_emulator.core.verdicts.verify import verify as judge
from pixel_emulator.scenario_files import load_scenarios


def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="SCENARIO... RECORDING...", help="Told apart by what they hold."),
    ],
    *,
    allow_open: Annotated[
        bool, typer.Option("--allow-open", help="Accept a recording without an end.")
    ] = False,
    let: Lets = None,
    report: Reports = None,
    output: Annotated[str, typer.Option("--format", help="text, json or junit.")] = "text",
) -> int:
    """Assert recordings against scenarios; several recordings count as one run.

    Exit code: 0 met, 1 unmet, 2 a mistake in a file, 3 incomplete evidence.
    """
    one_of("--format", output, FORMATS)
    check_reports(report, paths)
    recordings = [path for path in paths if files.is_recording(path)]
    scenarios = load_scenarios(
        (path for path in paths if path not in recordings), given=read_lets(let)
    )
    if not scenarios or not recordings:
        missing = "scenario" if recordings else "recording"
        raise InputError(
            Mistake(f"verify needs at least one scenario and one recording: no {missing}")
        )
    found = [files.read_recording(path) for path in recordings]
    _refuse_repeats(found)
    verdict = judge(scenarios, union([each.evidence(allow_open=allow_open) for each in found]))
    write_reports(report, verdict)
    text = for_terminal(verdict, sys.stdout) if output == "text" else FORMATS[output](verdict)
    show(text.rstrip("\n"))
    return verdict.exit_code


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
    seen = SeenMessages()
    for index, hit in enumerate(hits):
        outcome, problems = seen.judge(hit.call, hit.outcome, hit.problems)
        hits[index] = replace(hit, seq=index + 1, outcome=outcome, problems=problems)
    return Evidence(
        hits=tuple(hits),
        connections=sum(each.connections for each in evidences),
        gaps=tuple(gap for each in evidences for gap in each.gaps),
        masked=masked,
        acted={title: time for each in evidences for title, time in each.acted.items()},
    )


def _refuse_repeats(recordings: Sequence[Recording]) -> None:
    files_of: dict[tuple[str, str | None], str] = {}
    for each in recordings:
        first = files_of.setdefault((each.head.run, each.head.shard), each.file)
        if first is not each.file:
            message = f"holds the same run as {first}: its calls would count twice"
            raise InputError(Mistake(message, Location(each.file)))
