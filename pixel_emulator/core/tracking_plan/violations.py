"""What a tracking plan objects to in a call, in the shape of Segment's own violations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, cast

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import (
    JSON,
    KEPT,
    NAMED_BY,
    Call,
    CallType,
    Form,
    Hit,
    JsonPath,
    Payload,
    path_text,
)
from pixel_emulator.core.recordings.entry import time_text
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.core.text.display import quoted, shortened
from pixel_emulator.core.text.json_codec import Number, kind
from pixel_emulator.core.tracking_plan.plan import NAMED, Plan, Rule, RuleType
from pixel_emulator.core.tracking_plan.schema import Plain, plain, text

__all__ = ["MOST", "Violation", "event_version", "violations"]


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


def unplanned_key(at: JsonPath) -> Violation:
    """A key that no rule names, or that one forbids (`additionalProperties: false`)."""
    field = field_of(at)
    type = UNPLANNED.get(str(at[0]), "Unplanned Property")
    return Violation(type, field, f"{field} is not in the tracking plan")


def too_deep(levels: int) -> Violation:
    """A call that nobody can check."""
    words = f"Nests deeper than {levels} levels, so it is not checked against the tracking plan"
    return Violation("Nested Too Deep", "(root)", words)


def worded(error: "ValidationError", *, flat: bool) -> Iterator[Violation]:
    """What a schema objects to; `flat` says that the call came in the flat form."""
    at, keyword, found = tuple(error.instance_path), error.kind.name, error.kind.value
    if keyword == "additionalProperties":
        yield from (unplanned_key((*at, key)) for key in found)
        return
    if keyword == "required":
        field = field_of((*at, found))
        yield Violation("Required", field, f"{field} is required")
        return
    field, given = field_of(at), error.instance
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


def field_of(at: JsonPath) -> str:
    """The field at `at`, as a violation names it."""
    return shortened(path_text(at)) or "(root)"


_ALONGSIDE = ("allOf", "anyOf", "oneOf", "if", "then", "else")
"""Where a schema holds others that speak of the same value."""


@dataclass(slots=True)
class _Members:
    """What several schemas say together of a map's members: those they name, and all others."""

    named: dict[str, list[Payload]] = field(default_factory=dict)
    others: list[Payload] = field(default_factory=list)
    open: bool = False


def within(schemas: Iterable[Payload], key: str) -> list[Payload]:
    """The schemas of one member."""
    return _members(schemas).named.get(key, [])


def unplanned(value: Plain, schemas: Sequence[Payload]) -> Iterator[JsonPath]:
    """The way to each key, at any depth of the value, that the schemas do not name.

    A map of which they name no key at all is open, and so is one with `patternProperties`, or with
    `additionalProperties` that are not `false`.
    """
    stack: list[tuple[JsonPath, Plain, Sequence[Payload]]] = [((), value, schemas)]
    while stack:
        at, value, schemas = stack.pop()
        if isinstance(value, list):
            items = [each for schema in _all(schemas) for each in _schemas(schema.get("items"))]
            stack += reversed([((*at, index), each, items) for index, each in enumerate(value)])
        elif isinstance(value, dict):
            members = _members(schemas)
            closed = members.named and not members.open
            yield from ((*at, key) for key in value if closed and key not in members.named)
            stack += reversed(
                [
                    ((*at, key), each, members.named.get(key, members.others))
                    for key, each in value.items()
                ]
            )


def _members(schemas: Iterable[Payload]) -> _Members:
    found = _Members()
    for schema in _all(schemas):
        properties = schema.get("properties")
        for key, each in (properties if isinstance(properties, dict) else {}).items():
            found.named.setdefault(text(key), []).extend(_schemas(each))
        others = schema.get("additionalProperties", False)
        found.others += _schemas(others)
        found.open = found.open or others is not False or "patternProperties" in schema
    return found


