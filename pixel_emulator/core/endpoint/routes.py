"""The route table of the emulated hosts: which decoder reads a request, and how it is answered."""

from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from pixel_emulator.core.endpoint.decoder import DecodedCall, Decoder
from pixel_emulator.core.endpoint.pixel.decoder import PixelDecoder
from pixel_emulator.core.endpoint.pixel.query import decode_utf8
from pixel_emulator.core.model import CallType, Dialect, HttpRequest, HttpResponse

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""The transparent GIF of Segment's response, byte for byte (Segment 2018)."""

_PIXEL = HttpResponse(
    200, (("Content-Type", "image/gif"), ("Cache-Control", "no-cache, max-age=0")), GIF
)
_NOT_FOUND = HttpResponse(404, (("Content-Type", "text/plain"),), b"404 page not found\n")
_NOT_ALLOWED = HttpResponse(
    405, (("Content-Type", "text/plain"), ("Allow", "GET, HEAD")), b"method not allowed\n"
)
# CORS headers of the HTTP Tracking API: browsers post to it across origins.
_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
)
_ACCEPTED = HttpResponse(200, (("Content-Type", "application/json"), *_CORS), b'{"success": true}')
_PREFLIGHT = HttpResponse(204, _CORS, b"")
# The response of Go's net/http, and so of Segment 2018, to a malformed request line on any path.
_MALFORMED_LINE = HttpResponse(
    400, (("Content-Type", "text/plain"), ("Connection", "close")), b"400 Bad Request"
)


# Segment's HTTP Tracking API (documented) and the short names that analytics.js posts to.
_TRACKING_API = tuple(
    f"/v1/{name}" for name in (*CallType, "batch", "import", "i", "t", "p", "s", "g", "a", "b", "m")
)


@dataclass(frozen=True, slots=True)
class Route:
    """The decoder of the calls that a request carries, or None, and the response to it."""

    decoder: Decoder | None
    response: HttpResponse

    def calls(self, request: HttpRequest, dialect: Dialect) -> tuple[DecodedCall, ...]:
        """Return the calls that a request with this route carries. Never raises."""
        decoder = self.decoder
        if decoder is None or (decoder.wants_body and not request.body):
            return ()
        return decoder.decode(request, dialect)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the route table. Other methods for `path` get the response `otherwise`."""

    path: str
    methods: tuple[str, ...]
    response: HttpResponse
    decoder: Decoder | None = None
    otherwise: HttpResponse = _NOT_FOUND


# Pixels answer GET and HEAD with the GIF whatever the data (Segment 2018).
ROWS = (
    *(
        Row(
            f"/v1/pixel/{call_type}", ("GET", "HEAD"), _PIXEL, PixelDecoder(call_type), _NOT_ALLOWED
        )
        for call_type in CallType
    ),
    *(Row(path, ("POST",), _ACCEPTED) for path in _TRACKING_API),
    *(Row(path, ("OPTIONS",), _PREFLIGHT) for path in _TRACKING_API),
)
_ROUTES = {
    (row.path, method): Route(row.decoder, row.response) for row in ROWS for method in row.methods
}
_OTHERWISE = {row.path: Route(None, row.otherwise) for row in ROWS}
_UNKNOWN = Route(None, _NOT_FOUND)
GET_WANTS_AUTHORIZATION = any(
    row.decoder is not None
    and row.decoder.wants_authorization
    and not {"GET", "HEAD"}.isdisjoint(row.methods)
    for row in ROWS
)
"""True if a decoder of GET or HEAD requests reads the header `Authorization`."""

_MAX_CACHED = 100  # characters of a method and a path


def route(method: str, path: bytes) -> Route:
    """Route a request at an emulated host; `path` is raw, without the query.

    The whole path is lower-cased, exactly one trailing `/` is stripped, then it must match
    exactly (Segment 2018).
    """
    # Both come from the client: caching long ones would let it grow our memory.
    is_long = len(method) + len(path) > _MAX_CACHED
    return _route(method, path) if is_long else _cached_route(method, path)


def _route(method: str, path: bytes) -> Route:
    name = decode_utf8(unquote_to_bytes(path)).lower().removesuffix("/")
    return _ROUTES.get((name, method)) or _OTHERWISE.get(name, _UNKNOWN)


_cached_route = lru_cache(maxsize=256)(_route)


def route_of(request: HttpRequest) -> Route:
    """Return the route of a request at an emulated host.

    A request with a raw space in its target is answered 400: no server reads its line as HTTP.
    """
    routed = route(request.method, request.path)
    return Route(routed.decoder, _MALFORMED_LINE) if b" " in request.target else routed


def decode_request(request: HttpRequest, dialect: Dialect) -> tuple[DecodedCall, ...]:
    """Return the calls that a request at an emulated host carries. Never raises."""
    return route_of(request).calls(request, dialect)
