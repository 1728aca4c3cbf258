"""What is wanted: plain values, and matchers for what no plain value can say."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import ClassVar, Final

from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import printable


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What stands where a key or a list item is missing."""

type Value = JSON | Absent

HUGE = 10**4_000
"""Python refuses to write integers of somewhat more digits (sys.int_info)."""


@dataclass(frozen=True, slots=True)
class Description:
    """A value in words: its JSON text, safe for a terminal, and its type (`""` if needless)."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.text} ({self.type})" if self.type else self.text


def describe_value(value: Value) -> Description:
    """The value's JSON text and its type, in the words of the scenario language."""
    if isinstance(value, Absent):
        return Description("absent", "")
    if isinstance(value, str):
        return Description(f'"{printable(value, quotes=True)}"', "string")
    if isinstance(value, int) and abs(value) >= HUGE:
        return Description("a huge number", "")
    return Description(json_codec.write(value), _type_name(value))


def scalars_equal(want: object, got: object) -> bool:
    """Whether two scalars are the same: with their type, numbers by value to the last digit."""
    if want is got:
        return True
    if isinstance(want, str):
        return isinstance(got, str) and want == got
    mine, theirs = exact_number(want), exact_number(got)
    return mine is not None and mine == theirs


def equality_key(value: Value) -> Hashable:
    """What two values have in common exactly if they are equal, however deep they nest."""
    tokens: list[Hashable] = []
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            keys = sorted(each)
            tokens.append(("map", *keys))
            stack.extend(each[key] for key in keys)
        elif isinstance(each, list):
            tokens.append(("list", len(each)))
            stack.extend(each)
        elif isinstance(each, bool):
            tokens.append(("bool", each))
        else:
            tokens.append(
                each if isinstance(each, str | Absent) else ("number", exact_number(each))
            )
    return tuple(tokens)


def text_form(value: JSON) -> str | None:
    """A scalar as it stands inside a text: a string as it is, else JSON; None for a container."""
    if isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json_codec.write(value)


def exact_number(value: object) -> Decimal | str | None:
    """The exact value of a number; its text where the exponent has some twenty digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(value if isinstance(value, int) else repr(value))
    except InvalidOperation:  # equal only if written alike
        return repr(value)


_TYPE_NAMES = {"object": "map", "array": "list", "boolean": "bool", "null": ""}


def _type_name(value: JSON) -> str:
    kind = json_codec.kind(value)
    return _TYPE_NAMES.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Binding:
    """What one way to match needs: that the variable `name` has this value.

    `in_text` says that the value was found inside a longer text, so it is known only as text.
    """

    name: str
    value: JSON
    in_text: bool = False


type Constraints = tuple[Binding, ...]
"""All that one way to match needs of the variables; `()` needs nothing."""

type Bindings = Mapping[str, JSON]
"""The values of variables."""

type Difference = tuple[JsonPath, Expected | Absent, Value]
"""Where two values differ, what was wanted there, and what was found."""

NO_BINDINGS: Bindings = {}


class Matcher(ABC):
    """A want that is no plain value. Immutable; comparing changes nothing."""

    __slots__ = ()

    is_structural: ClassVar[bool] = False
    """Whether its differences are those of its parts, so that they count as fields of their own."""
    is_negation: ClassVar[bool] = False
    """Whether it says what a value is not, so that another type would explain nothing."""

    @abstractmethod
    def matches(self, got: Value, bound: Bindings) -> bool:
        """Whether the value matches; a variable that is not bound may be anything."""

    @abstractmethod
    def describe(self) -> Description:
        """What is wanted, in words of a report: `> 0 (number)`."""

    @property
    def parts(self) -> "tuple[Expected, ...]":
        """The wants inside."""
        return ()

    def solutions(self, got: Value) -> Iterator[Constraints]:
        """Each way in which the value matches; one at most where no variables are inside."""
        if self.matches(got, NO_BINDINGS):
            yield ()

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        """Where the value at `at` differs; none if it matches."""
        if not self.matches(got, bound):
            yield at, self, got

    def reason(self, got: Value) -> str:  # noqa: ARG002 - those that know a reason need the value
        """Why the value does not match, where more is known than what is wanted."""
        return ""


type Expected = JSON | Matcher | Sequence[Expected] | Mapping[str, Expected]
"""A wanted value: maps match as a subset, lists item by item, scalars with their type."""


def walk(want: Expected | Absent) -> Iterator[Expected | Absent]:
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


def is_literal(want: Expected | Absent) -> bool:
    """Whether no matcher stands in the want."""
    return not any(isinstance(each, Matcher) for each in walk(want))
