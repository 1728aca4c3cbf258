"""Expectations: which calls must arrive, how often and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.expected import Constraints, Expected, describe_value
from pixel_emulator.core.matching.predicates import resolve_now
from pixel_emulator.core.matching.unification import unify
from pixel_emulator.core.model import KEPT, NAME_FIELDS, CallType, Hit, Outcome, Payload, Severity
from pixel_emulator.core.scenarios.mail_clients import request_facts


def call_line(type: CallType, payload: Payload) -> str:
    """Return a call in one line of the language: `track: Email Opened`, or `page:` if unnamed."""
    name = payload.get(NAME_FIELDS[type])
    if name is None:
        return f"{type}:"
    return f"{type}: {name if isinstance(name, str) else describe_value(name).text}"


def call_name(hit: Hit) -> str | None:
    """Return the name in the hit's call line; None if there is none or it is not text."""
    name = (hit.call.payload or {}).get(NAME_FIELDS[hit.call.type]) if hit.call else None
    return name if isinstance(name, str) else None


def call_facts(hit: Hit) -> Payload:
    """Return the fields that expectations are compared with: the payload and the source's name."""
    payload = (hit.call and hit.call.payload) or {}
    return payload if hit.source is None else {**payload, "source": hit.source}


def problem_codes(hit: Hit, severity: Severity) -> tuple[str, ...]:
    """Return the codes of the hit's problems of one severity."""
    return tuple(problem.code for problem in hit.problems if problem.severity is severity)


@dataclass(frozen=True, slots=True)
class Times:
    """How often a call must arrive; `high` is None if there is no upper bound."""

    low: int = 1
    high: int | None = 1

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        return f"{self.low}..{'' if self.high is None else self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The shape of one call.

    `type` is None for any type. `fields` is compared with `call_facts` and `request` with
    `request_facts`, both as a subset. `has_now` is True if `$now` occurs in one of them.
    """

    type: CallType | None = None
    fields: Mapping[str, Expected] = field(default_factory=dict)
    request: Mapping[str, Expected] = field(default_factory=dict)
    has_now: bool = False

    @property
    def name(self) -> str | None:
        """The name in the call line; None if there is none or it is a matcher."""
        name = self.fields.get(NAME_FIELDS[self.type]) if self.type else None
        return name if isinstance(name, str) else None

    @property
    def line(self) -> str:
        """The call in one line of the language."""
        if self.type is None:
            return "any:"
        name = self.fields.get(NAME_FIELDS[self.type])
        if name is None:
            return f"{self.type}:"
        return f"{self.type}: {name if isinstance(name, str) else describe_expected(name).text}"

    def resolved_for(self, hit: Hit) -> "Pattern":
        """Return the pattern with `$now` set to the time of the hit."""
        if not self.has_now:
            return self
        fields, request = resolve_now(self.fields, hit.time), resolve_now(self.request, hit.time)
        return replace(self, fields=fields, request=request, has_now=False)

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        """Yield the constraints on variables under which the hit matches; see `unify`."""
        if hit.call is None or self.type not in (None, hit.call.type):
            return
        pattern = self.resolved_for(hit)
        for constraints in unify(pattern.fields, call_facts(hit)):
            if not pattern.request:
                yield constraints
            else:
                request = unify(pattern.request, request_facts(hit))
                yield from ((*constraints, *added) for added in request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A call that must arrive `times` times.

    A call matches if it matches one of `patterns`; there are several if the file has `one-of`. If
    `dropped`, only calls that Segment would drop match, and only for the reason `code` unless it
    is empty; otherwise only calls that it keeps. `after` is the id of an expectation of the same
    scenario whose last claim has to come before. `within` is in seconds, from that last claim, or
    without `after` from the start of the step's wait. `never` is True for an item of `never:`,
    whose `times` is 0.
    """

    patterns: tuple[Pattern, ...] = (Pattern(),)
    times: Times = Times()
    dropped: bool = False
    code: str = ""
    id: str = ""
    after: str = ""
    within: float | None = None
    never: bool = False
    note: str = ""
    location: Location = field(default_factory=Location)

    @property
    def line(self) -> str:
        """The expectation in one line of the language."""
        line = " or ".join(dict.fromkeys(pattern.line for pattern in self.patterns))
        if not self.dropped:
            return line
        return f"dropped: {self.code}".rstrip() + ("" if line == "any:" else f" ({line})")

    def accepts_outcome(self, hit: Hit) -> bool:
        """Return True if the hit has the right outcome: kept, or dropped for the reason `code`."""
        if not self.dropped:
            return hit.outcome in KEPT
        return hit.outcome is Outcome.DROPPED and self.code in (
            "",
            *problem_codes(hit, Severity.DROP),
        )

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        """Yield the constraints on variables under which the expectation may claim the hit."""
        if self.accepts_outcome(hit):
            for pattern in self.patterns:
                yield from pattern.solutions(hit)
