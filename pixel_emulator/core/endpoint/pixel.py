"""The Pixel API endpoint: routes, responses, and decoding of calls."""

import re
from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pixel_emulator.core.endpoint import data_parameter
from pixel_emulator.core.endpoint.data_parameter import parse_object
from pixel_emulator.core.endpoint.query import Query, decode_utf8, expand, flatten, parse_query
from pixel_emulator.core.model import (
    Alphabet,
    Call,
    CallType,
    Dialect,
    Form,
    HttpRequest,
    HttpResponse,
    Payload,
    Problem,
    percent_encoded,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.text import json_codec

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
_TRACKING_API = {
    "POST": HttpResponse(200, (("Content-Type", "application/json"), *_CORS), b'{"success": true}'),
    "OPTIONS": HttpResponse(204, _CORS, b""),
}
# An authority after a scheme or `//`, or a bare one before a path: with a dot or a port, or
# localhost.
_ORIGIN = re.compile(
    rb"(?:(?i:(?P<scheme>https?)):)?//(?P<host>[^/?]*)"
    rb"|(?P<bare>[^/?=&:]+\.[^/?=&]+|localhost|[^/?=&:]+:\d+)(?=/)"
)
_PIXEL_PATHS = {f"/v1/pixel/{call_type}": call_type for call_type in CallType}
# Segment's HTTP Tracking API (documented) and the short names that analytics.js posts to.
_TRACKING_API_PATHS = frozenset(
    f"/v1/{name}" for name in (*CallType, "batch", "import", "i", "t", "p", "s", "g", "a", "b", "m")
)


_DATA = b"data="
_MAX_CACHED = 100  # characters of a method and a path

# The response of Go's net/http, and so of Segment 2018, to a malformed request line on any path.
_MALFORMED_LINE = HttpResponse(
    400, (("Content-Type", "text/plain"), ("Connection", "close")), b"400 Bad Request"
)


@dataclass(frozen=True, slots=True)
class Route:
    """The type of call that a request makes, or None, and the response to it."""

    type: CallType | None
    response: HttpResponse


def route(method: str, path: bytes) -> Route:
    """Route a request at an emulated host; `path` is raw, without the query.

    The whole path is lower-cased, exactly one trailing `/` is stripped, then it must match
    exactly. Pixels answer GET and HEAD with 200 and the GIF whatever the data (Segment 2018).
    """
    # Both come from the client: caching long ones would let it grow our memory.
    is_long = len(method) + len(path) > _MAX_CACHED
    return _route(method, path) if is_long else _cached_route(method, path)


def _route(method: str, path: bytes) -> Route:
    name = decode_utf8(unquote_to_bytes(path)).lower().removesuffix("/")
    call_type = _PIXEL_PATHS.get(name)
    if call_type is not None:
        if method in ("GET", "HEAD"):
            return Route(call_type, _PIXEL)
        return Route(None, _NOT_ALLOWED)
    if name in _TRACKING_API_PATHS and method in _TRACKING_API:
        return Route(None, _TRACKING_API[method])
    return Route(None, _NOT_FOUND)


_cached_route = lru_cache(maxsize=256)(_route)


def route_of(request: HttpRequest) -> Route:
    """Return the route of a request at an emulated host.

    A request with a raw space in its target is answered 400: no server reads its line as HTTP.
    """
    if b" " in request.target:
        return Route(route(request.method, request.path).type, _MALFORMED_LINE)
    return route(request.method, request.path)


def calls_in(request: HttpRequest, dialect: Dialect) -> tuple[Call, ...]:
    """Return the calls that a request carries, in order, decoded. Never raises."""
    call_type = route(request.method, request.path).type
    if call_type is None:
        return ()
    if b" " in request.target:
        return (undecodable_call(call_type),)
    return (decode(call_type, request.query, dialect),)


def undecodable_call(call_type: CallType) -> Call:
    """Return the call of a request with a raw space in its target: no server reads its data."""
    cause = "a raw space stands in the URL, and a server answers 400 to such a request"
    bad_request = problem("bad_request", cause=cause, advice="Write each space as %20.")
    return Call(type=call_type, form=Form.FLAT, payload=None, problems=(bad_request,))


def decode(call_type: CallType, query: bytes, dialect: Dialect) -> Call:
    """Decode the raw query of a pixel request; never raises.

    A non-empty `data` parameter holds the payload, and every other parameter is ignored. Without
    one, the parameters are the payload in the flat form (Segment 2018).
    """
    return decode_with_text(call_type, query, dialect)[0]


def decode_with_text(call_type: CallType, query: bytes, dialect: Dialect) -> tuple[Call, str]:
    """Return the call that `decode` returns, and the JSON text of its payload.

    The text is empty for the flat form, for an undecodable call, and if it has escapes. So a text
    that is not empty contains each string of the payload as it is.
    """
    data: bytes | None
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    if _is_only_data(query):
        data, problems = query[len(_DATA) :], []
    else:
        parsed = parse_query(query)
        data, problems, pairs = parsed.first(b"data"), _query_problems(parsed), parsed.pairs
    if not data:
        flat, conflicts = expand(pairs)
        problems += [problem("flat_key_conflict", path) for path in conflicts]
        return Call(type=call_type, form=Form.FLAT, payload=flat, problems=tuple(problems)), ""
    decoded = data_parameter.decode(data)
    if decoded is not None:
        parsed_object = parse_object(decoded.data)
        call = Call(
            type=call_type,
            form=Form.BASE64,
            payload=parsed_object.value,
            alphabet=decoded.alphabet,
            padded=decoded.padded,
            problems=(*problems, *parsed_object.problems),
        )
        return call, parsed_object.text
    if dialect is Dialect.DOCUMENTED and data.lstrip().startswith(b"{"):
        # Segment's API description calls base64 optional; its 2018 source drops this.
        payload, json_problems, text = parse_object(data)
        problems += json_problems
        if payload is not None:
            problems.append(problem("raw_json"))
        call = Call(type=call_type, form=Form.JSON, payload=payload, problems=tuple(problems))
        return call, text
    cause, advice = data_parameter.base64_failure(data, query)
    problems.append(problem("bad_request", cause=cause, advice=advice))
    return Call(type=call_type, form=Form.BASE64, payload=None, problems=tuple(problems)), ""


def encode(
    call_type: CallType,
    payload: Payload,
    *,
    form: Form = Form.BASE64,
    alphabet: Alphabet = Alphabet.URL,
    padded: bool = False,
    base: str = "https://api.segment.io",
) -> str:
    """Return the pixel URL of a call; `decode` is the inverse.

    Raises ValueError if the flat form cannot hold the payload.
    """
    if form is Form.FLAT:
        query = flatten(payload)
    else:
        data = json_codec.write(payload, separators=(",", ":")).encode()
        if form is Form.BASE64:
            data = data_parameter.encode(data, alphabet, padded=padded)
        query = f"data={quote_from_bytes(data, safe='=')}"
    return f"{base}/v1/pixel/{call_type}?{query}"


def request_from_url(text: str) -> HttpRequest:
    """Return the request that a client makes for a URL, or for a bare `path?query`. Never raises.

    As in every client, blanks and line breaks around the URL and its fragment are removed, and
    blanks inside are escaped (https://url.spec.whatwg.org/#concept-basic-url-parser); nothing else
    is changed. The host is percent-encoded as a whole, as clients percent-decode it before they
    make it a DNS name (https://url.spec.whatwg.org/#host-parsing).
    """
    text = text.lstrip("\ufeff").strip(" \t\r\n")
    try:
        raw = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode(errors="surrogatepass")
    raw = raw.partition(b"#")[0].replace(b" ", b"%20")
    match = _ORIGIN.match(raw)
    target = raw[match.end() :] if match else raw
    if not target.startswith(b"/"):
        target = b"/" + target
    if match is None:
        return HttpRequest(target=target)
    return HttpRequest(
        target=target,
        scheme=(match["scheme"] or b"https").decode().lower(),
        host=percent_encoded(match["host"] or match["bare"] or b""),
    )


def _is_only_data(query: bytes) -> bool:
    """Return True if the query is only a filled `data`, without escapes and separators."""
    return (
        query.startswith(_DATA)
        and len(query) > len(_DATA)
        and not (b"&" in query or b"%" in query or b"+" in query or b";" in query)
    )


def _query_problems(parsed: Query) -> list[Problem]:
    """Return the problems of the query itself."""
    names = [key for key, _ in parsed.pairs]
    data = parsed.first(b"data")
    escaped = [raw for raw in (*names, *parsed.malformed) if raw[:4].lower() == b"amp;"]
    problems = [
        problem("malformed_parameter", shown=decode_utf8(raw.partition(b"=")[0]))
        for raw in parsed.malformed
    ]
    problems += [
        problem("amp_parameter", shown=decode_utf8(raw.partition(b"=")[0])) for raw in escaped
    ]
    if parsed.has_semicolon and not escaped:
        problems.append(problem("semicolon"))
    if names.count(b"data") > 1:
        problems.append(problem("repeated_data"))
    if data and len(names) > names.count(b"data"):
        others = dict.fromkeys(decode_utf8(key) for key in names if key != b"data")
        problems.append(problem("ignored_parameters", shown=", ".join(others)))
    if data == b"":
        problems.append(problem("empty_data"))
    if not data:
        readable = b"&".join(part for pair in parsed.pairs for part in pair)
        if decode_utf8(readable).encode() != readable:
            problems.append(problem("invalid_utf8"))
    return problems
