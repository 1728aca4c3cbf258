"""Wants about one scalar that a function can judge: comparisons, parts of texts, own matchers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from operator import ge, gt, le, lt
from typing import override

from pixel_emulator.core.matching.formats import iso_time
from pixel_emulator.core.matching.values import (
    ABSENT,
    Described,
    Value,
    describe,
    identity,
    number,
    written,
)
from pixel_emulator.core.matching.wants import Bindings, Matcher
from pixel_emulator.core.model import JSON

type Hook = Callable[[JSON], str | None]
"""A matcher of the user's own: the reason why a value does not match, or None."""

_WIDE = Context(prec=1_000, traps=[])  # digits beyond these say nothing about a distance
_NUMBER = "number"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)
_SIGNS = {">": gt, ">=": ge, "<": lt, "<=": le}


@dataclass(frozen=True, slots=True)
class Check(Matcher):
    """A value for which `holds` says yes; it must not raise. `words` describe what is wanted."""

    words: Described
    holds: Callable[[Value], bool]

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        return self.holds(got)

    def describe(self) -> Described:
        return self.words


class _Other(Check):
    """A value that is not so."""

    __slots__ = ()

    denies = True


@dataclass(frozen=True, slots=True)
class Named(Matcher):
    """`$name` of a matcher that a Python hook registered; it is only asked about what is there."""

    name: str
    hook: Hook

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        return self._objection(got) is None

    def describe(self) -> Described:
        return Described(f"${self.name}", "")

    def reason(self, got: Value) -> str:
        return self._objection(got) or ""

    def _objection(self, got: Value) -> str | None:
        if got is ABSENT:
            return ""
        try:
            said: object = self.hook(got)
        except Exception as error:  # noqa: BLE001 - foreign code: what it raises is an objection
            return f"it raised {type(error).__name__}: {error}"
        if said is None or isinstance(said, str):
            return said
        return f"it returned {said!r:.60}; it must return None, or the reason as text"


def equals(value: JSON) -> Check:
    """`$eq`: this value and nothing more, also in maps."""
    wanted = identity(value)
    words = describe(value)
    return Check(Described(f"exactly {words.text}", words.type), lambda it: identity(it) == wanted)


def differs(value: JSON) -> Check:
    """`$ne`: a value that is there and is another one."""
    wanted = identity(value)
    words = Described(f"other than {describe(value).text}", "")
    return _Other(words, lambda it: it is not ABSENT and identity(it) != wanted)


def compares(sign: str, limit: JSON) -> Check | None:
    """`$gt` and its like, for a number or an ISO time; None for a limit that is neither."""
    holds = _SIGNS[sign]
    wanted = measure(limit)
    if wanted is None:
        return None
    kind, least = wanted

    def check(got: Value) -> bool:
        found = measure(got)
        return found is not None and found[0] == kind and holds(found[1], least)

    return Check(Described(f"{sign} {written(limit)}", kind), check)


def near(value: JSON, by: JSON) -> Check | None:
    """`$near` and `$by`: a number that differs by so much at most.

    None where one of them is no number, or `by` is below 0.
    """
    middle, span = number(value), number(by)
    if not isinstance(middle, Decimal) or not isinstance(span, Decimal) or span < 0:
        return None
    low, high = _WIDE.subtract(middle, span), _WIDE.add(middle, span)

    def check(got: Value) -> bool:
        found = measure(got)
        return found is not None and found[0] == _NUMBER and low <= found[1] <= high

    return Check(Described(f"{written(value)} ± {written(by)}", _NUMBER), check)


def starts(text: str) -> Check:
    """`$starts`: a text that begins so."""
    words = Described(f"a text that starts with {describe(text).text}", "")
    return Check(words, lambda got: isinstance(got, str) and got.startswith(text))


def ends(text: str) -> Check:
    """`$ends`: a text that ends so."""
    words = Described(f"a text that ends with {describe(text).text}", "")
    return Check(words, lambda got: isinstance(got, str) and got.endswith(text))


def contains(text: str) -> Check:
    """`$contains`: a text with this in it."""
    words = Described(f"a text that contains {describe(text).text}", "")
    return Check(words, lambda got: isinstance(got, str) and text in got)


def measure(value: Value) -> tuple[str, Decimal] | None:
    """A number, or an ISO time in microseconds, with its kind; None for what has no order."""
    if isinstance(value, str):
        moment = iso_time(value)
        return None if moment is None else ("ISO time", Decimal((moment - _EPOCH) // _UNIT))
    found = number(value)
    return (_NUMBER, found) if isinstance(found, Decimal) and not found.is_nan() else None
