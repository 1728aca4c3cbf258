"""Files on disk: the only module that opens one, to read what people wrote or to record calls."""

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pixel_emulator.config import Settings
from pixel_emulator.core import yaml_text
from pixel_emulator.core.calls import Dialect, Hit, Payload
from pixel_emulator.core.mistakes import Document, InputError, Location, Mistake
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import Head, Recording, Redaction
from pixel_emulator.core.recordings.redaction import redact
from pixel_emulator.documents import load, location_in, parse_document

MAX_BYTES = 256 * 1024 * 1024
"""Bytes that a file may have: some hundred thousand recorded calls."""

_FIRST_KEY = b"pixel_recording:"
_START = 4096  # comments may stand before the first key
_SAYS_SO = re.compile(rb"""^[\s{]*["']?pixel_recording["']?\s*:""", re.MULTILINE)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """What a file holds. Raises InputError where it cannot be read, or is too large."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _cannot("read", path, error) from None
    if len(data) > MAX_BYTES:
        raise InputError(Mistake(f"is larger than {MAX_BYTES:,} bytes", Location(str(path))))
    return data


def read_document(path: str | os.PathLike[str]) -> Document:
    """A YAML or JSON file with the position of each value; see `documents.parse_document`.

    Raises InputError, also for bytes that are not UTF-8.
    """
    return parse_document(_text(read_bytes(path), str(path)), str(path))


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """A recording; where its last part is cut off, the complete entries before it.

    Raises InputError for everything else that is wrong with it.
    """
    data, file = read_bytes(path), str(path)
    if not data:
        message = "is empty: it is no recording, or its run was killed as it began"
        raise InputError(Mistake(message, Location(file)))
    try:
        found = _recording(data, file)
    except InputError:
        whole_lines = data[: data.rfind(b"\n") + 1]
        if whole_lines == data:
            raise
        try:
            return _recording(whole_lines, file, torn=True)
        except InputError:
            pass
        raise
    if found.end is not None and data[-1:] not in (b"\n", b"}"):
        return replace(found, end=None, torn=True)  # its last number may have had more digits
    return found


def _recording(data: bytes, file: str, *, torn: bool = False) -> Recording:
    text = _text(data, file)
    try:
        return recording.parse(Document(file, load(text, file), {}), torn=torn)
    except InputError:
        # Positions cost time and memory, so they are looked up only for a message.
        return recording.parse(parse_document(text, file), torn=torn)


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a file says of itself that it is a recording. Raises InputError as `read_bytes`."""
    return _SAYS_SO.search(read_bytes(path)[:_START]) is not None


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
        self._size = 0
        self._unwritten = f"{yaml_text.write(recording.opening(head))}calls:\n"
        with suppress(OSError):  # a full disk: the first call, or the end, will say so
            self._write("")

    def append(self, hit: Hit) -> None:
        """Write one hit. Raises OSError where that fails: then the file ends with the last one."""
        self._write(yaml_text.write([entry(redact(hit, self._known) if self._masks else hit)]))

    def close(self, end: Payload) -> None:
        """Write the end and close the file; `end` has `calls`, `connections` and perhaps `gaps`.

        Raises OSError where the end cannot be written; the file is closed all the same.
        """
        try:
            self._write(yaml_text.write(recording.ending(end)))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without an end, so that it reads as open; a closed one stays as it is."""
        file, self._file = self._file, -1  # its number may soon be that of another file
        if file != -1:
            os.close(file)

    def _write(self, text: str) -> None:
        rest = memoryview((self._unwritten + text).encode())
        size = self._size + len(rest)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                os.ftruncate(self._file, self._size)
            raise
        self._size, self._unwritten = size, ""


def open_recorder(settings: Settings) -> Recorder | None:
    """The recorder that the settings ask for, or None.

    Raises InputError where its file cannot be written, or is something else than a recording.
    """
    if not settings.record:
        return None
    from importlib.metadata import version  # noqa: PLC0415 - slow, and readers do without it

    head = Head(
        created=datetime.now(UTC),
        run=os.urandom(8).hex(),
        tool=version("pixel-emulator"),
        dialect=Dialect(settings.dialect),
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
    )
    return Recorder(settings.record, head, settings.sources())


def _open_new(path: str | os.PathLike[str]) -> int:
    """Open a file for a new recording; a new file is readable by its owner only."""
    # Without O_NONBLOCK opening a pipe waits for its reader, perhaps for ever.
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK
    regular = Path(path).is_file()
    if regular and (start := _start(path)) and start != _FIRST_KEY:
        message = "exists and is no recording: it is not overwritten; choose another file"
        raise InputError(Mistake(message, Location(str(path))))
    try:
        file = os.open(path, flags | os.O_TRUNC if regular else flags, 0o600)
        os.set_blocking(file, True)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENXIO:
            message = "is a pipe that nobody reads: start its reader first"
            raise InputError(Mistake(message, Location(str(path)))) from None
        raise _cannot("write", path, error) from None
    return file


def _start(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_FIRST_KEY))
    except OSError as error:
        raise _cannot("read", path, error) from None


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        raise InputError(
            Mistake(
                f"byte 0x{data[error.start]:02X} is not UTF-8: save the file as UTF-8",
                location_in(before, len(before), file),
            )
        ) from None


def _cannot(do: str, path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(Mistake(f"cannot {do} this file: {reason}", Location(str(path))))
