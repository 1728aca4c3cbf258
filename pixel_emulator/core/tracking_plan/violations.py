"""Violations of a tracking plan by a call, in the shape of Segment's own violations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, cast

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import (
    JSON,
    KEPT,
    NAME_FIELDS,
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
from pixel_emulator.core.text.json_codec import Number, json_type
from pixel_emulator.core.tracking_plan.plan import NAMED_TYPES, Plan, Rule, RuleType
from pixel_emulator.core.tracking_plan.schema import SchemaValue, schema_value, utf8_text

__all__ = ["MAX_VIOLATIONS", "Violation", "event_version", "violations"]


if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

UNPLANNED_TYPES = {"properties": "Unplanned Property", "traits": "Unplanned Trait"}
"""Type of the violation for an unplanned key, by the part of the call that the key is in."""
_MAX_LISTED = 10  # values listed in a description


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation: its type, the field it is about, and a sentence."""

    type: str
    field: str
    description: str


def unplanned_event(name: str, events: tuple[str, ...]) -> Violation:
    """Return the violation of a track call without a rule. Names are compared exactly."""
    description = f"{quoted(name)} is not in the tracking plan{did_you_mean(name, events)}"
    return Violation("Unplanned Event", "event", description)


def unplanned_key(at: JsonPath) -> Violation:
    """Return the violation for a key that no rule names, or that one forbids
    (`additionalProperties: false`)."""
    field = field_of(at)
    type = UNPLANNED_TYPES.get(str(at[0]), "Unplanned Property")
    return Violation(type, field, f"{field} is not in the tracking plan")


def too_deep(levels: int) -> Violation:
    """Return the violation of a call that nests too deep to be checked."""
    description = (
        f"Nests deeper than {levels} levels, so it is not checked against the tracking plan"
    )
    return Violation("Nested Too Deep", "(root)", description)


def violations_of_error(error: "ValidationError", *, flat: bool) -> Iterator[Violation]:
    """Yield the violations of one validation error; `flat` is True for a call in the flat form."""
    at, keyword, detail = tuple(error.instance_path), error.kind.name, error.kind.value
    if keyword == "additionalProperties":
        yield from (unplanned_key((*at, key)) for key in detail)
        return
    if keyword == "required":
        field = field_of((*at, detail))
        yield Violation("Required", field, f"{field} is required")
        return
    field, actual = field_of(at), error.instance
    hint = _FLAT_HINT if flat and isinstance(actual, str) and keyword in _TYPE_SENSITIVE else ""
    if keyword == "type":
        description = f"Invalid type. Expected: {', '.join(detail)}, given: {_type(actual)}{hint}"
        yield Violation("Invalid Type", field, description)
        return
    expected = shortened(detail) if keyword == "pattern" else _listed(detail)
    description = _MESSAGES.get(keyword, "does not fit its schema").format(expected)
    yield Violation("Invalid Value", field, f"{field} {description}, given: {_shown(actual)}{hint}")


