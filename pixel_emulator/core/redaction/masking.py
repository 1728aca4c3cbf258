"""Write keys made unreadable in a text: plain, escaped, or inside base64."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from html import escape
from urllib.parse import quote

MIN_KEY_LENGTH = 8
"""Keys with fewer characters are masked only where they stand as keys: they are common words."""

_SYMBOLS = "*-_!"  # none needs escaping in JSON or in a query, nor `+` or `/` in base64
_SHOWN = re.compile(r"[A-Za-z0-9._~-]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*")
_TO_URL = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=1_024)
def mask(key: str) -> str:
    """What stands for a key: as long, ASCII, its first third, then a fingerprint.

    Behind the first third no character is the key's own. Equal keys have equal masks, and keys
    that only begin alike have different ones.
    """
    number = int.from_bytes(sha256(key.encode(errors="surrogatepass")).digest())
    masked = ""
    for index, character in enumerate(key):
        if index < len(key) // 3 and _SHOWN.match(character):
            masked += character
        else:
            number, digit = divmod(number, 3)
            masked += [each for each in _SYMBOLS if each != character][digit]
    return masked


def is_mask(text: str) -> bool:
    """Return True if `mask` returns this text for some key of at least `MIN_KEY_LENGTH`."""
    hidden = text[len(text) // 3 :]
    return len(text) >= MIN_KEY_LENGTH and not hidden.strip(_SYMBOLS)


def hide(text: str, keys: Iterable[str]) -> str:
    """The text with every occurrence of the keys masked, also as JSON and inside base64."""
    for key in keys:
        spellings, encoded = _shapes(key)
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
def _shapes(key: str) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    """How a key may stand in a text: as it is, as JSON, in a URL and in XML; and the base64
    characters that it alone decides, with 0, 1 or 2 bytes before it in their group."""
    raw = key.encode(errors="surrogatepass")
    encoded = []
    for before in range(3):
        end = (before + len(raw)) * 8 // 6
        core = b64encode(bytes(before) + raw)[_first_own(before) : end]
        encoded += [(each.decode(), before) for each in {core, core.translate(_TO_URL)}]
    spellings = {key, json.dumps(key)[1:-1], quote(raw, safe=""), escape(key)}
    return tuple(sorted(spellings, key=len, reverse=True)), tuple(encoded)


def _first_own(before: int) -> int:
    """Where the first character stands that holds no bit of the bytes before a key."""
    return -(-before * 8 // 6)


def _hide_encoded(text: str, key: str, at: int, core: str, before: int) -> str:
    """Mask the key in the base64 groups that hold it; `core` of them stands at `at`."""
    raw = key.encode(errors="surrogatepass")
    size = -(-(before + len(raw)) // 3) * 4
    start, end = at - _first_own(before), at + len(core)
    match = _BASE64.match(text, start, start + size) if start >= 0 else None
    if match is None or match.end() < end:  # cut off at its front
        return text[:at] + "*" * len(core) + text[end:]
    altchars = b"-_" if re.search(r"[-_]", match[0]) else None
    groups = bytearray(b64decode(match[0].ljust(size, "A"), altchars))
    groups[before : before + len(raw)] = mask(key).encode().ljust(len(raw), b"*")
    encoded = b64encode(groups, altchars).decode()[: len(match[0])]
    return text[:start] + encoded + text[match.end() :]
