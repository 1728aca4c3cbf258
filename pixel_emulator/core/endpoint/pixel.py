"""The endpoint: which path is which call, what it answers, and what the data say."""

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
    Payload,
    PixelRequest,
    PixelResponse,
    Problem,
    percent_encoded,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.text import json_codec

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""The transparent GIF that Segment answers, byte for byte (Segment 2018)."""

_PIXEL = PixelResponse(
    200, (("Content-Type", "image/gif"), ("Cache-Control", "no-cache, max-age=0")), GIF
)
_NOT_FOUND = PixelResponse(404, (("Content-Type", "text/plain"),), b"404 page not found\n")
_NOT_ALLOWED = PixelResponse(
    405, (("Content-Type", "text/plain"), ("Allow", "GET, HEAD")), b"method not allowed\n"
)
# Browsers post to the HTTP Tracking API across origins; without these headers pages break.
_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
)
_TRACKING_API = {
    "POST": PixelResponse(
        200, (("Content-Type", "application/json"), *_CORS), b'{"success": true}'
    ),
    "OPTIONS": PixelResponse(204, _CORS, b""),
}
# An authority behind its scheme or `//`; or bare, before a path: with a dot or a port, or local.
_ORIGIN = re.compile(
    rb"(?:(?i:(?P<scheme>https?)):)?//(?P<host>[^/?]*)"
    rb"|(?P<bare>[^/?=&:]+\.[^/?=&]+|localhost|[^/?=&:]+:\d+)(?=/)"
)
_PIXEL_PATHS = {f"/v1/pixel/{each}": each for each in CallType}
# Segment's HTTP Tracking API (documented) and the short names that analytics.js posts to.
_TRACKING_API_PATHS = frozenset(
    f"/v1/{name}" for name in (*CallType, "batch", "import", "i", "t", "p", "s", "g", "a", "b", "m")
)


_DATA = b"data="
_MOST_KEPT = 100  # characters of a method and a path

# Go's net/http, and with it Segment 2018, answers so before it looks at the path.
_BAD_LINE = PixelResponse(
    400, (("Content-Type", "text/plain"), ("Connection", "close")), b"400 Bad Request"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request ends: the call it makes, or None, and the answer it gets."""

    type: CallType | None
    response: PixelResponse


def route(method: str, path: bytes) -> Route:
    """Route a request at an emulated host; `path` is raw, without the query.

    The whole path is lower-cased, exactly one trailing `/` is stripped, then it must match
    exactly. Pixels answer GET and HEAD with 200 and the GIF whatever the data (Segment 2018).
    """
    # A client chooses both, and a cache of long ones would hold much.
    is_long = len(method) + len(path) > _MOST_KEPT
    return _route_anew(method, path) if is_long else _route_once(method, path)


def _route_anew(method: str, path: bytes) -> Route:
    name = decode_utf8(unquote_to_bytes(path)).lower().removesuffix("/")
    call_type = _PIXEL_PATHS.get(name)
    if call_type is not None:
        if method in ("GET", "HEAD"):
            return Route(call_type, _PIXEL)
        return Route(None, _NOT_ALLOWED)
    if name in _TRACKING_API_PATHS and method in _TRACKING_API:
        return Route(None, _TRACKING_API[method])
    return Route(None, _NOT_FOUND)


_route_once = lru_cache(maxsize=256)(_route_anew)


def route_of(request: PixelRequest) -> Route:
    """Return the route of a request at an emulated host.

    A request with a raw space in its target is answered 400: no server reads its line as HTTP.
    """
    if b" " in request.target:
        return Route(route(request.method, request.path).type, _BAD_LINE)
    return route(request.method, request.path)


def undecodable_call(call_type: CallType) -> Call:
    """The call of such a request."""
    cause = "a raw space stands in the URL, and a server answers 400 to such a request"
    found = problem("bad_request", cause=cause, mend="Write each space as %20.")
    return Call(type=call_type, form=Form.FLAT, payload=None, problems=(found,))


def decode(call_type: CallType, query: bytes, dialect: Dialect) -> Call:
    """Decode the raw query of a pixel request; never raises.

    With a non-empty `data` every other parameter is ignored; else the flat form (Segment 2018).
    """
    return decode_with_text(call_type, query, dialect)[0]


def decode_with_text(call_type: CallType, query: bytes, dialect: Dialect) -> tuple[Call, str]:
    """Return the call that `decode` returns, and the JSON text that its payload was read from.

    The text is empty for the flat form, for an undecodable call, and if it has escapes. So each
    string of the payload occurs in a text that is not empty.
    """
    data: bytes | None
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    if _is_only_data(query):
        data, problems = query[len(_DATA) :], []
    else:
        parsed = parse_query(query)
        data, problems, pairs = parsed.first(b"data"), _remarks(parsed), parsed.pairs
    if not data:
        flat, conflicts = expand(pairs)
        problems += [problem("flat_key_conflict", path) for path in conflicts]
        return Call(type=call_type, form=Form.FLAT, payload=flat, problems=tuple(problems)), ""
    decoded = data_parameter.decode(data)
    if decoded is not None:
        found = parse_object(decoded.data)
        call = Call(
            type=call_type,
            form=Form.BASE64,
            payload=found.value,
            alphabet=decoded.alphabet,
            padded=decoded.padded,
            problems=(*problems, *found.problems),
        )
        return call, found.text
    if dialect is Dialect.DOCUMENTED and data.lstrip().startswith(b"{"):
        # Segment's API description calls base64 optional; its 2018 source drops this.
        found = parse_object(data)
        problems += [*found.problems, *([] if found.value is None else [problem("raw_json")])]
        call = Call(type=call_type, form=Form.JSON, payload=found.value, problems=tuple(problems))
        return call, found.text
    cause, mend = data_parameter.base64_failure(data, query)
    problems.append(problem("bad_request", cause=cause, mend=mend))
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
    """The pixel URL of a call; `decode` is its inverse.

    Raises ValueError for a payload that the flat form cannot hold.
    """
    if form is Form.FLAT:
        query = flatten(payload)
    else:
        data = json_codec.write(payload, separators=(",", ":")).encode()
        if form is Form.BASE64:
            data = data_parameter.encode(data, alphabet, padded=padded)
        query = f"data={quote_from_bytes(data, safe='=')}"
    return f"{base}/v1/pixel/{call_type}?{query}"


def request_from_url(text: str) -> PixelRequest:
    """The request that a pasted URL, or a bare `path?query`, would make; never raises.

    Blanks and line breaks around it go, a fragment is cut and blanks inside are escaped, as every
    client does (https://url.spec.whatwg.org/#concept-basic-url-parser); nothing else is mended. The
    host is escaped as a whole: a client reads it so, too, before it makes it a name of DNS
    (https://url.spec.whatwg.org/#host-parsing).
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
        return PixelRequest(target=target)
    return PixelRequest(
        target=target,
        scheme=(match["scheme"] or b"https").decode().lower(),
        host=percent_encoded(match["host"] or match["bare"] or b""),
    )


def _is_only_data(query: bytes) -> bool:
    """Whether it is one filled parameter, without a byte that means more than itself."""
    return (
        query.startswith(_DATA)
        and len(query) > len(_DATA)
        and not (b"&" in query or b"%" in query or b"+" in query or b";" in query)
    )


def _remarks(parsed: Query) -> list[Problem]:
    """What is to be said about the query itself."""
    names = [key for key, _ in parsed.pairs]
    data = parsed.first(b"data")
    escaped = [each for each in (*names, *parsed.malformed) if each[:4].lower() == b"amp;"]
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
