"""Whole recordings: the head, the hits, the end, and the evidence of the run."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from pixel_emulator.core.endpoint.routes import decode_request
from pixel_emulator.core.errors import Document
from pixel_emulator.core.model import (
    JSON,
    CallType,
    Dialect,
    Evidence,
    Exchange,
    Hit,
    HttpRequest,
    Payload,
    hits_of,
)
from pixel_emulator.core.recordings.entry import read_exchange, time_text
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.redaction.key_finder import basic_credentials
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.core.text.json_codec import json_type

VERSION = 1
"""Version of the format: the one that is written, and the newest that is read."""

_MALFORMED_LINE = 400
"""Status of a request with a malformed line: its calls have no payload, whatever its URL says."""

_CALL_KEYS = (
    *("type", "outcome", "form", "alphabet", "padded", "payload", "problems", "source"),
)  # fmt: skip
"""Keys of a call, which were keys of the entry itself in the old layout (see `OLD_LAYOUT`)."""

EXCHANGES = "exchanges:\n"
"""Line of a recording after its head: the entries follow it, then the end."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


OLD_LAYOUT = (
    "has its entries under `calls:`, the layout of recordings before an entry held an exchange: "
    "rewrite it with `pixel-emulator recording migrate FILE`"
)
"""What is wrong with a recording of before the release of version 1."""


class Redaction(StrEnum):
    """What is masked in a recording."""

    WRITE_KEYS = "write-keys"
    NONE = "none"


class Clock(StrEnum):
    """Clock of the times in a recording: the real one, or that of tests, which may be fake."""

    REAL = "real"
    TEST = "test"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a recording.

    `run` identifies the run and `shard` a part of it; `tool` is the version that wrote the file;
    `created` is aware, in UTC.
    """

    created: datetime
    run: str
    tool: str
    dialect: Dialect = Dialect.DOCUMENTED
    redaction: Redaction = Redaction.WRITE_KEYS
    shard: str | None = None
    clock: Clock = Clock.REAL


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of the recording of a run that ended cleanly.

    `calls` counts the hits of the entries: a request without calls counts as one. `gaps` are
    sentences on why calls may be missing all the same. `acted` maps the title of a scenario step to
    the time when its action was done.
    """

    calls: int
    connections: int
    gaps: tuple[str, ...] = ()
    acted: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that was read.

    `end` is None if the recording is open. `torn` is True if its last part was cut off and is left
    out. `edits` are sentences on entries that no recording writer could have written.
    """

    file: str
    head: Head
    exchanges: tuple[Exchange, ...]
    end: End | None = None
    torn: bool = False
    edits: tuple[str, ...] = ()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The hits of the exchanges."""
        return hits_of(self.exchanges)

    def evidence(self, *, allow_open: bool = False) -> Evidence:
        """Return the hits, and the reasons why calls may be missing."""
        hits = self.hits
        return Evidence(
            hits=hits,
            connections=self.end.connections if self.end else min(1, len(hits)),
            gaps=tuple(self._gaps(hits, allow_open=allow_open)),
            masked=self.head.redaction is Redaction.WRITE_KEYS,
            acted=self.end.acted if self.end else {},
        )

    def _gaps(self, hits: tuple[Hit, ...], *, allow_open: bool) -> Iterator[str]:
        if self.torn:
            yield f"{self.file} is torn: what follows call {len(hits)} was cut off"
        elif self.end is None and not allow_open:
            yield f"{self.file} has no `end`: its run is not over, or was killed (--allow-open)"
        end = self.end
        if end is not None and end.calls != len(hits):
            yield f"{self.file} holds {len(hits)} calls, but its `end` counts {end.calls}"
        for before, after in pairwise((0, *(hit.seq for hit in hits))):
            if after != before + 1:
                yield f"{self.file}: call {before + 1} should come next, but call {after} does"
        yield from (f"{self.file}: {edit}; was it edited?" for edit in self.edits)
        yield from end.gaps if end else ()


def head_data(head: Head) -> Payload:
    """Return the head as plain data."""
    return {
        "pixel_recording": VERSION,
        "created": time_text(head.created),
        "run": head.run,
        "shard": head.shard,
        "tool": head.tool,
        "dialect": head.dialect.value,
        "redaction": head.redaction.value,
        **({} if head.clock is Clock.REAL else {"clock": head.clock.value}),
    }


def end_data(end: End) -> Payload:
    """Return the end as plain data. `connections` comes last, so that a torn end lacks it."""
    data: Payload = {"calls": end.calls}
    if end.acted:
        data["steps"] = [
            {"title": title, "acted": time_text(time)} for title, time in end.acted.items()
        ]
    if end.gaps:
        data["gaps"] = list(end.gaps)
    return {"end": {**data, "connections": end.connections}}


def parse(document: Document, *, torn: bool = False) -> Recording:
    """Read a recording; `torn` is True if the caller had to leave out the end of the file.

    A last entry without its digest, and an `end` without its last line, are left out, too. Raises
    InputError if the document is no recording, is of a newer version, or has wrong values.
    """
    root = Node(document, (), document.data)
    _check_version(root)
    entries = list(root["exchanges"].items())
    if "end" not in root.map() and entries and not has_digest(entries[-1].value):
        entries, torn = entries[:-1], True
    head, exchanges, end = _head(root), tuple(map(read_exchange, entries)), read_end(root)
    return Recording(
        file=document.file,
        head=head,
        exchanges=exchanges,
        end=end,
        torn=torn or (end is None and "end" in root.map()),
        edits=tuple(_edits(entries, exchanges, head.dialect)),
    )


