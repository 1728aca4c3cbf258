"""A tracking plan in Segment's own shape: rules for events and traits, in JSON Schema draft-07.

Two shapes are read, both Segment's own, as YAML or JSON:

- the Config API's: `{name, rules: {events: [{name, description, version, rules: SCHEMA}], global:
  SCHEMA, identify: SCHEMA, group: SCHEMA}}`. Segment's page "The Protocols Tracking Plan" calls the
  common JSON schema `global`; `common` is read too;
- the Public API's: `{name, rules: [{type: TRACK, key: Email Opened, version: 1, jsonSchema:
  SCHEMA}]}`, where the type is TRACK, IDENTIFY, GROUP, PAGE, SCREEN or COMMON; also within `data`,
  as the API answers it, and with the properties unwrapped, as Typewriter stores it.

Each schema describes a whole call: `{properties: {properties: {…}, traits: {…}, context: {…}}}`.
What the APIs say besides is not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pixel_emulator.core.errors import Document, InputError
from pixel_emulator.core.plans.rules import Rule, RulesReading, RuleType


@dataclass(frozen=True, slots=True)
class Plan:
    """A tracking plan. `closed` says that a track call which no rule names is unplanned."""

    file: str
    rules: tuple[Rule, ...] = ()
    closed: bool = False
    _versions: Mapping[tuple[RuleType, str], Mapping[int, Rule]] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the planned events."""
        return tuple(name for type, name in self._versions if type is RuleType.TRACK)

    def rule(self, type: RuleType, name: str = "", version: int | None = None) -> Rule | None:
        """The rule of that type, name and version, if the plan has any of the type and name.

        Without a version, and for one that the plan does not have, it is the oldest: so Segment's
        page on event versioning says.
        """
        versions = self._versions.get((type, name))
        if versions is None:
            return None
        return versions.get(version or 0) or versions[min(versions)]


def parse(document: Document) -> Plan:
    """The plan of a document. Raises InputError with all of its mistakes."""
    reading = RulesReading(document.data)
    mistakes = list(reading.mistakes)
    versions: dict[tuple[RuleType, str], dict[int, Rule]] = {}
    for steps, rule in reading.rules:
        known = versions.setdefault((rule.type, rule.name), {})
        if rule.version in known:
            what = f'for "{rule.name}"' if rule.name else f"of type {rule.type}"
            mistakes.append((steps, f"is a second rule {what} with version {rule.version}"))
        known[rule.version] = rule
    if mistakes:
        raise InputError(*(document.mistake(words, *steps) for steps, words in mistakes))
    rules = tuple(rule for _, rule in reading.rules)
    return Plan(document.file, rules, reading.closed, MappingProxyType(versions))
