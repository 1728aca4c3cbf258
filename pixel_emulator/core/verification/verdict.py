"""The verdict on a run, as plain data: the result of each expectation, and why it is unmet."""

from dataclasses import dataclass, field
from enum import StrEnum

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Bindings
from pixel_emulator.core.model import KEPT, Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import Forbidden, Level, Policy, Scenario, Step
from pixel_emulator.core.tracking_plan.violations import Violation
from pixel_emulator.core.verification.closest_call import ClosestCall, NotCountedReason

CLIENTS_PAGE = "Not all do: see Clients in the manual"
"""The last sentence of a message that nothing reached the emulator."""


class Status(StrEnum):
    """Result of a verdict, a scenario or a step."""

    MET = "met"
    UNMET = "unmet"
    UNDECIDED = "undecided"
    INCOMPLETE = "incomplete"


_INCOMPLETE = 3
EXIT_CODES = {
    Status.MET: 0,
    Status.UNMET: 1,
    Status.UNDECIDED: _INCOMPLETE,
    Status.INCOMPLETE: _INCOMPLETE,
}


def exit_code(status: Status, command: int = 0) -> int:
    """Return the exit code of a run: 3 if incomplete or undecided, else that of a command that
    failed, else 1 if unmet or 0 if met."""
    own = EXIT_CODES[status]
    return own if own == _INCOMPLETE else command or own


class Explanation(StrEnum):
    """Why an expectation is met or unmet; the values are the words of reports."""

    MET = "met"
    NOT_SENT = "not sent"
    TAKEN = "its calls went to another expectation"
    DIFFERENT = "sent, but different"
    DROPPED = "sent, but Segment would drop it"
    REPEATED = "sent, but with a messageId that was seen before"
    KEPT = "sent, but Segment would keep it"
    TOO_FEW = "not sent often enough"
    TWICE = "sent twice"
    TOO_MANY = "sent too often"
    FORBIDDEN = "sent, but it must not be"
    TOO_LATE = "sent too late"
    OUT_OF_ORDER = "sent out of order"
    OTHER_IDENTITY = "sent, but by somebody else"
    NOT_REACHED = "not tried, because an earlier step failed"


_OF_OUTCOME = {Outcome.DROPPED: Explanation.DROPPED, Outcome.DUPLICATE: Explanation.REPEATED}
_OF_REASON = {
    NotCountedReason.NONE: None,
    NotCountedReason.OUTCOME: None,
    NotCountedReason.TIME: Explanation.TOO_LATE,
    NotCountedReason.ORDER: Explanation.OUT_OF_ORDER,
}
_ID_FIELDS = {"userId", "anonymousId", "previousId", "groupId"}
"""The fields that identify the person or group of a call."""


