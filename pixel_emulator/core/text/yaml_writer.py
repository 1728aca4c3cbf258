"""JSON-like values as block-style YAML that every YAML 1.1 and 1.2 loader reads alike."""

import re
from collections.abc import Callable
from functools import lru_cache

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.json_codec import Number, encode_surrogates

MAX_NESTING = 100
"""Levels that a value may have: loaders recurse, and PyYAML's crashes on some ten thousand."""

_MOST_LEVELS = MAX_NESTING + 10
"""Levels of a whole document: such a value may stand in one that has some of its own."""

# A list of what is harmless, not of what is not; only words need exceptions: YAML 1.1's booleans
# and nulls, and `e400`, which npm's `yaml` takes for a float. A colon or a blank is harmless only
# where text follows.
_HARMLESS = r"[A-Za-z0-9_./@+%&=?~!*()';$-]*+"
_PLAIN = re.compile(
    r"(?![Ee][+-]?[0-9]+\Z)"
    rf"[A-Za-z]{_HARMLESS}(?:(?::(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_(/])){_HARMLESS})*+"
)
_WORDS = frozenset(
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"]
)
_LONGEST_WORD = 5
# What YAML does not allow in a text, and what a reader would not see.
_ESCAPED = re.compile(
    '["\\\\\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff'
    "\ufff0-\uffff\U0010d800-\U0010dfff\U0010fffd]"
)
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONGEST_NAME = 100  # of those that are kept: their number times this is what they may take
_LONGEST_KEY = 1_000  # a key of more than 1,024 characters needs a `?` before it
_LONGEST_INTEGER = 4_000  # Python refuses to read longer ones (sys.int_info)


def write(value: JSON, indent: int = 0) -> str:
    """The value as YAML text, indented by `indent` blanks, with a newline at its end.

    Lone surrogates are written as `core.surrogates` says; `documents` reads them back.
    Raises ValueError for a value that nests deeper than `flatten_deep` leaves it, and then some.
    """
    margin = "\n" + " " * indent
    return f"{margin[1:]}{_inline(value) or _block(value, margin, _MOST_LEVELS)}\n"


def is_too_deep(value: JSON) -> bool:
    """Whether the value has more than `MAX_NESTING` levels."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def flatten_deep(value: JSON) -> JSON:
    """The value, or its JSON text where it nests too deep for YAML."""
    return json_codec.write(value) if is_too_deep(value) else value


def _block(value: JSON, margin: str, levels: int) -> str:
    """A filled map or list without the margin of its first line."""
    if not levels:
        raise ValueError(f"nested deeper than {_MOST_LEVELS} levels")
    inner = margin + "  "
    if isinstance(value, list):
        return margin.join(
            f"- {_inline(each) or _block(each, inner, levels - 1)}" for each in value
        )
    lines, is_plain = [], _PLAIN.fullmatch
    for key, member in value.items() if isinstance(value, dict) else ():
        name = _name(key) if len(key) < _LONGEST_NAME else _key(key, margin)
        if isinstance(member, str):  # most are, and a call less is a tenth of the time
            plain = is_plain(member) and (
                len(member) > _LONGEST_WORD or member.lower() not in _WORDS
            )
            lines.append(f"{name}: {member if plain else _quoted(member)}")
        elif text := _INLINE[type(member)](member):
            lines.append(f"{name}: {text}")
        else:
            lines.append(f"{name}:{inner}{_block(member, inner, levels - 1)}")
    return margin.join(lines)


@lru_cache(maxsize=4096)
def _name(key: str) -> str:
    """A short key: the same ones come in every call."""
    return scalar(key)


def _key(key: str, margin: str) -> str:
    text = scalar(key)
    return text if len(text) <= _LONGEST_KEY else f"? {text}{margin}"


def _inline(value: JSON) -> str:
    """A scalar or an empty container; an empty text for what needs lines of its own."""
    return _INLINE[type(value)](value)


def scalar(text: str) -> str:
    """A text as it stands behind a key."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or "".join(map(_code, encode_surrogates(match[0])))


def _code(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04X}" if number < 0x1_0000 else f"\\U{number:08X}"


def _number(number: float) -> str:
    # YAML 1.1 asks for a point and a signed exponent: 1e21 is a text there.
    digits, e, exponent = repr(number).replace("E", "e").partition("e")
    if "." not in digits and (e or len(digits) > _LONGEST_INTEGER):
        digits += ".0"
    if e and exponent[0] not in "+-":
        exponent = f"+{exponent}"
    return digits + e + exponent


_INLINE: dict[type, Callable[..., str]] = {
    str: scalar,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    int: str,
    float: _number,
    Number: _number,
    dict: lambda value: "" if value else "{}",
    list: lambda value: "" if value else "[]",
}
