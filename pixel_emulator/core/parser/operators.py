"""The operators of the language: what `$gt`, `$in` and their like take, and what they mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import cast

from pixel_emulator.core.matching.combinators import All, In, Not, One
from pixel_emulator.core.matching.containers import AnyOrder, Each, Has, Len, Only
from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.expected import Description, Expected, is_literal
from pixel_emulator.core.matching.predicates import (
    Predicate,
    close_to,
    comparison,
    contains_text,
    ends_with,
    equal_to,
    matches_glob,
    not_equal_to,
    starts_with,
)
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.context import ParseContext, value_text

INVALID: Expected = Predicate(Description("unreadable", ""), lambda _: False)
"""What stands for a value that could not be read; its mistake is noted. It matches nothing."""


_NO_VALUE = "has no value before the calls come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """What stands at `at` behind an operator; `beside` is the map that the operator is in.

    A method that finds another thing than it should notes the mistake, and gives an empty value.
    """

    context: ParseContext
    at: JsonPath
    value: JSON
    beside: Payload
    read: Callable[[JsonPath, JSON], Expected]

    def add_issue(self, message: str) -> None:
        """Note a mistake at the operand."""
        self.context.add_issue(self.at, message)

    def expected(self) -> Expected:
        """Any want."""
        return self.read(self.at, self.value)

    def without_variables(self) -> Expected:
        """A want in which no variable is without a value."""
        want = self.expected()
        for name in sorted(variable_names(want)):
            self.add_issue(f"`${name}` {_NO_VALUE}: nothing could be told to differ from it")
        return want

    def expected_list(self) -> tuple[Expected, ...]:
        """A list of wants, at least one."""
        want = self.expected()
        if isinstance(want, list) and want:
            return tuple(want)
        if want is not INVALID:
            self.add_issue(f"takes a list, but gets {self._gets(want) if want else 'an empty one'}")
        return ()

    def members(self) -> dict[str, Expected]:
        """A map of wants by keys."""
        want = self.expected()
        if isinstance(want, dict):
            return want
        if want is not INVALID:
            self.add_issue(f"takes a map of keys, but gets {self._gets(want)}")
        return {}

    def plain(self, takes: str, make: Callable[[JSON], Expected | None]) -> Expected:
        """What `make` makes of a value without matchers; it may refuse it with None."""
        want = self.expected()
        if want is INVALID:
            return INVALID
        made = make(cast("JSON", want)) if is_literal(want) else None
        if made is None:
            self.add_issue(f"takes {takes}, but gets {self._gets(want)}")
        return INVALID if made is None else made

    def text(self, make: Callable[[str], Expected]) -> Expected:
        """What `make` makes of a text that is not empty."""
        return self.plain(
            "a text that is not empty",
            lambda value: make(value) if isinstance(value, str) and value else None,
        )

    def besides(self, key: str) -> "Operand":
        """The operand of another operator of the same map."""
        return replace(self, at=(*self.at[:-1], key), value=self.beside[key])

    def length(self) -> Expected:
        """A number of characters, items or keys, or a matcher for it."""
        want = self.expected()
        if is_literal(want) and (isinstance(want, bool) or not isinstance(want, int) or want < 0):
            self.add_issue(
                f"takes a whole number, or a matcher for it, but gets {self._gets(want)}"
            )
        return want

    def _gets(self, want: Expected) -> str:
        names = sorted(variable_names(want))
        if names:
            return f"`${names[0]}`: it {_NO_VALUE}"
        if not is_literal(want):
            return f"a matcher: {describe_expected(want)}"
        return value_text(cast("JSON", want))


_MEASURE = "a number or an ISO time"
_NUMBER = "a number"
_TEXT = "a text"
_VALUE = "a plain value"
_WANT = "a value or matcher"
_WANTS = "a list of values or matchers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator: what it takes, what it means, and an example that matches or does not.

    `example`, `match` and `mismatch` are YAML.
    """

    operand: str
    meaning: str
    example: str
    match: str
    mismatch: str
    build: Callable[[Operand], Expected]


def _compares(sign: str) -> Callable[[Operand], Expected]:
    return lambda it: it.plain(_MEASURE, partial(comparison, sign))


def _near(it: Operand) -> Expected:
    if "$by" not in it.beside:
        it.add_issue("by how much may it differ? write `$by` beside it: {$near: 51, $by: 0.5}")
        return INVALID
    by = it.besides("$by")
    takes = "a number from 0 up"
    return it.plain(
        _NUMBER,
        lambda middle: close_to(middle, 0) and by.plain(takes, lambda span: close_to(middle, span)),
    )


