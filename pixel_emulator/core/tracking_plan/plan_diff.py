"""What a new version of a tracking plan changes, and which calls it breaks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.model import JSON, Hit, Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import quoted, shortened
from pixel_emulator.core.tracking_plan.plan import Plan, Rule, RuleType
from pixel_emulator.core.tracking_plan.violations import Violation, field_of, violations

_ELSEWHERE = ("properties", "items", "required", "$schema")  # told of the fields within, or nothing
_WORDS = ("description", "title", "labels", "examples", "default", "eventMetadata")

type _Facts = dict[str, str]
"""What a schema says of one field: a keyword and its value."""
type _Versions = Mapping[int, Rule]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the rule it is in, the field (empty for the rule as a whole), and words."""

    rule: str
    field: str
    words: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A call, and all that the new plan objects to in it and the old one does not."""

    hit: Hit
    violations: tuple[Violation, ...]


def changes(old: Plan, new: Plan) -> Iterator[Change]:
    """What changed: the rules that are gone, then those of the new plan, in its order.

    A version that the old plan does not have is compared with the newest one that it has.
    """
    before, after = _by_name(old), _by_name(new)
    for title in before:
        if title not in after:
            yield Change(title, "", "is gone")
    for title, versions in after.items():
        if title not in before:
            yield Change(title, "", "is new")
        else:
            yield from _between(title, before[title], versions)
    if old.closed != new.closed:
        words = "are unplanned now" if new.closed else "are no longer unplanned"
        yield Change("track", "", f"events that no rule names {words}")


def broken(old: Plan, new: Plan, hits: Iterable[Hit]) -> Iterator[Broken]:
    """The calls that keep to the new plan less than to the old one."""
    for hit in hits:
        known = {*violations({1: old}, hit)}
        found = tuple(each for each in violations({1: new}, hit) if each not in known)
        if found:
            yield Broken(hit, found)


def _by_name(plan: Plan) -> dict[str, dict[int, Rule]]:
    """The rules of each event, or of each other kind of call, by version."""
    found: dict[str, dict[int, Rule]] = {}
    for rule in plan.rules:
        type = "all calls" if rule.type is RuleType.COMMON else rule.type.value
        title = f"{type} {quoted(rule.name)}" if rule.name else type
        found.setdefault(title, {})[rule.version] = rule
    return found


def _between(title: str, before: _Versions, after: _Versions) -> Iterator[Change]:
    several = len({*before, *after}) > 1
    for version, rule in after.items():
        known = before.get(version) or before[max(before)]
        named = f"{title}, version {version}" if several else title
        if version not in before:
            yield Change(named, "", f"is new; compared with version {known.version}:")
        yield from (Change(named, *each) for each in _differences(known, rule))
    for version in before:
        if version not in after:
            yield Change(f"{title}, version {version}", "", "is gone")


def _differences(old: Rule, new: Rule) -> Iterator[tuple[str, str]]:
    """Each field that differs, and how."""
    before, after = dict(_fields(old.schema.data)), dict(_fields(new.schema.data))
    for field, facts in before.items():
        if field not in after:
            yield field, f"is gone; it was {_listed(facts)}"
    for field, facts in after.items():
        if field not in before:
            yield field, f"is new: {_listed(facts)}"
        elif facts != before[field]:
            yield field, "; ".join(_turns(before[field], facts))


def _fields(schema: Payload) -> Iterator[tuple[str, _Facts]]:
    """Each field that a schema names, in its order, and what is said of it; `[]` are the items."""
    stack: list[tuple[str, Payload, _Facts]] = [("", schema, {})]
    while stack:
        field, schema, facts = stack.pop()
        said = {
            key: shortened(json_codec.write(value))
            for key, value in schema.items()
            if key not in (*_ELSEWHERE, *_WORDS)
        }
        yield field or "(root)", {**said, **facts}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        inner: list[tuple[str, Payload, _Facts]] = [
            (_joined(field, field_of((key,))), _map(each), {"required": ""} if key in names else {})
            for key, each in _map(schema.get("properties")).items()
        ]
        if isinstance(schema.get("items"), dict):
            inner.append((f"{field}[]", _map(schema["items"]), {}))
        stack += reversed(inner)


def _joined(field: str, key: str) -> str:
    return f"{field}{key}" if key.startswith("[") or not field else f"{field}.{key}"


def _turns(before: _Facts, after: _Facts) -> Iterator[str]:
    for key in dict.fromkeys((*before, *after)):
        if key == "required" and (key in before) != (key in after):
            yield "is required now" if key in after else "is optional now"
        elif key not in before:
            yield f"{key} {after[key]} is new"
        elif key not in after:
            yield f"{key} {before[key]} is gone"
        elif before[key] != after[key]:
            yield f"{key} is {after[key]}, was {before[key]}"


def _listed(facts: _Facts) -> str:
    return ", ".join(f"{key} {value}".rstrip() for key, value in facts.items()) or "anything"


def _map(value: JSON) -> Payload:
    return value if isinstance(value, dict) else {}
