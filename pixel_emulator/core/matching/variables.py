"""Variables: wants that take the first value they meet, alone or inside a longer text."""

from collections.abc import Iterator
from dataclasses import dataclass

from pixel_emulator.core.matching.differences import described, differences_at, matches
from pixel_emulator.core.matching.values import ABSENT, Described, Value, identity, written
from pixel_emulator.core.matching.wants import (
    UNBOUND,
    Bindings,
    Difference,
    Matcher,
    Need,
    Needs,
    Want,
    inside,
)
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import printable


@dataclass(frozen=True, slots=True)
class Variable(Matcher):
    """`$name`: any value that is there and that its type matches; bound, its own value again.

    `type` is None for a variable that may be anything. A value that was bound is wanted exactly:
    a map without further keys.
    """

    name: str
    type: Want | None = None

    def ways(self, got: Value) -> Iterator[Needs]:
        if got is not ABSENT and self.matches(got, UNBOUND):
            yield (Need(self.name, got),)

    def matches(self, got: Value, bound: Bindings) -> bool:
        if self.name in bound:
            return identity(bound[self.name]) == identity(got)
        return got is not ABSENT and (self.type is None or matches(self.type, got))

    def differences(self, steps: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if self.matches(got, bound):
            return
        if self.name in bound:
            yield steps, bound[self.name], got
        elif self.type is None or got is ABSENT:
            yield steps, self, got
        else:
            yield from differences_at(steps, self.type, got, bound)

    def describe(self) -> Described:
        return Described(f"${self.name}", "" if self.type is None else str(described(self.type)))


@dataclass(frozen=True, slots=True)
class TextWith(Matcher):
    """A text with `${name}` in it, between `before` and `after`."""

    before: str
    variable: Variable
    after: str

    @property
    def parts(self) -> tuple[Want, ...]:
        return (self.variable,)

    def ways(self, got: Value) -> Iterator[Needs]:
        middle = self._middle(got)
        if middle is not None:
            yield (Need(self.variable.name, middle, in_text=True),)

    def matches(self, got: Value, bound: Bindings) -> bool:
        if self.variable.name in bound:
            return isinstance(got, str) and got == self._whole(bound)
        return self._middle(got) is not None

    def differences(self, steps: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if not self.matches(got, bound):
            yield steps, self._whole(bound) or self, got

    def describe(self) -> Described:
        text = f"{self.before}${{{self.variable.name}}}{self.after}"
        return Described(f'"{printable(text, quotes=True)}"', "string")

    def _whole(self, bound: Bindings) -> str | None:
        """The text with the value of the variable in it; None where it has none that fits in."""
        value = bound.get(self.variable.name, [])
        text = written(value)
        return None if text is None else f"{self.before}{text}{self.after}"

    def _middle(self, got: Value) -> str | None:
        """What stands where the variable is; None where the text around it differs."""
        if not isinstance(got, str) or len(got) < len(self.before) + len(self.after):
            return None
        if not (got.startswith(self.before) and got.endswith(self.after)):
            return None
        middle = got[len(self.before) : len(got) - len(self.after)]
        return middle if self._fits(middle) else None

    def _fits(self, text: str) -> bool:
        """Whether the variable may have this value, or the one that is written so."""
        wanted = self.variable.type
        if wanted is None or matches(wanted, text):
            return True
        try:
            value = json_codec.parse(text)
        except ValueError:
            return False
        return written(value) == text and matches(wanted, value)


def variables(want: Want) -> frozenset[str]:
    """The names of the variables in a want."""
    return frozenset(each.name for each in inside(want) if isinstance(each, Variable))
