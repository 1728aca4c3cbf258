"""The scenarios and recordings of a command: options `--tag`, `--let`, `--allow-open`."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from pathlib import Path

from pixel_emulator.cli.commands import option
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence, hits_of, renumbered
from pixel_emulator.core.parser.definitions import NAME
from pixel_emulator.core.problems.classify import MessageIds
from pixel_emulator.core.recordings.recording import Recording, Redaction
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.scenarios.scenario import Scenario, select_by_tags
from pixel_emulator.core.text import json_codec
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.runtime.output import run_keys

tag_option = option(
    "--tag",
    metavar="TAG",
    multiple=True,
    help="Only scenarios with this tag; of several tags one is enough. '!TAG' leaves out.",
)
let_option = option(
    "--let", metavar="NAME=VALUE", multiple=True, help="A value of a scenario's variable."
)
allow_open_option = option("--allow-open", is_flag=True, help="Accept a recording without an end.")


def load_selected(
    paths: Sequence[Path], tags: Sequence[str], given: Mapping[str, JSON]
) -> tuple[Scenario, ...]:
    """Return the scenarios of files and folders that the tags select.

    Raises InputError with the issues of all files, and SelectionError if nothing is selected.
    """
    return select_by_tags(load_scenarios(paths, given=given), tags)


def parse_variables(texts: Iterable[str]) -> dict[str, JSON]:
    """Return the values by name. JSON's scalars are parsed, everything else is text.

    Raises InputError for a text that is not `name=value`, and for a name that is given twice.
    """
    values: dict[str, JSON] = {}
    issues = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not NAME.fullmatch(name):
            issues.append(InputIssue(f"--let {text}: write it as name=value"))
        elif name in values:
            issues.append(InputIssue(f"--let {text}: `{name}` is given twice"))
        else:
            values[name] = _scalar(value)
    if issues:
        raise InputError(*issues)
    return values


def _scalar(text: str) -> JSON:
    try:
        value = json_codec.parse(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list | str) else value


def read_evidence(paths: Sequence[Path], *, allow_open: bool = False) -> Evidence:
    """Return the evidence of recordings as that of one run.

    Raises InputError for a file that is no recording, and if two of them hold the same run.
    """
    recordings = [read_recording(path) for path in paths]
    check_runs_differ(recordings)
    return merged_evidence([recording.evidence(allow_open=allow_open) for recording in recordings])


def read_recording(path: Path) -> Recording:
    """Return a recording. If its write keys are not masked, they are masked in what is printed of
    it.

    Raises InputError as `read_write.read_recording` does.
    """
    recording = read_write.read_recording(path)
    if recording.head.redaction is Redaction.NONE:
        keys = run_keys()
        for exchange in recording.exchanges:
            keys.learn(exchange)
    return recording


def merged_evidence(evidences: Sequence[Evidence]) -> Evidence:
    """Return the evidence of several recordings as that of one run, in order of time.

    The evidence of one recording stays as it is. The calls of several are numbered anew, and calls
    that share a messageId across recordings become duplicates.
    """
    if len(evidences) == 1:
        return evidences[0]
    masked = any(evidence.masked for evidence in evidences)
    parts = [
        map(redact, evidence.exchanges) if masked and not evidence.masked else evidence.exchanges
        for evidence in evidences
    ]
    # Merged, not sorted: with `given.clock` the times within one recording may go back.
    exchanges = renumbered(merge(*parts, key=lambda exchange: exchange.time))
    return Evidence(
        hits=hits_of(map(MessageIds().check, exchanges)),
        connections=sum(evidence.connections for evidence in evidences),
        gaps=tuple(gap for evidence in evidences for gap in evidence.gaps),
        masked=masked,
        acted={title: time for evidence in evidences for title, time in evidence.acted.items()},
    )


def check_runs_differ(recordings: Sequence[Recording]) -> None:
    """Raises InputError if two recordings hold the same run."""
    first_of: dict[tuple[str, str | None], Recording] = {}
    for recording in recordings:
        first = first_of.setdefault((recording.head.run, recording.head.shard), recording)
        if first is not recording:
            message = f"holds the same run as {first.file}: its calls would count twice"
            raise InputError(InputIssue(message, Location(recording.file)))
