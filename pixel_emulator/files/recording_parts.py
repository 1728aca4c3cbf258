"""Parts of the recording of a pytest run, one for each session of a test, and their merge.

A list of the parts is kept beside them, so that a part that is deleted during the run is missed.
While the run lasts, its process holds the lock of the recording.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Dialect, Exchange, hits_of, renumbered
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import Clock, End, Head, Recording, Redaction
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.file_io import holder_of
from pixel_emulator.runtime.clock import utc_now
from pixel_emulator.runtime.settings import Settings

_LIST = "parts.txt"
"""Name of the file that lists the parts: `+NAME` for one that begins, `-NAME` for one removed."""


type ReadRecording = Callable[[Path], Recording]
"""Reads one part; it is passed, because `read_write.read_recording` reads whole runs by it."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The recording of a whole run, and reasons why calls may be missing in it."""

    text: str
    calls: int
    gaps: tuple[str, ...]


@dataclass(slots=True)
class _Sum:
    """Sum of the parts."""

    exchanges: list[Exchange] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    connections: int = 0
    acted: dict[str, datetime] = field(default_factory=dict)
    clocks: set[Clock] = field(default_factory=set)


def parts_of(target: Path) -> Path:
    """Return the folder of the parts of a recording. It exists while the run lasts."""
    return target.with_name(f".{target.name}.parts")


def make_folder(folder: Path) -> None:
    """Make the folder of the parts, empty; whatever it held is removed. Raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / _LIST).touch()


def add_part(folder: Path, name: str) -> None:
    """Note that a part of this name begins. Raises OSError, also if the folder is gone."""
    _note_part(folder, f"+{name}")


def remove_part(folder: Path, name: str) -> None:
    """Delete the part of this name, of an earlier attempt of a test. Raises OSError."""
    (folder / name).unlink(missing_ok=True)
    _note_part(folder, f"-{name}")


def _note_part(folder: Path, line: str) -> None:
    file = os.open(folder / _LIST, os.O_WRONLY | os.O_APPEND)  # never creates the file
    try:
        os.write(file, f"{line}\n".encode())  # one write: other workers write to the file, too
    finally:
        os.close(file)


def _deleted(folder: Path) -> Iterator[str]:
    """Yield a sentence if parts, or all of them, are gone."""
    try:
        lines = (folder / _LIST).read_text("ascii").splitlines()
    except OSError:
        yield f"the folder of its parts, {folder.name}, was deleted meanwhile: calls are missing"
        return
    begun = {line[1:]: line[0] == "+" for line in lines}  # the last line of a name counts
    names = [name for name, is_there in begun.items() if is_there]
    if gone := sum(not (folder / name).exists() for name in names):
        were = "was" if gone == 1 else "were"
        yield f"{gone} of its {len(names)} parts {were} deleted meanwhile: calls are missing"


def merge(
    folder: Path, settings: Settings, more_gaps: Iterable[str], read: ReadRecording
) -> Merged:
    """Return all parts in a folder as one recording. `more_gaps` are further reasons for missing
    calls.

    The order is that of the tests' ids, so it makes no difference which worker ran which test, and
    when: with the same calls at the same times, the text is the same. The id of the run is made
    from its calls.
    """
    total = _Sum()
    dialect = Dialect(settings.dialect)
    for name, part in _parts(folder, total.gaps, read):
        _add(total, name, part, dialect)
    total.gaps += _deleted(folder)
    total.gaps += more_gaps
    exchanges = [*renumbered(total.exchanges)]
    hits = hits_of(exchanges)
    entries = yaml_writer.write([entry(exchange) for exchange in exchanges]) if exchanges else ""
    end = End(
        calls=len(hits),
        connections=total.connections,
        gaps=tuple(total.gaps),
        acted=total.acted,
    )
    head = Head(
        created=min((exchange.time for exchange in exchanges), default=utc_now()),
        run=sha256(entries.encode()).hexdigest()[:16],
        tool=version("pixel-emulator"),
        dialect=dialect,
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
        clock=next(iter(total.clocks), Clock.REAL) if len(total.clocks) < 2 else Clock.MIXED,
    )
    text = (
        f"{yaml_writer.write(recording.head_data(head))}{recording.EXCHANGES}"
        f"{entries}{yaml_writer.write(recording.end_data(end))}"
    )
    return Merged(text, len(hits), end.gaps)


def read_unfinished(target: Path, read: ReadRecording) -> str | None:
    """Return what `rescue` does. Raises InputError if the run is still alive."""
    if not parts_of(target).is_dir():
        return None
    if (holder := holder_of(target)) is not None:
        message = f"is being written by {holder}, a run of pytest: read it when that has ended"
        raise InputError(InputIssue(message, Location(str(target))))
    return rescue(target, read)


def rescue(target: Path, read: ReadRecording) -> str | None:
    """Return the recording of a pytest run that has not merged its parts, or None if there are
    none.

    Its end says that calls may be missing.
    """
    folder = parts_of(target)
    if not folder.is_dir():
        return None
    gaps: list[str] = []
    parts = [part for _, part in _parts(folder, gaps, read)]
    known = f"{len(parts)} {'part' if len(parts) == 1 else 'parts'} of it in {folder}"
    why = f"its run of pytest is not over, or was killed ({known}): calls may be missing"
    head = parts[0].head if parts else Head(created=utc_now(), run="", tool="")
    settings = Settings(
        dialect=head.dialect, keep_write_keys=head.redaction is Redaction.NONE, port=0
    )
    return merge(folder, settings, [why], read).text


def _parts(folder: Path, gaps: list[str], read: ReadRecording) -> Iterator[tuple[str, Recording]]:
    """Yield the parts sorted by the ids of their tests, including those of processes that died."""
    parts = []
    for path in folder.glob("*.yaml"):
        try:
            part = read(path)
        except InputError as error:
            gaps.append(f"a part of the recording cannot be read: {error.issues[0].message}")
        else:
            parts.append((part.head.shard or "", path.name.split(".", 1)[1], part))
    for test, _, part in sorted(parts, key=lambda item: item[:2]):
        # In the step of a call, all write keys of the test's id are masked, also unnamed ones.
        yield next((hit.step for hit in part.hits), test), part


def _add(total: _Sum, name: str, part: Recording, dialect: Dialect) -> None:
    if part.head.dialect is not dialect:
        why = f"it is classified as `{part.head.dialect}`, and this recording is `{dialect}`"
        total.gaps.append(f"{name}: its calls are left out: {why}")
        return
    total.exchanges += part.exchanges
    if part.exchanges:
        total.clocks.add(part.head.clock)
    if part.end is None:
        total.gaps.append(f"{name}: its recording was cut off: calls may be missing")
        return
    total.connections += part.end.connections
    total.gaps += [f"{name}: {gap}" for gap in part.end.gaps]
    _keep_latest(total.acted, part.end.acted)


def _keep_latest(acted: dict[str, datetime], later: Mapping[str, datetime]) -> None:
    for title, time in later.items():
        acted[title] = max(time, acted.get(title, time))
