"""Values as the scenario language sees them: scalars with their type, and what is absent."""

from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import printable


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What stands where a key or a list item is missing."""

type Value = JSON | Absent

HUGE = 10**4_000
"""Python refuses to write integers of somewhat more digits (sys.int_info)."""


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
    if isinstance(value, int) and abs(value) >= HUGE:
        return Described("a huge number", "")
    return Described(json_codec.write(value), _kind(value))


def equal(want: object, got: object) -> bool:
    """Whether two scalars are the same: with their type, numbers by value to the last digit."""
    if want is got:
        return True
    if isinstance(want, str):
        return isinstance(got, str) and want == got
    mine, theirs = number(want), number(got)
    return mine is not None and mine == theirs


def identity(value: Value) -> Hashable:
    """What two values have in common exactly if they are equal, however deep they nest."""
    tokens: list[Hashable] = []
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            keys = sorted(each)
            tokens.append(("map", *keys))
            stack.extend(each[key] for key in keys)
        elif isinstance(each, list):
            tokens.append(("list", len(each)))
            stack.extend(each)
        elif isinstance(each, bool):
            tokens.append(("bool", each))
        else:
            tokens.append(each if isinstance(each, str | Absent) else ("number", number(each)))
    return tuple(tokens)


def written(value: JSON) -> str | None:
    """A scalar as it stands inside a text: a string as it is, else JSON; None for a container."""
    if isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json_codec.write(value)


def number(value: object) -> Decimal | str | None:
    """The exact value of a number; its text where the exponent has some twenty digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(value if isinstance(value, int) else repr(value))
    except InvalidOperation:  # equal only if written alike
        return repr(value)


_KINDS = {"object": "map", "array": "list", "boolean": "bool", "null": ""}


def _kind(value: JSON) -> str:
    kind = json_codec.kind(value)
    return _KINDS.get(kind, kind)
