"""The endpoint: which path is which call, what it answers, and what the data say."""

import re
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import (
    Alphabet,
    Call,
    CallType,
    Dialect,
    Form,
    Payload,
    PixelRequest,
    PixelResponse,
    Problem,
)
from pixel_emulator.core.endpoint import base64_data
from pixel_emulator.core.endpoint.query import Query, expand, flatten, parse_query, text_of
from pixel_emulator.core.problems.rules import problem

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""The transparent GIF that Segment answers, byte for byte (Segment 2018)."""

MAX_DATA = 32_768
"""Decoded bytes of `data` that are kept at most (Segment 2018; 32 KB per call, documented)."""

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
_PIXEL_PATHS = {f"/v1/pixel/{each}": each for each in CallType}
# Segment's HTTP Tracking API (documented) and the short names that analytics.js posts to.
_TRACKING_API_PATHS = frozenset(
    f"/v1/{name}" for name in (*CallType, "batch", "import", "i", "t", "p", "s", "g", "a", "b", "m")
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


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
    name = text_of(unquote_to_bytes(path)).lower().removesuffix("/")
    call_type = _PIXEL_PATHS.get(name)
    if call_type is not None:
        if method in ("GET", "HEAD"):
            return Route(call_type, _PIXEL)
        return Route(None, _NOT_ALLOWED)
    if name in _TRACKING_API_PATHS and method in _TRACKING_API:
        return Route(None, _TRACKING_API[method])
    return Route(None, _NOT_FOUND)


def decode(call_type: CallType, query: bytes, dialect: Dialect) -> Call:
    """Decode the raw query of a pixel request; never raises.

    With a non-empty `data` every other parameter is ignored; else the flat form (Segment 2018).
    """
    parsed = parse_query(query)
    problems = [
        problem("malformed_parameter", shown=text_of(raw.partition(b"=")[0]))
        for raw in parsed.malformed
    ]
    problems += [
        problem("amp_parameter", shown=text_of(key))
        for key, _ in parsed.pairs
        if key.startswith(b"amp;")
    ]
    data = parsed.first(b"data")
    if not data:
        flat, conflicts = expand(parsed.pairs)
        problems += [problem("flat_key_conflict", path) for path in conflicts]
        return Call(type=call_type, form=Form.FLAT, payload=flat, problems=tuple(problems))
    problems += _beside_data(parsed)
    decoded = base64_data.decode(data)
    if decoded is not None:
        payload, found = _json_object(decoded.data)
        return Call(
            type=call_type,
            form=Form.BASE64,
            payload=payload,
            alphabet=decoded.alphabet,
            padded=decoded.padded,
            problems=(*problems, *found),
        )
    if dialect is Dialect.DOCUMENTED and data.lstrip().startswith(b"{"):
        # Segment's API description calls base64 optional; its 2018 source drops this.
        payload, found = _json_object(data)
        problems += [*found, *([problem("raw_json")] if payload is not None else [])]
        return Call(type=call_type, form=Form.JSON, payload=payload, problems=tuple(problems))
    cause, mend = base64_data.failure(data)
    problems.append(problem("bad_request", cause=cause, mend=mend))
    return Call(type=call_type, form=Form.BASE64, payload=None, problems=tuple(problems))


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
        data = json_text.write(payload, separators=(",", ":")).encode()
        if form is Form.BASE64:
            data = base64_data.encode(data, alphabet, padded=padded)
        query = f"data={quote_from_bytes(data, safe='=')}"
    return f"{base}/v1/pixel/{call_type}?{query}"


def request_of(text: str) -> PixelRequest:
    """The request that a pasted URL, or a bare `path?query`, would make; never raises.

    A fragment is cut, as every client cuts it; nothing else is mended.
    """
    try:
        raw = text.strip().encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raw = text.strip().encode(errors="surrogatepass")
    raw = raw.partition(b"#")[0]
    match = re.match(rb"(?:(?i:(https?)):)?//([^/?]*)", raw)
    if match is None and not raw.startswith(b"/"):
        match = re.match(rb"()([^/?=&]+\.[^/?=&]+)(?=/)", raw)  # a host without its scheme
    target = raw[match.end() :] if match else raw
    if not target.startswith(b"/"):
        target = b"/" + target
    if match is None:
        return PixelRequest(target=target)
    return PixelRequest(
        target=target,
        scheme=(match[1] or b"https").decode().lower(),
        host=match[2].decode("latin-1"),
    )


def _beside_data(parsed: Query) -> list[Problem]:
    names = [key for key, _ in parsed.pairs]
    problems = []
    if names.count(b"data") > 1:
        problems.append(problem("repeated_data"))
    others = tuple(dict.fromkeys(text_of(key) for key in names if key != b"data"))
    if others:
        problems.append(problem("ignored_parameters", shown=", ".join(others)))
    return problems


def _json_object(data: bytes) -> tuple[Payload | None, list[Problem]]:
    """Read the decoded bytes as one JSON object, in Go's way (Segment 2018)."""
    if len(data) > MAX_DATA:
        cause = f"the decoded data has {len(data):,} bytes; the limit is {MAX_DATA:,}"
        return None, [problem("bad_request", cause=cause, mend="Send less in one call.")]
    text = text_of(data)
    try:
        value, repeated = json_text.parse_noting_repeats(text)
    except ValueError as error:
        cause, mend = f"the decoded data is not JSON ({error})", "Send exactly one JSON object."
        for start, meaning, hint in base64_data.TELLTALES:
            if data.startswith(start):
                cause, mend = f"the decoded data is not JSON: {meaning}", hint
        return None, [problem("bad_request", cause=cause, mend=mend)]
    if not isinstance(value, dict):
        cause = f"the decoded JSON is of type {json_text.kind(value)}, not object"
        return None, [problem("bad_request", cause=cause, mend="Send exactly one JSON object.")]
    problems = []
    if repeated is not None:
        problems.append(problem("duplicate_json_key", shown=repeated))
    if "\ufffd" in text and text.encode() != data:
        problems.append(problem("invalid_utf8"))
    if "\\u" in text and _has_lone_surrogate(text):
        problems.append(problem("lone_surrogate"))
    return value, problems


def _has_lone_surrogate(text: str) -> bool:
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        paired = high_ends_at == match.start()
        if (0xDC00 <= unit <= 0xDFFF) != paired or (high_ends_at != -1 and not paired):
            return True
        high_ends_at = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    return high_ends_at != -1
