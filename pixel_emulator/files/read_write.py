"""Read and write files as a whole; `runtime.recording_writer` writes recordings call by call."""

import codecs
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Exchange
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import read_exchange
from pixel_emulator.core.recordings.foreign_files import describe_file
from pixel_emulator.core.recordings.recording import Recording
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.file_io import file_error, holder_of, read_bytes
from pixel_emulator.files.recording_parts import read_unfinished
from pixel_emulator.files.recording_stream import RecordingStream
from pixel_emulator.files.yaml_loader import load, not_utf8, parse_document

FIRST_KEY = b"pixel_recording:"
"""First key of a recording. Only comments of its user may stand before it."""
_HEAD_BYTES = 4096  # bytes to search: comments may stand before the first key
_RECORDING_KEY = re.compile(rb"""^[\s{]*["']?pixel_recording["']?\s*:""", re.MULTILINE)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file, with its newlines as they are.

    Raises InputError as `read_document` does, and for the file types that `foreign_files` knows.
    """
    data = read_bytes(path)
    _refuse_foreign(data, str(path))
    return _text(data, str(path))


def read_document(path: str | os.PathLike[str]) -> Document:
    """Return a YAML or JSON file with the position of each value; see `yaml_loader.parse_document`.

    Raises InputError, also if the bytes are not UTF-8.
    """
    return parse_document(read_text(path), str(path))


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Return a recording. If its last part is cut off, it has the complete entries before that.

    For a run of pytest that was killed, return what its parts hold. Raises InputError if anything
    else is wrong with the file, and while a run of pytest writes it. A recording in the layout of
    the recording writer may have any size; any other (such as JSON) is limited as by `read_bytes`.
    """
    file = str(path)
    if (text := read_unfinished(Path(path), read_recording)) is not None:
        return _parse_whole(text.encode(), file)
    try:
        with Path(path).open("rb") as stream_file:
            _refuse_old(stream_file, file)
            if stream_file.seekable() and RecordingStream.is_streamed(stream_file):
                stream = RecordingStream(stream_file, file)
                exchanges = tuple(stream.exchanges())
                return stream.recording(exchanges)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise file_error("read", path, error) from None
    return _parse_whole(read_bytes(path), file)


def migrate_recording(path: Path, output: Path | None = None) -> bool:
    """Rewrite a recording of the old layout (see `recording.OLD_LAYOUT`) in today's layout.

    Return False, and write nothing, if the recording is in today's layout already. The file is
    replaced atomically and keeps its permissions; with `output`, that new file is written instead.
    Digests, a last entry that was cut off, and the end are kept as they are. Raises InputError if
    the file is no recording, is being recorded to, or cannot be written.
    """
    if output is not None and output.exists():
        message = "exists already: choose another file"
        raise InputError(InputIssue(message, Location(str(output))))
    if (holder := holder_of(path)) is not None:
        message = f"is being recorded to by {holder}: end that first"
        raise InputError(InputIssue(message, Location(str(path))))
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if _is_old(file):
                stream = RecordingStream(file, str(path), old=True)
                _replace(output or path, stream.migrated(), mode)
                return True
            text = _migrated_text(path)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise file_error("read", path, error) from None
    if text is not None:
        _replace(output or path, [text.encode()], mode)
    return text is not None


def _migrated_text(path: Path) -> str | None:
    """Return a recording of the old layout in today's, or None if it is in today's already."""
    file = str(path)
    with path.open("rb") as opened:
        if RecordingStream.is_streamed(opened):
            RecordingStream(opened, file)
            return None
    data = read_bytes(path)
    _refuse_foreign(data, file)
    document = parse_document(_text(data, file), file)
    root = Node(document, (), document.data)
    if not isinstance(document.data, dict) or not {"pixel_recording", "calls"} <= {*document.data}:
        recording.read_head(root)
        return None
    entries: list[JSON] = [recording.migrated_entry(entry.map()) for entry in root["calls"].items()]
    recording.read_head(replace(root, value=document.data | {"exchanges": entries}))
    head = {key: value for key, value in document.data.items() if key not in _NOT_IN_HEAD}
    text = f"{yaml_writer.write(head)}{recording.EXCHANGES}"
    if entries:
        text += yaml_writer.write(entries)
    if "end" in document.data:
        text += yaml_writer.write({"end": document.data["end"]})
    return text


