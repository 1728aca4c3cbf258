"""Infer a tracking plan from calls: one that none of these calls violates."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from jsonschema_rs import Draft7Validator

from pixel_emulator.core.model import JSON, KEPT, Call, CallType, Hit, Payload
from pixel_emulator.core.text.yaml_writer import is_too_deep
from pixel_emulator.core.tracking_plan.schema import DRAFT_7, SchemaValue, schema_value
from pixel_emulator.core.tracking_plan.violations import event_version

MAX_KEY_LENGTH = 100
"""Characters of a key that still counts as a name."""
MAX_KEYS = 100
"""Keys of a map that still count as names."""
MAX_VALUES = 8
"""Values in an `enum`."""
MIN_CALLS = 10
"""Values that must have been seen before they are taken for all possible ones."""

_FORMATS = {
    "date-time": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
    ),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "email": re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "uri": re.compile(r"https?://[!-~]+"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PERSONAL_WORDS = {
    *("address", "city", "code", "company", "country", "email", "guid", "hash", "id", "key"),
    *("mail", "name", "phone", "street", "subject", "title", "token", "uid", "uri", "url"),
    *("user", "username", "uuid"),
}
"""Words in keys whose values identify a person or are free text."""
_ORDINARY_VALUE = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}", re.ASCII)
_DATA_KEY = re.compile(r"\d{5}|@|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|[0-9a-fA-F]{16}|://")


def format_of(texts: Collection[str]) -> str:
    """Return the JSON Schema format that all the texts have, or an empty string.

    The regexes are stricter than the formats, so that texts accepted here are valid to any
    validator.
    """
    for name, regex in _FORMATS.items():
        if all(regex.fullmatch(text) for text in texts):
            valid = Draft7Validator({"format": name}, validate_formats=True).is_valid
            return name if all(map(valid, texts)) else ""
    return ""


def allowed_values(key: str, texts: Sequence[str], secrets: Collection[str]) -> list[str]:
    """Return the values of an `enum`, sorted, if the texts are few, ordinary and often sent.

    Return an empty list if other values are likely, or if these may be ids, names or `secrets`.
    """
    counts = Counter(texts)
    safe = (
        len(texts) >= MIN_CALLS
        and len(counts) <= MAX_VALUES
        and min(counts.values()) > 1
        and not {word.lower().removesuffix("s") for word in _WORD.findall(key)} & _PERSONAL_WORDS
        and all(_ORDINARY_VALUE.fullmatch(text) and text not in secrets for text in counts)
    )
    return sorted(counts) if safe else []


def are_data_keys(keys: Collection[str], secrets: Collection[str]) -> bool:
    """Return True if the keys of a map are data (ids, addresses), or too many to be names."""
    return len(keys) > MAX_KEYS or any(
        len(key) > MAX_KEY_LENGTH or _DATA_KEY.search(key) or key in secrets for key in keys
    )


MAX_DEPTH = 10
"""Levels of maps and lists that the plan describes; below them anything is allowed."""

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def infer(hits: Iterable[Hit], *, name: str = "") -> Payload:
    """Return a tracking plan in the shape of Segment's Config API, which `plan.parse` reads.

    Only calls that Segment keeps count. Fields present in every call of an event are required;
    traits never are, because identify and group "pass only new or changed traits" (Segment's page
    on tracking plans). The plan holds neither write keys nor values of ids.
    """
    calls = [hit.call for hit in hits if hit.call is not None and hit.outcome in KEPT]
    builder = _PlanBuilder({key for call in calls if (key := _text(call, "writeKey"))})
    events: dict[tuple[str, int], list[SchemaValue]] = {}
    traits: dict[CallType, list[SchemaValue]] = {}
    for call in calls:
        if call.type is CallType.TRACK and (event := _text(call, "event")):
            parts = events.setdefault((event, event_version(call) or 1), [])
            parts.append(_part(call, "properties"))
        elif call.type in (CallType.IDENTIFY, CallType.GROUP):
            traits.setdefault(call.type, []).append(_part(call, "traits"))
    rules: Payload = {
        "events": [
            {"name": event, "version": version, "rules": builder.rule("properties", parts)}
            for (event, version), parts in sorted(events.items(), key=lambda entry: entry[0])
        ]
    }
    for type in (CallType.IDENTIFY, CallType.GROUP):
        if type in traits:
            rules[type.value] = builder.rule("traits", traits[type])
    return {"name": name, "rules": rules} if name else {"rules": rules}


class _PlanBuilder:
    """Builds the rules of one plan; `secrets` are the write keys of the calls."""

    def __init__(self, secrets: Collection[str]) -> None:
        self.secrets = secrets
        self.requires = True

    def rule(self, key: str, values: Sequence[SchemaValue]) -> Payload:
        """Return the schema of calls with these values at a key; None stands for no value."""
        present = [value for value in values if isinstance(value, dict)]
        self.requires = key == "properties"
        rule: Payload = {
            "$schema": DRAFT_7,
            "type": "object",
            "properties": {key: self._schema(key, present, 0) if present else {"type": "object"}},
        }
        if self.requires and len(present) == len(values):
            rule["required"] = [key]
        return rule

    def _schema(self, key: str, values: Sequence[SchemaValue], level: int) -> Payload:
        """Return a schema that all values of a key fulfil; empty if it would allow anything."""
        types = {_type(value) for value in values} - {"null"}
        if level > MAX_DEPTH or not types:
            return {}
        if "number" in types:
            types.discard("integer")
        if any(value is None for value in values):
            types.add("null")
        named: list[JSON] = [name for name in _TYPES if name in types]
        return {
            "type": named if len(named) > 1 else named[0],
            **self._texts(key, [value for value in values if isinstance(value, str)], types),
            **self._members([value for value in values if isinstance(value, dict)], level),
            **self._items(key, [value for value in values if isinstance(value, list)], level),
        }

    def _texts(self, key: str, texts: list[str], types: Collection[str]) -> Payload:
        if not texts:
            return {}
        if name := format_of(set(texts)):
            return {"format": name}
        allowed = allowed_values(key, texts, self.secrets) if len(types) == 1 else []
        return {"enum": [*allowed]} if allowed else {}

    def _members(self, maps: Sequence[dict[str, SchemaValue]], level: int) -> Payload:
        values_by_key: dict[str, list[SchemaValue]] = {}
        for mapping in maps:
            for key, value in mapping.items():
                values_by_key.setdefault(key, []).append(value)
        if not values_by_key or level == MAX_DEPTH or are_data_keys(values_by_key, self.secrets):
            return {}
        members: Payload = {
            "properties": {
                key: self._schema(key, values, level + 1)
                for key, values in sorted(values_by_key.items())
            }
        }
        required: list[JSON] = [
            key for key in sorted(values_by_key) if len(values_by_key[key]) == len(maps)
        ]
        return {**members, "required": required} if self.requires and required else members

    def _items(self, key: str, lists: Sequence[list[SchemaValue]], level: int) -> Payload:
        items = [item for items in lists for item in items]
        return {"items": schema} if (schema := self._schema(key, items, level + 1)) else {}


def _type(value: SchemaValue) -> str:
    """Return the narrowest type in JSON Schema; 1.0 is a number, because it is written as one."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "null"


def _text(call: Call, key: str) -> str:
    value = (call.payload or {}).get(key)
    return value if isinstance(value, str) else ""


def _part(call: Call, key: str) -> SchemaValue:
    """Return a part of a call, or None if it is missing or nests too deep to be checked."""
    value = (call.payload or {}).get(key)
    return None if is_too_deep(value) else schema_value(value)
