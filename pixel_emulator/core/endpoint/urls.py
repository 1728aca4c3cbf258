"""Pixel URLs: made from calls, and the requests that clients make for URLs."""

import re
from urllib.parse import quote_from_bytes

from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.endpoint.pixel.query import flatten
from pixel_emulator.core.model import (
    Alphabet,
    CallType,
    Form,
    HttpRequest,
    Payload,
    percent_encoded,
)
from pixel_emulator.core.text import json_codec

# An authority after a scheme or `//`, or a bare one before a path: with a dot or a port, or
# localhost.
_ORIGIN = re.compile(
    rb"(?:(?i:(?P<scheme>https?)):)?//(?P<host>[^/?]*)"
    rb"|(?P<bare>[^/?=&:]+\.[^/?=&]+|localhost|[^/?=&:]+:\d+)(?=/)"
)


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
