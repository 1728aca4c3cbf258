"""The nouns: what crossed the wire, what it said, and what would become of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote_from_bytes

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None
type Payload = dict[str, JSON]
type JsonPath = tuple[str | int, ...]
"""The way from the root of a document to a value: keys and list indexes."""


class CallType(StrEnum):
    """The six calls of the Pixel API; the value is the last segment of the path."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


NAME_FIELDS = {
    CallType.IDENTIFY: "userId",
    CallType.TRACK: "event",
    CallType.PAGE: "name",
    CallType.SCREEN: "name",
    CallType.GROUP: "groupId",
    CallType.ALIAS: "userId",
}
"""The field of each call that tells it from others of its type: `track: Email Opened`."""


class Form(StrEnum):
    """How the payload stood in the query."""

    BASE64 = "base64"
    FLAT = "flat"
    JSON = "json"


class Alphabet(StrEnum):
    """The base64 alphabet that decoded first: RFC 4648 section 5 (`url`) or section 4 (`std`)."""

    URL = "url"
    STD = "std"


class Dialect(StrEnum):
    """Which account of the endpoint decides: Segment's API description or its 2018 source."""

    DOCUMENTED = "documented"
    STRICT = "strict"


class Severity(StrEnum):
    """What a problem does to its call: Segment drops it, keeps it wrong, or keeps it."""

    DROP = "drop"
    DAMAGE = "damage"
    NOTE = "note"


class RuleSource(StrEnum):
    """Where a rule comes from: Segment's documents, its published 2018 source, or inference."""

    DOCUMENTED = "documented"
    SEGMENT_2018 = "segment-2018-source"
    INFERRED = "inferred"


class Outcome(StrEnum):
    """What would become of a request at Segment; `unhandled` is no pixel call at all."""

    DELIVERED = "delivered"
    DAMAGED = "damaged"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    UNHANDLED = "unhandled"


KEPT = frozenset({Outcome.DELIVERED, Outcome.DAMAGED})
"""The outcomes of a call that Segment keeps: only these can meet an expectation."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a call.

    `path` is written `properties.products[0].sku`; it is empty where the whole request is meant.
    `message` is a sentence that says what Segment does and how to mend it.
    """

    code: str
    severity: Severity
    path: str
    message: str
    source: RuleSource

    def as_data(self) -> Payload:
        """The problem as plain data, as it stands in recordings and in all JSON output."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "source": self.source.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelRequest:
    """One HTTP request that reached an emulated host, as it stood on the wire.

    `target` is the origin-form target (path and query) in its raw bytes. `host` has the port
    behind it where the client wrote one. Header names are in lower case, in wire order; cookies
    and credentials are left out by whoever builds the request. `client` is an address.
    """

    target: bytes
    method: str = "GET"
    scheme: str = "https"
    host: str = "api.segment.io"
    http_version: str = "HTTP/1.1"
    headers: tuple[tuple[str, str], ...] = ()
    client: str = ""

    @property
    def path(self) -> bytes:
        """The target up to its first `?`."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target behind its first `?`; empty where there is none."""
        return self.target.partition(b"?")[2]

    @property
    def line(self) -> bytes:
        """The request line, in origin form."""
        return b" ".join((self.method.encode(), self.target, self.http_version.encode()))

    @property
    def url(self) -> str:
        """The absolute URL; bytes that no URL may hold are percent-encoded."""
        return f"{self.scheme}://{self.host}{percent_encoded(self.target)}"

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


def percent_encoded(target: bytes) -> str:
    """A raw target or host as ASCII: only spaces, controls, quotes and non-ASCII are encoded."""
    return quote_from_bytes(target, safe="!#$%&'()*+,/:;=?@[]~{}|^`\\")


@dataclass(frozen=True, slots=True)
class PixelResponse:
    """An answer: `status`, headers in order, and the body's bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A decoded pixel request.

    `payload` is None where Segment's edge could not decode the data. `alphabet` and `padded`
    belong to the base64 form. `problems` are those of the wire, found while decoding.
    """

    type: CallType
    form: Form
    payload: Payload | None
    alphabet: Alphabet | None = None
    padded: bool | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the edge could decode the data."""
        return self.payload is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request with all that is known about it: when, what it said, what becomes of it.

    `seq` counts from 1 within a journal; `time` is aware, in UTC, in whole milliseconds.
    `status` is what we answered. `call` is None for a request that is no pixel call (its outcome
    is `unhandled`). `problems` holds those of decoding and of validation. `source` is the name
    that the user gave to the write key. `digest` is the SHA-256 of the original request line,
    in hexadecimal: proof of what was sent where the line itself is masked. `step` is the title of
    the scenario's step that was running, empty where none was. `alike` counts further hits that
    this one stands for in the evidence of a live run; see `core.verification.components`.
    """

    seq: int
    time: datetime
    request: PixelRequest
    status: int
    call: Call | None
    outcome: Outcome
    problems: tuple[Problem, ...] = ()
    source: str | None = None
    digest: str = ""
    step: str = ""
    alike: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about one run: what arrived, and what may be missing.

    `connections` counts the client connections that reached the emulator. `gaps` are sentences,
    one for each reason why calls may be missing (a torn file, a recording without an end, a
    client that refused our CA); with any of them no scenario passes. `masked` says that write
    keys stand masked in the hits. `acted` holds, by the title of a step, when what it does was
    done.
    """

    hits: tuple[Hit, ...]
    connections: int = 0
    gaps: tuple[str, ...] = ()
    masked: bool = False
    acted: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many hits there are, those that others stand for included."""
        return count_hits(self.hits)


def count_hits(hits: Iterable[Hit]) -> int:
    """How many hits these are, those that they stand for included."""
    return sum(1 + hit.alike for hit in hits)


def path_text(at: Iterable[str | int]) -> str:
    """A path in the one notation: `properties.products[0].sku`; a key that is no plain word
    is quoted: `properties["a.b"]`."""
    text = ""
    for key in at:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key and not set(key) & set(' .[]"\\\n\r\t'):
            text += f".{key}" if text else key
        else:
            escaped = key.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
