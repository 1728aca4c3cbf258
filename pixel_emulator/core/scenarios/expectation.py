"""One expectation: which calls it wants, how often, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.expected import Constraints, Expected, describe_value
from pixel_emulator.core.matching.predicates import resolve_now
from pixel_emulator.core.matching.unification import unify
from pixel_emulator.core.model import KEPT, NAMED_BY, CallType, Hit, Outcome, Payload, Severity
from pixel_emulator.core.scenarios.mail_clients import request_facts


def call_line(type: CallType, payload: Payload) -> str:
    """A call in one line, as the language writes it: `track: Email Opened`, or `page:` alone."""
    name = payload.get(NAMED_BY[type])
    if name is None:
        return f"{type}:"
    return f"{type}: {name if isinstance(name, str) else describe_value(name).text}"


def call_name(hit: Hit) -> str | None:
    """The text behind the type in the hit's call line, if there is one."""
    name = (hit.call.payload or {}).get(NAMED_BY[hit.call.type]) if hit.call else None
    return name if isinstance(name, str) else None


def call_facts(hit: Hit) -> Payload:
    """What the fields of an expectation are compared with: the payload, and the source's name."""
    payload = (hit.call and hit.call.payload) or {}
    return payload if hit.source is None else {**payload, "source": hit.source}


def problem_codes(hit: Hit, severity: Severity) -> tuple[str, ...]:
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
class Pattern:
    """What one call has to be.

    `type` is None for any. `fields` is a subset of the payload, and `source` where one is wanted;
    `request` is a subset of the wire facts. `has_now` says that `$now` stands in one of them.
    """

    type: CallType | None = None
    fields: Mapping[str, Expected] = field(default_factory=dict)
    request: Mapping[str, Expected] = field(default_factory=dict)
    has_now: bool = False

    @property
    def name(self) -> str | None:
        """The text behind the type in the call line, or None where it is no plain text."""
        name = self.fields.get(NAMED_BY[self.type]) if self.type else None
        return name if isinstance(name, str) else None

    @property
    def line(self) -> str:
        """The call in one line, as the language writes it."""
        if self.type is None:
            return "any:"
        name = self.fields.get(NAMED_BY[self.type])
        if name is None:
            return f"{self.type}:"
        return f"{self.type}: {name if isinstance(name, str) else describe_expected(name).text}"

    def resolved_for(self, hit: Hit) -> "Pattern":
        """The pattern as it speaks of this hit: `$now` is the time of each."""
        if not self.has_now:
            return self
        fields, request = resolve_now(self.fields, hit.time), resolve_now(self.request, hit.time)
        return replace(self, fields=fields, request=request, has_now=False)

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        """Each way in which the hit matches, as what it needs of the variables."""
        if hit.call is None or self.type not in (None, hit.call.type):
            return
        pattern = self.resolved_for(hit)
        for needs in unify(pattern.fields, call_facts(hit)):
            if not pattern.request:
                yield needs
            else:
                yield from ((*needs, *more) for more in unify(pattern.request, request_facts(hit)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A call that is wanted, `times` times.

    `patterns` has several where the file says `one-of`: a call has to match one of them. A
    `dropped` expectation speaks of calls that Segment would drop, for the reason `code` where one
    is given; every other speaks of calls that it keeps. `after` is the id of an expectation of
    the same scenario whose last claim has to come before; `within` is in seconds, from the begin
    of the step's wait or else from that last claim. `never` says that it stands under `never:`,
    where `times` is 0.
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
        """The expectation in one line."""
        line = " or ".join(dict.fromkeys(each.line for each in self.patterns))
        if not self.dropped:
            return line
        return f"dropped: {self.code}".rstrip() + ("" if line == "any:" else f" ({line})")

    def accepts_outcome(self, hit: Hit) -> bool:
        """Whether Segment would do with the hit what is wanted: keep it, or drop it for `code`."""
        if not self.dropped:
            return hit.outcome in KEPT
        return hit.outcome is Outcome.DROPPED and self.code in (
            "",
            *problem_codes(hit, Severity.DROP),
        )

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        """Each way in which this expectation may claim the hit; none if it may not."""
        if self.accepts_outcome(hit):
            for pattern in self.patterns:
                yield from pattern.solutions(hit)
