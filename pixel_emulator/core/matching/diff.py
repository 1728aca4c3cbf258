"""One wanted value against one actual value: the paths that differ, with both types."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

from pixel_emulator.core.matching.expected import (
    ABSENT,
    UNBOUND,
    Absent,
    Bindings,
    Described,
    Difference,
    Expected,
    Matcher,
    Value,
    describe,
    equal,
    is_plain,
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
    return f"the sender quotes the {json_codec.json_type(value)}"


def _read(text: str) -> Value:
    """What a text would be without its quotes; absent where that is no JSON."""
    try:
        return json_codec.parse(text)
    except ValueError:
        return ABSENT


_DEEPEST = 20  # levels of a want that a description shows

type Spot = tuple[Matcher, Value]
"""A matcher, and the value that it has to match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One path at which two values differ; `hint` says how that comes about, where it is known."""

    path: str
    expected: Described
    actual: Described
    hint: str = ""


def matches(want: Expected | Absent, got: Value, bound: Bindings = UNBOUND) -> bool:
    """Whether nothing differs; a variable that is not bound may be anything."""
    spots: list[Spot] = []
    return plain_parts_match(want, got, spots) and all(
        matcher.matches(value, bound) for matcher, value in spots
    )


def plain_parts_match(want: Expected | Absent, got: Value, spots: list[Spot]) -> bool:
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
        elif not equal(want, got):
            return False
    return True


def mismatches(
    want: Expected, got: Value, *, flat: bool = False, bound: Bindings = UNBOUND
) -> tuple[Mismatch, ...]:
    """Every difference in words, in the order of the wanted value; empty for a match.

    `flat` says that the actual value came in the flat form, which knows only strings. `bound`
    holds the values of variables; one that is not in it may be anything.
    """
    return tuple(
        Mismatch(
            path=path_text(at),
            expected=described(wanted),
            actual=describe(found),
            hint=hint(wanted, found, flat=flat),
        )
        for at, wanted, found in differences(want, got, bound)
    )


def differences(want: Expected, got: Value, bound: Bindings = UNBOUND) -> Iterator[Difference]:
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
        elif not equal(want, got):
            yield at, want, got


def described(want: Expected | Absent) -> Described:
    """A want in the words of the scenario language."""
    if isinstance(want, Matcher):
        return want.describe()
    if is_plain(want):
        return describe(cast("Value", want))
    return Described(_text(want, _DEEPEST), "map" if isinstance(want, dict) else "list")


def _text(want: Expected | Absent, levels: int) -> str:
    """A want with matchers inside, as JSON would have it."""
    if isinstance(want, dict) and levels:
        members = (f"{_text(key, 0)}: {_text(each, levels - 1)}" for key, each in want.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(want, list) and levels:
        return f"[{', '.join(_text(each, levels - 1) for each in want)}]"
    return "…" if isinstance(want, dict | list) and want else described(want).text


def leaves(want: Expected | Absent) -> int:
    """How many scalars and empty containers a want holds; an absent one holds none."""
    count = 0
    stack: list[Expected | Absent] = [want]
    while stack:
        each = stack.pop()
        if isinstance(each, dict) and each:
            stack.extend(each.values())
        elif isinstance(each, list) and each:
            stack.extend(each)
        elif isinstance(each, Matcher) and each.split and each.parts:
            stack.extend(each.parts)
        else:
            count += each is not ABSENT
    return count