def read_head(root: Node) -> Head:
    """Return the head of a recording. Raises InputError if it is none, or of a newer version."""
    _check_version(root)
    return _head(root)


def read_end(root: Node) -> End | None:
    """Return the end of a recording, or None if it is missing or cut off."""
    end = root["end"]
    return None if end.value is None or "connections" not in end.map() else _end(end)


def _check_version(root: Node) -> None:
    data = root.value
    if not isinstance(data, dict) or "pixel_recording" not in data:
        actual = "is empty" if data is None else f"is {_description(data)}"
        raise root.error(f"{actual}; a recording begins with `pixel_recording: {VERSION}`")
    version = root["pixel_recording"]
    if version.number() > VERSION:
        raise version.error(
            f"was written by a newer version (format {version.value}; this one reads {VERSION}): "
            "upgrade pixel-emulator"
        )
    if version.number() != VERSION:
        raise version.type_error(str(VERSION))
    if "exchanges" not in data and "calls" in data:
        raise root.error(OLD_LAYOUT)
    if "exchanges" not in data:
        raise root.error("is cut off before its `exchanges:`, so it holds nothing")


def _description(data: JSON) -> str:
    if not isinstance(data, dict):
        return f"of type {json_type(data)}"
    kinds = {
        "expect": "a scenario",
        "scenarios": "a scenario",
        "steps": "a scenario",
        "log": "a HAR",
    }
    kind = next((kinds[key] for key in data if key in kinds), None)
    return kind or f"something else: its first key is `{next(iter(data), '')}`"


def _edits(
    entries: Iterable[Node], exchanges: Iterable[Exchange], dialect: Dialect
) -> Iterator[str]:
    for number, (entry, exchange) in enumerate(zip(entries, exchanges, strict=True), 1):
        yield from edit_sentences(number, entry, exchange, dialect)


def edit_sentences(number: int, entry: Node, exchange: Exchange, dialect: Dialect) -> Iterator[str]:
    """Yield a sentence for each value of an entry that no recording writer could have written."""
    if not has_digest(entry.value):
        yield f"entry {number}: its digest is not `sha256:` and 64 hexadecimal digits"
    edits = _edited_calls(entry, exchange, exchange.request, dialect)
    if edits and (key := _first_key(exchange)) is not None:
        # Credentials are not recorded, and a decoder may have read the write key from them.
        request = replace(exchange.request, authorization=basic_credentials(key))
        edits = _edited_calls(entry, exchange, request, dialect) and edits
    yield from (f"entry {number}: {edit}" for edit in edits)


def _edited_calls(
    entry: Node, exchange: Exchange, request: HttpRequest, dialect: Dialect
) -> list[str]:
    carried = expected_calls(request, exchange.status, dialect)
    if [call_type for call_type, _ in carried] != [judged.call.type for judged in exchange.calls]:
        return ["its calls are not those that its request carries"]
    source = "body" if request.body else "URL"
    calls = zip(entry["calls"].items(), carried, strict=True)
    return [
        f"{'its payload' if len(carried) == 1 else f'the payload of its call {at}'}"
        f" is not what its {source} says"
        for at, (call, (_, payload)) in enumerate(calls, 1)
        # Deep values are compared as JSON text: comparing nested values recurses.
        if yaml_writer.flatten_deep(payload) != call["payload"].value
    ]


def _first_key(exchange: Exchange) -> str | None:
    """Return the first write key in the payloads of an exchange with a body, or None."""
    if not exchange.request.body:
        return None
    keys = ((judged.call.payload or {}).get("writeKey") for judged in exchange.calls)
    return next((key for key in keys if isinstance(key, str)), None)


def expected_calls(
    request: HttpRequest, status: int, dialect: Dialect
) -> Sequence[tuple[CallType, Payload | None]]:
    """Return type and payload of each call of a recorded request with this response status."""
    calls = [decoded.call for decoded in decode_request(request, dialect)]
    if status == _MALFORMED_LINE:
        return [(call.type, None) for call in calls]
    return [(call.type, call.payload) for call in calls]


def migrated_entry(data: Payload) -> Payload:
    """Return an entry of the old layout, in which it held at most one call, in today's layout."""
    call: Payload = {key: data[key] for key in _CALL_KEYS if key in data}
    before: Payload = {key: data[key] for key in ("seq", "time", "step") if key in data}
    other = {key: value for key, value in data.items() if key not in call and key not in before}
    return {**before, "calls": [] if data.get("type") is None else [call], **other}


def has_digest(data: JSON) -> bool:
    """Return True if the data of an entry has a digest; a torn entry has none."""
    digest = data.get("digest") if isinstance(data, dict) else None
    return isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None


def _head(root: Node) -> Head:
    return Head(
        created=root["created"].time(),
        run=root["run"].text(""),
        tool=root["tool"].text(""),
        dialect=root["dialect"].choice(Dialect),
        redaction=root["redaction"].choice(Redaction),
        shard=None if root["shard"].value is None else root["shard"].text(),
        clock=Clock.REAL if root["clock"].value is None else root["clock"].choice(Clock),
    )


def _end(end: Node) -> End:
    return End(
        calls=end["calls"].number(),
        connections=end["connections"].number(),
        gaps=tuple(gap.text() for gap in end["gaps"].items()),
        acted={step["title"].text(): step["acted"].time() for step in end["steps"].items()},
    )
