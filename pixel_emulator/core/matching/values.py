"""Values as the scenario language sees them: scalars with their type, and what is absent."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import JSON
from pixel_emulator.core.quoting import printable


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What stands where a key or a list item is missing."""

type Value = JSON | Absent


@dataclass(frozen=True, slots=True)
class Described:
    """A value in words: its JSON text, safe for a terminal, and its type (`""` if needless)."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.text} ({self.type})" if self.type else self.text


def describe(value: Value) -> Described:
    """The value's JSON text and its type, in the words of the scenario language."""
    if isinstance(value, Absent):
        return Described("absent", "")
    if isinstance(value, str):
        return Described(f'"{printable(value, quotes=True)}"', "string")
    return Described(json_text.write(value), _kind(value))


def equal(want: object, got: object) -> bool:
    """Whether two scalars are the same: with their type, numbers by value to the last digit."""
    if want is got:
        return True
    if isinstance(want, str):
        return isinstance(got, str) and want == got
    mine, theirs = _number(want), _number(got)
    return mine is not None and mine == theirs


def _number(value: object) -> Decimal | str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(value if isinstance(value, int) else repr(value))
    except InvalidOperation:  # an exponent of some twenty digits: equal only if written alike
        return repr(value)


_KINDS = {"object": "map", "array": "list", "boolean": "bool", "null": ""}


def _kind(value: JSON) -> str:
    kind = json_text.kind(value)
    return _KINDS.get(kind, kind)
