"""The operators of the scenario language, such as `$gt` and `$in`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

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
from pixel_emulator.core.parser.parse_context import ParseContext, value_text

INVALID: Expected = Predicate(Description("unreadable", ""), lambda _: False)
"""The result for a value with an issue. It matches nothing."""


_NO_VALUE = "has no value before the calls come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """The operand of an operator, at path `at`; `beside` is the map that contains the operator.

    If the operand is of the wrong kind, the methods add an issue and return an empty value.
    """

    context: ParseContext
    at: JsonPath
    value: JSON
    beside: Payload
    read: Callable[[JsonPath, JSON], Expected]

    def add_issue(self, message: str) -> None:
        """Add an issue at the operand."""
        self.context.add_issue(self.at, message)

    def expected(self) -> Expected:
        """Return the operand as an expected value."""
        return self.read(self.at, self.value)

    def without_variables(self) -> Expected:
        """Return the operand as an expected value; unbound variables are refused."""
        expected = self.expected()
        for name in sorted(variable_names(expected)):
            self.add_issue(f"`${name}` {_NO_VALUE}: nothing could be told to differ from it")
        return expected

    def expected_list(self) -> tuple[Expected, ...]:
        """Return the operand as a list of at least one expected value."""
        expected = self.expected()
        if isinstance(expected, list) and expected:
            return tuple(expected)
        if expected is not INVALID:
            got = self._description(expected) if expected else "an empty one"
            self.add_issue(f"takes a list, but gets {got}")
        return ()

    def members(self) -> dict[str, Expected]:
        """Return the operand as a map of expected values."""
        expected = self.expected()
        if isinstance(expected, dict):
            return expected
        if expected is not INVALID:
            self.add_issue(f"takes a map of keys, but gets {self._description(expected)}")
        return {}

    def literal(self, takes: str, build: Callable[[JSON], Expected | None]) -> Expected:
        """Return `build(operand)` for an operand without matchers; `build` may refuse it with None.

        `takes` describes the operand for the message.
        """
        expected = self.expected()
        if expected is INVALID:
            return INVALID
        built = build(expected) if is_literal(expected) else None
        if built is None:
            self.add_issue(f"takes {takes}, but gets {self._description(expected)}")
        return INVALID if built is None else built

    def text(self, build: Callable[[str], Expected]) -> Expected:
        """Return `build(operand)` for a text that is not empty."""
        return self.literal(
            "a text that is not empty",
            lambda value: build(value) if isinstance(value, str) and value else None,
        )

    def sibling(self, key: str) -> "Operand":
        """Return the operand of another operator of the same map."""
        return replace(self, at=(*self.at[:-1], key), value=self.beside[key])

    def length(self) -> Expected:
        """Return the operand as a length: a whole number from 0, or a matcher for it."""
        expected = self.expected()
        if is_literal(expected) and (
            isinstance(expected, bool) or not isinstance(expected, int) or expected < 0
        ):
            self.add_issue(
                f"takes a whole number, or a matcher for it, but gets {self._description(expected)}"
            )
        return expected

    def _description(self, expected: Expected) -> str:
        names = sorted(variable_names(expected))
        if names:
            return f"`${names[0]}`: it {_NO_VALUE}"
        if not is_literal(expected):
            return f"a matcher: {describe_expected(expected)}"
        return value_text(expected)


_MEASURE = "a number or an ISO time"
_NUMBER = "a number"
_TEXT = "a text"
_VALUE = "a plain value"
_EXPECTED = "a value or matcher"
_EXPECTED_LIST = "a list of values or matchers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator with its documentation.

    `operand` and `meaning` are phrases; `example` (its use), `match` and `mismatch` (values) are
    YAML.
    """

    operand: str
    meaning: str
    example: str
    match: str
    mismatch: str
    build: Callable[[Operand], Expected]


def _comparison(sign: str) -> Callable[[Operand], Expected]:
    return lambda operand: operand.literal(_MEASURE, partial(comparison, sign))


def _near(operand: Operand) -> Expected:
    if "$by" not in operand.beside:
        operand.add_issue("by how much may it differ? write `$by` beside it: {$near: 51, $by: 0.5}")
        return INVALID
    by = operand.sibling("$by")
    takes = "a number from 0 up"
    return operand.literal(
        _NUMBER,
        lambda middle: (
            close_to(middle, 0) and by.literal(takes, lambda span: close_to(middle, span))
        ),
    )


