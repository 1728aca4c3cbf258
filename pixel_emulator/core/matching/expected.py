"""Expected values: literals, matchers, and the bindings of variables."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import ClassVar, Final, TypeGuard

from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import printable


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""The value of a missing key or list item."""

type Value = JSON | Absent

HUGE = 10**4_000
"""Python refuses to convert integers of more than 4,300 digits to text (sys.int_info)."""


@dataclass(frozen=True, slots=True)
class Description:
    """A value for a report: its JSON text, safe for a terminal, and its type (`""` for none)."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.text} ({self.type})" if self.type else self.text


def describe_value(value: Value) -> Description:
    """Return the value's JSON text and its type, as the scenario language names it."""
    if isinstance(value, Absent):
        return Description("absent", "")
    if isinstance(value, str):
        return Description(f'"{printable(value, quotes=True)}"', "string")
    if isinstance(value, int) and abs(value) >= HUGE:
        return Description("a huge number", "")
    return Description(json_codec.write(value), _type_name(value))


def value_at(value: Value, at: JsonPath) -> Value:
    """Return the value at a JSON path inside another, or ABSENT."""
    for key in at:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key, ABSENT)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return ABSENT
    return value


def scalars_equal(expected: object, actual: object) -> bool:
    """Return True if two scalars have the same type and value; numbers are compared exactly."""
    if expected is actual:
        return True
    if isinstance(expected, str):
        return isinstance(actual, str) and expected == actual
    value = exact_number(expected)
    return value is not None and value == exact_number(actual)


def equality_key(value: Value) -> Hashable:
    """Return a key that two values share if and only if they are equal; any depth is safe."""
    tokens: list[Hashable] = []
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            keys = sorted(value)
            tokens.append(("map", *keys))
            stack.extend(value[key] for key in keys)
        elif isinstance(value, list):
            tokens.append(("list", len(value)))
            stack.extend(value)
        elif isinstance(value, bool):
            tokens.append(("bool", value))
        else:
            is_text = isinstance(value, str | Absent)
            tokens.append(value if is_text else ("number", exact_number(value)))
    return tuple(tokens)


def text_form(value: JSON) -> str | None:
    """Return a scalar as it appears inside a text; None for a container."""
    if isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json_codec.write(value)


def exact_number(value: object) -> Decimal | str | None:
    """Return a number's exact value, its text if the exponent is too large; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(value if isinstance(value, int) else repr(value))
    except InvalidOperation:  # an exponent of some twenty digits; equal only if spelled alike
        return repr(value)


_TYPE_NAMES = {"object": "map", "array": "list", "boolean": "bool", "null": ""}


def _type_name(value: JSON) -> str:
    kind = json_codec.json_type(value)
    return _TYPE_NAMES.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Binding:
    """A constraint of a solution: the variable `name` has this value.

    `in_text` is True if the value was found inside a longer text, so that only its text is known.
    """

    name: str
    value: JSON
    in_text: bool = False


type Constraints = tuple[Binding, ...]
"""One solution of a match: what it requires of the variables; `()` requires nothing."""

type Bindings = Mapping[str, JSON]
"""The values of variables, by name."""

type Difference = tuple[JsonPath, Expected | Absent, Value]
"""The path at which two values differ, the expected value there, and the actual one."""

NO_BINDINGS: Bindings = {}


class Matcher(ABC):
    """An expected value that is not a literal. Immutable."""

    __slots__ = ()

    is_structural: ClassVar[bool] = False
    """True if differences are reported for each part, so that parts count as separate fields."""
    is_negation: ClassVar[bool] = False
    """True if it excludes values, so that the actual value's type explains no mismatch."""

    @abstractmethod
    def matches(self, actual: Value, bindings: Bindings) -> bool:
        """Return True if the value matches; an unbound variable matches what its type admits."""

    @abstractmethod
    def describe(self) -> Description:
        """Return the expectation as a report shows it: `> 0 (number)`."""

    @property
    def parts(self) -> "tuple[Expected, ...]":
        """The expected values inside."""
        return ()

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        """Yield the solutions for this value; at most one if there are no variables inside."""
        if self.matches(actual, NO_BINDINGS):
            yield ()

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        """Yield the differences of the value at path `at`; none if it matches."""
        if not self.matches(actual, bindings):
            yield at, self, actual

    def reason(self, actual: Value) -> str:  # noqa: ARG002 - for subclasses
        """Return why the value does not match; empty if the description already says it."""
        return ""


type Expected = JSON | Matcher | Sequence[Expected] | Mapping[str, Expected]
"""An expected value: maps match as a subset, lists item by item, scalars with their type."""


def walk(expected: Expected | Absent) -> Iterator[Expected | Absent]:
    """Yield the expected value and every expected value inside it."""
    stack = [expected]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
        elif isinstance(part, Matcher):
            stack.extend(part.parts)


def is_literal(expected: Expected) -> TypeGuard[JSON]:
    """Return True if the expected value contains no matcher."""
    return not any(isinstance(part, Matcher) for part in walk(expected))
