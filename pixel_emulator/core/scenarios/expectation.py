"""The nouns of the assertion language: a scenario, its expectations, counts and policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pixel_emulator.core.calls import KEPT, NAMED_BY, CallType, Hit, Outcome, Payload, Severity
from pixel_emulator.core.mistakes import Location
from pixel_emulator.core.scenarios.matching import describe, matches

_ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def call_line(type: CallType, payload: Payload) -> str:
    """A call in one line, as the language writes it: `track: Email Opened`, or `page:` alone."""
    name = payload.get(NAMED_BY[type])
    if name is None:
        return f"{type}:"
    return f"{type}: {name if isinstance(name, str) else describe(name).text}"


def name_of(hit: Hit) -> str | None:
    """The text behind the type in the hit's call line, if there is one."""
    name = (hit.call.payload or {}).get(NAMED_BY[hit.call.type]) if hit.call else None
    return name if isinstance(name, str) else None


def facts(hit: Hit) -> Payload:
    """What the fields of an expectation are compared with: the payload, and the source's name."""
    payload = (hit.call and hit.call.payload) or {}
    return payload if hit.source is None else {**payload, "source": hit.source}


def codes(hit: Hit, severity: Severity) -> tuple[str, ...]:
    """The codes of the hit's problems of one severity."""
    return tuple(each.code for each in hit.problems if each.severity is severity)


@dataclass(frozen=True, slots=True)
class Times:
    """How often a call is wanted; `high` is None where there is no upper end."""

    low: int = 1
    high: int | None = 1

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        return f"{self.low}..{'' if self.high is None else self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A call that is wanted.

    `type` is None for any. `fields` is a subset of the payload, and `source` where one is wanted.
    A `dropped` expectation speaks of calls that Segment would drop, for the reason `code` where
    one is given; every other speaks of calls that it keeps.
    """

    type: CallType | None = None
    fields: Payload = field(default_factory=dict)
    times: Times = Times()
    dropped: bool = False
    code: str = ""
    id: str = ""
    note: str = ""
    location: Location = field(default_factory=Location)

    @property
    def name(self) -> str | None:
        """The text behind the type in the call line, or None where it may be anything."""
        name = self.fields.get(NAMED_BY[self.type]) if self.type else None
        return name if isinstance(name, str) else None

    @property
    def line(self) -> str:
        """The expectation in one line."""
        line = call_line(self.type, self.fields) if self.type else "any:"
        if not self.dropped:
            return line
        return f"dropped: {self.code}".rstrip() + (f" ({line})" if self.type else "")

    def wants_outcome(self, hit: Hit) -> bool:
        """Whether Segment would do with the hit what is wanted: keep it, or drop it for `code`."""
        if not self.dropped:
            return hit.outcome in KEPT
        return hit.outcome is Outcome.DROPPED and self.code in ("", *codes(hit, Severity.DROP))

    def accepts(self, hit: Hit) -> bool:
        """Whether this expectation may claim the hit."""
        return (
            hit.call is not None
            and self.type in (None, hit.call.type)
            and self.wants_outcome(hit)
            and matches(self.fields, facts(hit))
        )


class Level(StrEnum):
    """What a finding does to a scenario."""

    IGNORE = "ignore"
    WARN = "warn"
    FAIL = "fail"


class Policy(StrEnum):
    """The findings about a whole run that a scenario has a word on; the value is its key."""

    UNEXPECTED = "unexpected"
    DROPPED = "dropped"
    DAMAGED = "damaged"
    DUPLICATES = "duplicates"
    UNHANDLED = "unhandled"


DEFAULT_LEVELS: Mapping[Policy, Level] = MappingProxyType(
    {
        Policy.UNEXPECTED: Level.FAIL,
        Policy.DROPPED: Level.FAIL,
        Policy.DAMAGED: Level.FAIL,
        Policy.DUPLICATES: Level.WARN,
        Policy.UNHANDLED: Level.WARN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What must and may arrive in one run.

    `same_event` narrows `unexpected` to calls of a type and name that an expectation mentions.
    `accepted` holds the damage codes that no longer count as damage.
    """

    expectations: tuple[Expectation, ...]
    name: str = ""
    tags: tuple[str, ...] = ()
    levels: Mapping[Policy, Level] = DEFAULT_LEVELS
    same_event: bool = False
    accepted: frozenset[str] = frozenset()
    location: Location = field(default_factory=Location)

    @property
    def title(self) -> str:
        """File and name, as far as there are any."""
        return f" {_ARROW} ".join(filter(None, (self.location.file, self.name))) or "scenario"

    def mentions(self, type: CallType, name: object) -> bool:
        """Whether an expectation of a kept call speaks of this type, and of this name or any."""
        return any(
            each.type in (None, type) and each.name in (None, name)
            for each in self.expectations
            if not each.dropped
        )
