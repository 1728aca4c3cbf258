"""`recording show` and `recording state`: what a recording holds, and what it means."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.cli.decode import FORMATS, one_of
from pixel_emulator.cli.inputs import read, read_evidence
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.terminal import Exit, say, wants_colour, width
from pixel_emulator.cli.terminal import show as show_text
from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence, Hit, Payload
from pixel_emulator.core.profiles.identity import fold
from pixel_emulator.core.profiles.profile import profile_issues
from pixel_emulator.core.recordings.entry import entry, time_text
from pixel_emulator.core.text import json_codec, yaml_writer
from pixel_emulator.files import read_write
from pixel_emulator.runtime.settings import Settings

STATE_FORMATS = ("yaml", "json")

Recordings = Annotated[
    list[Path], typer.Argument(metavar="RECORDING...", help="Several count as one run.")
]
AllowOpen = Annotated[bool, typer.Option("--allow-open", help="Accept a recording without an end.")]


@takes_settings("keep_write_keys")
def show(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING")],
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="SEQ...", help="Numbers of calls; else all.")
    ] = None,
    *,
    output: Annotated[str, typer.Option("--format", help="text, or json: an object a line.")] = (
        "text"
    ),
    settings: Settings,
) -> int:
    """Explain the calls of a recording as `decode` does, each with its whole URL."""
    one_of("--format", output, FORMATS)
    found = read(recording)
    hits = {hit.seq: hit for hit in found.hits}
    unknown = [number for number in numbers or () if number not in hits]
    if unknown:
        message = f"has no call {unknown[0]}; its calls are 1 to {max(hits, default=0)}"
        raise InputError(InputIssue(message if hits else "has no calls", Location(str(recording))))
    for number in numbers or hits:
        if output == "json":
            text = json_codec.write(entry(hits[number]))
        else:
            text = as_text(hits[number], width=width(), colour=wants_colour(sys.stdout))
        show_text(text, keep_write_keys=settings.keep_write_keys)
    say_gaps(found.evidence(allow_open=True))
    return Exit.MET


def as_text(hit: Hit, *, width: int, colour: bool) -> str:
    """One recorded call for a person."""
    request, call = hit.request, hit.call
    word = call_text.outcome_word(hit.outcome, colour=colour)
    client = f"  from {request.client}" if request.client else ""
    lines = [
        f"#{hit.seq}  {word} {call_text.title(call, request)}",
        f"  {time_text(hit.time)}{client}",
        f"  {request.method} {request.url}",
    ]
    if call is not None:
        lines.append(f"  {call_text.encoding_text(call)}")
        lines += [f"    {text}" for text in call_text.payload_text(call).splitlines()]
    found = call_text.problem_lines(hit.problems, width=width - 2, colour=colour)
    return "\n".join([*lines, *(f"  {text}" for text in found), ""])


def state(
    recordings: Recordings,
    *,
    given: Annotated[
        Path | None,
        typer.Option("--given", help="Profiles from before, in the shape that this prints."),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="yaml or json.")] = "yaml",
    allow_open: AllowOpen = False,
) -> int:
    """Print the profiles that the calls of a recording come to: traits, ids, groups, events.

    Exit code: 0, 2 a mistake in a file, 3 calls may be missing.
    """
    one_of("--format", output, STATE_FORMATS)
    profiles = _profiles(given) if given else {}
    evidence = read_evidence(recordings, allow_open=allow_open)
    data = fold(evidence.hits, profiles).as_data()
    show_text(plain_text(data, output))
    return say_gaps(evidence)


def plain_text(data: Payload, output: str) -> str:
    """Data as YAML, in which what nests too deep stands as JSON text, or as JSON."""
    if output == "json":
        return json_codec.write(data, indent=2)
    return yaml_writer.write(_shallow(data, 4)).rstrip("\n")


def say_gaps(evidence: Evidence) -> Exit:
    """Say what may be missing, and give the exit code for it."""
    for gap in evidence.gaps:
        say(f"pixel-emulator: incomplete: {gap}")
    return Exit.INCOMPLETE if evidence.gaps else Exit.MET


def _profiles(path: Path) -> Payload:
    document = read_write.read_document(path)
    mistakes = [document.mistake(words, *at) for at, words in profile_issues(document.data)]
    if mistakes or not isinstance(document.data, dict):
        raise InputError(*mistakes)
    return document.data


def _shallow(value: JSON, levels: int) -> JSON:
    """The value with what nests too deep for YAML as text, `levels` further down."""
    if not yaml_writer.nests_too_deep(value):
        return value
    if levels and isinstance(value, dict):
        return {key: _shallow(member, levels - 1) for key, member in value.items()}
    return json_codec.write(value)
