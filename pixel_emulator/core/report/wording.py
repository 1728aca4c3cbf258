"""Sentences and names that the report formats share."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import MappingProxyType

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch, describe_expected
from pixel_emulator.core.matching.expected import ABSENT, Expected, Value, describe_value, value_at
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, Hit, JsonPath, count_hits, path_text
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.report.page import counted, duration_text
from pixel_emulator.core.scenarios.expectation import Expectation, call_facts
from pixel_emulator.core.scenarios.mail_clients import request_facts
from pixel_emulator.core.scenarios.scenario import Forbidden, Level, Policy
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    CLIENTS_PAGE,
    ExpectationResult,
    Explanation,
    ExtraCall,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)

STATUS_WORDS: Mapping[Status, str] = MappingProxyType(
    {
        Status.MET: "PASS",
        Status.UNMET: "FAIL",
        Status.UNDECIDED: "UNDECIDED",
        Status.INCOMPLETE: "INCOMPLETE",
    }
)
POLICY_WORDS: Mapping[Policy, tuple[str, str]] = MappingProxyType(
    {
        Policy.UNEXPECTED: ("unexpected", "that no expectation matches"),
        Policy.DROPPED: ("dropped", "that Segment would drop"),
        Policy.DAMAGED: ("damaged", "that Segment keeps, although something is wrong"),
        Policy.DUPLICATES: (
            "duplicate",
            "with a messageId seen before: Segment keeps only the first",
        ),
        Policy.UNHANDLED: ("unhandled", "outside the Pixel API"),
    }
)
"""For each policy, the name of its failure and what it means for the calls."""

GAPS = "calls may be missing, so nothing can pass"
UNDECIDED = (
    "there are too many ways to give these calls to these expectations to know whether one meets "
    "them all; this is one that was tried. Say more about each call, or use fewer variables"
)
ACCEPT = "to accept what happened (matchers you wrote are kept)"
ACCEPT_UNRECORDED = (
    "to accept what happened, `scenario update` needs one recording of it: --record FILE"
)
COMMAND = "the command"
NOT_MET = "the scenario is not met"
STATE = "the profiles at the end are not as wanted"
NOTHING_ARRIVED = f"nothing reached the emulator: does the client use its proxy? {CLIENTS_PAGE}"

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # ECMA-48, 5.4


def repeat_text(surplus: ExtraCall) -> str:
    """Return how a call repeats its twin: `#3 and #5 differ only in messageId, 38 ms apart`."""
    hit, twin = surplus.hit, surplus.original or surplus.hit
    alike = f"differ only in {' and '.join(surplus.differs)}" if surplus.differs else "say the same"
    return f"#{twin.seq} and #{hit.seq} {alike}, {duration_text(hit.time - twin.time)} apart"


def location_text(location: Location) -> str:
    """Return file and line as `checkout.yaml:38`, or "" if the line is unknown."""
    return f"{location.file}:{location.line}" if location.line else ""


def expectation_line(wanted: Expectation) -> str:
    """Return the expectation as its file has it: `track: A`, `never track: A`."""
    return f"never {wanted.line}" if wanted.never else wanted.line


def story_text(result: ExpectationResult) -> str:
    """Return the result of an expectation in words.

    If other expectations claimed its calls, it names their lines: `its calls went to line 2`.
    """
    wanted = result.expectation
    if (
        result.explanation is Explanation.DIFFERENT
        and wanted.dropped
        and not result.closest_calls[0].mismatches
    ):
        return "sent, but Segment would drop it for another reason"
    if result.explanation is not Explanation.TAKEN:
        return result.explanation
    file = wanted.location.file
    places = dict.fromkeys(_relative_place(taker, file) for taker in result.taken_by)
    return f"its calls went to {' and '.join(places)}"


def wanted_got(result: ExpectationResult) -> str:
    """Return counts and result: `wanted 1, got 0: not sent`."""
    return f"wanted {result.expectation.times}, got {result.got}: {story_text(result)}"


def _relative_place(expectation: Expectation, file: str) -> str:
    """Return `line 2` for an expectation of `file`, `other.yaml:2` for one of another file, and the
    expectation itself if it comes from no file."""
    location = expectation.location
    if not location.line:
        return expectation.line
    return f"line {location.line}" if location.file == file else f"{location.file}:{location.line}"


def score(near: ClosestCall) -> str:
    """Return how many of the expected fields a call has: `9 of 11 fields match`."""
    if near.matched == near.fields:
        return "every field matches"
    return f"{near.matched} of {counted(near.fields, 'field')} match"


def not_counted_text(near: ClosestCall) -> str:
    """Return why a call does not count apart from its fields (`too late: 2.3 s after …`), or ""."""
    return f"{near.not_counted}: {near.detail}" if near.detail else ""


def details(result: ExpectationResult, most: int | None = None) -> Iterator[str]:
    """Yield the sentences on an unmet expectation, apart from those on its calls.

    Lists in a sentence are cut to `most` items.
    """
    yield wanted_got(result)
    alternatives = len(result.expectation.patterns)
    if alternatives > 1 and result.closest_calls:
        yield f"any of {alternatives} will do; compared with the one that comes closest"
    if result.explanation is Explanation.TWICE:
        yield from (repeat_text(extra) for extra in result.extra_calls[:most])
    elif paths := list(
        dict.fromkeys(path for surplus in result.extra_calls for path in surplus.differs)
    ):
        yield f"they differ in {', '.join(paths[:most])}"
    if result.explanation is Explanation.TOO_MANY:
        yield f"if these are right, write `times: {result.got}`"


def has_named_steps(result: ScenarioResult) -> bool:
    """Return True if the report shows the steps one by one."""
    return len(result.steps) > 1 or any(step.step.name for step in result.steps)


def step_name(result: ScenarioResult, step: StepResult) -> str:
    """Return the name of a step, or `step 2`."""
    number = next(n for n, other in enumerate(result.steps, 1) if other is step)
    return step.step.name or f"step {number}"


def without_ansi_codes(output: str) -> str:
    """Return the output of a command without ANSI control sequences."""
    return _CONTROL.sub("", output)


def output_heading(lines: int, most: int) -> str:
    """Return the line above the output of a command, or "" if there is no output."""
    if lines > most:
        return f"the last {most} of {lines} lines that it printed:"
    return "it printed:" if lines else ""


def has_nothing_arrived(verdict: Verdict) -> bool:
    """Return True if not even a connection reached the emulator, and no gap explains that."""
    return not (verdict.hits or verdict.connections or verdict.gaps)


def command_failure(verdict: Verdict) -> str:
    """Return how the command failed, in a sentence.

    Return "" if the command did not fail, or if a step reports its own failure.
    """
    steps = (step for result in verdict.scenarios for step in result.steps)
    if verdict.command is None or any(step.failure for step in steps):
        return ""
    return verdict.command.sentence


def forbidden_text(rule: Forbidden) -> str:
    """Return the rule: `no request may contain "X1" in properties: privacy`."""
    where = f" in {path_text(rule.path)}" if rule.path else ""
    because = f": {rule.because}" if rule.because else ""
    value = describe_expected(rule.contains).text.removeprefix("matching ")
    return f"no request may contain {value}{where}{because}"


def policy_text(policy: Policy, level: Level, calls: int) -> tuple[str, str]:
    """Return the name of a policy's failure or warning, and what it means for that many calls."""
    word, meaning = POLICY_WORDS[policy]
    noun = "request" if policy is Policy.UNHANDLED else "call"
    warning = "" if level is Level.FAIL else "warning: "
    return f"{warning}{word}", f"{counted(calls, noun)} {meaning}"


