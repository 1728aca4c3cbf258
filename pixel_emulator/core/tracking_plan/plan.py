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

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeGuard

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import kind
from pixel_emulator.core.tracking_plan.schema import Schema, SchemaError, compiled


class RuleType(StrEnum):
    """What a rule speaks of: calls of one type, or all calls."""

    TRACK = "track"
    IDENTIFY = "identify"
    GROUP = "group"
    PAGE = "page"
    SCREEN = "screen"
    COMMON = "common"


NAMED = (RuleType.TRACK, RuleType.PAGE, RuleType.SCREEN)
"""The types of which each name has a rule; a page or screen rule without one is for all."""

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
    """One rule; `name` is that of the event, the page or the screen, or empty."""

    type: RuleType
    schema: Schema
    name: str = ""
    version: int = 1


class RulesReading:
    """One reading of one plan: the rules with the way to each, and the mistakes.

    `closed` says that a track call which no rule names is unplanned.
    """

    def __init__(self, data: JSON) -> None:
        self.rules: list[tuple[JsonPath, Rule]] = []
        self.mistakes: list[tuple[JsonPath, str]] = []
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
            self._sections(rules, (*at, "rules"))
        elif isinstance(rules, list):
            for index, each in enumerate(rules):
                self._rule(each, (*at, "rules", index))
            self.closed = any(rule.type is RuleType.TRACK for _, rule in self.rules)
        else:
            typo = "".join(did_you_mean(key, ("rules",)) for key in root if key != "rules")
            self._wrong(
                (*at, "rules") if "rules" in root else at,
                f"is no tracking plan{typo}: it needs `rules`, a map with `events`, or a list",
            )

    def _sections(self, rules: Payload, at: JsonPath) -> None:
        """The Config API's shape."""
        known = ("events", *_SECTIONS, *_TRAIT_LISTS)
        for key, value in rules.items():
            here = (*at, key)
            if key in _SECTIONS:
                self._add(here, _SECTIONS[key], "", 1, value)
            elif key in _TRAIT_LISTS and value:
                self._wrong(here, f"is not read: write `{key.partition('_')[0]}: {{…}}`, a schema")
            elif key == "events" and isinstance(value, list):
                for index, each in enumerate(value):
                    self._event(each, (*here, index))
            elif key == "events":
                self._wrong(here, f"must be a list of events, but is {_article(value)}")
            elif key not in known:
                self._wrong(
                    here, f'"{key}" is none of {", ".join(known)}{did_you_mean(key, known)}'
                )

    def _event(self, data: JSON, at: JsonPath) -> None:
        if not self._is_map(data, at, _EVENT_KEYS):
            return
        name = self._name(data, "name", at)
        if "rules" not in data:
            self._wrong(at, "has no `rules`: the schema of the event")
        elif name:
            version = self._version(data, at)
            self._add((*at, "rules"), RuleType.TRACK, name, version, data["rules"])

    def _rule(self, data: JSON, at: JsonPath) -> None:
        """A rule in the Public API's shape."""
        if not self._is_map(data, at, _RULE_KEYS):
            return
        word = data.get("type")
        names = [each.upper() for each in RuleType]
        if not isinstance(word, str) or word not in names:
            typo = did_you_mean(word, names) if isinstance(word, str) else ""
            found = f'"{word}"' if isinstance(word, str) else _article(word)
            self._wrong((*at, "type"), f"{found} is none of {', '.join(names)}{typo}")
            return
        type = RuleType(word.lower())
        named = type is RuleType.TRACK or (type in NAMED and data.get("key"))
        name = self._name(data, "key", at) if named else ""
        schema = data.get("jsonSchema")
        if isinstance(schema, dict) and "eventMetadata" in schema:  # Typewriter unwrapped it
            schema = {"type": "object", "properties": {"properties": schema}}
        if name or not named:
            self._add((*at, "jsonSchema"), type, name, self._version(data, at), schema)

    def _is_map(self, data: JSON, at: JsonPath, keys: Collection[str]) -> TypeGuard[Payload]:
        """Whether it is a map; a key that looks like one of `keys` misspelt is a mistake. Others
        are what the APIs say besides."""
        if not isinstance(data, dict):
            self._wrong(at, f"must be a map, but is {_article(data)}")
            return False
        for key in (key for key in data if key not in keys):
            if typo := did_you_mean(key, keys):
                self._wrong((*at, key), f'"{key}" is not known{typo}')
        return True

    def _name(self, data: Payload, key: str, at: JsonPath) -> str:
        name = data.get(key)
        if isinstance(name, str) and name:
            return name
        self._wrong((*at, key), f"must be the name, but is {_article(name)}")
        return ""

    def _version(self, data: Payload, at: JsonPath) -> int:
        version = data.get("version", 1)
        if isinstance(version, float) and version.is_integer():  # the Public API says 1.0 too
            version = int(version)
        if isinstance(version, int) and not isinstance(version, bool) and version > 0:
            return version
        self._wrong((*at, "version"), "must be a whole number from 1 on")
        return 1

    def _add(self, at: JsonPath, type: RuleType, name: str, version: int, schema: JSON) -> None:
        if not isinstance(schema, dict):
            self._wrong(at, f"must be a JSON Schema, a map, but is {_article(schema)}")
            return
        try:
            rule = Rule(type=type, name=name, version=version, schema=compiled(schema))
        except SchemaError as error:
            self.mistakes += [((*at, *way), words) for way, words in error.mistakes]
        else:
            self.rules.append((at, rule))

    def _wrong(self, at: JsonPath, words: str) -> None:
        self.mistakes.append((at, words))


def _article(value: JSON) -> str:
    return "missing" if value is None else f"of type {kind(value)}"


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
    for at, rule in reading.rules:
        known = versions.setdefault((rule.type, rule.name), {})
        if rule.version in known:
            what = f'for "{rule.name}"' if rule.name else f"of type {rule.type}"
            mistakes.append((at, f"is a second rule {what} with version {rule.version}"))
        known[rule.version] = rule
    if mistakes:
        raise InputError(*(document.mistake(words, *at) for at, words in mistakes))
    rules = tuple(rule for _, rule in reading.rules)
    return Plan(document.file, rules, reading.closed, MappingProxyType(versions))
