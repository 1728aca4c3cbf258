"""Wants about lists and maps: their length, their items in any order, their keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import ClassVar

from pixel_emulator.core.matching.bipartite import pair_up
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

    def solutions(self, got: Value) -> Iterator[Constraints]:
        if self._has_keys_of(got):
            yield from unify(self.members, got)

    def matches(self, got: Value, bound: Bindings) -> bool:
        return self._has_keys_of(got) and matches(self.members, got, bound)

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if not isinstance(got, dict):
            yield at, self, got
            return
        yield from differences_at(at, self.members, got, bound)
        further = (key for key in got if key not in self.members)
        yield from (((*at, key), ABSENT, got[key]) for key in further)

    def describe(self) -> Description:
        return Description(f"only {describe_expected(self.members).text}", "map")

    def _has_keys_of(self, got: Value) -> bool:
        return isinstance(got, dict) and got.keys() <= self.members.keys()


@dataclass(frozen=True, slots=True)
class Len(Matcher):
    """`$len`: a text, list or map of this length, in characters, items or keys."""

    length: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.length,)

    def solutions(self, got: Value) -> Iterator[Constraints]:
        return unify(self.length, len(got)) if isinstance(got, str | list | dict) else iter(())

    def matches(self, got: Value, bound: Bindings) -> bool:
        return isinstance(got, str | list | dict) and matches(self.length, len(got), bound)

    def describe(self) -> Description:
        return Description(f"of length {describe_expected(self.length).text}", "")

    def reason(self, got: Value) -> str:
        return f"its length is {len(got)}" if isinstance(got, str | list | dict) else ""


@dataclass(frozen=True, slots=True)
class Each(Matcher):
    """`$each`: a list of which each item matches; an empty one has none that does not."""

    is_structural: ClassVar[bool] = True

    item: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.item,)

    def solutions(self, got: Value) -> Iterator[Constraints]:
        if isinstance(got, list):
            return unify_all((self.item, item) for item in got)
        return iter(())

    def matches(self, got: Value, bound: Bindings) -> bool:
        return isinstance(got, list) and all(matches(self.item, item, bound) for item in got)

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if not isinstance(got, list):
            yield at, self, got
            return
        for index, item in enumerate(got):
            yield from differences_at((*at, index), self.item, item, bound)

    def describe(self) -> Description:
        return Description(f"each item {describe_expected(self.item).text}", "list")


@dataclass(frozen=True, slots=True)
class Has(Matcher):
    """`$has`: a list of which at least one item matches."""

    item: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.item,)

    def solutions(self, got: Value) -> Iterator[Constraints]:
        items = got if isinstance(got, list) else []
        return distinct(chain.from_iterable(unify(self.item, item) for item in items))

    def matches(self, got: Value, bound: Bindings) -> bool:
        return isinstance(got, list) and any(matches(self.item, item, bound) for item in got)

    def describe(self) -> Description:
        return Description(f"an item {describe_expected(self.item).text}", "list")


@dataclass(frozen=True, slots=True)
class AnyOrder(Matcher):
    """`$any-order`: a list of as many items, each of which matches a want of its own."""

    is_structural: ClassVar[bool] = True

    items: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.items

    def solutions(self, got: Value) -> Iterator[Constraints]:
        if not isinstance(got, list) or len(got) != len(self.items):
            return iter(())
        return distinct(_Assignments(self.items, got).solutions())

    def matches(self, got: Value, bound: Bindings) -> bool:
        if not isinstance(got, list) or len(got) != len(self.items):
            return False
        return len(pair_up(self._candidates(got, bound))) == len(got)

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if not isinstance(got, list):
            yield at, self, got
            return
        items = pair_up(self._candidates(got, bound))
        taken = set(items.values())
        lacking = (want for index, want in enumerate(self.items) if index not in items)
        spare = (index for index in range(len(got)) if index not in taken)
        beyond = len(got)
        for want, index in zip_longest(lacking, spare, fillvalue=ABSENT):
            if index is ABSENT:
                yield (*at, beyond), want, ABSENT
                beyond += 1
            else:
                yield from differences_at((*at, index), want, got[index], bound)

    def describe(self) -> Description:
        return Description(f"in any order {listed(self.items)}", "list")

    def _candidates(self, items: list[JSON], bound: Bindings) -> list[list[int]]:
        """The items that match each want."""
        return [
            [index for index, item in enumerate(items) if matches(want, item, bound)]
            for want in self.items
        ]


class _Assignments:
    """The ways to give each want an item of its own."""

    def __init__(self, wants: Sequence[Expected], items: list[JSON]) -> None:
        self.item_keys = [equality_key(each) for each in items]
        self.solutions_of = [
            [CachedSolutions(unify(want, item)) for item in items] for want in wants
        ]
        self.candidates = [
            [index for index, ways in enumerate(each) if ways.first is not None]
            for each in self.solutions_of
        ]
        self.with_variables = [index for index, want in enumerate(wants) if variable_names(want)]

    def solutions(self) -> Iterator[Constraints]:
        """What each of them needs. Only the wants with variables make a difference."""
        if not self._is_feasible(0, frozenset()):
            return iter(())
        if not self.with_variables:
            return iter(((),))
        return backtrack(frozenset[int](), self._choices, len(self.with_variables))

    def _choices(
        self, taken: frozenset[int], level: int
    ) -> Iterator[tuple[frozenset[int], Constraints]]:
        want = self.with_variables[level]
        tried = set()
        for item in self.candidates[want]:
            if item in taken or self.item_keys[item] in tried:
                continue
            tried.add(self.item_keys[item])
            behind = taken | {item}
            if self._is_feasible(level + 1, behind):
                yield from ((behind, way) for way in self.solutions_of[want][item])

    def _is_feasible(self, level: int, taken: frozenset[int]) -> bool:
        """Whether the wants that have no item yet find one, variables aside."""
        decided = set(self.with_variables[:level])
        open_wants = [
            [item for item in items if item not in taken]
            for want, items in enumerate(self.candidates)
            if want not in decided
        ]
        return len(pair_up(open_wants)) == len(open_wants)
