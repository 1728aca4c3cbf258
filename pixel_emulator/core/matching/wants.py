"""What is wanted: plain values, and matchers for what no plain value can say."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixel_emulator.core.calls import JSON, Steps
from pixel_emulator.core.matching.values import Absent, Described, Value


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

type Difference = tuple[Steps, Want | Absent, Value]
"""Where two values differ, what was wanted there, and what was found."""


class Matcher(ABC):
    """A want that is no plain value. Immutable; comparing changes nothing."""

    __slots__ = ()

    @abstractmethod
    def ways(self, got: Value) -> Iterator[Needs]:
        """Each way in which the value matches."""

    @abstractmethod
    def differences(self, steps: Steps, got: Value, bound: Bindings) -> Iterator[Difference]:
        """Where the value at `steps` differs; a variable that is not bound may be anything."""

    @abstractmethod
    def describe(self) -> Described:
        """What is wanted, in words of a report: `> 0 (number)`."""


type Want = JSON | Matcher | Sequence[Want] | Mapping[str, Want]
"""A wanted value: maps match as a subset, lists item by item, scalars with their type."""
