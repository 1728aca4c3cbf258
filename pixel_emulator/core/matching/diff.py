"""Compare an expected value with an actual one: the paths that differ, with both types."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from pixel_emulator.core.matching.expected import (
    ABSENT,
    NO_BINDINGS,
    Absent,
    Bindings,
    Description,
    Difference,
    Expected,
    Matcher,
    Value,
    describe_value,
    is_literal,
    scalars_equal,
)
from pixel_emulator.core.model import JSON, JsonPath, path_text
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


def hint(expected: Expected | Absent, actual: Value, *, flat: bool) -> str:
    """Return the likely cause of a difference; empty if none is known."""
    if isinstance(expected, Matcher):
        return expected.reason(actual) or (
            "" if expected.is_negation else _type_hint(expected, actual, flat=flat)
        )
    if isinstance(expected, str) and _LIKE_A_MATCHER.fullmatch(expected):
        return _LITERAL
    if isinstance(expected, str) and isinstance(actual, str):
        hints = (words for fold, words in _TEXT_HINTS if fold(expected) == fold(actual))
        return next(hints, "")
    if isinstance(actual, str) and flat and expected is not ABSENT:
        return _FLAT
    if isinstance(expected, str) and isinstance(actual, int | float | None):
        return _UNQUOTED if scalars_equal(_unquoted(expected), actual) else ""
    if isinstance(actual, str) and isinstance(expected, int | float | None):
        return _quotes(expected) if scalars_equal(_unquoted(actual), expected) else ""
    return ""


def _type_hint(expected: Matcher, actual: Value, *, flat: bool) -> str:
    """Return the hint for a value that would match if it were quoted, or were not."""
    if isinstance(actual, str):
        value = _unquoted(actual)
        if isinstance(value, Absent | str) or not expected.matches(value, NO_BINDINGS):
            return ""
        return _FLAT if flat else _quotes(value)
    if isinstance(actual, int | float) and not isinstance(actual, bool):
        return _UNQUOTED if expected.matches(json_codec.write(actual), NO_BINDINGS) else ""
    return ""


def _quotes(value: JSON) -> str:
    return f"the sender quotes the {json_codec.json_type(value)}"


def _unquoted(text: str) -> Value:
    """Return the value of a text without its quotes; ABSENT if it is not JSON."""
    try:
        return json_codec.parse(text)
    except ValueError:
        return ABSENT


_MAX_SHOWN_DEPTH = 20  # levels of an expected value that a description shows

type Deferred = tuple[Matcher, Value]
"""A matcher whose comparison is postponed, and the actual value at its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One path at which two values differ; `hint` names the likely cause, empty if unknown."""

    path: str
    expected: Description
    actual: Description
    hint: str = ""


def matches(expected: Expected | Absent, actual: Value, bindings: Bindings = NO_BINDINGS) -> bool:
    """Return True if nothing differs; an unbound variable matches what its type admits."""
    deferred: list[Deferred] = []
    return literals_match(expected, actual, deferred) and all(
        matcher.matches(value, bindings) for matcher, value in deferred
    )


def literals_match(expected: Expected | Absent, actual: Value, deferred: list[Deferred]) -> bool:
    """Return True if everything but the matchers matches; append the matchers to `deferred`.

    Hot path: every call of a run is compared with every expectation here, so texts in maps are
    compared without going through the stack.
    """
    stack = [(expected, actual)]
    while stack:
        expected, actual = stack.pop()
        if isinstance(expected, dict):
            if not isinstance(actual, dict):
                return False
            for key, inner in expected.items():
                value = actual.get(key, ABSENT)
                if isinstance(inner, str):
                    if inner != value:
                        return False
                elif inner is not value:
                    stack.append((inner, value))
        elif isinstance(expected, list):
            if not isinstance(actual, list) or len(actual) > len(expected):
                return False
            stack.extend(zip_longest(expected, actual, fillvalue=ABSENT))
        elif isinstance(expected, Matcher):
            deferred.append((expected, actual))
        elif not scalars_equal(expected, actual):
            return False
    return True


def mismatches(
    expected: Expected, actual: Value, *, flat: bool = False, bindings: Bindings = NO_BINDINGS
) -> tuple[Mismatch, ...]:
    """Return every difference with descriptions, in the order of `expected`; empty for a match.

    `flat` is True if the actual value came in the flat form, which has only strings. `bindings`
    are the values of variables; an unbound variable matches what its type admits.
    """
    return tuple(
        Mismatch(
            path=path_text(at),
            expected=describe_expected(expected_part),
            actual=describe_value(actual_part),
            hint=hint(expected_part, actual_part, flat=flat),
        )
        for at, expected_part, actual_part in differences(expected, actual, bindings)
    )


def differences(
    expected: Expected, actual: Value, bindings: Bindings = NO_BINDINGS
) -> Iterator[Difference]:
    """Yield the differences: maps match as a subset, lists item by item, scalars with type.

    Numbers are compared exactly. It does not recurse: payloads may nest 10,000 levels deep.
    """
    return differences_at((), expected, actual, bindings)


def differences_at(
    at: JsonPath, expected: Expected | Absent, actual: Value, bindings: Bindings
) -> Iterator[Difference]:
    """As `differences`, for values at path `at`."""
    stack: list[Difference] = [(at, expected, actual)]
    while stack:
        at, expected, actual = stack.pop()
        if isinstance(expected, Matcher):
            yield from expected.differences(at, actual, bindings)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            stack.extend(
                ((*at, key), value, actual.get(key, ABSENT))
                for key, value in reversed(expected.items())
            )
        elif isinstance(expected, list) and isinstance(actual, list):
            pairs = enumerate(zip_longest(expected, actual, fillvalue=ABSENT))
            stack.extend(reversed([((*at, index), *pair) for index, pair in pairs]))
        elif not scalars_equal(expected, actual):
            yield at, expected, actual


def describe_expected(expected: Expected | Absent) -> Description:
    """Return the description of an expected value, as the scenario language writes it."""
    if isinstance(expected, Matcher):
        return expected.describe()
    if isinstance(expected, Absent) or is_literal(expected):
        return describe_value(expected)
    return Description(
        _text(expected, _MAX_SHOWN_DEPTH), "map" if isinstance(expected, dict) else "list"
    )


def _text(expected: Expected | Absent, levels: int) -> str:
    """Return an expected value with matchers inside in JSON's notation."""
    if isinstance(expected, dict) and levels:
        members = (
            f"{_text(key, 0)}: {_text(value, levels - 1)}" for key, value in expected.items()
        )
        return f"{{{', '.join(members)}}}"
    if isinstance(expected, list) and levels:
        return f"[{', '.join(_text(item, levels - 1) for item in expected)}]"
    return (
        "…" if isinstance(expected, dict | list) and expected else describe_expected(expected).text
    )


def leaf_count(expected: Expected | Absent) -> int:
    """Return the number of scalars and empty containers in an expected value; ABSENT has none."""
    count = 0
    stack: list[Expected | Absent] = [expected]
    while stack:
        part = stack.pop()
        if isinstance(part, dict) and part:
            stack.extend(part.values())
        elif isinstance(part, list) and part:
            stack.extend(part)
        elif isinstance(part, Matcher) and part.is_structural and part.parts:
            stack.extend(part.parts)
        else:
            count += part is not ABSENT
    return count