_NOT_IN_HEAD = ("calls", "exchanges", "end")


def _is_old(file: BinaryIO) -> bool:
    """Return True if a file is a recording as the writer of the old layout wrote it."""
    if not file.seekable():
        return False
    is_recording = _RECORDING_KEY.search(file.read(_HEAD_BYTES)) is not None
    file.seek(0)
    return is_recording and RecordingStream.is_streamed(file, old=True)


def _refuse_old(file: BinaryIO, name: str) -> None:
    """Raise InputError for a recording of the old layout, before it is read as a whole."""
    if _is_old(file):
        raise InputError(InputIssue(recording.OLD_LAYOUT, Location(name)))


def _parse_whole(data: bytes, file: str) -> Recording:
    _refuse_foreign(data, file)
    if not data:
        message = "is empty: it is no recording, or its run was killed as it began"
        raise InputError(InputIssue(message, Location(file)))
    try:
        parsed = _recording(data, file)
    except InputError:
        whole_lines = data[: data.rfind(b"\n") + 1]
        if whole_lines == data:
            raise
        try:
            return _recording(whole_lines, file, torn=True)
        except InputError:
            pass
        raise
    if parsed.end is not None and data[-1:] not in (b"\n", b"}"):
        return replace(parsed, end=None, torn=True)  # its last number may have had more digits
    return parsed


def read_entries(path: str | os.PathLike[str], start: int, end: int) -> tuple[Exchange, ...]:
    """Return the exchanges of the entries in these bytes of a recording. Raises InputError."""
    try:
        with Path(path).open("rb") as file:
            file.seek(start)
            data = file.read(end - start)
    except OSError as error:
        raise file_error("read", path, error) from None
    text = f"{recording.EXCHANGES}{_text(data, str(path))}"
    document = Document(str(path), load(text, str(path)), {})
    return tuple(map(read_exchange, Node(document, (), document.data)["exchanges"].items()))


def _recording(data: bytes, file: str, *, torn: bool = False) -> Recording:
    text = _text(data, file)
    try:
        return recording.parse(Document(file, load(text, file), {}), torn=torn)
    except InputError:
        # Positions cost time and memory, so they are determined only for a message.
        return recording.parse(parse_document(text, file), torn=torn)


def overwrite(path: str | os.PathLike[str], text: str) -> None:
    """Replace the text of a file atomically; its permissions stay.

    Raises InputError if the file, or its folder, cannot be written.
    """
    try:
        with Path(path).open("rb") as original:
            mode = stat.S_IMODE(os.fstat(original.fileno()).st_mode)
            has_bom = original.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    except OSError as error:
        raise file_error("write", path, error) from None
    _replace(path, [text.encode("utf-8-sig" if has_bom else "utf-8")], mode)


def _replace(path: str | os.PathLike[str], parts: Iterable[bytes], mode: int) -> None:
    """Write a file atomically: no other process sees a part of it.

    Raises InputError if it, or its folder, cannot be written.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with temporary.open("xb") as file:
            os.fchmod(file.fileno(), mode)
            file.writelines(parts)
        temporary.replace(target)
    except OSError as error:
        raise file_error("write", path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_new(path: str | os.PathLike[str], text: str) -> None:
    """Write a file that does not exist yet. Raises InputError if it exists or cannot be written."""
    try:
        with Path(path).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        message = "exists already; `scenario update` rewrites a scenario"
        raise InputError(InputIssue(message, Location(str(path)))) from None
    except OSError as error:
        raise file_error("write", path, error) from None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file, replacing its content. Raises InputError if it cannot be written."""
    try:
        Path(path).write_text(text, "utf-8", "backslashreplace", newline="")
    except (OSError, ValueError) as error:
        raise file_error("write", path, error) from None


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Return True if the file declares itself a recording.

    Raises InputError if it cannot be read.
    """
    if Path(path).with_name(f".{Path(path).name}.parts").is_dir():  # parts of an unfinished run
        return True
    try:
        with Path(path).open("rb") as file:
            return _RECORDING_KEY.search(file.read(_HEAD_BYTES)) is not None
    except (OSError, ValueError) as error:
        raise file_error("read", path, error) from None


def _refuse_foreign(data: bytes, file: str) -> None:
    """Raise InputError for a file that is known to be neither a recording nor a scenario."""
    if description := describe_file(data, file):
        raise InputError(InputIssue(description, Location(file)))


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(error, file) from None