def _all(schemas: Iterable[Payload]) -> Iterator[Payload]:
    """The schemas, and those within them that speak of the same value."""
    stack = list(schemas)
    while stack:
        schema = stack.pop()
        yield schema
        stack += [each for key in _ALONGSIDE for each in _schemas(schema.get(key))]


def _schemas(value: JSON) -> list[Payload]:
    """A schema, or a list of some; `true` and `false` say nothing of keys."""
    items = value if isinstance(value, list) else [value]
    return [each for each in items if isinstance(each, dict)]


MOST = 100
"""Violations of one call that are told: a list of ten thousand wrong items says nothing more."""

_DATA = {
    CallType.TRACK: "properties",
    CallType.PAGE: "properties",
    CallType.SCREEN: "properties",
    CallType.IDENTIFY: "traits",
    CallType.GROUP: "traits",
}
"""The part of a call whose keys are planned."""


def violations(plans: Mapping[int, Plan], hit: Hit) -> Iterator[Violation]:
    """What the plan of the hit's version objects to, each thing once; at most `MOST`.

    A hit without a version, or with one for which there is no plan, is checked against the oldest,
    as Segment does. Nothing is said of a call that Segment does not keep.
    """
    if plans and hit.call is not None and hit.outcome in KEPT:
        version = event_version(hit.call)
        plan = plans.get(version or 0) or plans[min(plans)]
        yield from dict.fromkeys(islice(_found(plan, hit, hit.call), MOST))


def event_version(call: Call) -> int | None:
    """`context.protocols.event_version`, where it is one: "must pass as an integer" (Segment's page
    on event versioning). The flat form knows only texts, so there it is digits."""
    value: JSON = call.payload
    for key in ("context", "protocols", "event_version"):
        value = value.get(key) if isinstance(value, dict) else None
    if call.form is Form.FLAT and isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value) or None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return None


def _found(plan: Plan, hit: Hit, call: Call) -> Iterator[Violation]:
    event = _delivered(hit, call)
    name = event.get(NAMED_BY[call.type])
    rule = _rule(plan, call, name if isinstance(name, str) else "")
    if rule is None and call.type is CallType.TRACK and plan.closed:
        yield unplanned_event(str(name), plan.events)
    rules = [each for each in (rule, plan.rule(RuleType.COMMON)) if each is not None]
    if not rules:
        return
    if yaml_writer.nests_too_deep(event):
        yield too_deep(yaml_writer.MAX_NESTING)
        return
    instance = plain(event)
    flat = call.form is Form.FLAT
    for each in rules:
        for error in each.schema.errors(instance):
            yield from worded(error, flat=flat)
    if rule is not None and call.type in _DATA:
        yield from _unplanned(instance, _DATA[call.type], rules)


def _rule(plan: Plan, call: Call, name: str) -> Rule | None:
    """The rule of the call's own type: that of its name, or that for all names."""
    if call.type not in RuleType:
        return None
    type, version = RuleType(call.type), event_version(call)
    named = plan.rule(type, name, version) if type in NAMED and name else None
    return named or (None if type is RuleType.TRACK else plan.rule(type, "", version))


def _unplanned(instance: Plain, part: str, rules: list[Rule]) -> Iterator[Violation]:
    value = instance.get(part) if isinstance(instance, dict) else None
    schemas = within((each.schema.data for each in rules), part)
    for at in unplanned(value, schemas):
        yield unplanned_key((part, *at))


def _delivered(hit: Hit, call: Call) -> Payload:
    """The call as its plan sees it: Segment's pipeline fills in what a pixel need not say, so that
    a common rule may require it. The write key is for the edge only."""
    filled: Payload = {
        "messageId": "",
        "timestamp": time_text(hit.time),
        "context": {},
        **(call.payload or {}),
        "type": call.type.value,
        "receivedAt": time_text(hit.time),
    }
    filled.pop("writeKey", None)
    return filled
