"""What a text says to one who looks through percent, JSON and mail escapes, and base64."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_JSON_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Escaping:
    """A way to write characters: escapes among characters that stand for themselves.

    `read` gives the character of an escape; `write` spells a character in the place, and as far
    as possible in the manner, of a piece (an escape or a character).
    """

    escape: re.Pattern[str]
    plain: re.Pattern[str]
    read: Callable[[str], str]
    write: Callable[[str, str], str]

    def text(self, raw: str) -> str:
        """What the raw text says."""
        return self.escape.sub(lambda match: self.read(match[0]), raw)

    def change(self, raw: str, change: Callable[[str], str]) -> str:
        """Change what the raw text says, and leave the spelling of the rest as it is.

        `change` returns a text of at most the same length.
        """
        old = self.text(raw)
        new = change(old)
        if new == old:
            return raw
        if old == raw and self.plain.fullmatch(new):
            return new
        pieces = zip(new, self._pieces(raw), strict=False)
        return "".join(
            piece if said == character else self.write(character, piece)
            for character, (piece, said) in pieces
        )

    def _pieces(self, raw: str) -> Iterator[tuple[str, str]]:
        end = 0
        for match in self.escape.finditer(raw):
            yield from ((each, each) for each in raw[end : match.start()])
            yield match[0], self.read(match[0])
            end = match.end()
        yield from ((each, each) for each in raw[end:])


def _read_percent(escape: str) -> str:
    return " " if escape == "+" else chr(int(escape[1:], 16))


def _write_percent(character: str, piece: str) -> str:
    plain = len(piece) == 1 and PERCENT.plain.fullmatch(character)
    return character if plain else f"%{ord(character):02X}"


PERCENT = Escaping(
    re.compile(r"%[0-9A-Fa-f]{2}|\+"),
    re.compile(r"[A-Za-z0-9_.~!*'(),:;/=@$-]*"),
    _read_percent,
    _write_percent,
)
"""A part of a query, its bytes as Latin-1 characters."""


def _read_json(escape: str) -> str:
    if escape[1] != "u" or len(escape) < 6:
        return _JSON_ESCAPES.get(escape[1], escape[1])
    units = bytes.fromhex(escape[2:6] + escape[8:])
    return units.decode("utf-16-be", "surrogatepass")


def _write_json(character: str, piece: str) -> str:
    if len(piece) == 6 and character < "\U00010000":
        return f"\\u{ord(character):04x}"
    return character if JSON_STRING.plain.fullmatch(character) else json.dumps(character)[1:-1]


JSON_STRING = Escaping(
    re.compile(
        r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.",
        re.DOTALL,
    ),
    re.compile(r'[^"\\\x00-\x1f]*'),
    _read_json,
    _write_json,
)
"""A JSON string without its quotes."""


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


def nested_texts(text: str, depth: int = _DEPTH) -> Iterator[str]:
    """The text, and whatever stands in it encoded, at most three times over.

    Base64 is read from 16 characters on, and at each offset: what stands before it in a path may
    look like a part of it. The work is linear in the length of the text.
    """
    yield text
    if not depth:
        return
    plain = _unescaped(text) if "%" in text or "\\" in text else text
    plain = without_soft_breaks(plain)
    if plain != text:
        yield from nested_texts(plain, depth - 1)
        return
    for run in _BASE64.finditer(text):
        for decoded in _decoded(run[0]):
            yield from nested_texts(decoded, depth - 1)


def withhold(text: str, keys: Iterable[str]) -> str:
    """The text with stars for what holds a key that cannot be masked in its place.

    The first characters and the length of what is withheld stay.
    """
    keys = tuple(keys)
    for run in _RUNS:
        if not contains_key(text, keys):
            break
        text = run.sub(
            lambda match: _stars(match[0]) if contains_key(match[0], keys) else match[0], text
        )
    return text


def without_soft_breaks(text: str) -> str:
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


def contains_key(text: str, keys: tuple[str, ...]) -> bool:
    """Return True if a key stands in the text, also encoded."""
    return any(key in each for each in nested_texts(text) for key in keys)


def _stars(text: str) -> str:
    return text[:_SHOWN] + "*" * (len(text) - _SHOWN)
