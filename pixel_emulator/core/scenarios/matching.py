"""One expected value against one actual value: the paths that differ, with both types."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import zip_longest
from typing import Final

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import JSON, Steps, path_text
from pixel_emulator.core.quoting import printable


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What stands where a key or a list item is missing."""

type Value = JSON | Absent
type Difference = tuple[Steps, Value, Value]
"""Where two values differ, what was expected there, and what was found."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value in words: its JSON text, safe for a terminal, and its type (`""` if needless)."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.text} ({self.type})" if self.type else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One path at which two values differ; `hint` says how that comes about, where it is known."""

    path: str
    expected: Described
    actual: Described
    hint: str = ""


def matches(expected: Value, actual: Value) -> bool:
    """Whether nothing differs."""
    return next(differences(expected, actual), None) is None


def mismatches(expected: Value, actual: Value, *, flat: bool = False) -> tuple[Mismatch, ...]:
    """Every difference in words, in the order of the expected value; empty for a match.

    `flat` says that the actual value came in the flat form, which knows only strings.
    """
    return tuple(
        Mismatch(
            path=path_text(steps),
            expected=describe(want),
            actual=describe(got),
            hint=_hint(want, got, flat=flat),
        )
        for steps, want, got in differences(expected, actual)
    )


def differences(expected: Value, actual: Value) -> Iterator[Difference]:
    """Where the values differ: maps match as a subset, lists item by item, scalars with type.

    Numbers are equal by value, to the last digit. Neither recursion nor change: payloads may
    nest 10,000 levels deep.
    """
    stack: list[Difference] = [((), expected, actual)]
    while stack:
        steps, want, got = stack.pop()
        if isinstance(want, dict) and isinstance(got, dict):
            stack.extend(
                ((*steps, key), value, got.get(key, ABSENT))
                for key, value in reversed(want.items())
            )
        elif isinstance(want, list) and isinstance(got, list):
            pairs = enumerate(zip_longest(want, got, fillvalue=ABSENT))
            stack.extend(reversed([((*steps, index), *pair) for index, pair in pairs]))
        elif not _equal(want, got):
            yield steps, want, got


def describe(value: Value) -> Described:
    """The value's JSON text and its type, in the words of the scenario language."""
    if isinstance(value, Absent):
        return Described("absent", "")
    if isinstance(value, str):
        return Described(f'"{printable(value, quotes=True)}"', "string")
    return Described(json_text.write(value), _kind(value))


def leaves(value: Value) -> int:
    """How many scalars and empty containers a value holds; an absent one holds none."""
    count = 0
    stack: list[Value] = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict) and each:
            stack.extend(each.values())
        elif isinstance(each, list) and each:
            stack.extend(each)
        else:
            count += each is not ABSENT
    return count


_KINDS = {"object": "map", "array": "list", "boolean": "bool", "null": ""}


def _kind(value: JSON) -> str:
    kind = json_text.kind(value)
    return _KINDS.get(kind, kind)


def _equal(want: Value, got: Value) -> bool:
    if want is got:
        return True
    if isinstance(want, str):
        return isinstance(got, str) and want == got
    mine, theirs = _number(want), _number(got)
    return mine is not None and mine == theirs


def _number(value: Value) -> Decimal | str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(value if isinstance(value, int) else repr(value))
    except InvalidOperation:  # an exponent of some twenty digits: equal only if written alike
        return repr(value)


_TEXT_HINTS = (
    (str.strip, "they differ only in spaces around the text"),
    (str.casefold, "they differ only in upper and lower case"),
    (lambda text: "".join(text.split()).casefold(), "they differ only in spaces and case"),
)


def _hint(want: Value, got: Value, *, flat: bool) -> str:
    if isinstance(want, str) and isinstance(got, str):
        alike = (hint for fold, hint in _TEXT_HINTS if fold(want) == fold(got))
        return next(alike, "")
    if isinstance(got, str) and flat and want is not ABSENT:
        return "flat-form values are always strings"
    if isinstance(want, str) and _reads_as(want, got):
        return "the sender does not quote it"
    if isinstance(got, str) and _reads_as(got, want):
        return f"the sender quotes the {json_text.kind(want)}" if want is not ABSENT else ""
    return ""


def _reads_as(text: str, value: Value) -> bool:
    if isinstance(value, Absent | str | dict | list):
        return False
    try:
        return _equal(json_text.parse(text), value)
    except ValueError:
        return False
