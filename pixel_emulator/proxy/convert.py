"""Convert mitmproxy's messages to core values, and the core's responses to mitmproxy's."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from mitmproxy import http
from mitmproxy.net.http import http1, status_codes
from mitmproxy.net.http.url import hostport

from pixel_emulator.core.endpoint.routes import GIF
from pixel_emulator.core.model import HttpRequest, HttpResponse
from pixel_emulator.proxy.hosts import normalize_host
from pixel_emulator.runtime.clock import seconds

FALLBACK = HttpResponse(200, (("Content-Type", "image/gif"),), GIF)
"""Response if our own code fails."""

_SECRET_HEADERS = frozenset({b"cookie", b"set-cookie", b"authorization", b"proxy-authorization"})


def request_of(flow: http.HTTPFlow, host: str) -> HttpRequest:
    """Return the request of a flow as sent on the wire, without cookies and credentials.

    `host` is the host that it is for; the Host header is used only if it names the same one.
    """
    request, wire, peer = flow.request, flow.request.data, flow.client_conn.peername
    header = request.host_header if normalize_host(request.pretty_host) == host else None
    return HttpRequest(
        target=wire.path,
        method=wire.method.decode("latin-1"),
        scheme=request.scheme,
        host=escape_surrogates(header or hostport(request.scheme, host, request.port)),
        http_version=request.http_version,
        headers=headers_of(wire.headers.fields),
        client=peer[0] if peer else "",
    )


def headers_of(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return header fields for a HttpRequest, without cookies and credentials."""
    return tuple(
        _header(name, value) for name, value in fields if name.lower() not in _SECRET_HEADERS
    )


@lru_cache(maxsize=1024)  # clients repeat themselves, and the journal keeps every request
def _header(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1").lower(), value.decode("latin-1")


def http_response(response: HttpResponse, method: str = "GET") -> http.Response:
    """Return mitmproxy's form of a response; for HEAD without a body, which it would send."""
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


def escape_surrogates(value: str) -> str:
    """Return `value` with lone surrogates escaped: they cannot be encoded as UTF-8."""
    return value.encode(errors="backslashreplace").decode()


def serialize_responses(
    requests: Sequence[HttpRequest], responses: Sequence[HttpResponse]
) -> bytes:
    """Return the bytes of the responses to requests, as mitmproxy writes those of the addon."""
    pairs = zip(requests, responses, strict=True)
    return b"".join([_serialize(response, request.method) for request, response in pairs])


@lru_cache(maxsize=64)
def _serialize(response: HttpResponse, method: str) -> bytes:
    return bytes(http1.assemble_response(http_response(response, method)))
