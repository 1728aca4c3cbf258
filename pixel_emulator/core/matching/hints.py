"""How a difference comes about, where the two values tell it."""

import re

from pixel_emulator.core.matching.values import ABSENT, Absent, Value, equal
from pixel_emulator.core.matching.wants import UNBOUND, Matcher, Want
from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec

_TEXT_HINTS = (
    (str.strip, "they differ only in spaces around the text"),
    (str.casefold, "they differ only in upper and lower case"),
    (lambda text: "".join(text.split()).casefold(), "they differ only in spaces and case"),
)
_LIKE_A_MATCHER = re.compile(r"\$(?:[a-z]+(?:-[a-z]+)*|/.*/i?|\{[A-Za-z_]\w*\})")
_LITERAL = (
    "wanted is this very text; as a matcher write it with one `$` in a scenario file, and in "
    "Python as a type such as `str`, a regex or a function"
)
_FLAT = "flat-form values are always strings"
_UNQUOTED = "the sender does not quote it"


def hint(want: Want | Absent, got: Value, *, flat: bool) -> str:
    """How the difference comes about; empty where that is not known."""
    if isinstance(want, Matcher):
        return want.reason(got) or ("" if want.denies else _type_hint(want, got, flat=flat))
    if isinstance(want, str) and _LIKE_A_MATCHER.fullmatch(want):
        return _LITERAL
    if isinstance(want, str) and isinstance(got, str):
        alike = (words for fold, words in _TEXT_HINTS if fold(want) == fold(got))
        return next(alike, "")
    if isinstance(got, str) and flat and want is not ABSENT:
        return _FLAT
    if isinstance(want, str) and isinstance(got, int | float | None):
        return _UNQUOTED if equal(_read(want), got) else ""
    if isinstance(got, str) and isinstance(want, int | float | None):
        return _quotes(want) if equal(_read(got), want) else ""
    return ""


def _type_hint(want: Matcher, got: Value, *, flat: bool) -> str:
    """What is said where the value would match if it were quoted, or were not."""
    if isinstance(got, str):
        read = _read(got)
        if isinstance(read, Absent | str) or not want.matches(read, UNBOUND):
            return ""
        return _FLAT if flat else _quotes(read)
    if isinstance(got, int | float) and not isinstance(got, bool):
        return _UNQUOTED if want.matches(json_codec.write(got), UNBOUND) else ""
    return ""


def _quotes(value: JSON) -> str:
    return f"the sender quotes the {json_codec.kind(value)}"


def _read(text: str) -> Value:
    """What a text would be without its quotes; absent where that is no JSON."""
    try:
        return json_codec.parse(text)
    except ValueError:
        return ABSENT