def snippet_heading(calls: int) -> str:
    """Return the line above the YAML that would expect that many calls."""
    return f"to expect {'it' if calls == 1 else 'them'}, add"


def violations_text(result: ScenarioResult) -> str:
    """Return `2 violations of the tracking plan in 1 call`."""
    calls = count_hits({hit.seq: hit for hit, _ in result.violations}.values())
    violations = counted(count_hits(hit for hit, _ in result.violations), "violation")
    return f"{violations} of the tracking plan, in {counted(calls, 'call')}"


def unexplained(
    policy_hits: Iterable[PolicyHit], results: Iterable[ScenarioResult]
) -> list[PolicyHit]:
    """Return the policy hits whose calls are not shown as the nearest call of an expectation.

    Hits of the policy on damage are always among them: damage is not a mismatch.
    """
    nearest = {
        id(near.hit)
        for result in results
        for expected in result.expectations
        for near in expected.closest_calls
    }
    return [
        policy_hit
        for policy_hit in policy_hits
        if policy_hit.policy is Policy.DAMAGED or id(policy_hit.hit) not in nearest
    ]


def step_failures(steps: Iterable[StepResult]) -> Iterator[tuple[str, str]]:
    """Yield the kind of each failure in the steps, and a sentence on it."""
    for step in steps:
        if step.failure:
            yield "action failed", step.failure
        for expected in step.expectations if step.reached else ():
            if not expected.met:
                wanted = expected.expectation
                name = f"{location_text(wanted.location)} {expectation_line(wanted)}".lstrip()
                yield expected.explanation, f"{name}: {wanted_got(expected)}"


def run_failures(
    result: ScenarioResult, policy_hits: Sequence[PolicyHit]
) -> Iterator[tuple[str, str]]:
    """Yield the kind of each failure of the whole run, and a sentence on it.

    `policy_hits` are those that fail the scenario.
    """
    for rule in {
        id(forbidden.forbidden): forbidden.forbidden for forbidden in result.forbidden_values
    }.values():
        yield "denied", f"{location_text(rule.location)} {forbidden_text(rule)}".lstrip()
    if result.state:
        yield "state", STATE
    if result.violations:
        yield "plan", violations_text(result)
    for policy in dict.fromkeys(item.policy for item in policy_hits):
        count = count_hits(item.hit for item in policy_hits if item.policy is policy)
        word, meaning = policy_text(policy, Level.FAIL, count)
        hit = next(policy_hit.hit for policy_hit in policy_hits if policy_hit.policy is policy)
        yield word, f"{meaning}: #{hit.seq} {call_text.title(hit.call, hit.request)}"


