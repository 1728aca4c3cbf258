"""Fast redaction of usual calls, whose write key occurs only as the value of `writeKey`.

`redact` searches an exchange for keys in every encoding, which takes ten times as long as all
other work for a call. The cheap checks of this module prove for most calls that the search would
find only that one key; if they cannot prove it, the functions return None.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import lru_cache
from typing import NamedTuple

import re2  # type: ignore[import-untyped] # it has no annotations

from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.model import Call, CallType, Exchange, Form, Payload
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, hide, mask
from pixel_emulator.core.redaction.redact import is_unchanged
from pixel_emulator.core.text import yaml_writer

_PATHS = frozenset(f"/v1/pixel/{call_type}".encode() for call_type in CallType)
_STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {**{digit: value for value, digit in enumerate(_STANDARD)}, "-": 62, "_": 63}


def _without(bit: int) -> str:
    """Return a character class of the base64 characters whose value has not this bit."""
    return f"[{re.escape(''.join(digit for digit, value in _VALUES.items() if not value & bit))}]"


# Three bytes of ASCII are four characters of base64, in which three bits are not set. The name of
# a key is ASCII and has at least eight bytes, so at any offset it has two such groups. The
# exception is the Kelvin sign, which a regex takes for a k: its base64 at the three offsets.
_GROUP = _without(0b100000) + _without(0b001000) + _without(0b000010)
_KELVIN = "4oSq|KEq[g-v]|ihK[o-r]"
_LEGIBLE_BASE64 = f"{_GROUP}[A-Za-z0-9+/_-]{_GROUP}|{_KELVIN}"
# Signs of a key, other than its name, in a text without escapes (see `key_finder`).
_SIGNS = (
    r"/projects/|/analytics\.js/|(?:load|new|builder|init|initialize)['\"\]]*\s*\(|new\s+analytics"
    r"|basic\s+[a-z0-9+/_-]{8}|@[\w.-]*segment"
)
_SUSPICIOUS = re2.compile(f"{_LEGIBLE_BASE64}|(?i:{_SIGNS})".encode())
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_NOTHING = "", b""
_DIGEST = 64
"""Characters of a SHA-256."""
_FOLDED_TO_ASCII = re.compile("\u0130|\u0131|\u017f|\u212a".encode())
"""Letters that a regex takes for i, s and k if it ignores case."""


_UNESCAPED = re.compile(r"[A-Za-z0-9_.~-]+")
"""A key that JSON, URLs and XML write without escapes."""


class EntryFields(NamedTuple):
    """The values of an entry that redaction changes: the `data` parameter and the payload."""

    data: str
    payload: Payload


def only_call(exchange: Exchange) -> Call | None:
    """Return the call of an exchange with one call, or None; also None if its request has a body
    or credentials."""
    calls, request = exchange.calls, exchange.request
    is_usual = len(calls) == 1 and not request.body and not request.authorization
    return calls[0].call if is_usual else None


def unmasked_fields(exchange: Exchange) -> EntryFields | None:
    """Return the fields of a usual exchange without redaction, or None for any other."""
    call, data = only_call(exchange), _only_data(exchange)
    text = data and _json_text(data)
    if not data or not text or call is None or not call.payload or not _is_shallow(text):
        return None
    return EntryFields(data.decode(), call.payload)


def masked_fields(exchange: Exchange, known: tuple[str, ...] = ()) -> EntryFields | None:
    """Return the fields of an exchange after `redact`, or None if it may change anything else.

    The call must be the one that `decode` returns for the request. The messages of its problems
    quote values of the call, but never one with a key in it.
    """
    call, (key, text) = only_call(exchange), _key_and_text(exchange, known)
    if not key or call is None or call.payload is None or call.alphabet is None:
        return None
    text = text.replace(key.encode(), mask(key).encode())
    encoded = data_parameter.encode(text, call.alphabet, padded=bool(call.padded))
    return EntryFields(encoded.decode(), {**call.payload, "writeKey": mask(key)})


def sole_key(exchange: Exchange, known: tuple[str, ...] = ()) -> str | None:
    """Return the only write key of an exchange, or None.

    None means that the exchange may contain the key in another place as well, or another key, also
    one of the `known` ones.
    """
    return _key_and_text(exchange, known)[0] or None


def _key_and_text(exchange: Exchange, known: tuple[str, ...]) -> tuple[str, bytes]:
    """Return the result of `sole_key` and the JSON text of the call; two empty texts for None."""
    call, request = only_call(exchange), exchange.request
    if call is None or call.payload is None or call.alphabet is None:
        return _NOTHING
    key = call.payload.get("writeKey")
    if not isinstance(key, str) or len(key) < MIN_KEY_LENGTH or not key.isascii():
        return _NOTHING
    data = _only_data(exchange)
    text = data and _json_text(data)
    others: tuple[str, ...] = ()
    if known != (key,):
        others = tuple(other for other in known if other != key and len(other) >= MIN_KEY_LENGTH)
    if not text or _may_hold_other_keys(text, key.encode(), others):
        return _NOTHING
    # The known keys are part of the cache key, because the headers are searched for them.
    if not _is_unchanged(
        request.headers, (request.method, request.host, exchange.step), (key, *others)
    ):
        return _NOTHING
    return key, text


def _json_text(data: bytes) -> bytes | None:
    """Return the JSON text in the `data` of a decoded call, or None if it has escapes."""
    try:
        text = a2b_base64(data.translate(_TO_STANDARD) + b"==")
    except Base64Error:
        return None
    return None if b"\\" in text else text


def _only_data(exchange: Exchange) -> bytes | None:
    """Return the base64 of a query without escapes and other parameters, or None."""
    call = only_call(exchange)
    if call is None or call.form is not Form.BASE64 or call.problems:
        return None
    path, mark, data = exchange.request.target.partition(b"?data=")
    if path not in _PATHS or not mark or b"%" in data or b"&" in data or b"+" in data:
        return None
    return None if b"\r" in data or b"\n" in data or len(exchange.digest) != _DIGEST else data


def _is_shallow(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") <= yaml_writer.MAX_NESTING


def _may_hold_other_keys(text: bytes, key: bytes, others: tuple[str, ...]) -> bool:
    """Return True if a JSON text without escapes may contain more to mask than its one key.

    The names of keys contain `write`; other places of keys are Segment's URLs, code that loads
    analytics, credentials, and base64.
    """
    lower = text.lower()
    if (
        lower.count(b"write") != 1
        or b"%" in text
        or text.count(key) != 1
        or not _is_shallow(text)
        or not (text.isascii() or _FOLDED_TO_ASCII.search(text) is None)
    ):
        return True
    before, _, after = text.partition(key)
    if not (after.startswith(b'"') and before.endswith((b'"writeKey":"', b'"writeKey": "'))):
        return True
    if _SUSPICIOUS.search(b'%b"%b' % (before, after)):
        return True
    # The text has no base64 of eight ASCII characters, so a known key can only occur as it is.
    for other in others:
        if _UNESCAPED.fullmatch(other):
            if other.encode() in text:
                return True
        elif hide(decoded := text.decode(errors="surrogateescape"), (other,)) != decoded:
            return True
    return False


@lru_cache(maxsize=256)  # a client sends the same headers each time
def _is_unchanged(
    headers: tuple[tuple[str, str], ...], words: tuple[str, ...], keys: tuple[str, ...]
) -> bool:
    return is_unchanged(headers, words, keys)
