"""What is wanted: plain values, and matchers for what no plain value can say."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pixel_emulator.core.matching.values import Absent, Described, Value
from pixel_emulator.core.model import JSON, JsonPath


@dataclass(frozen=True, slots=True)
class Need:
    """What one way to match needs: that the variable `name` has this value.

    `in_text` says that the value was found inside a longer text, so it is known only as text.
    """

    name: str
    value: JSON
    in_text: bool = False


type Needs = tuple[Need, ...]
"""All that one way to match needs of the variables; `()` needs nothing."""

type Bindings = Mapping[str, JSON]
"""The values of variables."""

type Difference = tuple[JsonPath, Want | Absent, Value]
"""Where two values differ, what was wanted there, and what was found."""

UNBOUND: Bindings = {}


class Matcher(ABC):
    """A want that is no plain value. Immutable; comparing changes nothing."""

    __slots__ = ()

    split: ClassVar[bool] = False
    """Whether its differences are those of its parts, so that they count as fields of their own."""
    denies: ClassVar[bool] = False
    """Whether it says what a value is not, so that another type would explain nothing."""

    @abstractmethod
    def matches(self, got: Value, bound: Bindings) -> bool:
        """Whether the value matches; a variable that is not bound may be anything."""

    @abstractmethod
    def describe(self) -> Described:
        """What is wanted, in words of a report: `> 0 (number)`."""

    @property
    def parts(self) -> "tuple[Want, ...]":
        """The wants inside."""
        return ()

    def ways(self, got: Value) -> Iterator[Needs]:
        """Each way in which the value matches; one at most where no variables are inside."""
        if self.matches(got, UNBOUND):
            yield ()

    def differences(self, steps: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        """Where the value at `steps` differs; none if it matches."""
        if not self.matches(got, bound):
            yield steps, self, got

    def reason(self, got: Value) -> str:  # noqa: ARG002 - those that know a reason need the value
        """Why the value does not match, where more is known than what is wanted."""
        return ""


type Want = JSON | Matcher | Sequence[Want] | Mapping[str, Want]
"""A wanted value: maps match as a subset, lists item by item, scalars with their type."""


def inside(want: Want | Absent) -> Iterator[Want | Absent]:
    """The want itself, and each want inside it."""
    stack = [want]
    while stack:
        each = stack.pop()
        yield each
        if isinstance(each, dict):
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)
        elif isinstance(each, Matcher):
            stack.extend(each.parts)


def is_plain(want: Want | Absent) -> bool:
    """Whether no matcher stands in the want."""
    return not any(isinstance(each, Matcher) for each in inside(want))