def _by(operand: Operand) -> Expected:
    if "$near" not in operand.beside:
        operand.add_issue("stands beside `$near`, and says by how much a number may differ from it")
    return INVALID


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "$eq": Operator(
            operand=_VALUE,
            meaning="this value and nothing more: a map has no further keys",
            example="{$eq: {a: 1}}",
            match="{a: 1.0}",
            mismatch="{a: 1, b: 2}",
            build=lambda operand: operand.literal(_VALUE, equal_to),
        ),
        "$ne": Operator(
            operand=_VALUE,
            meaning="a value that is there, and another than this",
            example="{$ne: free}",
            match="pro",
            mismatch="free",
            build=lambda operand: operand.literal(_VALUE, not_equal_to),
        ),
        "$gt": Operator(
            operand=_MEASURE,
            meaning="greater than this number, or later than this time",
            example="{$gt: 0}",
            match="0.5",
            mismatch="0",
            build=_comparison(">"),
        ),
        "$gte": Operator(
            operand=_MEASURE,
            meaning="this number or greater, this time or later",
            example='{$gte: "2030-01-31"}',
            match='"2030-01-31T00:00:00Z"',
            mismatch='"2030-01-30"',
            build=_comparison(">="),
        ),
        "$lt": Operator(
            operand=_MEASURE,
            meaning="less than this number, or earlier than this time",
            example="{$lt: 100}",
            match="99.9",
            mismatch='"99.9"',
            build=_comparison("<"),
        ),
        "$lte": Operator(
            operand=_MEASURE,
            meaning="this number or less, this time or earlier",
            example="{$gte: 1, $lte: 5}",
            match="5",
            mismatch="6",
            build=_comparison("<="),
        ),
        "$in": Operator(
            operand=_EXPECTED_LIST,
            meaning="at least one of these",
            example="{$in: [$absent, A, {$gt: 3}]}",
            match="A",
            mismatch="B",
            build=lambda operand: In(operand.expected_list()),
        ),
        "$not": Operator(
            operand=_EXPECTED,
            meaning="whatever this does not match; a missing key is such a thing, too",
            example="{$not: $/^test/}",
            match="live",
            mismatch="test-1",
            build=lambda operand: Not(operand.without_variables()),
        ),
        "$all": Operator(
            operand=_EXPECTED_LIST,
            meaning="all of these at once",
            example="{$all: [{$starts: a}, {$ends: z}]}",
            match="a to z",
            mismatch="a to y",
            build=lambda operand: All(operand.expected_list()),
        ),
        "$one": Operator(
            operand=_EXPECTED_LIST,
            meaning="exactly one of these, and none of the others",
            example="{$one: [{email: $email}, {phone: $string}]}",
            match="{email: ada@example.com}",
            mismatch='{email: ada@example.com, phone: "555"}',
            build=lambda operand: One(operand.expected_list()),
        ),
        "$like": Operator(
            operand=_TEXT,
            meaning="a text of this shape: `*` is any text, `?` any character",
            example="{$like: 'user_*'}",
            match="user_1",
            mismatch="a user_1",
            build=lambda operand: operand.text(matches_glob),
        ),
        "$starts": Operator(
            operand=_TEXT,
            meaning="a text that begins so",
            example="{$starts: user_}",
            match="user_1",
            mismatch="1",
            build=lambda operand: operand.text(starts_with),
        ),
        "$ends": Operator(
            operand=_TEXT,
            meaning="a text that ends so",
            example="{$ends: .html}",
            match="index.html",
            mismatch="index.htm",
            build=lambda operand: operand.text(ends_with),
        ),
        "$contains": Operator(
            operand=_TEXT,
            meaning="a text with this in it; for lists, see `$has`",
            example="{$contains: spring}",
            match="big spring sale",
            mismatch="[spring]",
            build=lambda operand: operand.text(contains_text),
        ),
        "$len": Operator(
            operand="a whole number, or a matcher for it",
            meaning="so many characters, items or keys",
            example="{$len: 2}",
            match="[a, b]",
            mismatch="abc",
            build=lambda operand: Len(operand.length()),
        ),
        "$each": Operator(
            operand=_EXPECTED,
            meaning="a list in which each item is so; an empty list is one",
            example="{$each: {price: $number}}",
            match="[{price: 1}, {price: 2, sku: a}]",
            mismatch="[{price: 1}, {sku: a}]",
            build=lambda operand: Each(operand.expected()),
        ),
        "$has": Operator(
            operand=_EXPECTED,
            meaning="a list in which at least one item is so",
            example="{$has: {sku: a}}",
            match="[{sku: b}, {sku: a, price: 1}]",
            mismatch="[{sku: b}]",
            build=lambda operand: Has(operand.expected()),
        ),
        "$any-order": Operator(
            operand=_EXPECTED_LIST,
            meaning="a list of just these items, in any order",
            example="{$any-order: [a, $int]}",
            match="[1, a]",
            mismatch="[1, a, a]",
            build=lambda operand: AnyOrder(operand.expected_list()),
        ),
        "$only": Operator(
            operand="a map",
            meaning="a map with no further keys; maps inside it may have some",
            example="{$only: {a: 1, b: {}}}",
            match="{a: 1, b: {c: 2}}",
            mismatch="{a: 1, b: {}, c: 2}",
            build=lambda operand: Only(operand.members()),
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
"""The operators by name; a value has to match all operators of one map."""
