"""Violations in the words of Segment's own.

Two types are documented, "Required" and "Invalid Type", with their descriptions ("Forward
Violations", and the FAQ of Protocols); the page on schema controls speaks of unplanned events,
properties and traits. The other types are named in the same way here. The field is `(root)` where
the whole call is meant, as the FAQ shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, path_text
from pixel_emulator.core.text.display import quoted, shortened
from pixel_emulator.core.text.json_codec import Number, kind

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

UNPLANNED = {"properties": "Unplanned Property", "traits": "Unplanned Trait"}
"""The type of a violation by the part of the call that a key stands in."""
_MOST = 10  # values that a description lists


@dataclass(frozen=True, slots=True)
class Violation:
    """One objection: its kind, the field it is about, and a sentence."""

    type: str
    field: str
    description: str


def unplanned_event(name: str, events: tuple[str, ...]) -> Violation:
    """A track call that no rule is for: names are compared exactly."""
    words = f"{quoted(name)} is not in the tracking plan{did_you_mean(name, events)}"
    return Violation("Unplanned Event", "event", words)


def unplanned_key(steps: JsonPath) -> Violation:
    """A key that no rule names, or that one forbids (`additionalProperties: false`)."""
    field = field_of(steps)
    type = UNPLANNED.get(str(steps[0]), "Unplanned Property")
    return Violation(type, field, f"{field} is not in the tracking plan")


def too_deep(levels: int) -> Violation:
    """A call that nobody can check."""
    words = f"Nests deeper than {levels} levels, so it is not checked against the tracking plan"
    return Violation("Nested Too Deep", "(root)", words)


def worded(error: "ValidationError", *, flat: bool) -> Iterator[Violation]:
    """What a schema objects to; `flat` says that the call came in the flat form."""
    steps, keyword, found = tuple(error.instance_path), error.kind.name, error.kind.value
    if keyword == "additionalProperties":
        yield from (unplanned_key((*steps, key)) for key in found)
        return
    if keyword == "required":
        field = field_of((*steps, found))
        yield Violation("Required", field, f"{field} is required")
        return
    field, given = field_of(steps), error.instance
    hint = _FLAT if flat and isinstance(given, str) and keyword in _TYPED else ""
    if keyword == "type":
        words = f"Invalid type. Expected: {', '.join(found)}, given: {_type(given)}{hint}"
        yield Violation("Invalid Type", field, words)
        return
    wanted = shortened(found) if keyword == "pattern" else _listed(found)
    words = _WORDS.get(keyword, "does not fit its schema").format(wanted)
    yield Violation("Invalid Value", field, f"{field} {words}, given: {_shown(given)}{hint}")


_FLAT = "; flat-form values are always strings"
_TYPED = ("type", "enum", "const", "anyOf", "oneOf")  # a text may fail these for being one
_WORDS = {
    "additionalItems": "must have at most {} items",
    "anyOf": "must fit one schema or more (anyOf)",
    "const": "must be {}",
    "contains": "must have an item that fits (contains)",
    "enum": "must be one of {}",
    "exclusiveMaximum": "must be less than {}",
    "exclusiveMinimum": "must be greater than {}",
    "falseSchema": "is not allowed",
    "format": "must have the format {}",
    "maximum": "must be less than or equal to {}",
    "maxItems": "must have at most {} items",
    "maxLength": "must have at most {} characters",
    "maxProperties": "must have at most {} keys",
    "minimum": "must be greater than or equal to {}",
    "minItems": "must have at least {} items",
    "minLength": "must have at least {} characters",
    "minProperties": "must have at least {} keys",
    "multipleOf": "must be a multiple of {}",
    "not": "must not fit the schema (not)",
    "oneOf": "must fit exactly one schema (oneOf)",
    "pattern": "must match the pattern {}",
    "propertyNames": "has a key that is not allowed (propertyNames)",
    "uniqueItems": "must have no item twice",
}
"""What a schema asks for, by its keyword; the braces are for what it says there."""


def _type(value: object) -> str:
    """The type as JSON Schema names it: 1.0 is an integer."""
    if isinstance(value, Decimal | float):
        return "integer" if value == value.__trunc__() else "number"
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer"
    return kind(cast(JSON, value))


def _listed(value: object) -> str:
    if not isinstance(value, list):
        return _shown(value)
    more = f" and {len(value) - _MOST} more" if len(value) > _MOST else ""
    return ", ".join(map(_shown, value[:_MOST])) + more


def _shown(value: object) -> str:
    """A value inside a sentence, short and safe for a terminal."""
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return quoted(Number(str(value))).removeprefix("the number ")
    return quoted(cast(JSON, value))


def field_of(steps: JsonPath) -> str:
    """The field at `steps`, as a violation names it."""
    return shortened(path_text(steps)) or "(root)"
