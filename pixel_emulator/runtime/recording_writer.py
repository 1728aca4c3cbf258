"""Writing a recording, call by call: nothing that was written is ever lost."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Dialect, Hit
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.fast_entry import next_entry
from pixel_emulator.core.recordings.recording import Clock, End, Head, Redaction
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.read_write import read_entries
from pixel_emulator.files.recording_file import HEADING, RecordingFile
from pixel_emulator.runtime.clock import utc_now
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings


class RecordingChangedError(OSError):
    """Another program has deleted, moved, replaced or changed the recording; each argument is a
    sentence about it."""


class RecordingSink(Protocol):
    """What a journal writes to; `append` and `close` raise OSError where that fails."""

    @property
    def masks(self) -> bool:
        """Whether write keys are masked in what is written."""

    @property
    def put_back(self) -> bool:
        """True once an earlier recording is back in the file, because no call arrived."""

    def append(self, *hits: Hit) -> None:
        """Hand hits to the operating system, all with one write."""

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`, as they were written.

        Raises InputError where they cannot be read.
        """

    def close(self, end: End) -> None:
        """Write the end of the recording and close it.

        Raises RecordingChangedError if the file is not as it was left.
        """

    def abandon(self) -> None:
        """Close the recording without an end."""


class SinkGuard:
    """A recorder, or none. What fails is returned as sentences; a journal guards it."""

    def __init__(self, recorder: RecordingSink | None) -> None:
        self._recorder = recorder
        self._open = recorder is not None

    @property
    def keeps(self) -> bool:
        """Whether what was written can be read."""
        return self._recorder is not None

    @property
    def masks(self) -> bool:
        """Whether what is read has its write keys masked."""
        return self._recorder is not None and self._recorder.masks

    @property
    def put_back(self) -> bool:
        """True once an earlier recording is back in the file, because no call arrived."""
        return self._recorder is not None and self._recorder.put_back

    def write(self, hits: list[Hit]) -> Iterator[str]:
        """Write hits down; after a failure nothing more: a hole would be seen by nobody."""
        if self._recorder is None or not self._open:
            return
        try:
            self._recorder.append(*hits)
        except OSError as error:
            self._recorder.abandon()
            self._open = False
            for hit in hits:
                yield f"call #{hit.seq} could not be recorded: {error}"

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`. Raises InputError."""
        return self._recorder.read(start, end) if self._recorder else ()

    def close(self, end: End) -> Iterator[str]:
        """End the recording, if it is open."""
        if self._recorder is None or not self._open:
            return
        self._open = False
        try:
            self._recorder.close(end)
        except RecordingChangedError as changed:
            yield from map(str, changed.args)
        except OSError as error:
            yield f"the end of the recording could not be written: {error}"


_BLOCK = 256
"""Entries that are read back together, so that not every place in the file is remembered."""


class RecordingWriter:
    """A recording that is being written: complete and loadable after every call.

    An entry is handed to the operating system with one write; killing the process loses none.
    The first one replaces an earlier recording (see `RecordingFile`). `known` are write keys that
    are masked even where nothing says that they are keys. Raises InputError where the file cannot
    be opened, or another recorder writes it.
    """

    def __init__(self, path: str | os.PathLike[str], head: Head, known: Iterable[str] = ()) -> None:
        self._masks = head.redaction is Redaction.WRITE_KEYS
        self._known = run_keys(known)
        text = f"{HEADING}{yaml_writer.write(recording.opening(head))}calls:\n"
        self._file = RecordingFile(path, text.encode())
        self._blocks: list[int] = []  # where each block of entries begins, in bytes
        self._last: dict[str, Hit] = {}  # of each step, by its title
        self.put_back = False

    @property
    def masks(self) -> bool:
        """Whether write keys are masked in what is written."""
        return self._masks

    def append(self, *hits: Hit) -> None:
        """Write hits, all at once. Raises OSError where that fails: then none of them is there."""
        entries = [next_entry(hit, self._known, masks=self._masks).encode() for hit in hits]
        self._file.write(b"".join(entries))
        at = self._file.size - sum(map(len, entries))
        for hit, written in zip(hits, entries, strict=True):
            if (hit.seq - 1) % _BLOCK == 0:
                self._blocks.append(at)
            if hit.step:
                self._last[hit.step] = hit
            at += len(written)
        if hits:
            self.commit()

    def commit(self) -> None:
        """Let this recording replace an earlier one, even if it has no calls."""
        self._file.commit()

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`, as they were written.

        Raises InputError where the file cannot be read, or is another one by now.
        """
        first, last = (start - 1) // _BLOCK, -(-(end - 1) // _BLOCK)
        stop = self._blocks[last] if last < len(self._blocks) else self._file.size
        hits = read_entries(self._file.real, self._blocks[first], stop)
        found = hits[start - 1 - first * _BLOCK :][: end - start]
        if [hit.seq for hit in found] != [*range(start, end)]:
            message = f"holds other calls now where #{start} to #{end - 1} were"
            raise InputError(InputIssue(message, Location(str(self._file.path))))
        return found

    def close(self, end: End) -> None:
        """Write the end and close the file; the titles of its steps read as those of the hits.

        If nothing was written before, an earlier recording is put back instead; `put_back` is True
        then. Raises OSError where the end cannot be written, RecordingChangedError where the file
        is not as it was left (its end says so, too); the file is closed all the same.
        """
        known = self._known.keys if self._masks else ()
        stored = {
            title: redact(hit, known).step if self._masks else title
            for title, hit in self._last.items()
        }
        acted = {stored.get(title) or hide(title, known): time for title, time in end.acted.items()}
        try:
            changes = tuple(self._file.changes())
            end = replace(end, acted=acted, gaps=(*end.gaps, *changes))
            # Put back first: with an end the new one would read as one that replaces the other.
            self.put_back = self._file.put_back()
            if not self.put_back:
                self._file.write(yaml_writer.write(recording.ending(end)).encode())
        finally:
            self.abandon()
        if changes:
            raise RecordingChangedError(*changes)

    def abandon(self) -> None:
        """Close the file without an end, so that it reads as open; a closed one stays as it is."""
        self.put_back |= self._file.put_back()
        self._file.close()


def open_recording(
    settings: Settings,
    *,
    created: datetime | None = None,
    seed: str = "",
    clock: Clock = Clock.REAL,
) -> RecordingWriter | None:
    """The recorder that the settings ask for, or None.

    `created` (aware) stands in its head, the time of day without it. With a `seed` the id of the
    run is the same each time. Raises InputError where the file cannot be written, or is something
    else than a recording.
    """
    if not settings.record:
        return None
    head = Head(
        created=created or utc_now(),
        run=sha256(seed.encode()).hexdigest()[:16] if seed else os.urandom(8).hex(),
        tool=version("pixel-emulator"),
        dialect=Dialect(settings.dialect),
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
        clock=clock,
    )
    return RecordingWriter(settings.record, head, settings.sources())
