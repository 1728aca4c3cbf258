"""Mask write keys in a text: plain, escaped, or inside base64."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from html import escape
from urllib.parse import quote

MIN_KEY_LENGTH = 8
"""Characters of keys that are masked everywhere; shorter ones may be common words."""

_SYMBOLS = "*-_!"  # without escapes in JSON and queries, and without `+` and `/` in base64
_MIN_SYMBOLS = 3
_SHOWN = re.compile(r"[A-Za-z0-9._~-]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*")
_TO_URL = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=1_024)
def mask(key: str) -> str:
    """Return the mask of a key: ASCII of the same length, its first third and then a fingerprint.

    After the first third every character differs from that of the key. Equal keys have equal masks;
    keys with only the same beginning have different ones.
    """
    number = int.from_bytes(sha256(key.encode(errors="surrogatepass")).digest())
    masked = ""
    for index, character in enumerate(key):
        if index < len(key) // 3 and _SHOWN.match(character):
            masked += character
        else:
            number, digit = divmod(number, 3)
            masked += [symbol for symbol in _SYMBOLS if symbol != character][digit]
    return masked


def is_mask(text: str) -> bool:
    """Return True if `mask` returns this text for some key of at least `MIN_KEY_LENGTH`."""
    hidden = text[len(text) // 3 :]
    return len(text) >= MIN_KEY_LENGTH and not hidden.strip(_SYMBOLS)


def is_start_of_mask(text: str) -> bool:
    """Return True if a mask begins with this text, which ends behind what the mask shows.

    The text ends with three symbols or more: one or two may be the end of a part of a key.
    """
    return len(text) - len(text.rstrip(_SYMBOLS)) >= _MIN_SYMBOLS


def hide(text: str, keys: Iterable[str]) -> str:
    """Return the text with every occurrence of the keys masked, also escaped and inside base64."""
    for key in keys:
        spellings, encoded = _written_forms(key)
        for spelling in spellings:
            if spelling in text:
                text = text.replace(spelling, mask(key))
        for core, before in encoded:
            at = text.find(core)
            while at >= 0:
                text = _hide_encoded(text, key, at, core, before)
                at = text.find(core, at + 1)
    return text


@lru_cache(maxsize=1_024)
def _written_forms(key: str) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    """Return the forms of a key in a text: as it is, in JSON, in a URL and in XML; and in base64.

    For base64 these are the characters that depend only on the key, each with the number of bytes
    (0, 1 or 2) before the key in their group.
    """
    raw = key.encode(errors="surrogatepass")
    encoded = []
    for before in range(3):
        end = (before + len(raw)) * 8 // 6
        core = b64encode(bytes(before) + raw)[_first_own(before) : end]
        encoded += [(form.decode(), before) for form in {core, core.translate(_TO_URL)}]
    spellings = {key, json.dumps(key)[1:-1], quote(raw, safe=""), escape(key)}
    return tuple(sorted(spellings, key=len, reverse=True)), tuple(encoded)


def _first_own(before: int) -> int:
    """Return the index of the first base64 character without a bit of the bytes before a key."""
    return -(-before * 8 // 6)


def _hide_encoded(text: str, key: str, at: int, core: str, before: int) -> str:
    """Mask the key in its base64 groups; `core`, the part that only the key decides, is at `at`."""
    raw = key.encode(errors="surrogatepass")
    size = -(-(before + len(raw)) // 3) * 4
    start, end = at - _first_own(before), at + len(core)
    match = _BASE64.match(text, start, start + size) if start >= 0 else None
    if match is None or match.end() < end:  # its beginning is cut off
        return text[:at] + "*" * len(core) + text[end:]
    altchars = b"-_" if re.search(r"[-_]", match[0]) else None
    groups = bytearray(b64decode(match[0].ljust(size, "A"), altchars))
    groups[before : before + len(raw)] = mask(key).encode().ljust(len(raw), b"*")
    encoded = b64encode(groups, altchars).decode()[: len(match[0])]
    return text[:start] + encoded + text[match.end() :]
