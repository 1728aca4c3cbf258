"""One expected value against one actual value: the paths that differ, with both types."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import JSON, path_text
from pixel_emulator.core.matching.values import ABSENT, Absent, Described, Value, describe, equal
from pixel_emulator.core.matching.wants import Bindings, Difference, Matcher, Want

_UNBOUND: Bindings = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One path at which two values differ; `hint` says how that comes about, where it is known."""

    path: str
    expected: Described
    actual: Described
    hint: str = ""


def matches(expected: Want, actual: Value) -> bool:
    """Whether nothing differs; a variable may be anything."""
    return next(differences(expected, actual), None) is None


def mismatches(
    expected: Want, actual: Value, *, flat: bool = False, bound: Bindings = _UNBOUND
) -> tuple[Mismatch, ...]:
    """Every difference in words, in the order of the expected value; empty for a match.

    `flat` says that the actual value came in the flat form, which knows only strings. `bound`
    holds the values of variables; one that is not in it may be anything.
    """
    return tuple(
        Mismatch(
            path=path_text(steps),
            expected=described(want),
            actual=describe(got),
            hint=_hint(want, got, flat=flat),
        )
        for steps, want, got in differences(expected, actual, bound)
    )


def differences(expected: Want, actual: Value, bound: Bindings = _UNBOUND) -> Iterator[Difference]:
    """Where the values differ: maps match as a subset, lists item by item, scalars with type.

    Numbers are equal by value, to the last digit. Neither recursion nor change: payloads may
    nest 10,000 levels deep.
    """
    stack: list[Difference] = [((), expected, actual)]
    while stack:
        steps, want, got = stack.pop()
        if isinstance(want, Matcher):
            yield from want.differences(steps, got, bound)
        elif isinstance(want, dict) and isinstance(got, dict):
            stack.extend(
                ((*steps, key), value, got.get(key, ABSENT))
                for key, value in reversed(want.items())
            )
        elif isinstance(want, list) and isinstance(got, list):
            pairs = enumerate(zip_longest(want, got, fillvalue=ABSENT))
            stack.extend(reversed([((*steps, index), *pair) for index, pair in pairs]))
        elif not equal(want, got):
            yield steps, want, got


def described(want: Want | Absent) -> Described:
    """A want in the words of the scenario language."""
    return want.describe() if isinstance(want, Matcher) else describe(cast(Value, want))


def leaves(value: Want | Absent) -> int:
    """How many scalars and empty containers a value holds; an absent one holds none."""
    count = 0
    stack: list[Want | Absent] = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict) and each:
            stack.extend(each.values())
        elif isinstance(each, list) and each:
            stack.extend(each)
        else:
            count += each is not ABSENT
    return count


_TEXT_HINTS = (
    (str.strip, "they differ only in spaces around the text"),
    (str.casefold, "they differ only in upper and lower case"),
    (lambda text: "".join(text.split()).casefold(), "they differ only in spaces and case"),
)


def _hint(want: object, got: Value, *, flat: bool) -> str:
    if isinstance(want, str) and isinstance(got, str):
        alike = (hint for fold, hint in _TEXT_HINTS if fold(want) == fold(got))
        return next(alike, "")
    if isinstance(got, str) and flat and want is not ABSENT:
        return "flat-form values are always strings"
    if isinstance(want, str) and _reads_as(want, got):
        return "the sender does not quote it"
    if isinstance(got, str) and _reads_as(got, want):
        return f"the sender quotes the {json_text.kind(cast(JSON, want))}"
    return ""


def _reads_as(text: str, value: object) -> bool:
    if not isinstance(value, int | float | None):
        return False
    try:
        return equal(json_text.parse(text), value)
    except ValueError:
        return False