_FLAT_HINT = "; flat-form values are always strings"
_TYPE_SENSITIVE = ("type", "enum", "const", "anyOf", "oneOf")  # may fail only because of the type
_MESSAGES = {
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
"""Message for each keyword of a schema; the braces stand for the keyword's value."""


def _type(value: object) -> str:
    """Return the name of a value's type in JSON Schema, where 1.0 is an integer."""
    if isinstance(value, Decimal | float):
        return "integer" if value == value.__trunc__() else "number"
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer"
    return json_type(cast(JSON, value))


def _listed(value: object) -> str:
    if not isinstance(value, list):
        return _shown(value)
    rest = f" and {len(value) - _MAX_LISTED} more" if len(value) > _MAX_LISTED else ""
    return ", ".join(map(_shown, value[:_MAX_LISTED])) + rest


def _shown(value: object) -> str:
    """Return a value for use in a sentence: short and safe for a terminal."""
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return quoted(Number(str(value))).removeprefix("the number ")
    return quoted(cast(JSON, value))


def field_of(at: JsonPath) -> str:
    """Return the name of the field at a path, as violations give it."""
    return shortened(path_text(at)) or "(root)"


_ALONGSIDE = ("allOf", "anyOf", "oneOf", "if", "then", "else")
"""Keywords with subschemas that apply to the same value."""


@dataclass(slots=True)
class _MemberSchemas:
    """Schemas of a map's members, collected from several schemas: by name, and for all others.

    `open` is True if one of the schemas allows keys that it does not name.
    """

    named: dict[str, list[Payload]] = field(default_factory=dict)
    others: list[Payload] = field(default_factory=list)
    open: bool = False


def member_schemas(schemas: Iterable[Payload], key: str) -> list[Payload]:
    """Return the schemas of one member."""
    return _collect_members(schemas).named.get(key, [])


def unplanned_paths(value: SchemaValue, schemas: Sequence[Payload]) -> Iterator[JsonPath]:
    """Yield the path to each key, at any depth of the value, that the schemas do not name.

    A map of which the schemas name no key is open: none of its keys is unplanned. So is a map with
    `patternProperties`, or with `additionalProperties` other than `false`.
    """
    stack: list[tuple[JsonPath, SchemaValue, Sequence[Payload]]] = [((), value, schemas)]
    while stack:
        at, value, schemas = stack.pop()
        if isinstance(value, list):
            items = [
                item_schema
                for schema in _applicable_schemas(schemas)
                for item_schema in _schemas(schema.get("items"))
            ]
            stack += reversed([((*at, index), item, items) for index, item in enumerate(value)])
        elif isinstance(value, dict):
            members = _collect_members(schemas)
            closed = members.named and not members.open
            yield from ((*at, key) for key in value if closed and key not in members.named)
            stack += reversed(
                [
                    ((*at, key), member, members.named.get(key, members.others))
                    for key, member in value.items()
                ]
            )


def _collect_members(schemas: Iterable[Payload]) -> _MemberSchemas:
    members = _MemberSchemas()
    for schema in _applicable_schemas(schemas):
        properties = schema.get("properties")
        for key, member in (properties if isinstance(properties, dict) else {}).items():
            members.named.setdefault(utf8_text(key), []).extend(_schemas(member))
        others = schema.get("additionalProperties", False)
        members.others += _schemas(others)
        members.open = members.open or others is not False or "patternProperties" in schema
    return members


def _applicable_schemas(schemas: Iterable[Payload]) -> Iterator[Payload]:
    """Yield the schemas and those of their subschemas that apply to the same value."""
    stack = list(schemas)
    while stack:
        schema = stack.pop()
        yield schema
        stack += [subschema for key in _ALONGSIDE for subschema in _schemas(schema.get(key))]


def _schemas(value: JSON) -> list[Payload]:
    """Return a schema or a list of schemas as a list; `true` and `false` name no keys."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


MAX_VIOLATIONS = 100
"""Violations reported of one call: all of ten thousand wrong items would tell nothing more."""

_DATA = {
    CallType.TRACK: "properties",
    CallType.PAGE: "properties",
    CallType.SCREEN: "properties",
    CallType.IDENTIFY: "traits",
    CallType.GROUP: "traits",
}
"""The part of a call whose keys a tracking plan names."""


def violations(plans: Mapping[int, Plan], hit: Hit) -> Iterator[Violation]:
    """Yield the violations of the plan of the hit's version, each once; at most `MAX_VIOLATIONS`.

    A hit without a version, or with one for which there is no plan, is checked against the oldest,
    as Segment does. A call that Segment does not keep has no violations.
    """
    if plans and hit.call is not None and hit.outcome in KEPT:
        version = event_version(hit.call)
        plan = plans.get(version or 0) or plans[min(plans)]
        yield from dict.fromkeys(islice(_check(plan, hit, hit.call), MAX_VIOLATIONS))


def event_version(call: Call) -> int | None:
    """Return `context.protocols.event_version`, or None if that is no positive integer.

    It "must pass as an integer" (Segment's page on event versioning). In the flat form all values
    are strings, so there digits count.
    """
    value: JSON = call.payload
    for key in ("context", "protocols", "event_version"):
        value = value.get(key) if isinstance(value, dict) else None
    if call.form is Form.FLAT and isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value) or None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return None


def _check(plan: Plan, hit: Hit, call: Call) -> Iterator[Violation]:
    event = _pipeline_event(hit, call)
    name = event.get(NAME_FIELDS[call.type])
    rule = _rule_of(plan, call, name if isinstance(name, str) else "")
    if rule is None and call.type is CallType.TRACK and plan.closed:
        yield unplanned_event(str(name), plan.events)
    rules = [candidate for candidate in (rule, plan.rule(RuleType.COMMON)) if candidate is not None]
    if not rules:
        return
    if yaml_writer.is_too_deep(event):
        yield too_deep(yaml_writer.MAX_NESTING)
        return
    instance = schema_value(event)
    flat = call.form is Form.FLAT
    for applied in rules:
        for error in applied.schema.errors(instance):
            yield from violations_of_error(error, flat=flat)
    if rule is not None and call.type in _DATA:
        yield from _unplanned_keys(instance, _DATA[call.type], rules)


def _rule_of(plan: Plan, call: Call, name: str) -> Rule | None:
    """Return the rule of the call's type: the one of its name, or else the one for all names."""
    if call.type not in RuleType:
        return None
    type, version = RuleType(call.type), event_version(call)
    named = plan.rule(type, name, version) if type in NAMED_TYPES and name else None
    return named or (None if type is RuleType.TRACK else plan.rule(type, "", version))


def _unplanned_keys(instance: SchemaValue, part: str, rules: list[Rule]) -> Iterator[Violation]:
    value = instance.get(part) if isinstance(instance, dict) else None
    schemas = member_schemas((rule.schema.data for rule in rules), part)
    for at in unplanned_paths(value, schemas):
        yield unplanned_key((part, *at))


def _pipeline_event(hit: Hit, call: Call) -> Payload:
    """Return the call as Segment's pipeline passes it to the tracking plan.

    The pipeline fills in what a pixel may leave out, so that a common rule may require it, and
    removes the write key, which only the edge uses.
    """
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
