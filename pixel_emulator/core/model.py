"""The data model: requests, calls, their problems and outcomes, and the evidence of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from urllib.parse import quote_from_bytes

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None
type Payload = dict[str, JSON]
type JsonPath = tuple[str | int, ...]
"""The path from the root of a document to a value: keys and list indexes."""


class CallType(StrEnum):
    """The six calls of the Pixel API; the value is the last segment of the URL path."""

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
"""The field of each call type that names the call, as in `track: Email Opened`."""


class Form(StrEnum):
    """Encoding of the payload in the query."""

    BASE64 = "base64"
    FLAT = "flat"
    JSON = "json"


class Alphabet(StrEnum):
    """The base64 alphabet that decoded first: RFC 4648 section 5 (`url`) or section 4 (`std`)."""

    URL = "url"
    STD = "std"


class Dialect(StrEnum):
    """Rules of decoding: those of Segment's API description, or those of its 2018 source."""

    DOCUMENTED = "documented"
    STRICT = "strict"


class Severity(StrEnum):
    """Effect of a problem: Segment drops the call, keeps wrong data, or keeps the call as it is."""

    DROP = "drop"
    DAMAGE = "damage"
    NOTE = "note"


class RuleSource(StrEnum):
    """Origin of a rule: Segment's documents, its published 2018 source, or inference."""

    DOCUMENTED = "documented"
    SEGMENT_2018 = "segment-2018-source"
    INFERRED = "inferred"


class Outcome(StrEnum):
    """What Segment would do with a request; `unhandled` is a request that is no pixel call."""

    DELIVERED = "delivered"
    DAMAGED = "damaged"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    UNHANDLED = "unhandled"


