"""One wanted value against one actual value: the paths that differ, with both types."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

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


def hint(want: Expected | Absent, got: Value, *, flat: bool) -> str:
    """How the difference comes about; empty where that is not known."""
    if isinstance(want, Matcher):
        return want.reason(got) or ("" if want.is_negation else _type_hint(want, got, flat=flat))
    if isinstance(want, str) and _LIKE_A_MATCHER.fullmatch(want):
        return _LITERAL
    if isinstance(want, str) and isinstance(got, str):
        alike = (words for fold, words in _TEXT_HINTS if fold(want) == fold(got))
        return next(alike, "")
    if isinstance(got, str) and flat and want is not ABSENT:
        return _FLAT
    if isinstance(want, str) and isinstance(got, int | float | None):
        return _UNQUOTED if scalars_equal(_unquoted(want), got) else ""
    if isinstance(got, str) and isinstance(want, int | float | None):
        return _quotes(want) if scalars_equal(_unquoted(got), want) else ""
    return ""


def _type_hint(want: Matcher, got: Value, *, flat: bool) -> str:
    """What is said where the value would match if it were quoted, or were not."""
    if isinstance(got, str):
        read = _unquoted(got)
        if isinstance(read, Absent | str) or not want.matches(read, NO_BINDINGS):
            return ""
        return _FLAT if flat else _quotes(read)
    if isinstance(got, int | float) and not isinstance(got, bool):
        return _UNQUOTED if want.matches(json_codec.write(got), NO_BINDINGS) else ""
    return ""


def _quotes(value: JSON) -> str:
    return f"the sender quotes the {json_codec.kind(value)}"


def _unquoted(text: str) -> Value:
    """What a text would be without its quotes; absent where that is no JSON."""
    try:
        return json_codec.parse(text)
    except ValueError:
        return ABSENT


_MAX_SHOWN_DEPTH = 20  # levels of a want that a description shows

type Deferred = tuple[Matcher, Value]
"""A matcher, and the value that it has to match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One path at which two values differ; `hint` says how that comes about, where it is known."""

    path: str
    expected: Description
    actual: Description
    hint: str = ""


def matches(want: Expected | Absent, got: Value, bound: Bindings = NO_BINDINGS) -> bool:
    """Whether nothing differs; a variable that is not bound may be anything."""
    spots: list[Deferred] = []
    return literals_match(want, got, spots) and all(
        matcher.matches(value, bound) for matcher, value in spots
    )


def literals_match(want: Expected | Absent, got: Value, spots: list[Deferred]) -> bool:
    """Whether all that is no matcher matches; the matchers are added to `spots`.

    Every call of a run meets every expectation here, so texts are compared where they are found.
    """
    stack = [(want, got)]
    while stack:
        want, got = stack.pop()
        if isinstance(want, dict):
            if not isinstance(got, dict):
                return False
            for key, inner in want.items():
                found = got.get(key, ABSENT)
                if isinstance(inner, str):
                    if inner != found:
                        return False
                elif inner is not found:
                    stack.append((inner, found))
        elif isinstance(want, list):
            if not isinstance(got, list) or len(got) > len(want):
                return False
            stack.extend(zip_longest(want, got, fillvalue=ABSENT))
        elif isinstance(want, Matcher):
            spots.append((want, got))
        elif not scalars_equal(want, got):
            return False
    return True


def mismatches(
    want: Expected, got: Value, *, flat: bool = False, bound: Bindings = NO_BINDINGS
) -> tuple[Mismatch, ...]:
    """Every difference in words, in the order of the wanted value; empty for a match.

    `flat` says that the actual value came in the flat form, which knows only strings. `bound`
    holds the values of variables; one that is not in it may be anything.
    """
    return tuple(
        Mismatch(
            path=path_text(at),
            expected=describe_expected(wanted),
            actual=describe_value(found),
            hint=hint(wanted, found, flat=flat),
        )
        for at, wanted, found in differences(want, got, bound)
    )


def differences(want: Expected, got: Value, bound: Bindings = NO_BINDINGS) -> Iterator[Difference]:
    """Where the values differ: maps match as a subset, lists item by item, scalars with type.

    Numbers are equal by value, to the last digit. Neither recursion nor change: payloads may
    nest 10,000 levels deep.
    """
    return differences_at((), want, got, bound)


def differences_at(
    at: JsonPath, want: Expected | Absent, got: Value, bound: Bindings
) -> Iterator[Difference]:
    """As `differences`, for values that stand at `at`."""
    stack: list[Difference] = [(at, want, got)]
    while stack:
        at, want, got = stack.pop()
        if isinstance(want, Matcher):
            yield from want.differences(at, got, bound)
        elif isinstance(want, dict) and isinstance(got, dict):
            stack.extend(
                ((*at, key), value, got.get(key, ABSENT)) for key, value in reversed(want.items())
            )
        elif isinstance(want, list) and isinstance(got, list):
            pairs = enumerate(zip_longest(want, got, fillvalue=ABSENT))
            stack.extend(reversed([((*at, index), *pair) for index, pair in pairs]))
        elif not scalars_equal(want, got):
            yield at, want, got


def describe_expected(want: Expected | Absent) -> Description:
    """A want in the words of the scenario language."""
    if isinstance(want, Matcher):
        return want.describe()
    if is_literal(want):
        return describe_value(cast("Value", want))
    return Description(_text(want, _MAX_SHOWN_DEPTH), "map" if isinstance(want, dict) else "list")


def _text(want: Expected | Absent, levels: int) -> str:
    """A want with matchers inside, as JSON would have it."""
    if isinstance(want, dict) and levels:
        members = (f"{_text(key, 0)}: {_text(each, levels - 1)}" for key, each in want.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(want, list) and levels:
        return f"[{', '.join(_text(each, levels - 1) for each in want)}]"
    return "…" if isinstance(want, dict | list) and want else describe_expected(want).text


def leaf_count(want: Expected | Absent) -> int:
    """How many scalars and empty containers a want holds; an absent one holds none."""
    count = 0
    stack: list[Expected | Absent] = [want]
    while stack:
        each = stack.pop()
        if isinstance(each, dict) and each:
            stack.extend(each.values())
        elif isinstance(each, list) and each:
            stack.extend(each)
        elif isinstance(each, Matcher) and each.is_structural and each.parts:
            stack.extend(each.parts)
        else:
            count += each is not ABSENT
    return count
