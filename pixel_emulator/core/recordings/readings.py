"""What a text says to one who looks through percent, JSON and mail escapes, and base64."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from pixel_emulator.core.recordings.spelling import JSON_STRING

_DEPTH = 3
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]{16,65536}")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_LEGIBLE = re.compile(rb"[\t\r\n -~]{8,}")  # in what else would be noise
_SOFT_BREAK = re.compile(r"=(?:\r?\n|(?:\\r)?\\n)")
_SHOWN = 8
# What is withheld where it holds a key: as little as will do.
_RUNS = tuple(
    re.compile(run, re.DOTALL)
    for run in (
        r"[A-Za-z0-9_-]{16,}={0,2}",
        r"[A-Za-z0-9+/_\r\n-]{16,}={0,2}",
        r"[A-Za-z0-9+/_\r\n=%\\-]{16,}",
        r".+",
    )
)


def readings(text: str, depth: int = _DEPTH) -> Iterator[str]:
    """The text, and whatever stands in it encoded, at most three times over.

    Base64 is read from 16 characters on, and at each offset: what stands before it in a path may
    look like a part of it. The work is linear in the length of the text.
    """
    yield text
    if not depth:
        return
    plain = _unescaped(text) if "%" in text or "\\" in text else text
    plain = unfolded(plain)
    if plain != text:
        yield from readings(plain, depth - 1)
        return
    for run in _BASE64.finditer(text):
        for decoded in _decoded(run[0]):
            yield from readings(decoded, depth - 1)


def withhold(text: str, keys: Iterable[str]) -> str:
    """The text with stars for what holds a key that cannot be masked in its place.

    The first characters and the length of what is withheld stay.
    """
    keys = tuple(keys)
    for run in _RUNS:
        if not holds(text, keys):
            break
        text = run.sub(lambda match: _stars(match[0]) if holds(match[0], keys) else match[0], text)
    return text


def unfolded(text: str) -> str:
    """Return a text in quoted-printable without its soft line breaks (RFC 2045, section 6.7).

    They may be escaped as in JSON. Any other text is returned as it is.
    """
    if "=\n" not in text and "=\r" not in text and "=\\" not in text:
        return text
    joined, breaks = _SOFT_BREAK.subn("", text)
    return joined.replace("=3D", "=") if breaks else text


def _unescaped(text: str) -> str:
    plain = unquote(text, errors="surrogateescape")
    return JSON_STRING.text(plain) if "\\" in plain else plain


def _decoded(run: str) -> Iterator[str]:
    digits = run.encode().translate(_TO_STANDARD, b"\r\n")
    for offset in range(4):
        part = digits[offset:]
        whole = part if len(part) % 4 != 1 else part[:-1]
        decoded = b64decode(whole + b"=" * (-len(whole) % 4))
        if decoded.isascii():  # at any other offset it would be noise
            yield decoded.decode()
            return
        if text := _text(decoded):
            yield text


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return b" ".join(_LEGIBLE.findall(raw)).decode()


def holds(text: str, keys: tuple[str, ...]) -> bool:
    """Return True if a key stands in the text, also encoded."""
    return any(key in each for each in readings(text) for key in keys)


def _stars(text: str) -> str:
    return text[:_SHOWN] + "*" * (len(text) - _SHOWN)
