"""Writing a recording, call by call: nothing that was written is ever lost."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from pixel_emulator.clock import utc_now
from pixel_emulator.config import Settings
from pixel_emulator.core import yaml_text
from pixel_emulator.core.calls import Dialect, Hit
from pixel_emulator.core.mistakes import InputError, Location, Mistake
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry_text import entry_text
from pixel_emulator.core.recordings.masking import hide
from pixel_emulator.core.recordings.recording import Clock, End, Head, Redaction
from pixel_emulator.core.recordings.redaction import redact
from pixel_emulator.core.schemas.parts import schema_line
from pixel_emulator.files import FIRST_KEY, cannot, read_entries

_BLOCK = 256
"""Entries that are read back together, so that not every place in the file is remembered."""

_HEADING = f"{schema_line('recording')}\n"


class Recorder:
    """A recording that is being written: complete and loadable after every call.

    An entry is handed to the operating system with one write; killing the process loses none.
    Only a recording or an empty file is overwritten. `known` are write keys that are masked even
    where nothing says that they are keys. Raises InputError where the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], head: Head, known: Iterable[str] = ()) -> None:
        self._masks = head.redaction is Redaction.WRITE_KEYS
        self._known = tuple(known)
        self._file = _open_new(path)
        self._path = path
        self._blocks: list[int] = []  # where each block of entries begins, in bytes
        self._last: dict[str, Hit] = {}  # of each step, by its title
        self._size = 0
        self._unwritten = f"{_HEADING}{yaml_text.write(recording.opening(head))}calls:\n".encode()
        with suppress(OSError):  # a full disk: the first call, or the end, will say so
            self._write(b"")

    @property
    def masks(self) -> bool:
        """Whether write keys are masked in what is written."""
        return self._masks

    def append(self, *hits: Hit) -> None:
        """Write hits, all at once. Raises OSError where that fails: then none of them is there."""
        entries = [entry_text(hit, masks=self._masks, known=self._known).encode() for hit in hits]
        self._write(b"".join(entries))
        at = self._size - sum(map(len, entries))
        for hit, written in zip(hits, entries, strict=True):
            if (hit.seq - 1) % _BLOCK == 0:
                self._blocks.append(at)
            if hit.step:
                self._last[hit.step] = hit
            at += len(written)

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`, as they were written.

        Raises InputError where the file cannot be read, or is another one by now.
        """
        first, last = (start - 1) // _BLOCK, -(-(end - 1) // _BLOCK)
        stop = self._blocks[last] if last < len(self._blocks) else self._size
        hits = read_entries(self._path, self._blocks[first], stop)
        found = hits[start - 1 - first * _BLOCK :][: end - start]
        if [hit.seq for hit in found] != [*range(start, end)]:
            message = f"holds other calls now where #{start} to #{end - 1} were"
            raise InputError(Mistake(message, Location(str(self._path))))
        return found

    def close(self, end: End) -> None:
        """Write the end and close the file; the titles of its steps read as those of the hits.

        Raises OSError where the end cannot be written; the file is closed all the same.
        """
        known = self._known if self._masks else ()
        stored = {
            title: redact(hit, known).step if self._masks else title
            for title, hit in self._last.items()
        }
        acted = {stored.get(title) or hide(title, known): time for title, time in end.acted.items()}
        try:
            self._write(yaml_text.write(recording.ending(replace(end, acted=acted))).encode())
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without an end, so that it reads as open; a closed one stays as it is."""
        file, self._file = self._file, -1  # its number may soon be that of another file
        if file != -1:
            os.close(file)

    def _write(self, text: bytes) -> None:
        rest = memoryview(self._unwritten + text)
        size = self._size + len(rest)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                os.ftruncate(self._file, self._size)
            raise
        self._size, self._unwritten = size, b""


def open_recorder(
    settings: Settings,
    *,
    created: datetime | None = None,
    seed: str = "",
    clock: Clock = Clock.REAL,
) -> Recorder | None:
    """The recorder that the settings ask for, or None.

    `created` (aware) stands in its head, the time of day without it. With a `seed` the id of the
    run is the same each time. Raises InputError where the file cannot be written, or is something
    else than a recording.
    """
    if not settings.record:
        return None
    from importlib.metadata import version  # noqa: PLC0415 - slow, and readers do without it

    head = Head(
        created=created or utc_now(),
        run=sha256(seed.encode()).hexdigest()[:16] if seed else os.urandom(8).hex(),
        tool=version("pixel-emulator"),
        dialect=Dialect(settings.dialect),
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
        clock=clock,
    )
    return Recorder(settings.record, head, settings.sources())


def _open_new(path: str | os.PathLike[str]) -> int:
    """Open a file for a new recording; a new file is readable by its owner only."""
    # Without O_NONBLOCK opening a pipe waits for its reader, perhaps for ever.
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK
    regular = Path(path).is_file()
    if regular and (start := _start(path)) and not start.startswith(FIRST_KEY):
        message = "exists and is no recording: it is not overwritten; choose another file"
        raise InputError(Mistake(message, Location(str(path))))
    try:
        file = os.open(path, flags | os.O_TRUNC if regular else flags, 0o600)
        os.set_blocking(file, True)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENXIO:
            message = "is a pipe that nobody reads: start its reader first"
            raise InputError(Mistake(message, Location(str(path)))) from None
        raise cannot("write", path, error) from None
    return file


def _start(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_HEADING) + len(FIRST_KEY)).removeprefix(_HEADING.encode())
    except OSError as error:
        raise cannot("read", path, error) from None
