"""A tracking plan in Segment's own shape: rules for events and traits, in JSON Schema draft-07.

Two shapes are read, both Segment's own, as YAML or JSON:

- the Config API's: `{name, rules: {events: [{name, description, version, rules: SCHEMA}], global:
  SCHEMA, identify: SCHEMA, group: SCHEMA}}`. Segment's page "The Protocols Tracking Plan" calls the
  common JSON schema `global`; `common` is read too;
- the Public API's: `{name, rules: [{type: TRACK, key: Email Opened, version: 1, jsonSchema:
  SCHEMA}]}`, where the type is TRACK, IDENTIFY, GROUP, PAGE, SCREEN or COMMON; also within `data`,
  as the API answers it, and with the properties unwrapped, as Typewriter stores it.

Each schema describes a whole call: `{properties: {properties: {…}, traits: {…}, context: {…}}}`.
Other fields of the APIs are ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeGuard

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import json_type
from pixel_emulator.core.tracking_plan.schema import Schema, SchemaError, compile_schema


class RuleType(StrEnum):
    """The calls that a rule applies to: those of one type, or all."""

    TRACK = "track"
    IDENTIFY = "identify"
    GROUP = "group"
    PAGE = "page"
    SCREEN = "screen"
    COMMON = "common"


NAMED_TYPES = (RuleType.TRACK, RuleType.PAGE, RuleType.SCREEN)
"""Types with one rule for each name; a page or screen rule without a name applies to all."""

_SECTIONS = {
    "global": RuleType.COMMON,
    "common": RuleType.COMMON,
    "identify": RuleType.IDENTIFY,
    "group": RuleType.GROUP,
}
_TRAIT_LISTS = ("identify_traits", "group_traits")  # Segment publishes them empty, or null
_EVENT_KEYS = ("name", "rules", "version", "description", "labels")
_RULE_KEYS = ("type", "key", "jsonSchema", "version", "description", "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; `name` is the name of the event, page or screen, or empty."""

    type: RuleType
    schema: Schema
    name: str = ""
    version: int = 1


