"""Wants about the same value: all of some, one of some, exactly one of some, none."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from pixel_emulator.core.matching.diff import describe_expected, differences_at, matches
from pixel_emulator.core.matching.expected import (
    Bindings,
    Constraints,
    Description,
    Difference,
    Expected,
    Matcher,
    Value,
)
from pixel_emulator.core.matching.unification import distinct, unify, unify_all
from pixel_emulator.core.model import JsonPath


@dataclass(frozen=True, slots=True)
class All(Matcher):
    """`$all`: a value that each of the wants matches."""

    is_structural: ClassVar[bool] = True

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, got: Value) -> Iterator[Constraints]:
        return unify_all((want, got) for want in self.operands)

    def matches(self, got: Value, bound: Bindings) -> bool:
        return all(matches(want, got, bound) for want in self.operands)

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        whole = False
        for want in self.operands:
            for each in differences_at(at, want, got, bound):
                if each[0] != at:
                    yield each
                elif not whole:
                    yield at, self, got
                    whole = True

    def describe(self) -> Description:
        found = [describe_expected(want) for want in self.operands]
        types = dict.fromkeys(each.type for each in found)
        return Description(
            " and ".join(each.text for each in found), types.popitem()[0] if len(types) == 1 else ""
        )

    def reason(self, got: Value) -> str:
        asked = (want.reason(got) for want in self.operands if isinstance(want, Matcher))
        return "; ".join(filter(None, asked))


@dataclass(frozen=True, slots=True)
class In(Matcher):
    """`$in`: a value that at least one of the wants matches."""

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, got: Value) -> Iterator[Constraints]:
        return distinct(chain.from_iterable(unify(want, got) for want in self.operands))

    def matches(self, got: Value, bound: Bindings) -> bool:
        return any(matches(want, got, bound) for want in self.operands)

    def describe(self) -> Description:
        return Description(f"one of {listed(self.operands)}", "")


@dataclass(frozen=True, slots=True)
class One(Matcher):
    """`$one`: a value that one of the wants matches, and no other, whatever the variables are."""

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, got: Value) -> Iterator[Constraints]:
        found = self._matching(got)
        return unify(found[0], got) if len(found) == 1 else iter(())

    def matches(self, got: Value, bound: Bindings) -> bool:
        found = self._matching(got)
        return len(found) == 1 and (not bound or matches(found[0], got, bound))

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        found = self._matching(got)
        if len(found) == 1:
            yield from differences_at(at, found[0], got, bound)
        else:
            yield at, self, got

    def describe(self) -> Description:
        return Description(f"exactly one of {listed(self.operands)}", "")

    def reason(self, got: Value) -> str:
        number = len(self._matching(got))
        return f"{number} of them match" if number > 1 else ""

    def _matching(self, got: Value) -> list[Expected]:
        return [want for want in self.operands if matches(want, got)]


@dataclass(frozen=True, slots=True)
class Not(Matcher):
    """`$not`: a value that the want does not match; where nothing is, that is one too.

    The want has no variables: no value of theirs could be told from a value that is not.
    """

    is_negation: ClassVar[bool] = True

    operand: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.operand,)

    def matches(self, got: Value, bound: Bindings) -> bool:
        return not matches(self.operand, got, bound)

    def describe(self) -> Description:
        return Description(f"not {describe_expected(self.operand).text}", "")


def listed(wants: tuple[Expected, ...]) -> str:
    """The wants in a row: `"a", "b"`."""
    return ", ".join(describe_expected(want).text for want in wants)
