"""Parses the plain requests that a connection begins with, and stops at anything else."""

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import Enum, auto

from mitmproxy import connection, http
from mitmproxy.net.http import http1, url
from mitmproxy.proxy.context import Context

from pixel_emulator.core.endpoint.routes import GET_WANTS_AUTHORIZATION
from pixel_emulator.core.model import HttpRequest
from pixel_emulator.proxy.convert import headers_of, request_of
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.header_block import HeaderBlock

MAX_UNFINISHED_HEAD = 65_536
"""Bytes of an incomplete head that are kept while waiting for the rest."""

_MAX_TEMPLATES = 256
"""Cached head templates; those of a browser differ from mail to mail by their referer."""

HEAD_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(
    rb"(?P<method>GET|HEAD) (?P<origin>(?:(?i:https?)://[!\"$-.0->@-~]+)?)"
    rb"(?P<target>/[!-~\x80-\xff]*) (?P<version>HTTP/1\.[01])\r\n"
)


# With a raw space in its target: mitmproxy answers 400 to it and calls no hook.
_SPACED_LINE = re.compile(
    rb"(?P<method>GET|HEAD) (?P<origin>(?:(?i:https?)://[!\"$-.0->@-~]+)?)"
    rb"(?P<target>/[!-~\x80-\xff]* [ -~\x80-\xff]*[!-~\x80-\xff]) (?P<version>HTTP/1\.[01])\r\n"
)


def is_get_or_head(start: bytes) -> bool:
    """Return True if the first bytes are certainly HTTP, and may be a plain request."""
    return start.startswith((b"GET ", b"HEAD "))


