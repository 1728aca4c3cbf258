"""Sentences that all reports share."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import MappingProxyType

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch, describe_expected
from pixel_emulator.core.matching.expected import ABSENT, Expected, Value, describe_value
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, Hit, JsonPath, path_text, total
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.report.page import counted, span
from pixel_emulator.core.scenarios.expectation import Expectation, call_facts
from pixel_emulator.core.scenarios.mail_clients import request_facts
from pixel_emulator.core.scenarios.model import Forbidden, Level, Policy
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ExtraCall,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Story,
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
"""What a finding is called, and what it says of its calls."""

GAPS = "calls may be missing, so nothing can pass"
UNDECIDED = (
    "there are too many ways to give these calls to these expectations to know whether one meets "
    "them all; this is one that was tried. Say more about each call, or use fewer variables"
)
ACCEPT = "to accept what happened (matchers you wrote are kept)"
COMMAND = "the command"
NOT_MET = "the scenario is not met"
STATE = "the profiles at the end are not as wanted"
NOTHING_ARRIVED = (
    "nothing reached the emulator: does the client use its proxy? Not all do (docs/clients.md)"
)

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # ECMA-48, 5.4


def repeat(surplus: ExtraCall) -> str:
    """How a call repeats its twin: `#3 and #5 differ only in messageId, 38 ms apart`."""
    hit, twin = surplus.hit, surplus.twin or surplus.hit
    alike = f"differ only in {' and '.join(surplus.differs)}" if surplus.differs else "say the same"
    return f"#{twin.seq} and #{hit.seq} {alike}, {span(hit.time - twin.time)} apart"


def place(location: Location) -> str:
    """Where a file says something: `checkout.yaml:38`; empty where that is unknown."""
    return f"{location.file}:{location.line}" if location.line else ""


def line(wanted: Expectation) -> str:
    """The expectation as its file has it: `track: A`, `never track: A`."""
    return f"never {wanted.line}" if wanted.never else wanted.line


def story(result: ExpectationResult) -> str:
    """What happened to an expectation; `its calls went to line 2` where another has them."""
    wanted = result.expectation
    if result.story is Story.DIFFERENT and wanted.dropped and not result.nearest[0].mismatches:
        return "sent, but Segment would drop it for another reason"
    if result.story is not Story.TAKEN:
        return result.story
    file = wanted.location.file
    places = dict.fromkeys(_taker(each, file) for each in result.taken_by)
    return f"its calls went to {' and '.join(places)}"


def wanted_got(result: ExpectationResult) -> str:
    """`wanted 1, got 0: not sent`."""
    return f"wanted {result.expectation.times}, got {result.got}: {story(result)}"


def _taker(taker: Expectation, file: str) -> str:
    """Where an expectation stands, seen from a file; one from no file is shown itself."""
    at = taker.location
    if not at.line:
        return taker.line
    return f"line {at.line}" if at.file == file else f"{at.file}:{at.line}"


def agreement(near: ClosestCall) -> str:
    """How much of what is wanted a call has: `9 of 11 fields match`."""
    if near.matched == near.fields:
        return "every field matches"
    return f"{near.matched} of {counted(near.fields, 'field')} match"


def obstacle(near: ClosestCall) -> str:
    """What else keeps the call from counting: `too late: 2.3 s after …`; empty if nothing does."""
    return f"{near.obstacle}: {near.detail}" if near.detail else ""


def remarks(result: ExpectationResult, most: int | None = None) -> Iterator[str]:
    """What is to be said of an unmet expectation besides its calls; of long lists, `most` items."""
    yield wanted_got(result)
    number = len(result.expectation.patterns)
    if number > 1 and result.nearest:
        yield f"any of {number} will do; compared with the one that comes closest"
    if result.story is Story.TWICE:
        yield from (repeat(each) for each in result.surplus[:most])
    elif paths := list(dict.fromkeys(path for each in result.surplus for path in each.differs)):
        yield f"they differ in {', '.join(paths[:most])}"
    if result.story is Story.TOO_MANY:
        yield f"if these are right, write `times: {result.got}`"


def has_named_steps(result: ScenarioResult) -> bool:
    """Whether its steps are to be told apart."""
    return len(result.steps) > 1 or any(each.step.name for each in result.steps)


def step_name(result: ScenarioResult, step: StepResult) -> str:
    """The name of a step, or `step 2`."""
    number = next(n for n, each in enumerate(result.steps, 1) if each is step)
    return step.step.name or f"step {number}"


def without_colours(output: str) -> str:
    """What a command printed, without its control sequences."""
    return _CONTROL.sub("", output)


def printed(lines: int, most: int) -> str:
    """What stands above the output of a command; empty if there is none."""
    if lines > most:
        return f"the last {most} of {lines} lines that it printed:"
    return "it printed:" if lines else ""


def arrived_nothing(verdict: Verdict) -> bool:
    """Whether not even a connection reached the emulator, and nothing else explains that."""
    return not (verdict.hits or verdict.connections or verdict.gaps)


def failed_command(verdict: Verdict) -> str:
    """How the command failed, in a sentence; empty if it did not, or if a step says it already."""
    steps = (step for result in verdict.scenarios for step in result.steps)
    if verdict.command is None or any(step.failure for step in steps):
        return ""
    return verdict.command.sentence


def forbidden_text(denied: Forbidden) -> str:
    """What must not be sent: `no request may contain "X1" in properties: privacy`."""
    where = f" in {path_text(denied.path)}" if denied.path else ""
    because = f": {denied.because}" if denied.because else ""
    what = describe_expected(denied.contains).text.removeprefix("matching ")
    return f"no request may contain {what}{where}{because}"


def finding(policy: Policy, level: Level, calls: int) -> tuple[str, str]:
    """What a finding is called, and what it says of so many calls."""
    word, meaning = POLICY_WORDS[policy]
    noun = "request" if policy is Policy.UNHANDLED else "call"
    warning = "" if level is Level.FAIL else "warning: "
    return f"{warning}{word}", f"{counted(calls, noun)} {meaning}"


def expect_it(calls: int) -> str:
    """What stands above the YAML that would expect so many calls."""
    return f"to expect {'it' if calls == 1 else 'them'}, add"


def violated(result: ScenarioResult) -> str:
    """`2 violations of the tracking plan in 1 call`."""
    calls = total({hit.seq: hit for hit, _ in result.violations}.values())
    found = counted(total(hit for hit, _ in result.violations), "violation")
    return f"{found} of the tracking plan, in {counted(calls, 'call')}"


def untold(findings: Iterable[PolicyHit], results: Iterable[ScenarioResult]) -> list[PolicyHit]:
    """The findings whose calls stand beside no expectation of these; damage is another story."""
    beside = {
        id(near.hit) for result in results for each in result.expectations for near in each.nearest
    }
    return [
        each for each in findings if each.policy is Policy.DAMAGED or id(each.hit) not in beside
    ]


def objections_of_steps(steps: Iterable[StepResult]) -> Iterator[tuple[str, str]]:
    """What is wrong in the steps: what kind of thing each is, and a sentence."""
    for step in steps:
        if step.failure:
            yield "action failed", step.failure
        for each in step.expectations if step.reached else ():
            if not each.met:
                wanted = each.expectation
                said = f"{place(wanted.location)} {line(wanted)}: {wanted_got(each)}"
                yield each.story, said.lstrip()


def objections_of_run(
    result: ScenarioResult, findings: Sequence[PolicyHit]
) -> Iterator[tuple[str, str]]:
    """What is wrong in the whole run; `findings` are those that fail the scenario."""
    for rule in {id(each.rule): each.rule for each in result.forbidden}.values():
        yield "denied", f"{place(rule.location)} {forbidden_text(rule)}".lstrip()
    if result.state:
        yield "state", STATE
    if result.violations:
        yield "plan", violated(result)
    for policy in dict.fromkeys(each.policy for each in findings):
        count = total(each.hit for each in findings if each.policy is policy)
        word, meaning = finding(policy, Level.FAIL, count)
        hit = next(each.hit for each in findings if each.policy is policy)
        yield word, f"{meaning}: #{hit.seq} {call_text.title(hit.call, hit.request)}"


_HOPE: Mapping[str, int] = MappingProxyType(
    {
        Story.DIFFERENT: 1,
        Story.DROPPED: 1,
        Story.REPEATED: 1,
        Story.KEPT: 1,
        Story.NOT_SENT: 2,
        Story.TOO_FEW: 2,
        Story.TAKEN: 2,
        "state": 2,
    }
)
"""Objections that a further call may mend, each with how likely that is."""


def why_impossible(verdict: Verdict) -> str:
    """The objection that is the least likely to be mended by a further call; empty without any."""
    found = min(_objections(verdict), key=lambda each: _HOPE.get(each[0], 0), default=("", ""))
    return found[1]


def _objections(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for index, result in enumerate(verdict.scenarios):
        failing = [each for each in verdict.findings if each.levels[index] is Level.FAIL]
        yield from objections_of_steps(result.steps)
        yield from objections_of_run(result, untold(failing, [result]))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSource:
    """A variable with its value, and where that stands: at `path` of call `seq`, 0 if nowhere."""

    name: str
    value: JSON
    seq: int = 0
    path: str = ""

    def __str__(self) -> str:
        """`order = "FC-1", as properties.order_id of #1`."""
        where = f", as {self.path} of #{self.seq}" if self.seq else ""
        return f"{self.name} = {describe_value(self.value).text}{where}"


def origins(result: ScenarioResult) -> dict[str, VariableSource]:
    """The variables that have a value, each with the earliest call that holds it.

    A write key is shown masked.
    """
    found = {}
    for name, value in result.bound.items():
        places = (
            (not whole, hit.seq, path_text(at))
            for each in result.expectations
            for at, names in _spots(each.expectation)
            if name in names
            for hit, claimed in _holding(each, at)
            if (whole := describe_value(_at(hit, at)) == describe_value(value)) or claimed
        )
        _, seq, path = min(places, default=(True, 0, ""))
        shown = mask(value) if path == "writeKey" and isinstance(value, str) else value
        found[name] = VariableSource(name=name, value=shown, seq=seq, path=path)
    return found


def hinted(
    result: ScenarioResult, wanted: Expectation, mismatches: Sequence[Mismatch]
) -> tuple[Mismatch, ...]:
    """Mismatches of one of its expectations; where variables are wanted, with their origins."""
    if not result.bound:
        return tuple(mismatches)
    known = origins(result)
    wanted_at: dict[str, set[str]] = defaultdict(set)
    for at, names in _spots(wanted):
        wanted_at[path_text(at)] |= names & known.keys()

    def told(each: Mismatch) -> Mismatch:
        hints = (each.hint, *(str(known[name]) for name in sorted(wanted_at[each.path])))
        return replace(each, hint="; ".join(filter(None, hints)))

    return tuple(map(told, mismatches))


def _spots(wanted: Expectation) -> Iterator[tuple[JsonPath, frozenset[str]]]:
    """Where variables stand in what is wanted, with their names."""
    stack: list[tuple[JsonPath, Expected]] = []
    for pattern in wanted.patterns:
        stack += [((), pattern.fields), (("request",), pattern.request)]
    while stack:
        at, want = stack.pop()
        if isinstance(want, dict):
            stack.extend(((*at, key), each) for key, each in want.items())
        elif isinstance(want, list | tuple):
            stack.extend(((*at, index), each) for index, each in enumerate(want))
        elif names := variable_names(want):
            yield at, names


def _holding(result: ExpectationResult, at: JsonPath) -> Iterator[tuple[Hit, bool]]:
    """The first claim that has something there, or else a call that comes close to one."""
    calls = chain(
        ((hit, True) for hit in result.claims), ((near.hit, False) for near in result.nearest)
    )
    return islice((each for each in calls if _at(each[0], at) is not ABSENT), 1)


def _at(hit: Hit, at: JsonPath) -> Value:
    """What stands in the hit where an expectation has `at`."""
    value: Value = {"request": request_facts(hit)} if at[0] == "request" else call_facts(hit)
    for key in at:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key, ABSENT)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return ABSENT
    return value
