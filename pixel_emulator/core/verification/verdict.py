"""The verdict on a run, as plain data: what was met, what was not, and the story behind it."""

from dataclasses import dataclass, field
from enum import StrEnum

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Bindings
from pixel_emulator.core.model import KEPT, Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Forbidden, Level, Policy, Scenario, Step
from pixel_emulator.core.tracking_plan.violations import Violation
from pixel_emulator.core.verification.closest_call import ClosestCall, NotCountedReason


class Status(StrEnum):
    """What a verdict comes to."""

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
    """Return the exit code of a run: 3 incomplete or undecided, else that of a command that
    failed, else 1 unmet or 0 met."""
    own = EXIT_CODES[status]
    return own if own == _INCOMPLETE else command or own


class Explanation(StrEnum):
    """What happened to one expectation."""

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
    SOMEBODY_ELSE = "sent, but by somebody else"
    NOT_REACHED = "not tried, because an earlier step failed"


_STORIES = {Outcome.DROPPED: Explanation.DROPPED, Outcome.DUPLICATE: Explanation.REPEATED}
_OBSTACLES = {
    NotCountedReason.NONE: None,
    NotCountedReason.OUTCOME: None,
    NotCountedReason.TIME: Explanation.TOO_LATE,
    NotCountedReason.ORDER: Explanation.OUT_OF_ORDER,
}
_IDS = {"userId", "anonymousId", "previousId", "groupId"}
"""The fields that say whose call it is."""


@dataclass(frozen=True, slots=True)
class ExtraCall:
    """A call that an expectation matches and has no room for.

    `twin` is the claimed call that it repeats, but for fields that change with every sending.
    `differs` are the paths at which it differs from its twin, or else from the first claim.
    """

    hit: Hit
    twin: Hit | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """One expectation with the calls that it claims, those too many, and those that come close.

    `more_claims` and `too_many` count calls that are not among them: a call in a run that is
    watched may stand for others (`Hit.alike`). `taken_by` are the expectations that the calls it
    matches went to, where it claims none. It is not `reached` where its step was not tried. Where
    it is `undecided`, the claims are only those of one attempt.
    """

    expectation: Expectation
    claims: tuple[Hit, ...]
    extra_calls: tuple[ExtraCall, ...] = ()
    closest_calls: tuple[ClosestCall, ...] = ()
    taken_by: tuple[Expectation, ...] = ()
    reached: bool = True
    undecided: bool = False
    more_claims: int = 0
    too_many: int = 0

    @property
    def got(self) -> int:
        """How many calls matched."""
        return self._claimed + len(self.extra_calls) + self.too_many

    @property
    def _claimed(self) -> int:
        return len(self.claims) + self.more_claims

    @property
    def met(self) -> bool:
        """Whether the number of calls is in the wanted range, and all came as they should."""
        enough = self.reached and self._claimed >= self.expectation.times.low
        return enough and not (self.extra_calls or self.too_many or self.closest_calls)

    @property
    def explanation(self) -> Explanation:
        """What happened, in a word."""
        if self.met:
            return Explanation.MET
        if not self.reached:
            return Explanation.NOT_REACHED
        if self.expectation.times.high == 0:
            return Explanation.FORBIDDEN
        obstructed = (
            _OBSTACLES[each.not_counted] for each in self.closest_calls if not each.mismatches
        )
        if story := next(filter(None, obstructed), None):
            return story
        if self.extra_calls or self.too_many:
            repeated = not self.too_many and all(each.twin for each in self.extra_calls)
            return Explanation.TWICE if repeated else Explanation.TOO_MANY
        if not self.closest_calls:
            if self.claims:
                return Explanation.TOO_FEW
            return Explanation.TAKEN if self.taken_by else Explanation.NOT_SENT
        return self._of_closest(self.closest_calls[0])

    def _of_closest(self, near: ClosestCall) -> Explanation:
        outcome = near.hit.outcome
        if self.expectation.dropped:
            return Explanation.DIFFERENT if outcome is Outcome.DROPPED else Explanation.KEPT
        if outcome not in KEPT:
            return _STORIES[outcome]
        paths = {each.path for each in near.mismatches}
        return Explanation.SOMEBODY_ELSE if paths and paths <= _IDS else Explanation.DIFFERENT


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyHit:
    """A call that a policy speaks of; `levels` are those of the scenarios, in their order."""

    policy: Policy
    hit: Hit
    levels: tuple[Level, ...]

    @property
    def level(self) -> Level:
        """The strictest of the levels."""
        return max(self.levels, key=list(Level).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenValue:
    """A request that holds what a scenario denies; `path` says where, `value` is an excerpt."""

    forbidden: Forbidden
    hit: Hit
    path: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step with the results of its expectations.

    `seconds` is how long a live step took to be decided, None offline. `reached` is False for a
    step that was not tried because an earlier one failed; `failure` is a sentence on an action
    that failed, with `output`, what a failing command printed.
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
    """One scenario with the results of its steps, and of what it says about the whole run.

    `bindings` are the values that its variables were given by the calls. `state` are the
    differences from the wanted profiles, `violations` those from the tracking plan with
    the call of each.
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
        """The results of the expectations of all steps."""
        return tuple(each for step in self.steps for each in step.expectations)


@dataclass(frozen=True, slots=True)
class FailedCommand:
    """How the command of a run failed: its exit code, as a shell gives it, and a sentence."""

    code: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All that is to be said about a run.

    `gaps` are sentences about what the evidence may lack; with any of them nothing is met.
    `command` is the command whose calls these are, if it failed. `final_code` is the exit code
    that goes before all others: of a command that could not be run or was killed, or of the signal
    that ended the run.
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
        """Incomplete evidence goes before everything else, then what is undecided."""
        statuses = {each.status for each in self.scenarios}
        if self.gaps:
            return Status.INCOMPLETE
        worst = (Status.INCOMPLETE, Status.UNDECIDED, Status.UNMET)
        return next((each for each in worst if each in statuses), Status.MET)

    @property
    def exit_code(self) -> int:
        """The code with which the process ends: `final_code`, or else that of `exit_code`."""
        if self.final_code is not None:
            return self.final_code
        return exit_code(self.status, self.command.code if self.command else 0)
