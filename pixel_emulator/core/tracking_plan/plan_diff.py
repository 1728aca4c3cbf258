"""Differences between two versions of a tracking plan, and the calls that the new one breaks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.model import JSON, Hit, Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import quoted, shortened
from pixel_emulator.core.tracking_plan.plan import Plan, Rule, RuleType
from pixel_emulator.core.tracking_plan.violations import Violation, field_of, violations

_STRUCTURAL = (
    "properties",
    "items",
    "required",
    "$schema",
)  # reported for the fields within, or not at all
_ANNOTATIONS = ("description", "title", "labels", "examples", "default", "eventMetadata")

type _Facts = dict[str, str]
"""Keywords that a schema has for one field, and their values."""
type _Versions = Mapping[int, Rule]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its rule, its field (empty for the rule as a whole), and a description."""

    rule: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """A call, and its violations of the new plan that are none of the old one."""

    hit: Hit
    violations: tuple[Violation, ...]


def changes(old: Plan, new: Plan) -> Iterator[Change]:
    """Yield the changes: first rules that are gone, then those of the new plan, in its order.

    A version that the old plan does not have is compared with the newest one in the old plan.
    """
    before, after = _by_name(old), _by_name(new)
    for title in before:
        if title not in after:
            yield Change(title, "", "is gone")
    for title, versions in after.items():
        if title not in before:
            yield Change(title, "", "is new")
        else:
            yield from _rule_changes(title, before[title], versions)
    if old.closed != new.closed:
        description = "are unplanned now" if new.closed else "are no longer unplanned"
        yield Change("track", "", f"events that no rule names {description}")


def broken_calls(old: Plan, new: Plan, hits: Iterable[Hit]) -> Iterator[BrokenCall]:
    """Yield the calls with violations of the new plan that are none of the old one."""
    for hit in hits:
        old_violations = {*violations({1: old}, hit)}
        new_violations = tuple(
            violation for violation in violations({1: new}, hit) if violation not in old_violations
        )
        if new_violations:
            yield BrokenCall(hit, new_violations)


def _by_name(plan: Plan) -> dict[str, dict[int, Rule]]:
    """Return the rules by version, for each event and each other kind of call."""
    rules: dict[str, dict[int, Rule]] = {}
    for rule in plan.rules:
        type = "all calls" if rule.type is RuleType.COMMON else rule.type.value
        title = f"{type} {quoted(rule.name)}" if rule.name else type
        rules.setdefault(title, {})[rule.version] = rule
    return rules


def _rule_changes(title: str, before: _Versions, after: _Versions) -> Iterator[Change]:
    several = len({*before, *after}) > 1
    for version, rule in after.items():
        previous = before.get(version) or before[max(before)]
        named = f"{title}, version {version}" if several else title
        if version not in before:
            yield Change(named, "", f"is new; compared with version {previous.version}:")
        yield from (Change(named, *difference) for difference in _schema_changes(previous, rule))
    for version in before:
        if version not in after:
            yield Change(f"{title}, version {version}", "", "is gone")


def _schema_changes(old: Rule, new: Rule) -> Iterator[tuple[str, str]]:
    """Yield each field that differs, and how."""
    before, after = dict(_fields(old.schema.data)), dict(_fields(new.schema.data))
    for field, facts in before.items():
        if field not in after:
            yield field, f"is gone; it was {_listed(facts)}"
    for field, facts in after.items():
        if field not in before:
            yield field, f"is new: {_listed(facts)}"
        elif facts != before[field]:
            yield field, "; ".join(_field_changes(before[field], facts))


def _fields(schema: Payload) -> Iterator[tuple[str, _Facts]]:
    """Yield each field that a schema names, in its order, with its facts; `[]` are the items."""
    stack: list[tuple[str, Payload, _Facts]] = [("", schema, {})]
    while stack:
        field, schema, facts = stack.pop()
        keywords = {
            key: shortened(json_codec.write(value))
            for key, value in schema.items()
            if key not in (*_STRUCTURAL, *_ANNOTATIONS)
        }
        yield field or "(root)", {**keywords, **facts}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        inner: list[tuple[str, Payload, _Facts]] = [
            (
                _field_path(field, field_of((key,))),
                _map(member),
                {"required": ""} if key in names else {},
            )
            for key, member in _map(schema.get("properties")).items()
        ]
        if isinstance(schema.get("items"), dict):
            inner.append((f"{field}[]", _map(schema["items"]), {}))
        stack += reversed(inner)


def _field_path(field: str, key: str) -> str:
    return f"{field}{key}" if key.startswith("[") or not field else f"{field}.{key}"


def _field_changes(before: _Facts, after: _Facts) -> Iterator[str]:
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
