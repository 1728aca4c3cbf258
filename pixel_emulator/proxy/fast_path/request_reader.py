"""Reads the plain requests of one client, and stops before anything else."""

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import Enum, auto

from mitmproxy import connection, http
from mitmproxy.net.http import http1, url
from mitmproxy.proxy import context

from pixel_emulator.core.model import PixelRequest
from pixel_emulator.proxy.convert import headers_of, request_of
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.header_block import HeaderBlock

LIMIT = 65_536
"""Bytes of an unfinished head that are waited for."""

_MOST = 256
"""Envelopes that are known; those of a browser differ from mail to mail by their referer."""

END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(
    rb"(?P<method>GET|HEAD) (?P<origin>(?:(?i:https?)://[!\"$-.0->@-~]+)?)"
    rb"(?P<target>/[!-~\x80-\xff]*) (?P<version>HTTP/1\.[01])\r\n"
)


# With a raw space in it, to which mitmproxy answers 400 without a word to anybody.
_SPACED_LINE = re.compile(
    rb"(?P<method>GET|HEAD) (?P<origin>(?:(?i:https?)://[!\"$-.0->@-~]+)?)"
    rb"(?P<target>/[!-~\x80-\xff]* [ -~\x80-\xff]*[!-~\x80-\xff]) (?P<version>HTTP/1\.[01])\r\n"
)


def is_plain(start: bytes) -> bool:
    """Whether what begins so is HTTP without a doubt, and perhaps for the fast path."""
    return start.startswith((b"GET ", b"HEAD "))


class Next(Enum):
    """What has to be done when all plain requests are answered."""

    WAIT = auto()
    CLOSE = auto()
    HAND_OVER = auto()


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """Where requests are made: what a context of mitmproxy's says of it."""

    client: connection.Client
    server: connection.Server


@dataclass(frozen=True, slots=True)
class Batch:
    """The plain requests of one read, what comes next, and the bytes that were left unread."""

    requests: tuple[PixelRequest, ...]
    next: Next
    rest: bytes


@dataclass(frozen=True, slots=True)
class HeadTemplate:
    """All that a head says beside its method and target; clients repeat it."""

    like: PixelRequest
    last: bool


type HeadTemplates = dict[Hashable, HeadTemplate | None]
"""What was read before, on any connection."""


