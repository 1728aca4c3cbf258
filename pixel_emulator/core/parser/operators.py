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

    reader: ParseContext
    at: JsonPath
    value: JSON
    beside: Payload
    read: Callable[[JsonPath, JSON], Expected]

    def wrong(self, message: str) -> None:
        """Note a mistake at the operand."""
        self.reader.wrong(self.at, message)

    def want(self) -> Expected:
        """Any want."""
        return self.read(self.at, self.value)

    def without_variables(self) -> Expected:
        """A want in which no variable is without a value."""
        want = self.want()
        for name in sorted(variable_names(want)):
            self.wrong(f"`${name}` {_NO_VALUE}: nothing could be told to differ from it")
        return want

    def wants(self) -> tuple[Expected, ...]:
        """A list of wants, at least one."""
        want = self.want()
        if isinstance(want, list) and want:
            return tuple(want)
        if want is not INVALID:
            self.wrong(f"takes a list, but gets {self._gets(want) if want else 'an empty one'}")
        return ()

    def members(self) -> dict[str, Expected]:
        """A map of wants by keys."""
        want = self.want()
        if isinstance(want, dict):
            return want
        if want is not INVALID:
            self.wrong(f"takes a map of keys, but gets {self._gets(want)}")
        return {}

    def plain(self, takes: str, make: Callable[[JSON], Expected | None]) -> Expected:
        """What `make` makes of a value without matchers; it may refuse it with None."""
        want = self.want()
        if want is INVALID:
            return INVALID
        made = make(cast("JSON", want)) if is_literal(want) else None
        if made is None:
            self.wrong(f"takes {takes}, but gets {self._gets(want)}")
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
        want = self.want()
        if is_literal(want) and (isinstance(want, bool) or not isinstance(want, int) or want < 0):
            self.wrong(f"takes a whole number, or a matcher for it, but gets {self._gets(want)}")
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

    `want`, `yes` and `no` are YAML.
    """

    takes: str
    means: str
    want: str
    yes: str
    no: str
    make: Callable[[Operand], Expected]


def _compares(sign: str) -> Callable[[Operand], Expected]:
    return lambda it: it.plain(_MEASURE, partial(comparison, sign))


def _near(it: Operand) -> Expected:
    if "$by" not in it.beside:
        it.wrong("by how much may it differ? write `$by` beside it: {$near: 51, $by: 0.5}")
        return INVALID
    by = it.besides("$by")
    takes = "a number from 0 up"
    return it.plain(
        _NUMBER,
        lambda middle: close_to(middle, 0) and by.plain(takes, lambda span: close_to(middle, span)),
    )


def _by(it: Operand) -> Expected:
    if "$near" not in it.beside:
        it.wrong("stands beside `$near`, and says by how much a number may differ from it")
    return INVALID


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "$eq": Operator(
            takes=_VALUE,
            means="this value and nothing more: a map has no further keys",
            want="{$eq: {a: 1}}",
            yes="{a: 1.0}",
            no="{a: 1, b: 2}",
            make=lambda it: it.plain(_VALUE, equal_to),
        ),
        "$ne": Operator(
            takes=_VALUE,
            means="a value that is there, and another than this",
            want="{$ne: free}",
            yes="pro",
            no="free",
            make=lambda it: it.plain(_VALUE, not_equal_to),
        ),
        "$gt": Operator(
            takes=_MEASURE,
            means="greater than this number, or later than this time",
            want="{$gt: 0}",
            yes="0.5",
            no="0",
            make=_compares(">"),
        ),
        "$gte": Operator(
            takes=_MEASURE,
            means="this number or greater, this time or later",
            want='{$gte: "2030-01-31"}',
            yes='"2030-01-31T00:00:00Z"',
            no='"2030-01-30"',
            make=_compares(">="),
        ),
        "$lt": Operator(
            takes=_MEASURE,
            means="less than this number, or earlier than this time",
            want="{$lt: 100}",
            yes="99.9",
            no='"99.9"',
            make=_compares("<"),
        ),
        "$lte": Operator(
            takes=_MEASURE,
            means="this number or less, this time or earlier",
            want="{$gte: 1, $lte: 5}",
            yes="5",
            no="6",
            make=_compares("<="),
        ),
        "$in": Operator(
            takes=_WANTS,
            means="at least one of these",
            want="{$in: [$absent, A, {$gt: 3}]}",
            yes="A",
            no="B",
            make=lambda it: In(it.wants()),
        ),
        "$not": Operator(
            takes=_WANT,
            means="whatever this does not match; a missing key is such a thing, too",
            want="{$not: $/^test/}",
            yes="live",
            no="test-1",
            make=lambda it: Not(it.without_variables()),
        ),
        "$all": Operator(
            takes=_WANTS,
            means="all of these at once",
            want="{$all: [{$starts: a}, {$ends: z}]}",
            yes="a to z",
            no="a to y",
            make=lambda it: All(it.wants()),
        ),
        "$one": Operator(
            takes=_WANTS,
            means="exactly one of these, and none of the others",
            want="{$one: [{email: $email}, {phone: $string}]}",
            yes="{email: ada@example.com}",
            no='{email: ada@example.com, phone: "555"}',
            make=lambda it: One(it.wants()),
        ),
        "$like": Operator(
            takes=_TEXT,
            means="a text of this shape: `*` is any text, `?` any character",
            want="{$like: 'user_*'}",
            yes="user_1",
            no="a user_1",
            make=lambda it: it.text(matches_glob),
        ),
        "$starts": Operator(
            takes=_TEXT,
            means="a text that begins so",
            want="{$starts: user_}",
            yes="user_1",
            no="1",
            make=lambda it: it.text(starts_with),
        ),
        "$ends": Operator(
            takes=_TEXT,
            means="a text that ends so",
            want="{$ends: .html}",
            yes="index.html",
            no="index.htm",
            make=lambda it: it.text(ends_with),
        ),
        "$contains": Operator(
            takes=_TEXT,
            means="a text with this in it; for lists, see `$has`",
            want="{$contains: spring}",
            yes="big spring sale",
            no="[spring]",
            make=lambda it: it.text(contains_text),
        ),
        "$len": Operator(
            takes="a whole number, or a matcher for it",
            means="so many characters, items or keys",
            want="{$len: 2}",
            yes="[a, b]",
            no="abc",
            make=lambda it: Len(it.length()),
        ),
        "$each": Operator(
            takes=_WANT,
            means="a list in which each item is so; an empty list is one",
            want="{$each: {price: $number}}",
            yes="[{price: 1}, {price: 2, sku: a}]",
            no="[{price: 1}, {sku: a}]",
            make=lambda it: Each(it.want()),
        ),
        "$has": Operator(
            takes=_WANT,
            means="a list in which at least one item is so",
            want="{$has: {sku: a}}",
            yes="[{sku: b}, {sku: a, price: 1}]",
            no="[{sku: b}]",
            make=lambda it: Has(it.want()),
        ),
        "$any-order": Operator(
            takes=_WANTS,
            means="a list of just these items, in any order",
            want="{$any-order: [a, $int]}",
            yes="[1, a]",
            no="[1, a, a]",
            make=lambda it: AnyOrder(it.wants()),
        ),
        "$only": Operator(
            takes="a map",
            means="a map with no further keys; maps inside it may have some",
            want="{$only: {a: 1, b: {}}}",
            yes="{a: 1, b: {c: 2}}",
            no="{a: 1, b: {}, c: 2}",
            make=lambda it: Only(it.members()),
        ),
        "$near": Operator(
            takes=_NUMBER,
            means="a number that differs from this by at most `$by`",
            want="{$near: 51, $by: 0.5}",
            yes="51.5",
            no="51.6",
            make=_near,
        ),
        "$by": Operator(
            takes=_NUMBER,
            means="stands beside `$near`",
            want="{$by: 0.1, $near: 0.3}",
            yes="0.2",
            no="0.19",
            make=_by,
        ),
    }
)
"""The operators by name; those of one map all hold for the value."""
