"""How characters are written on the wire: percent escapes in a query, escapes in a JSON string."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_JSON_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Spelling:
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


PERCENT = Spelling(
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


JSON_STRING = Spelling(
    re.compile(
        r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.",
        re.DOTALL,
    ),
    re.compile(r'[^"\\\x00-\x1f]*'),
    _read_json,
    _write_json,
)
"""A JSON string without its quotes."""
