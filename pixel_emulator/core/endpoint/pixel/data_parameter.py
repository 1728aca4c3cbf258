"""The `data` parameter: base64, then JSON."""

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import NamedTuple

from pixel_emulator.core.endpoint.pixel.query import decode_utf8
from pixel_emulator.core.model import Alphabet, Payload, Problem
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.text import json_codec

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


class Base64Data(NamedTuple):
    """The bytes of a base64 value, its alphabet, and whether it was padded."""

    data: bytes
    alphabet: Alphabet
    padded: bool


def decode(value: bytes) -> Base64Data | None:
    """Decode base64 as Segment's edge does, or return None (Segment 2018, message.FromBase64).

    The edge tries URL-safe unpadded, URL-safe padded, standard unpadded, standard padded. Only a
    value without the special characters of both alphabets fits two of them, and no value is both
    padded and unpadded. As in Go's encoding/base64, CR and LF are ignored, and trailing bits may
    be set.
    """
    compact = value.translate(None, b"\r\n")
    body = compact.rstrip(b"=")
    padded = len(body) < len(compact)
    remainder = len(compact) % 4
    if (remainder or len(compact) - len(body) > 2) if padded else remainder == 1:
        return None
    alphabet = Alphabet.STD if b"+" in body or b"/" in body else Alphabet.URL
    if b"-" in body or b"_" in body:
        if alphabet is Alphabet.STD:
            return None
        body = body.translate(_TO_STANDARD)
    try:
        data = a2b_base64(body + b"=" * (-len(body) % 4), strict_mode=True)
    except Base64Error:  # a character of no alphabet
        return None
    return Base64Data(data, alphabet, padded)


def encode(data: bytes, alphabet: Alphabet, *, padded: bool) -> bytes:
    """Encode bytes as base64; `decode` is the inverse."""
    text = b64encode(data, b"-_" if alphabet is Alphabet.URL else None)
    return text if padded else text.rstrip(b"=")


def base64_failure(value: bytes, query: bytes) -> tuple[str, str]:
    """Return why `decode` returns None for a value of the raw `query`, and the advice."""
    if b" " in value and b"+" not in query:
        return (
            "`data` holds a space where base64 has none",
            "The value was wrapped or cut on its way; send it in one piece.",
        )
    if b" " in value:
        return (
            "`data` holds a space where base64 has none: a raw `+` in a query means a space",
            "Use the URL-safe alphabet (`-` and `_`), or write each `+` as `%2B`.",
        )
    stray = re.search(rb"[^A-Za-z0-9+/=_\r\n-]", value)
    if stray:
        shown = stray[0].decode("latin-1").encode("unicode_escape").decode()
        return (
            f"`data` is not base64: character `{shown}` at offset {stray.start()}",
            "Encode the JSON object with URL-safe base64.",
        )
    if re.search(rb"[-_]", value) and re.search(rb"[+/]", value):
        return (
            "`data` mixes the URL-safe and the standard base64 alphabet",
            "Use one alphabet, best the URL-safe one.",
        )
    return (
        "`data` is base64 of an impossible length or with wrong `=` padding: it was cut or altered",
        "Send the whole value, either without `=` or padded to a multiple of four characters.",
    )


WRONG_ENCODINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xef\xbb\xbf", "a byte order mark stands before the JSON", "Encode without a BOM."),
    (b"\xff\xfe", "it is UTF-16", "Encode the JSON as UTF-8."),
    (b"\xfe\xff", "it is UTF-16", "Encode the JSON as UTF-8."),
    (b"{\x00", "it is UTF-16", "Encode the JSON as UTF-8."),
    (b"\x00{", "it is UTF-16", "Encode the JSON as UTF-8."),
    (b"\x1f\x8b", "it is gzip", "Send plain JSON."),
    (b"{&quot;", "it was HTML-escaped before base64", "Turn off auto-escaping where you encode."),
    (b"{&#", "it was HTML-escaped before base64", "Turn off auto-escaping where you encode."),
    (b"%7B", "it was percent-encoded before base64", "Encode the JSON itself."),
    (b"{'", "it is a Python repr, not JSON", "Use json.dumps."),
    (b"eyJ", "it is base64 twice", "Encode once."),
    (b"{{", "it is an unreplaced template token", "Fill the template before encoding."),
    (b"{\xe2\x80\x9c", "it has curly quotes", "Use plain double quotes."),
)
"""First bytes of decoded data that is no JSON: what they mean, and the advice."""


MAX_DATA = 32_768
"""Largest number of decoded bytes of `data` (Segment 2018; 32 KB per call, documented)."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class ParsedObject(NamedTuple):
    """A parsed object or None, the problems of its text (Segment 2018), and the text.

    The text is empty if it has escapes, so a text that is not empty contains each string as it is.
    """

    value: Payload | None
    problems: tuple[Problem, ...]
    text: str = ""


def parse_object(data: bytes) -> ParsedObject:
    """Parse bytes as one JSON object. Never raises."""
    if len(data) > MAX_DATA:
        cause = f"the decoded data has {len(data):,} bytes; the limit is {MAX_DATA:,}"
        return _undecodable(cause, "Send less in one call.")
    text = decode_utf8(data)
    try:
        value, repeated = json_codec.parse_with_repeated_key(text)
    except ValueError as error:
        cause, advice = f"the decoded data is not JSON ({error})", "Send exactly one JSON object."
        for start, meaning, special_advice in WRONG_ENCODINGS:
            if data.startswith(start):
                cause, advice = f"the decoded data is not JSON: {meaning}", special_advice
        return _undecodable(cause, advice)
    if not isinstance(value, dict):
        cause = f"the decoded JSON is of type {json_codec.json_type(value)}, not object"
        return _undecodable(cause, "Send exactly one JSON object.")
    problems = []
    if repeated is not None:
        problems.append(problem("duplicate_json_key", shown=repeated))
    if "\ufffd" in text and text.encode() != data:
        problems.append(problem("invalid_utf8"))
    if "\\" not in text:
        return ParsedObject(value, tuple(problems), text)
    if "\\u" in text and _has_lone_surrogate(text):
        problems.append(problem("lone_surrogate"))
        # Go decodes the top-level keys, and keeps each value as raw text.
        value = {_SURROGATE.sub("\ufffd", key): member for key, member in value.items()}
    return ParsedObject(value, tuple(problems))


def _undecodable(cause: str, advice: str) -> ParsedObject:
    return ParsedObject(None, (problem("bad_request", cause=cause, advice=advice),))


def _has_lone_surrogate(text: str) -> bool:
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        paired = high_ends_at == match.start()
        if (0xDC00 <= unit <= 0xDFFF) != paired or (high_ends_at != -1 and not paired):
            return True
        high_ends_at = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    return high_ends_at != -1