_MENDABILITY: Mapping[str, int] = MappingProxyType(
    {
        Explanation.DIFFERENT: 1,
        Explanation.DROPPED: 1,
        Explanation.REPEATED: 1,
        Explanation.KEPT: 1,
        Explanation.NOT_SENT: 2,
        Explanation.TOO_FEW: 2,
        Explanation.TAKEN: 2,
        "state": 2,
    }
)
"""Kinds of failures that a further call may mend, each with how likely that is; others have 0."""


def impossible_reason(verdict: Verdict) -> str:
    """Return the failure that a further call is the least likely to mend, or "" if there is
    none."""
    failures = _failures(verdict)
    return min(failures, key=lambda failure: _MENDABILITY.get(failure[0], 0), default=("", ""))[1]


def _failures(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for index, result in enumerate(verdict.scenarios):
        failing = [item for item in verdict.policy_hits if item.levels[index] is Level.FAIL]
        yield from step_failures(result.steps)
        yield from run_failures(result, unexplained(failing, [result]))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSource:
    """Name and value of a variable, and its source: JSON path `path` in call `seq`.

    `seq` is 0 and `path` "" if no call holds the value.
    """

    name: str
    value: JSON
    seq: int = 0
    path: str = ""

    def __str__(self) -> str:
        """Return `order = "FC-1", as properties.order_id of #1`."""
        where = f", as {self.path} of #{self.seq}" if self.seq else ""
        return f"{self.name} = {describe_value(self.value).text}{where}"


def variable_sources(result: ScenarioResult) -> dict[str, VariableSource]:
    """Return the source of each variable that has a value: the earliest call that holds the value.

    Calls that hold it as a whole value go before those that hold it within a text. A write key is
    masked.
    """
    sources = {}
    for name, value in result.bindings.items():
        places = (
            (not whole, hit.seq, path_text(at))
            for expected in result.expectations
            for at, names in _variable_paths(expected.expectation)
            if name in names
            for hit, claimed in _first_holder(expected, at)
            if (whole := describe_value(_hit_value(hit, at)) == describe_value(value)) or claimed
        )
        _, seq, path = min(places, default=(True, 0, ""))
        shown = mask(value) if path == "writeKey" and isinstance(value, str) else value
        sources[name] = VariableSource(name=name, value=shown, seq=seq, path=path)
    return sources


def with_variable_sources(
    result: ScenarioResult, wanted: Expectation, mismatches: Sequence[Mismatch]
) -> tuple[Mismatch, ...]:
    """Return the mismatches of an expectation, with the sources of its variables in their hints.

    `wanted` is one of the expectations of `result`.
    """
    if not result.bindings:
        return tuple(mismatches)
    sources = variable_sources(result)
    names_at: dict[str, set[str]] = defaultdict(set)
    for at, names in _variable_paths(wanted):
        names_at[path_text(at)] |= names & sources.keys()

    def with_hints(mismatch: Mismatch) -> Mismatch:
        names = sorted(names_at[mismatch.path])
        hints = (mismatch.hint, *(str(sources[name]) for name in names))
        return replace(mismatch, hint="; ".join(filter(None, hints)))

    return tuple(map(with_hints, mismatches))


def _variable_paths(wanted: Expectation) -> Iterator[tuple[JsonPath, frozenset[str]]]:
    """Yield each JSON path at which variables are expected, with their names."""
    stack: list[tuple[JsonPath, Expected]] = []
    for pattern in wanted.patterns:
        stack += [((), pattern.fields), (("request",), pattern.request)]
    while stack:
        at, expected = stack.pop()
        if isinstance(expected, dict):
            stack.extend(((*at, key), member) for key, member in expected.items())
        elif isinstance(expected, list | tuple):
            stack.extend(((*at, index), item) for index, item in enumerate(expected))
        elif names := variable_names(expected):
            yield at, names


def _first_holder(result: ExpectationResult, at: JsonPath) -> Iterator[tuple[Hit, bool]]:
    """Yield the first claimed call that has a value at a path, with True.

    If no claimed call has one, yield the first nearest call that has, with False.
    """
    calls = chain(
        ((hit, True) for hit in result.claims), ((near.hit, False) for near in result.closest_calls)
    )
    return islice((call for call in calls if _hit_value(call[0], at) is not ABSENT), 1)


def _hit_value(hit: Hit, at: JsonPath) -> Value:
    """Return the value of a hit at the JSON path of an expectation, or ABSENT."""
    return value_at({"request": request_facts(hit)} if at[0] == "request" else call_facts(hit), at)
