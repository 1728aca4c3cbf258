"""Decode texts that are nested in percent, JSON and mail escapes, and in base64."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_JSON_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Escaping:
    """An encoding with escapes among characters that represent themselves.

    `escape` matches an escape and `unescaped` a text that needs none. `decode_escape` returns the
    character of an escape. `encode` returns a character in the form, if possible, of the piece (an
    escape or a character) that it replaces.
    """

    escape: re.Pattern[str]
    unescaped: re.Pattern[str]
    decode_escape: Callable[[str], str]
    encode: Callable[[str, str], str]

    def decode(self, raw: str) -> str:
        """Return the raw text with its escapes decoded."""
        return self.escape.sub(lambda match: self.decode_escape(match[0]), raw)

    def replace(self, raw: str, change: Callable[[str], str]) -> str:
        """Apply `change` to the decoded text, and return it encoded; unchanged escapes are kept.

        `change` must return a text of at most the same length.
        """
        old = self.decode(raw)
        new = change(old)
        if new == old:
            return raw
        if old == raw and self.unescaped.fullmatch(new):
            return new
        pieces = zip(new, self._pieces(raw), strict=False)
        return "".join(
            piece if decoded == character else self.encode(character, piece)
            for character, (piece, decoded) in pieces
        )

    def _pieces(self, raw: str) -> Iterator[tuple[str, str]]:
        end = 0
        for match in self.escape.finditer(raw):
            yield from ((character, character) for character in raw[end : match.start()])
            yield match[0], self.decode_escape(match[0])
            end = match.end()
        yield from ((character, character) for character in raw[end:])


def _decode_percent(escape: str) -> str:
    return " " if escape == "+" else chr(int(escape[1:], 16))


def _encode_percent(character: str, piece: str) -> str:
    is_plain = len(piece) == 1 and PERCENT.unescaped.fullmatch(character)
    return character if is_plain else f"%{ord(character):02X}"


PERCENT = Escaping(
    re.compile(r"%[0-9A-Fa-f]{2}|\+"),
    re.compile(r"[A-Za-z0-9_.~!*'(),:;/=@$-]*"),
    _decode_percent,
    _encode_percent,
)
"""Percent-encoding of a part of a query, with bytes as Latin-1 characters."""


def _decode_json(escape: str) -> str:
    if escape[1] != "u" or len(escape) < 6:
        return _JSON_ESCAPES.get(escape[1], escape[1])
    units = bytes.fromhex(escape[2:6] + escape[8:])
    return units.decode("utf-16-be", "surrogatepass")


def _encode_json(character: str, piece: str) -> str:
    if len(piece) == 6 and character < "\U00010000":
        return f"\\u{ord(character):04x}"
    return character if JSON_STRING.unescaped.fullmatch(character) else json.dumps(character)[1:-1]


JSON_STRING = Escaping(
    re.compile(
        r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.",
        re.DOTALL,
    ),
    re.compile(r'[^"\\\x00-\x1f]*'),
    _decode_json,
    _encode_json,
)
"""Escapes of a JSON string, without its quotes."""


_MAX_DEPTH = 3
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]{16,65536}")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_LEGIBLE = re.compile(rb"[\t\r\n -~]{8,}")  # text among binary data
_SOFT_BREAK = re.compile(r"=(?:\r?\n|(?:\\r)?\\n)")
_SHOWN = 8
# The runs of characters that are withheld if they contain a key, the shortest first.
_RUNS = tuple(
    re.compile(run, re.DOTALL)
    for run in (
        r"[A-Za-z0-9_-]{16,}={0,2}",
        r"[A-Za-z0-9+/_\r\n-]{16,}={0,2}",
        r"[A-Za-z0-9+/_\r\n=%\\-]{16,}",
        r".+",
    )
)


def nested_texts(text: str, depth: int = _MAX_DEPTH) -> Iterator[str]:
    """Yield the text, and all texts that are encoded in it, at most three times over.

    Base64 of at least 16 characters is decoded, at each of the four offsets: the characters before
    it in a path may look like a part of it. The time is linear in the length of the text.
    """
    yield text
    if not depth:
        return
    unescaped = _unescaped(text) if "%" in text or "\\" in text else text
    unescaped = without_soft_breaks(unescaped)
    if unescaped != text:
        yield from nested_texts(unescaped, depth - 1)
        return
    for run in _BASE64.finditer(text):
        for decoded in _decoded(run[0]):
            yield from nested_texts(decoded, depth - 1)


def withhold(text: str, keys: Iterable[str]) -> str:
    """Return the text with stars for each part that contains a key too deep to be masked.

    The first characters and the length of such a part are kept.
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
    """Return a quoted-printable text without its soft line breaks (RFC 2045, section 6.7).

    The line breaks may be escaped as in JSON. Any other text is returned as it is.
    """
    if "=\n" not in text and "=\r" not in text and "=\\" not in text:
        return text
    joined, breaks = _SOFT_BREAK.subn("", text)
    return joined.replace("=3D", "=") if breaks else text


def _unescaped(text: str) -> str:
    unquoted = unquote(text, errors="surrogateescape")
    return JSON_STRING.decode(unquoted) if "\\" in unquoted else unquoted


def _decoded(run: str) -> Iterator[str]:
    digits = run.encode().translate(_TO_STANDARD, b"\r\n")
    for offset in range(4):
        part = digits[offset:]
        whole = part if len(part) % 4 != 1 else part[:-1]
        decoded = b64decode(whole + b"=" * (-len(whole) % 4))
        if decoded.isascii():  # at the other offsets it is not
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
    """Return True if the text contains a key, also encoded."""
    return any(key in nested for nested in nested_texts(text) for key in keys)


def _stars(text: str) -> str:
    return text[:_SHOWN] + "*" * (len(text) - _SHOWN)
