"""`recording show`, `state` and `migrate`: calls, the profiles that they make, and old files."""

import sys
from pathlib import Path

from pixel_emulator.cli.commands import PATH, argument, command, option, takes_settings
from pixel_emulator.cli.decode import FORMATS, lines_format_option, one_of
from pixel_emulator.cli.inputs import allow_open_option, read_evidence, read_recording
from pixel_emulator.cli.terminal import ExitCode, print_message, wants_colour, width
from pixel_emulator.cli.terminal import print_result as show_text
from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence, Hit, Payload, exchanges_of
from pixel_emulator.core.profiles.identity import fold
from pixel_emulator.core.profiles.profile import profile_issues
from pixel_emulator.core.recordings.entry import entry, time_text
from pixel_emulator.core.text import json_codec, yaml_writer
from pixel_emulator.files import read_write
from pixel_emulator.runtime.settings import Settings

STATE_FORMATS = ("yaml", "json")

recordings_argument = argument(
    "recordings",
    metavar="RECORDING...",
    nargs=-1,
    required=True,
    type=PATH,
    help="Several count as one run.",
)


@command(example="pixel-emulator recording show calls.yaml 1")
@argument("recording", metavar="RECORDING", type=PATH)
@argument(
    "numbers",
    metavar="SEQ...",
    nargs=-1,
    required=False,
    type=int,
    help="Numbers of calls; else all.",
)
@lines_format_option
@takes_settings("keep_write_keys")
def show(recording: Path, numbers: tuple[int, ...], *, output: str, settings: Settings) -> int:
    """Explain the calls of a recording as `decode` does, each with its whole URL."""
    one_of("--format", output, FORMATS)
    content = read_recording(recording)
    hits = {hit.seq: hit for hit in content.hits}
    unknown = [number for number in numbers if number not in hits]
    if unknown:
        message = f"has no call {unknown[0]}; its calls are 1 to {max(hits, default=0)}"
        raise InputError(InputIssue(message if hits else "has no calls", Location(str(recording))))
    shown = [hits[number] for number in numbers or hits]
    if output == "json":
        texts = [json_codec.write(entry(exchange)) for exchange in exchanges_of(shown)]
    else:
        colour = wants_colour(sys.stdout)
        texts = [as_text(hit, width=width(), colour=colour) for hit in shown]
    for text in texts:
        show_text(text, keep_write_keys=settings.keep_write_keys)
    print_gaps(content.evidence(allow_open=True))
    return ExitCode.MET


def as_text(hit: Hit, *, width: int, colour: bool) -> str:
    """Return one recorded call as text for people."""
    request, call = hit.request, hit.call
    word = call_text.outcome_word(hit.outcome, colour=colour)
    client = f"  from {request.client}" if request.client else ""
    lines = [
        f"#{hit.seq}  {word} {call_text.title(call, request)}",
        f"  {time_text(hit.time)}{client}",
        f"  {request.method} {request.url}",
        *([f"  {place}"] if (place := call_text.place(hit)) else []),
    ]
    if call is not None:
        lines.append(f"  {call_text.encoding_text(call)}")
        lines += [f"    {text}" for text in call_text.payload_text(call).splitlines()]
    problems = call_text.problem_lines(hit.problems, width=width - 2, colour=colour)
    return "\n".join([*lines, *(f"  {text}" for text in problems), ""])


@command(example="pixel-emulator recording state calls.yaml")
@recordings_argument
@option("--given", type=PATH, help="Profiles from before, in the shape that this prints.")
@option("--format", "output", default="yaml", choices=STATE_FORMATS, help="yaml or json.")
@allow_open_option
def state(
    recordings: tuple[Path, ...], *, given: Path | None, output: str, allow_open: bool
) -> int:
    """Print the profiles that the calls of a recording create: traits, ids, groups, events.

    Exit code: 0, 2 a mistake in a file, 3 calls may be missing.
    """
    one_of("--format", output, STATE_FORMATS)
    profiles = _profiles(given) if given else {}
    evidence = read_evidence(recordings, allow_open=allow_open)
    data = fold(evidence.hits, profiles).as_data()
    show_text(formatted(data, output))
    return print_gaps(evidence)


@command(example="pixel-emulator recording migrate calls.yaml")
@argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=PATH)
@option("--output", "-o", type=PATH, help="A new file, instead of in place.")
def migrate(recordings: tuple[Path, ...], *, output: Path | None) -> int:
    """Rewrite recordings of the layout before `exchanges:` in today's layout.

    Digests, ends and gaps stay, so a recording verifies as before.
    """
    if output is not None and len(recordings) > 1:
        raise InputError(InputIssue("--output: give one recording"))
    issues: list[InputIssue] = []
    for path in recordings:
        try:
            migrated = read_write.migrate_recording(path, output)
        except InputError as error:
            issues += error.issues
            continue
        what = "is in today's layout already: nothing is written"
        if migrated:
            what = "is rewritten" if output is None else f"is rewritten to {output}"
        print_message(f"pixel-emulator: {path} {what}")
    if issues:
        raise InputError(*issues)
    return ExitCode.MET


def formatted(data: Payload, output: str) -> str:
    """Return data as JSON, or as YAML in which values that nest too deep are JSON texts."""
    if output == "json":
        return json_codec.write(data, indent=2)
    return yaml_writer.write(_with_deep_values_as_text(data, 4)).rstrip("\n")


def print_gaps(evidence: Evidence) -> ExitCode:
    """Print what may be missing, and return the exit code for it."""
    for gap in evidence.gaps:
        print_message(f"pixel-emulator: incomplete: {gap}")
    return ExitCode.INCOMPLETE if evidence.gaps else ExitCode.MET


def _profiles(path: Path) -> Payload:
    document = read_write.read_document(path)
    issues = [document.issue(words, *at) for at, words in profile_issues(document.data)]
    if issues or not isinstance(document.data, dict):
        raise InputError(*issues)
    return document.data


def _with_deep_values_as_text(value: JSON, levels: int) -> JSON:
    """Return the value with what nests too deep for YAML as JSON text, down to `levels` of maps."""
    if not yaml_writer.is_too_deep(value):
        return value
    if levels and isinstance(value, dict):
        return {key: _with_deep_values_as_text(member, levels - 1) for key, member in value.items()}
    return json_codec.write(value)
