"""A tracking plan drafted from calls: one that these calls keep."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from jsonschema_rs import Draft7Validator

from pixel_emulator.core.model import JSON, KEPT, Call, CallType, Hit, Payload
from pixel_emulator.core.text.yaml_writer import nests_too_deep
from pixel_emulator.core.tracking_plan.schema import DRAFT_7, Plain, plain
from pixel_emulator.core.tracking_plan.violations import event_version

LONGEST_KEY = 100
"""Characters of a key that somebody has chosen as a name."""
MOST_KEYS = 100
"""Keys of a map that somebody has chosen as names."""
MOST_VALUES = 8
"""Values of a list of allowed ones."""
FEWEST_CALLS = 10
"""Texts that must have been seen before they are taken for all there are."""

_FORMATS = {
    "date-time": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
    ),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "email": re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "uri": re.compile(r"https?://[!-~]+"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PERSONAL = {
    *("address", "city", "code", "company", "country", "email", "guid", "hash", "id", "key"),
    *("mail", "name", "phone", "street", "subject", "title", "token", "uid", "uri", "url"),
    *("user", "username", "uuid"),
}
"""Words in a key of which the values say who somebody is, or are free text."""
_PLAIN_VALUE = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}", re.ASCII)
_DATA_KEY = re.compile(r"\d{5}|@|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|[0-9a-fA-F]{16}|://")


def format_of(texts: Collection[str]) -> str:
    """The JSON Schema format that all the texts have; empty where there is none.

    A text is asked more than the format asks, so that what has it here has it for the validator.
    """
    for name, regex in _FORMATS.items():
        if all(regex.fullmatch(each) for each in texts):
            valid = Draft7Validator({"format": name}, validate_formats=True).is_valid
            return name if all(map(valid, texts)) else ""
    return ""


def values_of(key: str, texts: Sequence[str], secrets: Collection[str]) -> list[str]:
    """The texts as a list of allowed ones, sorted, where they are few, plain and often sent.

    Empty where others may come, and where they may be ids, names or `secrets`.
    """
    counts = Counter(texts)
    safe = (
        len(texts) >= FEWEST_CALLS
        and len(counts) <= MOST_VALUES
        and min(counts.values()) > 1
        and not {word.lower().removesuffix("s") for word in _WORD.findall(key)} & _PERSONAL
        and all(_PLAIN_VALUE.fullmatch(each) and each not in secrets for each in counts)
    )
    return sorted(counts) if safe else []


def are_data(keys: Collection[str], secrets: Collection[str]) -> bool:
    """Whether the keys of a map are data (ids, addresses), or too many to be names."""
    return len(keys) > MOST_KEYS or any(
        len(each) > LONGEST_KEY or _DATA_KEY.search(each) or each in secrets for each in keys
    )


DEEPEST = 10
"""Levels of maps and lists that a draft describes; what is below them is open."""

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def infer(hits: Iterable[Hit], *, name: str = "") -> Payload:
    """A tracking plan in the shape of Segment's Config API, which `plan.parse` reads.

    Only calls that Segment keeps count. What stands in every call of an event is required; traits
    never are, because identify and group "pass only new or changed traits" (Segment's page on
    tracking plans). Neither a write key nor the value of an id is in it.
    """
    calls = [hit.call for hit in hits if hit.call is not None and hit.outcome in KEPT]
    drafting = _Drafting({key for each in calls if (key := _text(each, "writeKey"))})
    events: dict[tuple[str, int], list[Plain]] = {}
    traits: dict[CallType, list[Plain]] = {}
    for call in calls:
        if call.type is CallType.TRACK and (event := _text(call, "event")):
            found = events.setdefault((event, event_version(call) or 1), [])
            found.append(_part(call, "properties"))
        elif call.type in (CallType.IDENTIFY, CallType.GROUP):
            traits.setdefault(call.type, []).append(_part(call, "traits"))
    rules: Payload = {
        "events": [
            {"name": event, "version": version, "rules": drafting.rule("properties", parts)}
            for (event, version), parts in sorted(events.items(), key=lambda each: each[0])
        ]
    }
    for type in (CallType.IDENTIFY, CallType.GROUP):
        if type in traits:
            rules[type.value] = drafting.rule("traits", traits[type])
    return {"name": name, "rules": rules} if name else {"rules": rules}


class _Drafting:
    """One draft: `secrets` are the write keys of the calls."""

    def __init__(self, secrets: Collection[str]) -> None:
        self.secrets = secrets
        self.requires = True

    def rule(self, part: str, values: Sequence[Plain]) -> Payload:
        """The schema of calls that hold these values at `part`; None stands for nothing there."""
        present = [each for each in values if isinstance(each, dict)]
        self.requires = part == "properties"
        rule: Payload = {
            "$schema": DRAFT_7,
            "type": "object",
            "properties": {part: self._schema(part, present, 0) if present else {"type": "object"}},
        }
        if self.requires and len(present) == len(values):
            rule["required"] = [part]
        return rule

    def _schema(self, key: str, values: Sequence[Plain], level: int) -> Payload:
        """What all the values of a key have in common; an empty schema where that says nothing."""
        types = {_type(each) for each in values} - {"null"}
        if level > DEEPEST or not types:
            return {}
        if "number" in types:
            types.discard("integer")
        if any(each is None for each in values):
            types.add("null")
        named: list[JSON] = [each for each in _TYPES if each in types]
        return {
            "type": named if len(named) > 1 else named[0],
            **self._texts(key, [each for each in values if isinstance(each, str)], types),
            **self._members([each for each in values if isinstance(each, dict)], level),
            **self._items(key, [each for each in values if isinstance(each, list)], level),
        }

    def _texts(self, key: str, texts: list[str], types: Collection[str]) -> Payload:
        if not texts:
            return {}
        if name := format_of(set(texts)):
            return {"format": name}
        allowed = values_of(key, texts, self.secrets) if len(types) == 1 else []
        return {"enum": [*allowed]} if allowed else {}

    def _members(self, maps: Sequence[dict[str, Plain]], level: int) -> Payload:
        found: dict[str, list[Plain]] = {}
        for each in maps:
            for key, value in each.items():
                found.setdefault(key, []).append(value)
        if not found or level == DEEPEST or are_data(found, self.secrets):
            return {}
        members: Payload = {
            "properties": {
                key: self._schema(key, values, level + 1) for key, values in sorted(found.items())
            }
        }
        required: list[JSON] = [key for key in sorted(found) if len(found[key]) == len(maps)]
        return {**members, "required": required} if self.requires and required else members

    def _items(self, key: str, lists: Sequence[list[Plain]], level: int) -> Payload:
        items = [item for each in lists for item in each]
        return {"items": schema} if (schema := self._schema(key, items, level + 1)) else {}


def _type(value: Plain) -> str:
    """The narrowest type of JSON Schema; 1.0 is a number here, because it was written as one."""
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


def _part(call: Call, key: str) -> Plain:
    """A part of a call; one that nests too deep to be checked is left out."""
    value = (call.payload or {}).get(key)
    return None if nests_too_deep(value) else plain(value)