def _by(it: Operand) -> Expected:
    if "$near" not in it.beside:
        it.add_issue("stands beside `$near`, and says by how much a number may differ from it")
    return INVALID


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "$eq": Operator(
            operand=_VALUE,
            meaning="this value and nothing more: a map has no further keys",
            example="{$eq: {a: 1}}",
            match="{a: 1.0}",
            mismatch="{a: 1, b: 2}",
            build=lambda it: it.plain(_VALUE, equal_to),
        ),
        "$ne": Operator(
            operand=_VALUE,
            meaning="a value that is there, and another than this",
            example="{$ne: free}",
            match="pro",
            mismatch="free",
            build=lambda it: it.plain(_VALUE, not_equal_to),
        ),
        "$gt": Operator(
            operand=_MEASURE,
            meaning="greater than this number, or later than this time",
            example="{$gt: 0}",
            match="0.5",
            mismatch="0",
            build=_compares(">"),
        ),
        "$gte": Operator(
            operand=_MEASURE,
            meaning="this number or greater, this time or later",
            example='{$gte: "2030-01-31"}',
            match='"2030-01-31T00:00:00Z"',
            mismatch='"2030-01-30"',
            build=_compares(">="),
        ),
        "$lt": Operator(
            operand=_MEASURE,
            meaning="less than this number, or earlier than this time",
            example="{$lt: 100}",
            match="99.9",
            mismatch='"99.9"',
            build=_compares("<"),
        ),
        "$lte": Operator(
            operand=_MEASURE,
            meaning="this number or less, this time or earlier",
            example="{$gte: 1, $lte: 5}",
            match="5",
            mismatch="6",
            build=_compares("<="),
        ),
        "$in": Operator(
            operand=_WANTS,
            meaning="at least one of these",
            example="{$in: [$absent, A, {$gt: 3}]}",
            match="A",
            mismatch="B",
            build=lambda it: In(it.expected_list()),
        ),
        "$not": Operator(
            operand=_WANT,
            meaning="whatever this does not match; a missing key is such a thing, too",
            example="{$not: $/^test/}",
            match="live",
            mismatch="test-1",
            build=lambda it: Not(it.without_variables()),
        ),
        "$all": Operator(
            operand=_WANTS,
            meaning="all of these at once",
            example="{$all: [{$starts: a}, {$ends: z}]}",
            match="a to z",
            mismatch="a to y",
            build=lambda it: All(it.expected_list()),
        ),
        "$one": Operator(
            operand=_WANTS,
            meaning="exactly one of these, and none of the others",
            example="{$one: [{email: $email}, {phone: $string}]}",
            match="{email: ada@example.com}",
            mismatch='{email: ada@example.com, phone: "555"}',
            build=lambda it: One(it.expected_list()),
        ),
        "$like": Operator(
            operand=_TEXT,
            meaning="a text of this shape: `*` is any text, `?` any character",
            example="{$like: 'user_*'}",
            match="user_1",
            mismatch="a user_1",
            build=lambda it: it.text(matches_glob),
        ),
        "$starts": Operator(
            operand=_TEXT,
            meaning="a text that begins so",
            example="{$starts: user_}",
            match="user_1",
            mismatch="1",
            build=lambda it: it.text(starts_with),
        ),
        "$ends": Operator(
            operand=_TEXT,
            meaning="a text that ends so",
            example="{$ends: .html}",
            match="index.html",
            mismatch="index.htm",
            build=lambda it: it.text(ends_with),
        ),
        "$contains": Operator(
            operand=_TEXT,
            meaning="a text with this in it; for lists, see `$has`",
            example="{$contains: spring}",
            match="big spring sale",
            mismatch="[spring]",
            build=lambda it: it.text(contains_text),
        ),
        "$len": Operator(
            operand="a whole number, or a matcher for it",
            meaning="so many characters, items or keys",
            example="{$len: 2}",
            match="[a, b]",
            mismatch="abc",
            build=lambda it: Len(it.length()),
        ),
        "$each": Operator(
            operand=_WANT,
            meaning="a list in which each item is so; an empty list is one",
            example="{$each: {price: $number}}",
            match="[{price: 1}, {price: 2, sku: a}]",
            mismatch="[{price: 1}, {sku: a}]",
            build=lambda it: Each(it.expected()),
        ),
        "$has": Operator(
            operand=_WANT,
            meaning="a list in which at least one item is so",
            example="{$has: {sku: a}}",
            match="[{sku: b}, {sku: a, price: 1}]",
            mismatch="[{sku: b}]",
            build=lambda it: Has(it.expected()),
        ),
        "$any-order": Operator(
            operand=_WANTS,
            meaning="a list of just these items, in any order",
            example="{$any-order: [a, $int]}",
            match="[1, a]",
            mismatch="[1, a, a]",
            build=lambda it: AnyOrder(it.expected_list()),
        ),
        "$only": Operator(
            operand="a map",
            meaning="a map with no further keys; maps inside it may have some",
            example="{$only: {a: 1, b: {}}}",
            match="{a: 1, b: {c: 2}}",
            mismatch="{a: 1, b: {}, c: 2}",
            build=lambda it: Only(it.members()),
        ),
        "$near": Operator(
            operand=_NUMBER,
            meaning="a number that differs from this by at most `$by`",
            example="{$near: 51, $by: 0.5}",
            match="51.5",
            mismatch="51.6",
            build=_near,
        ),
        "$by": Operator(
            operand=_NUMBER,
            meaning="stands beside `$near`",
            example="{$by: 0.1, $near: 0.3}",
            match="0.2",
            mismatch="0.19",
            build=_by,
        ),
    }
)
"""The operators by name; those of one map all hold for the value."""