@dataclass(frozen=True, slots=True)
class ExtraCall:
    """A call that an expectation matches beyond its upper bound.

    `original` is the claimed call that it repeats, apart from fields that change with every
    sending. `differs` are the paths at which it differs from that call, or else from the first
    claim.
    """

    hit: Hit
    original: Hit | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """One expectation with the calls that it claims, extra calls, and the calls closest to it.

    `counted_claims` and `counted_extra` count calls that are not listed: in a live run a call may
    stand for others (`Hit.alike`). If the expectation claims no call, `taken_by` are those that
    claim the calls it matches. `reached` is False if its step was not tried. If it is `undecided`,
    the claims are only those of one attempt.
    """

    expectation: Expectation
    claims: tuple[Hit, ...]
    extra_calls: tuple[ExtraCall, ...] = ()
    closest_calls: tuple[ClosestCall, ...] = ()
    taken_by: tuple[Expectation, ...] = ()
    reached: bool = True
    undecided: bool = False
    counted_claims: int = 0
    counted_extra: int = 0

    @property
    def got(self) -> int:
        """Number of calls that matched."""
        return self._claim_count + len(self.extra_calls) + self.counted_extra

    @property
    def _claim_count(self) -> int:
        return len(self.claims) + self.counted_claims

    @property
    def met(self) -> bool:
        """True if the number of calls is in the expected range, and all came in time and order."""
        enough = self.reached and self._claim_count >= self.expectation.times.low
        return enough and not (self.extra_calls or self.counted_extra or self.closest_calls)

    @property
    def explanation(self) -> Explanation:
        """Why the expectation is met or unmet."""
        if self.met:
            return Explanation.MET
        if not self.reached:
            return Explanation.NOT_REACHED
        if self.expectation.times.high == 0:
            return Explanation.FORBIDDEN
        matching = (call for call in self.closest_calls if not call.mismatches)
        explanations = (_OF_REASON[call.not_counted] for call in matching)
        if explanation := next(filter(None, explanations), None):
            return explanation
        if self.extra_calls or self.counted_extra:
            repeated = not self.counted_extra and all(extra.original for extra in self.extra_calls)
            return Explanation.TWICE if repeated else Explanation.TOO_MANY
        if not self.closest_calls:
            if self.claims:
                return Explanation.TOO_FEW
            return Explanation.TAKEN if self.taken_by else Explanation.NOT_SENT
        return self._of_closest(self.closest_calls[0])

    def _of_closest(self, call: ClosestCall) -> Explanation:
        outcome = call.hit.outcome
        if self.expectation.dropped:
            return Explanation.DIFFERENT if outcome is Outcome.DROPPED else Explanation.KEPT
        if outcome not in KEPT:
            return _OF_OUTCOME[outcome]
        paths = {mismatch.path for mismatch in call.mismatches}
        return (
            Explanation.OTHER_IDENTITY if paths and paths <= _ID_FIELDS else Explanation.DIFFERENT
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyHit:
    """A call that a policy applies to; `levels` are those of the scenarios, in their order."""

    policy: Policy
    hit: Hit
    levels: tuple[Level, ...]

    @property
    def level(self) -> Level:
        """The strictest of the levels."""
        return max(self.levels, key=list(Level).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenValue:
    """A value that a scenario forbids; `path` is its place in the request, `value` an excerpt."""

    forbidden: Forbidden
    hit: Hit
    path: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step with the results of its expectations.

    `seconds` is the time in which a live step was decided, None offline. `reached` is False for a
    step that was not tried because an earlier one failed. `failure` is a sentence about an action
    that failed, `output` the output of a command that failed.
    """

    step: Step
    expectations: tuple[ExpectationResult, ...]
    status: Status = Status.MET
    seconds: float | None = None
    reached: bool = True
    failure: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """One scenario with the results of its steps and of its rules about the whole run.

    `bindings` are the values of its variables. `state` are the differences from the expected
    profiles, `violations` those from the tracking plans, each with its call.
    """

    scenario: Scenario
    steps: tuple[StepResult, ...]
    status: Status
    bindings: Bindings = field(default_factory=dict)
    forbidden_values: tuple[ForbiddenValue, ...] = ()
    state: tuple[Mismatch, ...] = ()
    violations: tuple[tuple[Hit, Violation], ...] = ()

    @property
    def expectations(self) -> tuple[ExpectationResult, ...]:
        """Results of the expectations of all steps."""
        return tuple(result for step in self.steps for result in step.expectations)


@dataclass(frozen=True, slots=True)
class FailedCommand:
    """Exit code of a failed command, as a shell reports it, and a sentence about the failure."""

    code: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Result of a whole run.

    `gaps` are sentences about what the evidence may lack; with any of them nothing is met.
    `command` is the command that made the calls, if it failed. `final_code` is the exit code that
    overrides all others: of a command that could not be run or was killed, or of the signal that
    ended the run.
    """

    scenarios: tuple[ScenarioResult, ...]
    policy_hits: tuple[PolicyHit, ...]
    hits: tuple[Hit, ...]
    connections: int
    gaps: tuple[str, ...] = ()
    command: FailedCommand | None = None
    final_code: int | None = None

    @property
    def status(self) -> Status:
        """The worst status: incomplete, then undecided, unmet and met."""
        statuses = {result.status for result in self.scenarios}
        if self.gaps:
            return Status.INCOMPLETE
        worst = (Status.INCOMPLETE, Status.UNDECIDED, Status.UNMET)
        return next((status for status in worst if status in statuses), Status.MET)

    @property
    def exit_code(self) -> int:
        """Exit code of the process: `final_code`, or else that of the function `exit_code`."""
        if self.final_code is not None:
            return self.final_code
        return exit_code(self.status, self.command.code if self.command else 0)