class RulesParser:
    """Parser of one plan: collects the rules and the issues, with the path to each.

    `closed` is True if a track call that no rule names is unplanned.
    """

    def __init__(self, data: JSON) -> None:
        self.rules: list[tuple[JsonPath, Rule]] = []
        self.issues: list[tuple[JsonPath, str]] = []
        self.closed = False
        self._read(data)

    def _read(self, data: JSON) -> None:
        root = data if isinstance(data, dict) else {}
        at: JsonPath = ()
        inner = root.get("data")  # as the Public API answers
        if isinstance(inner, dict) and "rules" not in root:
            root, at = inner, ("data",)
        rules = root.get("rules")
        if isinstance(rules, dict):
            self.closed = "events" in rules
            self._read_sections(rules, (*at, "rules"))
        elif isinstance(rules, list):
            for index, entry in enumerate(rules):
                self._read_rule(entry, (*at, "rules", index))
            self.closed = any(rule.type is RuleType.TRACK for _, rule in self.rules)
        else:
            typo = "".join(did_you_mean(key, ("rules",)) for key in root if key != "rules")
            self._add_issue(
                (*at, "rules") if "rules" in root else at,
                f"is no tracking plan{typo}: it needs `rules`, a map with `events`, or a list",
            )

    def _read_sections(self, rules: Payload, at: JsonPath) -> None:
        """Read the rules of a plan in the Config API's shape."""
        keys = ("events", *_SECTIONS, *_TRAIT_LISTS)
        for key, value in rules.items():
            key_at = (*at, key)
            if key in _SECTIONS:
                self._add_rule(key_at, _SECTIONS[key], "", 1, value)
            elif key in _TRAIT_LISTS and value:
                self._add_issue(
                    key_at, f"is not read: write `{key.partition('_')[0]}: {{…}}`, a schema"
                )
            elif key == "events" and isinstance(value, list):
                for index, event in enumerate(value):
                    self._read_event(event, (*key_at, index))
            elif key == "events":
                self._add_issue(key_at, f"must be a list of events, but is {_article(value)}")
            elif key not in keys:
                self._add_issue(
                    key_at, f'"{key}" is none of {", ".join(keys)}{did_you_mean(key, keys)}'
                )

    def _read_event(self, data: JSON, at: JsonPath) -> None:
        if not self._is_map(data, at, _EVENT_KEYS):
            return
        name = self._name(data, "name", at)
        if "rules" not in data:
            self._add_issue(at, "has no `rules`: the schema of the event")
        elif name:
            version = self._version(data, at)
            self._add_rule((*at, "rules"), RuleType.TRACK, name, version, data["rules"])

    def _read_rule(self, data: JSON, at: JsonPath) -> None:
        """Read one rule in the Public API's shape."""
        if not self._is_map(data, at, _RULE_KEYS):
            return
        type_name = data.get("type")
        names = [type.upper() for type in RuleType]
        if not isinstance(type_name, str) or type_name not in names:
            typo = did_you_mean(type_name, names) if isinstance(type_name, str) else ""
            shown = f'"{type_name}"' if isinstance(type_name, str) else _article(type_name)
            self._add_issue((*at, "type"), f"{shown} is none of {', '.join(names)}{typo}")
            return
        type = RuleType(type_name.lower())
        named = type is RuleType.TRACK or (type in NAMED_TYPES and data.get("key"))
        name = self._name(data, "key", at) if named else ""
        schema = data.get("jsonSchema")
        if isinstance(schema, dict) and "eventMetadata" in schema:  # Typewriter unwrapped it
            schema = {"type": "object", "properties": {"properties": schema}}
        if name or not named:
            self._add_rule((*at, "jsonSchema"), type, name, self._version(data, at), schema)

    def _is_map(self, data: JSON, at: JsonPath, keys: Collection[str]) -> TypeGuard[Payload]:
        """Return True if the data is a map, and add an issue for each misspelt key.

        A key counts as misspelt if it resembles one of `keys`; other fields of the APIs do not.
        """
        if not isinstance(data, dict):
            self._add_issue(at, f"must be a map, but is {_article(data)}")
            return False
        for key in (key for key in data if key not in keys):
            if typo := did_you_mean(key, keys):
                self._add_issue((*at, key), f'"{key}" is not known{typo}')
        return True

    def _name(self, data: Payload, key: str, at: JsonPath) -> str:
        name = data.get(key)
        if isinstance(name, str) and name:
            return name
        self._add_issue((*at, key), f"must be the name, but is {_article(name)}")
        return ""

    def _version(self, data: Payload, at: JsonPath) -> int:
        version = data.get("version", 1)
        if isinstance(version, float) and version.is_integer():  # the Public API writes 1.0, too
            version = int(version)
        if isinstance(version, int) and not isinstance(version, bool) and version > 0:
            return version
        self._add_issue((*at, "version"), "must be a whole number from 1 on")
        return 1

    def _add_rule(
        self, at: JsonPath, type: RuleType, name: str, version: int, schema: JSON
    ) -> None:
        if not isinstance(schema, dict):
            self._add_issue(at, f"must be a JSON Schema, a map, but is {_article(schema)}")
            return
        try:
            rule = Rule(type=type, name=name, version=version, schema=compile_schema(schema))
        except SchemaError as error:
            self.issues += [((*at, *path), message) for path, message in error.issues]
        else:
            self.rules.append((at, rule))

    def _add_issue(self, at: JsonPath, message: str) -> None:
        self.issues.append((at, message))


def _article(value: JSON) -> str:
    return "missing" if value is None else f"of type {json_type(value)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A tracking plan. `closed` is True if a track call that no rule names is unplanned."""

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
        """Return the rule of a type, name and version, or None if no version of it exists.

        Without a version, or with one that the plan does not have, it is the oldest version, as
        Segment's page on event versioning says.
        """
        versions = self._versions.get((type, name))
        if versions is None:
            return None
        return versions.get(version or 0) or versions[min(versions)]


def parse(document: Document) -> Plan:
    """Return the plan in a document. Raises InputError with all of its issues."""
    parser = RulesParser(document.data)
    issues = list(parser.issues)
    versions: dict[tuple[RuleType, str], dict[int, Rule]] = {}
    for at, rule in parser.rules:
        rules_by_version = versions.setdefault((rule.type, rule.name), {})
        if rule.version in rules_by_version:
            what = f'for "{rule.name}"' if rule.name else f"of type {rule.type}"
            issues.append((at, f"is a second rule {what} with version {rule.version}"))
        rules_by_version[rule.version] = rule
    if issues:
        raise InputError(*(document.issue(message, *at) for at, message in issues))
    rules = tuple(rule for _, rule in parser.rules)
    return Plan(document.file, rules, parser.closed, MappingProxyType(versions))
