"""Write a recording call by call, so that nothing written is ever lost."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from operator import itemgetter
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Dialect, Exchange, Hit, hits_of
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.fast_entry import next_entry
from pixel_emulator.core.recordings.recording import Clock, End, Head, Redaction
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.read_write import read_entries
from pixel_emulator.files.recording_file import RecordingFile
from pixel_emulator.runtime.clock import utc_now
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings


class RecordingChangedError(OSError):
    """Another program has deleted, moved, replaced or changed the recording. Each argument is a
    sentence about it."""


class RecordingSink(Protocol):
    """Destination of a journal. `append` and `close` raise OSError if the write fails."""

    @property
    def masks(self) -> bool:
        """True if write keys are masked in what is written."""

    @property
    def put_back(self) -> bool:
        """True once an earlier recording has its name back because no call arrived."""

    def append(self, *exchanges: Exchange) -> None:
        """Hand exchanges to the operating system, all with one write."""

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """Return the hits from number `start` to before `end`, as they were written.

        Raises InputError if they cannot be read.
        """

    def close(self, end: End) -> None:
        """Write the end of the recording and close it.

        Raises RecordingChangedError if the file is not as it was left.
        """

    def abandon(self) -> None:
        """Close the recording without an end."""


class SinkGuard:
    """A sink, or none, whose failures are returned as sentences. A journal guards it with its
    lock."""

    def __init__(self, sink: RecordingSink | None) -> None:
        self._sink = sink
        self._open = sink is not None

    @property
    def is_readable(self) -> bool:
        """True if what was written can be read back."""
        return self._sink is not None

    @property
    def masks(self) -> bool:
        """True if write keys are masked in what is read back."""
        return self._sink is not None and self._sink.masks

    @property
    def put_back(self) -> bool:
        """True once an earlier recording has its name back because no call arrived."""
        return self._sink is not None and self._sink.put_back

    def write(self, exchanges: list[Exchange]) -> Iterator[str]:
        """Write exchanges, and yield a sentence for each that failed.

        After a failure nothing more is written: nobody would notice the hole.
        """
        if self._sink is None or not self._open:
            return
        try:
            self._sink.append(*exchanges)
        except OSError as error:
            self._sink.abandon()
            self._open = False
            for hit in hits_of(exchanges):
                yield f"call #{hit.seq} could not be recorded: {error}"

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """Return the hits from number `start` to before `end`. Raises InputError if that fails."""
        return self._sink.read(start, end) if self._sink else ()

    def close(self, end: End) -> Iterator[str]:
        """End the recording if it is open; yield a sentence for each failure."""
        if self._sink is None or not self._open:
            return
        self._open = False
        try:
            self._sink.close(end)
        except RecordingChangedError as changed:
            yield from map(str, changed.args)
        except OSError as error:
            yield f"the end of the recording could not be written: {error}"


_BLOCK_ENTRIES = 256
"""Entries that are read back together, so that not every position in the file is remembered."""


class RecordingWriter:
    """Recording that is being written: complete and loadable after every call.

    Each entry is handed to the operating system with one write; killing the process loses none. The
    first one replaces an earlier recording (see `RecordingFile`). `known_keys` are write keys that
    are masked even if nothing marks them as keys. Raises InputError if the file cannot be opened,
    or another process is recording to it.
    """

    def __init__(
        self, path: str | os.PathLike[str], head: Head, known_keys: Iterable[str] = ()
    ) -> None:
        self._masks = head.redaction is Redaction.WRITE_KEYS
        self._keys = run_keys(known_keys)
        text = f"{yaml_writer.write(recording.head_data(head))}{recording.EXCHANGES}"
        self._file = RecordingFile(path, text.encode())
        self._entries = 0
        self._blocks: list[tuple[int, int]] = []  # of each: number of its first call, offset
        self._last_exchanges: dict[str, Exchange] = {}  # by the title of their step
        self.put_back = False

    @property
    def masks(self) -> bool:
        """True if write keys are masked in what is written."""
        return self._masks

    def append(self, *exchanges: Exchange) -> None:
        """Write exchanges, all at once. Raises OSError if that fails; then none is written."""
        entries = [
            next_entry(exchange, self._keys, masks=self._masks).encode() for exchange in exchanges
        ]
        self._file.write(b"".join(entries))
        offset = self._file.size - sum(map(len, entries))
        for exchange, entry in zip(exchanges, entries, strict=True):
            if self._entries % _BLOCK_ENTRIES == 0:
                self._blocks.append((exchange.seq, offset))
            self._entries += 1
            if exchange.step:
                self._last_exchanges[exchange.step] = exchange
            offset += len(entry)
        if exchanges:
            self.commit()

    def commit(self) -> None:
        """Let this recording replace an earlier one, even if it has no calls."""
        self._file.commit()

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """Return the hits from number `start` to before `end`, as they were written.

        Raises InputError if the file cannot be read, or has been replaced.
        """
        first = bisect_right(self._blocks, start, key=itemgetter(0)) - 1
        last = bisect_left(self._blocks, end, key=itemgetter(0))
        stop = self._blocks[last][1] if last < len(self._blocks) else self._file.size
        hits = hits_of(read_entries(self._file.real, self._blocks[first][1], stop))
        hits_read = tuple(hit for hit in hits if start <= hit.seq < end)
        if [hit.seq for hit in hits_read] != [*range(start, end)]:
            message = f"holds other calls now where #{start} to #{end - 1} were"
            raise InputError(InputIssue(message, Location(str(self._file.path))))
        return hits_read

    def close(self, end: End) -> None:
        """Write the end and close the file. The titles of its steps read as those of the exchanges.

        If nothing was written before, an earlier recording gets its name back instead, and
        `put_back` is True. Raises OSError if the end cannot be written, and RecordingChangedError
        if the file is not as it was left (the end says so too); the file is closed in any case.
        """
        keys = self._keys.keys if self._masks else ()
        stored = {
            title: redact(exchange, keys).step if self._masks else title
            for title, exchange in self._last_exchanges.items()
        }
        done = {stored.get(title) or hide(title, keys): time for title, time in end.acted.items()}
        try:
            changes = tuple(self._file.changes())
            end = replace(end, acted=done, gaps=(*end.gaps, *changes))
            # Put back first: with an end, the new one would read as a replacement of the other.
            self.put_back = self._file.put_back()
            if not self.put_back:
                self._file.write(yaml_writer.write(recording.end_data(end)).encode())
        finally:
            self.abandon()
        if changes:
            raise RecordingChangedError(*changes)

    def abandon(self) -> None:
        """Close the file without an end, so that it reads as open; a closed file stays as it is."""
        self.put_back |= self._file.put_back()
        self._file.close()


def open_recording(
    settings: Settings,
    *,
    created: datetime | None = None,
    seed: str = "",
    clock: Clock = Clock.REAL,
) -> RecordingWriter | None:
    """Return the writer that the settings ask for, or None.

    `created` (aware) is written to the head; the default is now. With a `seed`, the id of the run
    is the same each time. Raises InputError if the file cannot be written, or is something other
    than a recording.
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
