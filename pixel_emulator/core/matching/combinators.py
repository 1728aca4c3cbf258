"""Matchers that combine others on the same value: all, at least one, exactly one, not."""

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
    """`$all`: a value that matches every operand."""

    is_structural: ClassVar[bool] = True

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        return unify_all((expected, actual) for expected in self.operands)

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return all(matches(expected, actual, bindings) for expected in self.operands)

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        reported = False
        for expected in self.operands:
            for difference in differences_at(at, expected, actual, bindings):
                if difference[0] != at:
                    yield difference
                elif not reported:
                    yield at, self, actual
                    reported = True

    def describe(self) -> Description:
        operands = [describe_expected(expected) for expected in self.operands]
        types = dict.fromkeys(operand.type for operand in operands)
        return Description(
            " and ".join(operand.text for operand in operands),
            types.popitem()[0] if len(types) == 1 else "",
        )

    def reason(self, actual: Value) -> str:
        matchers = (operand for operand in self.operands if isinstance(operand, Matcher))
        return "; ".join(filter(None, (matcher.reason(actual) for matcher in matchers)))


@dataclass(frozen=True, slots=True)
class In(Matcher):
    """`$in`: a value that matches at least one operand."""

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        return distinct(chain.from_iterable(unify(expected, actual) for expected in self.operands))

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return any(matches(expected, actual, bindings) for expected in self.operands)

    def describe(self) -> Description:
        return Description(f"one of {listed(self.operands)}", "")


@dataclass(frozen=True, slots=True)
class One(Matcher):
    """`$one`: a value that matches exactly one operand, whatever the variables are."""

    operands: tuple[Expected, ...]

    @property
    def parts(self) -> tuple[Expected, ...]:
        return self.operands

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        matching = self._matching(actual)
        return unify(matching[0], actual) if len(matching) == 1 else iter(())

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        matching = self._matching(actual)
        return len(matching) == 1 and (not bindings or matches(matching[0], actual, bindings))

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        matching = self._matching(actual)
        if len(matching) == 1:
            yield from differences_at(at, matching[0], actual, bindings)
        else:
            yield at, self, actual

    def describe(self) -> Description:
        return Description(f"exactly one of {listed(self.operands)}", "")

    def reason(self, actual: Value) -> str:
        number = len(self._matching(actual))
        return f"{number} of them match" if number > 1 else ""

    def _matching(self, actual: Value) -> list[Expected]:
        return [expected for expected in self.operands if matches(expected, actual)]


@dataclass(frozen=True, slots=True)
class Not(Matcher):
    """`$not`: a value that does not match the operand; a missing value is one, too.

    The operand has no variables: a failed match would bind none of them.
    """

    is_negation: ClassVar[bool] = True

    operand: Expected

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.operand,)

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return not matches(self.operand, actual, bindings)

    def describe(self) -> Description:
        return Description(f"not {describe_expected(self.operand).text}", "")


def listed(items: tuple[Expected, ...]) -> str:
    """Return the descriptions of expected values as a list: `"a", "b"`."""
    return ", ".join(describe_expected(item).text for item in items)
