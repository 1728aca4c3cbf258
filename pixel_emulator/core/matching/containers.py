"""Matchers for lists and maps: length, items, items in any order, exact keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import ClassVar

from pixel_emulator.core.matching.bipartite import max_pairs
from pixel_emulator.core.matching.combinators import listed
from pixel_emulator.core.matching.diff import describe_expected, differences_at, matches
from pixel_emulator.core.matching.expected import (
    ABSENT,
    Bindings,
    Constraints,
    Description,
    Difference,
    Expected,
    Matcher,
    Value,
    equality_key,
)
from pixel_emulator.core.matching.unification import (
    CachedSolutions,
    backtrack,
    distinct,
    unify,
    unify_all,
    variable_names,
)
from pixel_emulator.core.model import JSON, JsonPath


@dataclass(frozen=True, slots=True)
class Only(Matcher):
    """`$only`: a map with these keys and no others."""

    is_structural: ClassVar[bool] = True

    members: dict[str, Expected]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.members,)

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        if self._has_keys_of(actual):
            yield from unify(self.members, actual)

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return self._has_keys_of(actual) and matches(self.members, actual, bindings)

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        if not isinstance(actual, dict):
            yield at, self, actual
            return
        yield from differences_at(at, self.members, actual, bindings)
        further = (key for key in actual if key not in self.members)
        yield from (((*at, key), ABSENT, actual[key]) for key in further)

    def describe(self) -> Description:
        return Description(f"only {describe_expected(self.members).text}", "map")

    def _has_keys_of(self, actual: Value) -> bool:
        return isinstance(actual, dict) and actual.keys() <= self.members.keys()


@dataclass(frozen=True, slots=True)
class Len(Matcher):
    """`$len`: a text, list or map whose length (in characters, items or keys) matches."""

    length: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.length,)

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        return (
            unify(self.length, len(actual)) if isinstance(actual, str | list | dict) else iter(())
        )

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return isinstance(actual, str | list | dict) and matches(self.length, len(actual), bindings)

    def describe(self) -> Description:
        return Description(f"of length {describe_expected(self.length).text}", "")

    def reason(self, actual: Value) -> str:
        return f"its length is {len(actual)}" if isinstance(actual, str | list | dict) else ""


@dataclass(frozen=True, slots=True)
class Each(Matcher):
    """`$each`: a list in which every item matches; an empty list does."""

    is_structural: ClassVar[bool] = True

    item: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.item,)

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        if isinstance(actual, list):
            return unify_all((self.item, item) for item in actual)
        return iter(())

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return isinstance(actual, list) and all(
            matches(self.item, item, bindings) for item in actual
        )

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        if not isinstance(actual, list):
            yield at, self, actual
            return
        for index, item in enumerate(actual):
            yield from differences_at((*at, index), self.item, item, bindings)

    def describe(self) -> Description:
        return Description(f"each item {describe_expected(self.item).text}", "list")


@dataclass(frozen=True, slots=True)
class Has(Matcher):
    """`$has`: a list in which at least one item matches."""

    item: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.item,)

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        items = actual if isinstance(actual, list) else []
        return distinct(chain.from_iterable(unify(self.item, item) for item in items))

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return isinstance(actual, list) and any(
            matches(self.item, item, bindings) for item in actual
        )

    def describe(self) -> Description:
        return Description(f"an item {describe_expected(self.item).text}", "list")


@dataclass(frozen=True, slots=True)
class AnyOrder(Matcher):
    """`$any-order`: a list of the same length whose items can be paired with matching `items`."""

    is_structural: ClassVar[bool] = True

    items: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.items

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        if not isinstance(actual, list) or len(actual) != len(self.items):
            return iter(())
        return distinct(_Assignments(self.items, actual).solutions())

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        if not isinstance(actual, list) or len(actual) != len(self.items):
            return False
        return len(max_pairs(self._candidates(actual, bindings))) == len(actual)

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        if not isinstance(actual, list):
            yield at, self, actual
            return
        pairs = max_pairs(self._candidates(actual, bindings))
        paired = set(pairs.values())
        missing = (expected for index, expected in enumerate(self.items) if index not in pairs)
        unpaired = (index for index in range(len(actual)) if index not in paired)
        next_index = len(actual)
        for expected, index in zip_longest(missing, unpaired, fillvalue=ABSENT):
            if index is ABSENT:
                yield (*at, next_index), expected, ABSENT
                next_index += 1
            else:
                yield from differences_at((*at, index), expected, actual[index], bindings)

    def describe(self) -> Description:
        return Description(f"in any order {listed(self.items)}", "list")

    def _candidates(self, items: list[JSON], bindings: Bindings) -> list[list[int]]:
        """Return for each expected item the indexes of the actual items that match it."""
        return [
            [index for index, item in enumerate(items) if matches(expected, item, bindings)]
            for expected in self.items
        ]


class _Assignments:
    """The assignments of a distinct actual item to each expected item."""

    def __init__(self, expected_items: Sequence[Expected], items: list[JSON]) -> None:
        self.item_keys = [equality_key(item) for item in items]
        self.solutions_of = [
            [CachedSolutions(unify(expected, item)) for item in items]
            for expected in expected_items
        ]
        self.candidates = [
            [index for index, solutions in enumerate(row) if solutions.first is not None]
            for row in self.solutions_of
        ]
        self.with_variables = [
            index for index, expected in enumerate(expected_items) if variable_names(expected)
        ]

    def solutions(self) -> Iterator[Constraints]:
        """Yield the constraints of each assignment; only items with variables need a choice."""
        if not self._is_feasible(0, frozenset()):
            return iter(())
        if not self.with_variables:
            return iter(((),))
        return backtrack(frozenset[int](), self._choices, len(self.with_variables))

    def _choices(
        self, taken: frozenset[int], level: int
    ) -> Iterator[tuple[frozenset[int], Constraints]]:
        expected = self.with_variables[level]
        tried = set()
        for item in self.candidates[expected]:
            if item in taken or self.item_keys[item] in tried:
                continue
            tried.add(self.item_keys[item])
            taken_now = taken | {item}
            if self._is_feasible(level + 1, taken_now):
                yield from ((taken_now, solution) for solution in self.solutions_of[expected][item])

    def _is_feasible(self, level: int, taken: frozenset[int]) -> bool:
        """Return True if every undecided expected item can still get an item, variables aside."""
        decided = set(self.with_variables[:level])
        undecided = [
            [item for item in items if item not in taken]
            for expected, items in enumerate(self.candidates)
            if expected not in decided
        ]
        return len(max_pairs(undecided)) == len(undecided)
