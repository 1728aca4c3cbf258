"""Read a recording entry by entry, so that its text is never in memory as a whole."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.model import CallType, Exchange, HttpRequest, Payload
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import FastEntryReader, read_exchange
from pixel_emulator.core.recordings.recording import End, Recording
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.yaml_loader import load, not_utf8, parse_document

MAX_PART = 64 * 1024 * 1024
"""Largest size in bytes of one entry, or of everything after the last one."""

_READ_SIZE = 1024 * 1024
_EXCHANGES = recording.EXCHANGES.encode()
_OLD_EXCHANGES = b"calls:\n"
_MAX_HEAD = 64 * 1024
_NEXT_ENTRY = re.compile(rb"\n(?=[^ #\n])")
"""End of an entry: the next line without indentation, which begins another entry or the end."""


class RecordingStream:
    """A recording in the layout of the recording writer: each entry begins with `- `.

    Its `exchanges` can be read once, from first to last; `end`, `torn` and `edits` are known after
    that. The constructor and reading raise InputError, as `recording.parse` does. Call
    `is_streamed` first. If `old`, the recording is in the old layout (see `recording.OLD_LAYOUT`);
    then call nothing but `migrated`.
    """

    def __init__(self, file: BinaryIO, name: str, *, old: bool = False) -> None:
        self.end: End | None = None
        self.torn = False
        self.edits: list[str] = []
        self._file = file
        self._name = name
        start = file.read(_MAX_HEAD)
        key = _OLD_EXCHANGES if old else _EXCHANGES
        length = start.index(b"\n" + key) + 1
        self._buffer = start[length + len(key) :]
        self._head_bytes = start[:length] + _EXCHANGES
        self._line = 1
        text = self._decode(self._head_bytes)
        self.head = recording.read_head(self._parse_root(text))
        self._entries = 0
        self._line = text.count("\n") + 1  # number of the line on which the next entry begins
        self._fast = FastEntryReader(self._calls_of)

    @staticmethod
    def is_streamed(file: BinaryIO, *, old: bool = False) -> bool:
        """Return True if a file has the layout of the recording writer; JSON, for one, does not.

        The file must be seekable. `old` is the layout that the writer had before (see
        `recording.OLD_LAYOUT`).
        """
        start = file.read(_MAX_HEAD)
        file.seek(0)
        _, exchanges, entries = start.partition(b"\n" + (_OLD_EXCHANGES if old else _EXCHANGES))
        return bool(exchanges) and entries[:1] not in (b" ", b"#", b"\n", b"\r")

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges of the entries."""
        end_data = b""
        for entry, next_start in self._raw_parts():
            if not entry.startswith(b"-"):
                end_data = entry
                break
            exchange = self._read_exchange(entry, is_last=not next_start)
            if exchange is not None:
                yield exchange
            self._entries += 1
            self._line += entry.count(b"\n")
        if end_data:
            self._read_end(end_data)

    def recording(self, exchanges: tuple[Exchange, ...]) -> Recording:
        """Return the recording, after its exchanges were read."""
        return Recording(
            file=self._name,
            head=self.head,
            exchanges=exchanges,
            end=self.end,
            torn=self.torn,
            edits=tuple(self.edits),
        )

    def migrated(self) -> Iterator[bytes]:
        """Yield a recording of the old layout in today's, part by part.

        A last entry that was cut off, and the end, are as they were.
        """
        yield self._head_bytes
        for part, next_start in self._raw_parts():
            if not part.startswith(b"-"):
                yield part
                continue
            try:
                entry = self._parse_entry(self._decode(part))
            except InputError:
                if next_start:
                    raise
                yield part
                continue
            if not next_start and not recording.has_digest(entry.value):
                yield part
            else:
                yield yaml_writer.write([recording.migrated_entry(entry.map())]).encode()
            self._entries += 1
            self._line += part.count(b"\n")

    def _raw_parts(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each entry, and everything after the last one as one part. Each comes with the
        first byte of the next part, which is empty for the last."""
        data, position = self._buffer, 0
        while True:
            match = _NEXT_ENTRY.search(data, position)
            if match and data[position : position + 1] == b"-":
                yield data[position : match.end()], data[match.end() : match.end() + 1]
                position = match.end()
                continue
            block = self._file.read(_READ_SIZE)
            data, position = data[position:] + block, 0
            if len(data) > MAX_PART:
                raise InputError(
                    InputIssue(
                        f"has an entry, or an end, of more than {MAX_PART:,} bytes",
                        Location(self._name, self._line),
                    )
                )
            if not block:
                if data:
                    yield data, b""
                return

    def _read_exchange(self, data: bytes, *, is_last: bool) -> Exchange | None:
        """Return the exchange of an entry, or None if the entry was cut off."""
        try:
            return self._parse_exchange(data, is_last=is_last)
        except InputError:
            whole_lines = data[: data.rfind(b"\n") + 1]
            if not is_last or whole_lines == data:
                raise
        self.torn = True
        return self._parse_exchange(whole_lines, is_last=True) if whole_lines else None

    def _parse_exchange(self, data: bytes, *, is_last: bool) -> Exchange | None:
        text = self._decode(data)
        if exchange := self._fast.read(text):
            return exchange
        entry = self._parse_entry(text)
        if is_last and not recording.has_digest(entry.value):
            self.torn = True
            return None
        try:
            exchange = read_exchange(entry)
        except InputError:
            self._raise_with_place(text)
            raise
        edits = tuple(
            recording.edit_sentences(self._entries + 1, entry, exchange, self.head.dialect)
        )
        self.edits += edits
        if not edits:
            self._fast.learn(text, exchange)
        return exchange

    def _parse_entry(self, text: str) -> Node:
        """Parse the text of an entry. Raises InputError with its place in the file."""
        try:
            data = load(f"{recording.EXCHANGES}{text}", self._name)
        except InputError:
            self._raise_with_place(text)
            raise
        (entry,) = Node(Document(self._name, data, {}), (), data)["exchanges"].items()
        return entry

    def _raise_with_place(self, text: str) -> None:
        """Raise InputError for an entry as if the whole file had been read."""
        lines = self._line - 1 - self._head_bytes.count(b"\n") - self._entries
        before = self._head_bytes.decode("utf-8-sig") + "-\n" * self._entries + "\n" * lines
        document = parse_document(before + text, self._name)
        (*_, entry) = Node(document, (), document.data)["exchanges"].items()
        read_exchange(entry)

    def _read_end(self, data: bytes) -> None:
        try:
            self._read_whole_end(data)
        except InputError:
            whole_lines = data[: data.rfind(b"\n") + 1]
            if whole_lines == data:
                raise
            self._read_whole_end(whole_lines)
            self.torn = True

    def _read_whole_end(self, data: bytes) -> None:
        # Empty lines in place of the entries, so that messages name the right line.
        lines = self._line - 1 - self._head_bytes.count(b"\n")
        text = self._head_bytes.decode("utf-8-sig") + "\n" * lines + self._decode(data)
        root = self._parse_root(text)
        self.end = recording.read_end(root)
        if "end" in root.map() and (self.end is None or data[-1:] not in (b"\n", b"}")):
            self.end, self.torn = None, True  # the last number may have had more digits

    def _parse_root(self, text: str) -> Node:
        """Parse the recording without its entries. Raises InputError with its place in the file."""
        document = parse_document(text, self._name)
        return Node(document, (), document.data)

    def _decode(self, data: bytes) -> str:
        """Decode a part that begins at the current line. Raises InputError."""
        try:
            return data.decode("utf-8-sig" if data is self._head_bytes else "utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(error, self._name, self._line) from None

    def _calls_of(
        self, request: HttpRequest, status: int
    ) -> Sequence[tuple[CallType, Payload | None]]:
        return recording.expected_calls(request, status, self.head.dialect)
