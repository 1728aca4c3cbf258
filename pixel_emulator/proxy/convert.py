"""mitmproxy's messages as core values, and the core's answers as mitmproxy's messages."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from mitmproxy import http
from mitmproxy.net.http import http1, status_codes
from mitmproxy.net.http.url import hostport

from pixel_emulator.core.endpoint.pixel import GIF
from pixel_emulator.core.model import PixelRequest, PixelResponse
from pixel_emulator.proxy.hosts import folded
from pixel_emulator.runtime.clock import seconds

FALLBACK = PixelResponse(200, (("Content-Type", "image/gif"),), GIF)
"""The answer where something of ours fails."""

_WITHHELD = frozenset({b"cookie", b"set-cookie", b"authorization", b"proxy-authorization"})


def request_of(flow: http.HTTPFlow, host: str) -> PixelRequest:
    """The request of a flow as it stood on the wire, without cookies and credentials.

    `host` is the one that it means; the Host header is taken only where it says the same.
    """
    request, wire, peer = flow.request, flow.request.data, flow.client_conn.peername
    written = request.host_header if folded(request.pretty_host) == host else None
    return PixelRequest(
        target=wire.path,
        method=wire.method.decode("latin-1"),
        scheme=request.scheme,
        host=storable(written or hostport(request.scheme, host, request.port)),
        http_version=request.http_version,
        headers=headers_of(wire.headers.fields),
        client=peer[0] if peer else "",
    )


def headers_of(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Header fields as a PixelRequest has them, without cookies and credentials."""
    return tuple(_header(name, value) for name, value in fields if name.lower() not in _WITHHELD)


@lru_cache(maxsize=1024)  # clients repeat themselves, and the journal keeps every request
def _header(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1").lower(), value.decode("latin-1")


def answer(response: PixelResponse, method: str = "GET") -> http.Response:
    """The core's answer as mitmproxy's; for HEAD without its body, which mitmproxy would send."""
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    if response.status != 204:  # RFC 9110, 8.6
        headers.append((b"Content-Length", b"%d" % len(response.body)))
    now = seconds()
    return http.Response(
        b"HTTP/1.1",
        response.status,
        status_codes.RESPONSES.get(response.status, "").encode(),
        http.Headers(headers),
        b"" if method == "HEAD" else response.body,
        None,
        now,
        now,
    )


def storable(value: str) -> str:
    """The text without lone surrogates, which no file takes."""
    return value.encode(errors="backslashreplace").decode()


def on_the_wire(requests: Sequence[PixelRequest], responses: Sequence[PixelResponse]) -> bytes:
    """The bytes of the answers to requests, as the addon's way through mitmproxy writes them."""
    pairs = zip(requests, responses, strict=True)
    return b"".join([_bytes(response, request.method) for request, response in pairs])


@lru_cache(maxsize=64)
def _bytes(response: PixelResponse, method: str) -> bytes:
    return bytes(http1.assemble_response(answer(response, method)))