class RequestReader:
    """One for each connection, since what a request means depends on where it was made."""

    def __init__(
        self, place: ConnectionContext | context.Context, locks: EgressGuard, known: HeadTemplates
    ) -> None:
        self._place = place
        self._locks = locks
        self._known = known
        # Clients repeat themselves, so the last one is kept.
        self._last: tuple[tuple[bytes, ...], HeadTemplate | None] = ((), None)

    def read(self, data: bytes) -> Batch:
        """Read as many plain requests to emulated hosts as `data` begins with."""
        requests: list[PixelRequest] = []
        at, size = 0, len(data)
        while at < size:
            end = data.find(END, at)
            if end < 0:
                rest = data[at:]
                return Batch(tuple(requests), _unfinished(rest), rest)
            line = _REQUEST_LINE.match(data, at, end + 2)
            spaced = None if line else _SPACED_LINE.match(data, at, end + 2)
            line = line or spaced
            envelope = self._envelope(line, data[line.end() : end + 2]) if line else None
            if line is None or envelope is None:
                return Batch(tuple(requests), Next.HAND_OVER, data[at:])
            requests.append(_request(line, envelope.like))
            at = end + len(END)
            if envelope.last or spaced:
                return Batch(tuple(requests), Next.CLOSE, data[at:])
        return Batch(tuple(requests), Next.WAIT, b"")

    def read_spaced(self, data: bytes) -> tuple[PixelRequest | None, bytes]:
        """Return the request that `data` begins with, if it is complete and would be plain but for
        a raw space in its target, and the bytes behind it."""
        end = data.find(END)
        line = _SPACED_LINE.match(data, 0, end + 2) if end >= 0 else None
        envelope = self._opened(line, data[line.end() : end + 2]) if line else None
        if line is None or envelope is None:
            return None, data
        return _request(line, envelope.like), data[end + len(END) :]

    def _envelope(self, line: re.Match[bytes], block: bytes) -> HeadTemplate | None:
        is_absolute, target = bool(line["origin"]), line["target"]
        if is_absolute and not target.isascii() and b" " not in target:
            return None  # mitmproxy decodes an absolute target as UTF-8, and may fail
        return self._opened(line, block)

    def _opened(self, line: re.Match[bytes], block: bytes) -> HeadTemplate | None:
        origin = line["origin"]
        key = (origin, line["version"], block)
        if key != self._last[0]:
            self._last = key, self._open(*key)
        return self._last[1]

    def _open(self, origin: bytes, version: bytes, block: bytes) -> HeadTemplate | None:
        client, server = self._place.client, self._place.server
        # All that `_read` goes by; `own_ports` never shrinks.
        terminates_here, ports = self._locks.terminates_here(client), len(self._locks.own_ports)
        peer = client.peername[0] if client.peername else ""
        ends = (peer, client.sockname, client.sni, client.tls, terminates_here, ports)
        key = (origin, version, block, ends, server.address, server.tls)
        if key not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = self._read(origin, version, block)
        return self._known[key]

    def _read(self, origin: bytes, version: bytes, block: bytes) -> HeadTemplate | None:
        fields = HeaderBlock.read(block)
        if fields is None or len(fields.values(b"host")) != 1:
            return None
        meant = self._mean(origin, version, *fields.values(b"host"))
        if meant is None:
            return None
        like = replace(meant, headers=headers_of(fields.pairs))
        return HeadTemplate(like, fields.ends_connection(meant.http_version))

    def _mean(self, origin: bytes, version: bytes, header: bytes) -> PixelRequest | None:
        """A request with nothing but this Host header; None if it means no emulated host."""
        flow = self._flow(origin, version, header)
        host = self._locks.host_of(flow) if flow else None
        return request_of(flow, host) if flow and host else None

    def _flow(self, origin: bytes, version: bytes, header: bytes) -> http.HTTPFlow | None:
        """The flow that mitmproxy would make of it; None where it would answer 400."""
        client, server = self._place.client, self._place.server
        try:
            request = http1.read_request_head([b"GET %s/ %s" % (origin, version)])
            request.headers = http.Headers([(b"Host", header)])
            if server.address:
                request.data.host, request.data.port = server.address[:2]
                request.scheme = "https" if server.tls else "http"
            elif not origin:
                host, port = url.parse_authority(request.host_header or "", check=True)
                request.scheme = "https" if client.tls else "http"
                request.data.host = host
                request.data.port = port or (443 if client.tls else 80)
        except ValueError:
            return None
        flow = http.HTTPFlow(client, server)
        flow.request = request
        return flow


def _request(line: re.Match[bytes], like: PixelRequest) -> PixelRequest:
    return PixelRequest(
        target=line["target"],
        method=line["method"].decode(),
        scheme=like.scheme,
        host=like.host,
        http_version=like.http_version,
        headers=like.headers,
        client=like.client,
    )


def _unfinished(rest: bytes) -> Next:
    """What to do with the beginning of a head: only one that may become plain is waited for."""
    has_bare_newline = rest.count(b"\n") != rest.count(b"\r\n")
    plain = rest.startswith((b"G", b"H", b"C")) and not has_bare_newline and len(rest) <= LIMIT
    return Next.WAIT if plain else Next.HAND_OVER


ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_LINE = re.compile(rb"CONNECT (?P<authority>[!-~]+) HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Connect:
    """Where a tunnel shall lead, what the client has already said into it, and its User-Agent."""

    host: str
    port: int
    said: bytes
    agent: str = ""

    @classmethod
    def read(cls, data: bytes) -> "Connect | None":
        """The CONNECT that `data` begins with; None if there is none, or a body belongs to it."""
        head, end, said = data.partition(END)
        head += b"\r\n"
        line = _LINE.match(head) if end else None
        fields = HeaderBlock.read(head[line.end() :]) if line else None
        if line is None or fields is None:
            return None
        try:
            host, port = url.parse_authority(line["authority"], check=True)
        except ValueError:
            return None
        # Some clients send empty lines behind a CONNECT, which mitmproxy drops, too.
        # And mitmproxy joins the values of fields that are repeated.
        agent = b", ".join(fields.values(b"user-agent")).decode("utf-8", "surrogateescape")
        return cls(host, port, said.lstrip(b"\r\n"), agent) if port else None