class Next(Enum):
    """What to do after the plain requests are answered."""

    WAIT = auto()
    CLOSE = auto()
    HAND_OVER = auto()


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """Where requests are made: the part of a mitmproxy context that their meaning depends on."""

    client: connection.Client
    server: connection.Server


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The plain requests of one read, what to do after them, and the bytes that are not parsed."""

    requests: tuple[HttpRequest, ...]
    next: Next
    rest: bytes


@dataclass(frozen=True, slots=True)
class HeadTemplate:
    """Everything in a head except method and target, which clients repeat.

    `request` has the headers and the other fields; `is_last` is True if the head ends its
    connection.
    """

    request: HttpRequest
    is_last: bool


type HeadTemplates = dict[Hashable, HeadTemplate | None]
"""Cache of parsed heads, shared by all connections; None for a head that is not plain."""


class RequestReader:
    """Parser of one connection: the meaning of a request depends on where it was made."""

    def __init__(
        self, context: ConnectionContext | Context, guard: EgressGuard, templates: HeadTemplates
    ) -> None:
        self._context = context
        self._guard = guard
        self._templates = templates
        # Clients repeat themselves, so the last template is kept.
        self._last: tuple[tuple[bytes, ...], HeadTemplate | None] = ((), None)

    def read(self, data: bytes) -> ReadResult:
        """Parse as many plain requests to emulated hosts as `data` begins with."""
        requests: list[HttpRequest] = []
        at, size = 0, len(data)
        while at < size:
            end = data.find(HEAD_END, at)
            if end < 0:
                rest = data[at:]
                return ReadResult(tuple(requests), _after_incomplete(rest), rest)
            line = _REQUEST_LINE.match(data, at, end + 2)
            spaced = None if line else _SPACED_LINE.match(data, at, end + 2)
            line = line or spaced
            template = self._plain_template(line, data[line.end() : end + 2]) if line else None
            if line is None or template is None:
                return ReadResult(tuple(requests), Next.HAND_OVER, data[at:])
            requests.append(_request(line, template.request))
            at = end + len(HEAD_END)
            if template.is_last or spaced:
                return ReadResult(tuple(requests), Next.CLOSE, data[at:])
        return ReadResult(tuple(requests), Next.WAIT, b"")

    def read_spaced(self, data: bytes) -> tuple[HttpRequest | None, bytes]:
        """Parse a complete request that is plain except for a raw space in its target.

        Return the request and the bytes behind it, or None and `data` if it does not begin so.
        """
        end = data.find(HEAD_END)
        line = _SPACED_LINE.match(data, 0, end + 2) if end >= 0 else None
        template = self._template(line, data[line.end() : end + 2]) if line else None
        if line is None or template is None:
            return None, data
        return _request(line, template.request), data[end + len(HEAD_END) :]

    def _plain_template(self, line: re.Match[bytes], block: bytes) -> HeadTemplate | None:
        is_absolute, target = bool(line["origin"]), line["target"]
        if is_absolute and not target.isascii() and b" " not in target:
            return None  # mitmproxy decodes an absolute target as UTF-8, and may fail
        return self._template(line, block)

    def _template(self, line: re.Match[bytes], block: bytes) -> HeadTemplate | None:
        origin = line["origin"]
        key = (origin, line["version"], block)
        if key != self._last[0]:
            self._last = key, self._cached_template(*key)
        return self._last[1]

    def _cached_template(self, origin: bytes, version: bytes, block: bytes) -> HeadTemplate | None:
        client, server = self._context.client, self._context.server
        # Everything that `_parse_head` depends on; `own_ports` never shrinks.
        terminates_here, ports = self._guard.terminates_here(client), len(self._guard.own_ports)
        peer = client.peername[0] if client.peername else ""
        connected = (peer, client.sockname, client.sni, client.tls, terminates_here, ports)
        key = (origin, version, block, connected, server.address, server.tls)
        if key not in self._templates:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            self._templates[key] = self._parse_head(origin, version, block)
        return self._templates[key]

    def _parse_head(self, origin: bytes, version: bytes, block: bytes) -> HeadTemplate | None:
        header_block = HeaderBlock.read(block)
        if header_block is None or len(header_block.values(b"host")) != 1:
            return None
        if GET_WANTS_AUTHORIZATION and header_block.values(b"authorization"):
            return None
        bare = self._bare_request(origin, version, *header_block.values(b"host"))
        if bare is None:
            return None
        request = replace(bare, headers=headers_of(header_block.fields))
        return HeadTemplate(request, header_block.ends_connection(bare.http_version))

    def _bare_request(self, origin: bytes, version: bytes, header: bytes) -> HttpRequest | None:
        """Return a request with only this Host header, or None if its host is not emulated."""
        flow = self._flow(origin, version, header)
        host = self._guard.host_of(flow) if flow else None
        return request_of(flow, host) if flow and host else None

    def _flow(self, origin: bytes, version: bytes, header: bytes) -> http.HTTPFlow | None:
        """Return the flow that mitmproxy would make, or None if it would answer 400."""
        client, server = self._context.client, self._context.server
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


def _request(line: re.Match[bytes], template: HttpRequest) -> HttpRequest:
    return HttpRequest(
        target=line["target"],
        method=line["method"].decode(),
        scheme=template.scheme,
        host=template.host,
        http_version=template.http_version,
        headers=template.headers,
        client=template.client,
    )


def _after_incomplete(rest: bytes) -> Next:
    """Return what to do with an incomplete head: wait only if it may become plain."""
    has_bare_newline = rest.count(b"\n") != rest.count(b"\r\n")
    may_become_plain = (
        rest.startswith((b"G", b"H", b"C"))
        and not has_bare_newline
        and len(rest) <= MAX_UNFINISHED_HEAD
    )
    return Next.WAIT if may_become_plain else Next.HAND_OVER


CONNECT_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_CONNECT_LINE = re.compile(rb"CONNECT (?P<authority>[!-~]+) HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Target of a tunnel, the bytes that already follow the request, and the User-Agent."""

    host: str
    port: int
    rest: bytes
    user_agent: str = ""

    @classmethod
    def read(cls, data: bytes) -> "ConnectRequest | None":
        """Parse the CONNECT that `data` begins with; None if there is none, or it has a body."""
        head, end, rest = data.partition(HEAD_END)
        head += b"\r\n"
        line = _CONNECT_LINE.match(head) if end else None
        header_block = HeaderBlock.read(head[line.end() :]) if line else None
        if line is None or header_block is None:
            return None
        try:
            host, port = url.parse_authority(line["authority"], check=True)
        except ValueError:
            return None
        # mitmproxy joins the values of repeated fields.
        agents = header_block.values(b"user-agent")
        user_agent = b", ".join(agents).decode("utf-8", "surrogateescape")
        # Some clients send empty lines behind a CONNECT; mitmproxy drops them, too.
        return cls(host, port, rest.lstrip(b"\r\n"), user_agent) if port else None
