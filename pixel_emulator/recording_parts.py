"""The parts of a run of pytest, one a session of a test, and the recording that they make."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from pixel_emulator import files
from pixel_emulator.clock import utc_now
from pixel_emulator.config import Settings
from pixel_emulator.core import yaml_text
from pixel_emulator.core.calls import Dialect, Hit
from pixel_emulator.core.mistakes import InputError
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import Clock, End, Head, Recording, Redaction
from pixel_emulator.core.schemas.parts import schema_line


@dataclass(frozen=True, slots=True)
class Merged:
    """A recording of a whole run, and why calls may be missing in it."""

    text: str
    calls: int
    gaps: tuple[str, ...]


@dataclass(slots=True)
class _Sum:
    """What the parts come to."""

    hits: list[Hit] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    connections: int = 0
    acted: dict[str, datetime] = field(default_factory=dict)
    clocks: set[Clock] = field(default_factory=set)


def parts_of(target: Path) -> Path:
    """Return the folder of the parts of a recording. It is there as long as the run lasts."""
    return target.with_name(f".{target.name}.parts")


def merge(folder: Path, settings: Settings, more_gaps: Iterable[str]) -> Merged:
    """All parts in a folder as one recording. `more_gaps` are reasons why others may be missing.

    The order is that of the tests' ids, so who ran which test, and when, makes no difference: with
    the same calls at the same times the text is the same. The id of the run is made of its calls.
    """
    total = _Sum()
    dialect = Dialect(settings.dialect)
    for name, found in _parts(folder, total.gaps):
        _add(total, name, found, dialect)
    total.gaps += more_gaps
    hits = [replace(hit, seq=number) for number, hit in enumerate(total.hits, 1)]
    calls = yaml_text.write([entry(hit) for hit in hits]) if hits else ""
    end = End(
        calls=len(hits),
        connections=total.connections,
        gaps=tuple(total.gaps),
        acted=total.acted,
    )
    head = Head(
        created=min((hit.time for hit in hits), default=utc_now()),
        run=sha256(calls.encode()).hexdigest()[:16],
        tool=version("pixel-emulator"),
        dialect=dialect,
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
        clock=next(iter(total.clocks), Clock.REAL) if len(total.clocks) < 2 else Clock.MIXED,
    )
    text = (
        f"{schema_line('recording')}\n{yaml_text.write(recording.opening(head))}calls:\n"
        f"{calls}{yaml_text.write(recording.ending(end))}"
    )
    return Merged(text, len(hits), end.gaps)


def rescue(target: Path) -> str | None:
    """Return the recording of a run of pytest that has not put its parts together, or None.

    Its end says that calls may be missing.
    """
    folder = parts_of(target)
    if not folder.is_dir():
        return None
    gaps: list[str] = []
    parts = [part for _, part in _parts(folder, gaps)]
    known = f"{len(parts)} {'part' if len(parts) == 1 else 'parts'} of it in {folder}"
    why = f"its run of pytest is not over, or was killed ({known}): calls may be missing"
    head = parts[0].head if parts else Head(created=utc_now(), run="", tool="")
    settings = Settings(
        dialect=head.dialect, keep_write_keys=head.redaction is Redaction.NONE, port=0
    )
    return merge(folder, settings, [why]).text


def _parts(folder: Path, gaps: list[str]) -> Iterator[tuple[str, Recording]]:
    """The parts by the ids of their tests; the one of a process that has died is read, too."""
    found = []
    for path in folder.glob("*.yaml"):
        try:
            part = files.read_recording(path)
        except InputError as error:
            gaps.append(f"a part of the recording cannot be read: {error.mistakes[0].message}")
        else:
            found.append((part.head.shard or "", path.name.split(".", 1)[1], part))
    for test, _, part in sorted(found, key=lambda each: each[:2]):
        # In a call the id has its write keys masked, also those that nobody has named.
        yield next((hit.step for hit in part.hits), test), part


def _add(total: _Sum, name: str, part: Recording, dialect: Dialect) -> None:
    if part.head.dialect is not dialect:
        why = f"it is judged as `{part.head.dialect}`, and this recording is `{dialect}`"
        total.gaps.append(f"{name}: its calls are left out: {why}")
        return
    total.hits += part.hits
    if part.hits:
        total.clocks.add(part.head.clock)
    if part.end is None:
        total.gaps.append(f"{name}: its recording was cut off: calls may be missing")
        return
    total.connections += part.end.connections
    total.gaps += [f"{name}: {gap}" for gap in part.end.gaps]
    _note(total.acted, part.end.acted)


def _note(acted: dict[str, datetime], more: Mapping[str, datetime]) -> None:
    for title, time in more.items():
        acted[title] = max(time, acted.get(title, time))