KEPT = frozenset({Outcome.DELIVERED, Outcome.DAMAGED})
"""The outcomes of calls that Segment keeps: only these calls can meet an expectation."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a call.

    `path` is written `properties.products[0].sku`; it is empty for a problem of the whole request.
    `message` holds sentences: the fact, what Segment does, and how to correct the call.
    """

    code: str
    severity: Severity
    path: str
    message: str
    source: RuleSource

    def as_data(self) -> Payload:
        """Return the problem as plain data, as written in recordings and in all JSON output."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "source": self.source.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request to an emulated host, as sent on the wire.

    `target` is the origin-form target (path and query) as raw bytes. `host` includes the port if
    the client sent one. Header names are lower case, in wire order; cookies and credentials are
    left out by the code that builds the request. `client` is an IP address. `body` is empty unless
    the route of the request wants one (see `core.endpoint.routes`); its transfer and content
    encodings are undone. `authorization` is the value of that header: a decoder may read a write
    key from it, and nothing writes it anywhere.
    """

    target: bytes
    method: str = "GET"
    scheme: str = "https"
    host: str = "api.segment.io"
    http_version: str = "HTTP/1.1"
    headers: tuple[tuple[str, str], ...] = ()
    client: str = ""
    body: bytes = b""
    authorization: str = field(default="", repr=False)

    @property
    def path(self) -> bytes:
        """The target up to its first `?`."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target after its first `?`; empty if there is none."""
        return self.target.partition(b"?")[2]

    @property
    def request_line(self) -> bytes:
        """The request line, in origin form."""
        return b" ".join((self.method.encode(), self.target, self.http_version.encode()))

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal of the request line and, if there is one, the body."""
        line = self.request_line
        return sha256(b"%b\r\n\r\n%b" % (line, self.body) if self.body else line).hexdigest()

    @property
    def url(self) -> str:
        """The absolute URL; bytes that a URL must not contain are percent-encoded."""
        return f"{self.scheme}://{self.host}{percent_encoded(self.target)}"

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


def percent_encoded(target: bytes) -> str:
    """Return a raw target or host as ASCII: spaces, controls, quotes and non-ASCII are encoded."""
    return quote_from_bytes(target, safe="!#$%&'()*+,/:;=?@[]~{}|^`\\")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response: status, headers in order, and the body as bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A decoded pixel request.

    `payload` is None if Segment's edge could not decode the data. `alphabet` and `padded` are None
    except in the base64 form. `problems` are those found while decoding.
    """

    type: CallType
    form: Form
    payload: Payload | None
    alphabet: Alphabet | None = None
    padded: bool | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def is_decoded(self) -> bool:
        """True if the edge could decode the data."""
        return self.payload is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCall:
    """A call with its outcome, and its problems: those of decoding and of validation.

    `source` is the user's name for the write key.
    """

    call: Call
    outcome: Outcome
    problems: tuple[Problem, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, the status of our answer, and the judged calls that the request carries.

    A pixel carries one call, a request that no decoder reads carries none. `seq` is the number of
    its first call: calls count from 1 within a journal, and a request without calls counts as one.
    `time` is aware, in UTC, in whole milliseconds. `digest` is that of the original request (see
    `HttpRequest.digest`): it proves what was sent if the request itself is masked. `step` is the
    title of the scenario step that was running, or empty.
    """

    seq: int
    time: datetime
    request: HttpRequest
    status: int
    calls: tuple[JudgedCall, ...]
    digest: str = ""
    step: str = ""

    @property
    def width(self) -> int:
        """Number of hits of the exchange, and of numbers that it takes."""
        return len(self.calls) or 1

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Outcomes of the hits of the exchange."""
        return tuple([judged.outcome for judged in self.calls]) or (Outcome.UNHANDLED,)

    @property
    def hits(self) -> tuple["Hit", ...]:
        """The hits of the exchange: one for each call, or one for a request without calls."""
        return tuple([Hit(exchange=self, index=index) for index in range(self.width)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One call in its exchange, by its place in `Exchange.calls`; or a request without calls.

    `seq` counts from 1 within a journal. The outcome of a request without calls is `unhandled`.
    `alike` counts further hits that this one represents in the evidence of a live run (see
    `core.verification.components`).
    """

    exchange: Exchange
    index: int = 0
    alike: int = 0

    @property
    def judged(self) -> JudgedCall | None:
        """The judged call; None for a request without calls."""
        calls = self.exchange.calls
        return calls[self.index] if calls else None

    @property
    def seq(self) -> int:
        """Number of the hit within its journal."""
        return self.exchange.seq + self.index

    @property
    def time(self) -> datetime:
        """Time of the exchange."""
        return self.exchange.time

    @property
    def request(self) -> HttpRequest:
        """Request of the exchange."""
        return self.exchange.request

    @property
    def step(self) -> str:
        """Title of the step of the exchange, or empty."""
        return self.exchange.step

    @property
    def call(self) -> Call | None:
        """The decoded call; None for a request without calls."""
        calls = self.exchange.calls
        return calls[self.index].call if calls else None

    @property
    def outcome(self) -> Outcome:
        """Outcome of the call; `unhandled` for a request without calls."""
        calls = self.exchange.calls
        return calls[self.index].outcome if calls else Outcome.UNHANDLED

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems of the call; none for a request without calls."""
        calls = self.exchange.calls
        return calls[self.index].problems if calls else ()

    @property
    def source(self) -> str | None:
        """The user's name for the write key of the call, or None."""
        calls = self.exchange.calls
        return calls[self.index].source if calls else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The hits of one run, in order, and the reasons why calls may be missing.

    `connections` counts the client connections that reached the emulator. `gaps` are sentences,
    one for each reason why calls may be missing (a torn file, a recording without an end, a
    client that refused our CA); with a gap no scenario passes. `masked` is True if write keys in
    the hits are masked. `acted` maps the title of a step to the time when its action was done.
    """

    hits: tuple[Hit, ...]
    connections: int = 0
    gaps: tuple[str, ...] = ()
    masked: bool = False
    acted: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def exchanges(self) -> Iterator[Exchange]:
        """The exchanges of the hits, in order."""
        return exchanges_of(self.hits)

    @property
    def total(self) -> int:
        """Number of hits, including those that other hits represent."""
        return count_hits(self.hits)


def exchanges_of(hits: Iterable[Hit]) -> Iterator[Exchange]:
    """Yield the exchange of each hit, once for hits of the same exchange that follow each other.

    An older exchange is decoded anew for each look at a journal (see `runtime.history`), so the
    hits of one exchange may have two equal ones.
    """
    last: Exchange | None = None
    for hit in hits:
        if hit.exchange is last or (hit.index and hit.exchange == last):
            continue
        last = hit.exchange
        yield last


def renumbered(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Yield exchanges with their calls numbered from 1."""
    seq = 1
    for exchange in exchanges:
        yield replace(exchange, seq=seq)
        seq += exchange.width


def hits_of(exchanges: Iterable[Exchange]) -> tuple[Hit, ...]:
    """Return the hits of exchanges, in order."""
    return tuple([hit for exchange in exchanges for hit in exchange.hits])


def count_hits(hits: Iterable[Hit]) -> int:
    """Return the number of hits, including those that they represent (see `Hit.alike`)."""
    return sum(1 + hit.alike for hit in hits)


def count_outcomes(hits: Iterable[Hit]) -> Counter[Outcome]:
    """Return the number of hits by outcome, including those that they represent."""
    counts: Counter[Outcome] = Counter()
    for hit in hits:
        counts[hit.outcome] += 1 + hit.alike
    return counts


def count_calls(outcomes: Counter[Outcome]) -> int:
    """Return the number of calls; an unhandled request is none."""
    return outcomes.total() - outcomes[Outcome.UNHANDLED]


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
