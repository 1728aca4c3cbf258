"""The ordinary call: its write key stands where it belongs and nowhere else, to be sure.

Redaction searches a hit for keys in every disguise, which takes ten times as long as all else that
is done for a call. Here are cheap tests that prove of most calls that the search would find the
one key in its place; in any doubt they say nothing.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import lru_cache
from typing import NamedTuple

import re2  # type: ignore[import-untyped] # it has no annotations

from pixel_emulator.core.endpoint import data_parameter
from pixel_emulator.core.model import CallType, Form, Hit, Payload
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, hide, mask
from pixel_emulator.core.redaction.redact import is_unchanged
from pixel_emulator.core.text import yaml_writer

_PATHS = frozenset(f"/v1/pixel/{each}".encode() for each in CallType)
_STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {**{each: value for value, each in enumerate(_STANDARD)}, "-": 62, "_": 63}


def _without(bit: int) -> str:
    """Base64 characters in whose six bits this one is not set."""
    return f"[{re.escape(''.join(each for each, value in _VALUES.items() if not value & bit))}]"


# Three bytes of ASCII are four characters of base64, in which three bits are not set. The name of
# a key is ASCII and at least eight bytes long, and so in any place there are two such groups; but
# for the Kelvin sign, which a regex takes for a k: these are its base64 at the three offsets.
_GROUP = _without(0b100000) + _without(0b001000) + _without(0b000010)
_KELVIN = "4oSq|KEq[g-v]|ihK[o-r]"
_LEGIBLE_BASE64 = f"{_GROUP}[A-Za-z0-9+/_-]{_GROUP}|{_KELVIN}"
# What may show a key, beside a name, in a text without escapes (see `write_keys`).
_SIGNS = (
    r"/projects/|/analytics\.js/|(?:load|new|builder|init|initialize)['\"\]]*\s*\(|new\s+analytics"
    r"|basic\s+[a-z0-9+/_-]{8}|@[\w.-]*segment"
)
_SUSPICIOUS = re2.compile(f"{_LEGIBLE_BASE64}|(?i:{_SIGNS})".encode())
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_NOTHING = "", b""
_DIGEST = 64
"""Characters of a SHA-256."""
_ODD = re.compile("\u0130|\u0131|\u017f|\u212a".encode())
"""Letters that a regex takes for i, s and k where case makes no difference."""


_UNESCAPED = re.compile(r"[A-Za-z0-9_.~-]+")
"""A key that is spelled alike everywhere."""


class EntryFields(NamedTuple):
    """What a redacted hit says otherwise than the hit: its data, and its payload."""

    data: str
    payload: Payload


def unmasked_fields(hit: Hit) -> EntryFields | None:
    """An ordinary hit as it is; None for any other."""
    call, data = hit.call, _only_data(hit)
    text = data and _json_text(data)
    if not data or not text or call is None or not call.payload or not _is_shallow(text):
        return None
    return EntryFields(data.decode(), call.payload)


def masked_fields(hit: Hit, known: tuple[str, ...] = ()) -> EntryFields | None:
    """What `redact` makes of a hit, if it leaves all else as it is; None where that is not sure.

    What its problems say comes from the values of the call, and from none with a key in it.
    """
    call, (key, text) = hit.call, _key_and_text(hit, known)
    if not key or call is None or call.payload is None or call.alphabet is None:
        return None
    text = text.replace(key.encode(), mask(key).encode())
    encoded = data_parameter.encode(text, call.alphabet, padded=bool(call.padded))
    return EntryFields(encoded.decode(), {**call.payload, "writeKey": mask(key)})


def sole_key(hit: Hit, known: tuple[str, ...] = ()) -> str | None:
    """Return the write key of a hit that holds no other key, none of the `known` ones either, and
    this one only in its place; None if that is not sure."""
    return _key_and_text(hit, known)[0] or None


def _key_and_text(hit: Hit, known: tuple[str, ...]) -> tuple[str, bytes]:
    """Return what `sole_key` returns, and the JSON text of the hit; two empty texts for None."""
    call, request = hit.call, hit.request
    if call is None or call.payload is None or call.alphabet is None:
        return _NOTHING
    key = call.payload.get("writeKey")
    if not isinstance(key, str) or len(key) < MIN_KEY_LENGTH or not key.isascii():
        return _NOTHING
    data = _only_data(hit)
    text = data and _json_text(data)
    others: tuple[str, ...] = ()
    if known != (key,):
        others = tuple(other for other in known if other != key and len(other) >= MIN_KEY_LENGTH)
    if not text or _may_hold_more(text, key.encode(), others):
        return _NOTHING
    # The search for the known ones is part of what is remembered.
    if not _stays(request.headers, (request.method, request.host, hit.step), (key, *others)):
        return _NOTHING
    return key, text


def _json_text(data: bytes) -> bytes | None:
    """Return the JSON text in the `data` of a decoded call, or None if it has escapes."""
    try:
        text = a2b_base64(data.translate(_TO_STANDARD) + b"==")
    except Base64Error:
        return None
    return None if b"\\" in text else text


def _only_data(hit: Hit) -> bytes | None:
    """The base64 of a hit that has nothing else in its query, and every byte of it as it is."""
    call = hit.call
    if call is None or call.form is not Form.BASE64 or call.problems:
        return None
    path, mark, data = hit.request.target.partition(b"?data=")
    if path not in _PATHS or not mark or b"%" in data or b"&" in data or b"+" in data:
        return None
    return None if b"\r" in data or b"\n" in data or len(hit.digest) != _DIGEST else data


def _is_shallow(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") <= yaml_writer.MAX_NESTING


def _may_hold_more(text: bytes, key: bytes, others: tuple[str, ...]) -> bool:
    """Whether there may be something in a JSON text to mask, beside its key.

    There are no escapes in it. Names of keys have `write` in them; other texts that hold one are
    addresses of Segment's, code that is given one, credentials, or base64.
    """
    lower = text.lower()
    if (
        lower.count(b"write") != 1
        or b"%" in text
        or text.count(key) != 1
        or not _is_shallow(text)
        or not (text.isascii() or _ODD.search(text) is None)
    ):
        return True
    before, _, after = text.partition(key)
    if not (after.startswith(b'"') and before.endswith((b'"writeKey":"', b'"writeKey": "'))):
        return True
    if _SUSPICIOUS.search(b'%b"%b' % (before, after)):
        return True
    # No ASCII of eight characters stands in base64 here, so a known key can only stand as it is.
    for other in others:
        if _UNESCAPED.fullmatch(other):
            if other.encode() in text:
                return True
        elif hide(written := text.decode(errors="surrogateescape"), (other,)) != written:
            return True
    return False


@lru_cache(maxsize=256)  # a client repeats its headers
def _stays(
    headers: tuple[tuple[str, str], ...], words: tuple[str, ...], keys: tuple[str, ...]
) -> bool:
    return is_unchanged(headers, words, keys)
