"""Write JSON-like values as block-style YAML that YAML 1.1 and 1.2 loaders read the same way."""

import re
from collections.abc import Callable
from functools import lru_cache

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.json_codec import Number, encode_surrogates

MAX_NESTING = 100
"""Levels of nesting that a value may have: loaders recurse, and PyYAML crashes on about 10,000."""

_MOST_LEVELS = MAX_NESTING + 10
"""Levels of nesting of a whole document, which may contain such a value some levels down."""

# An allow-list of characters; only words need exceptions: YAML 1.1's booleans and nulls, and
# `e400`, which npm's `yaml` reads as a float. A colon or a blank is allowed only if text follows.
_HARMLESS = r"[A-Za-z0-9_./@+%&=?~!*()';$-]*+"
_PLAIN = re.compile(
    r"(?![Ee][+-]?[0-9]+\Z)"
    rf"[A-Za-z]{_HARMLESS}(?:(?::(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_(/])){_HARMLESS})*+"
)
_WORDS = frozenset(
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"]
)
_LONGEST_WORD = 5
# Characters that YAML does not allow in a text, and invisible ones.
_ESCAPED = re.compile(
    '["\\\\\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff'
    "\ufff0-\uffff\U0010d800-\U0010dfff\U0010fffd]"
)
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MAX_CACHED_KEY = 100  # characters; with the size of the cache this limits its memory
_MAX_SIMPLE_KEY = 1_000  # YAML needs a `?` before a key of more than 1,024 characters
_MAX_INTEGER_DIGITS = 4_000  # Python refuses to read longer ones (sys.int_info)


def write(value: JSON, indent: int = 0) -> str:
    """Return the value as YAML text, indented by `indent` blanks, with a newline at its end.

    Lone surrogates are written with `json_codec.encode_surrogates`; `yaml_loader` reads them back.
    Raises ValueError if the value has more than 110 levels of nesting (see `flatten_deep`).
    """
    margin = "\n" + " " * indent
    return f"{margin[1:]}{_inline(value) or _block(value, margin, _MOST_LEVELS)}\n"


def is_too_deep(value: JSON) -> bool:
    """Return True if the value has more than `MAX_NESTING` levels of nesting."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def flatten_deep(value: JSON) -> JSON:
    """Return the value, or its JSON text if it nests too deep for YAML (see `MAX_NESTING`)."""
    return json_codec.write(value) if is_too_deep(value) else value


def _block(value: JSON, margin: str, levels: int) -> str:
    """Return a map or list that is not empty, without the margin of its first line."""
    if not levels:
        raise ValueError(f"nested deeper than {_MOST_LEVELS} levels")
    inner = margin + "  "
    if isinstance(value, list):
        return margin.join(
            f"- {_inline(item) or _block(item, inner, levels - 1)}" for item in value
        )
    lines, is_plain = [], _PLAIN.fullmatch
    for key, member in value.items() if isinstance(value, dict) else ():
        name = _cached_key(key) if len(key) < _MAX_CACHED_KEY else _key(key, margin)
        if isinstance(member, str):  # the usual case: inlining `scalar` saves a tenth of the time
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
def _cached_key(key: str) -> str:
    """Return a short key as YAML; every call has the same ones."""
    return scalar(key)


def _key(key: str, margin: str) -> str:
    text = scalar(key)
    return text if len(text) <= _MAX_SIMPLE_KEY else f"? {text}{margin}"


def _inline(value: JSON) -> str:
    """Return a scalar or an empty container as YAML; an empty text for a filled container."""
    return _INLINE[type(value)](value)


def scalar(text: str) -> str:
    """Return a text as a YAML scalar, quoted if needed."""
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
    # YAML 1.1 requires a point and a signed exponent: it reads 1e21 as text.
    digits, e, exponent = repr(number).replace("E", "e").partition("e")
    if "." not in digits and (e or len(digits) > _MAX_INTEGER_DIGITS):
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
