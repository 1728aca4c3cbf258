"""Verdicts on the expectations and scenario files of a test, and their text."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.expected import Constraints, Expected, Matcher
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.report.formats import TEXT, ReportOptions
from pixel_emulator.core.report.snippets import updatable_lines
from pixel_emulator.core.report.wording import (
    ACCEPT,
    ACCEPT_UNRECORDED,
    GAPS,
    STATUS_WORDS,
    UNDECIDED,
    expectation_line,
    run_failures,
    unexplained,
    wanted_got,
)
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import Level, Policy, Scenario, Step
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)
from pixel_emulator.core.verification.verify import verify


def merge_repeats(verdict: Verdict) -> Verdict:
    """Return the verdict with one result for expectations repeated on one line, as in a loop that
    polls."""
    return replace(
        verdict,
        scenarios=tuple(
            replace(scenario, steps=tuple(map(_merged, scenario.steps)))
            for scenario in verdict.scenarios
        ),
    )


def _merged(step: StepResult) -> StepResult:
    alike: dict[Hashable, list[ExpectationResult]] = defaultdict(list)
    for result in step.expectations:
        alike[_wording_key(result)].append(result)
    kept: dict[int, ExpectationResult] = {}
    for same in alike.values():
        kept |= {id(result): result for result in same if result.met or result.claims}
        missing = [result for result in same if id(result) not in kept]
        if missing:
            reported = max(missing, key=lambda result: len(result.closest_calls))
            kept[id(reported)] = reported if len(missing) == 1 else _with_count(reported, same)
    results = tuple(kept[id(result)] for result in step.expectations if id(result) in kept)
    return replace(step, expectations=results)


def _with_count(
    reported: ExpectationResult, same: Sequence[ExpectationResult]
) -> ExpectationResult:
    wanted = reported.expectation
    note = f"expected {len(same)} times at line {wanted.location.line}; `wait_for` waits"
    return replace(reported, expectation=replace(wanted, note=note))


def _wording_key(result: ExpectationResult) -> Hashable:
    """Return a key that is equal for expectations with the same words on the same line."""
    wanted = result.expectation
    patterns = tuple(
        (pattern.type, _value_key({**pattern.fields}), _value_key({**pattern.request}))
        for pattern in wanted.patterns
    )
    return wanted.location, wanted.dropped, wanted.code, wanted.times, patterns


def _value_key(want: Expected) -> Hashable:
    if isinstance(want, Matcher):
        return want.describe().text
    if isinstance(want, dict):
        return tuple((key, _value_key(member)) for key, member in want.items())
    return tuple(map(_value_key, want)) if isinstance(want, list) else repr(want)


IGNORE_ALL = dict.fromkeys(Policy, Level.IGNORE)
"""Levels of a check for expected calls only."""
FAIL_ALL = dict.fromkeys(Policy, Level.FAIL)
"""Levels of a test that expects silence."""

CLOSED = "the session is closed, and no call can come any more"
"""Start of the message if the session was closed during a wait."""

# Pytest puts four characters before each line.
_OPTIONS = ReportOptions(width=96, list_calls=False)


def verdict_if_missing(scenario: Scenario, evidence: Evidence) -> Verdict | None:
    """Return the verdict on a scenario of one step if expected calls are missing or forbidden ones
    came, else None.

    Calls that came too often are left to the end: other expectations may still claim them.
    """
    verdict = verify([replace(without_upper_limits(scenario), levels=IGNORE_ALL)], evidence)
    met = all(result.met for result in verdict.scenarios[0].expectations)
    return None if met else with_given_expectations(verdict, scenario)


def with_given_expectations(verdict: Verdict, scenario: Scenario) -> Verdict:
    """Return the verdict on a scenario of `without_upper_limits` with the original expectations."""
    (result,) = verdict.scenarios
    ours, theirs = result.scenario.steps[0].expectations, scenario.steps[0].expectations
    given = {id(loose): expectation for loose, expectation in zip(ours, theirs, strict=True)}
    reported = [
        replace(result, expectation=given[id(result.expectation)]) for result in result.expectations
    ]
    return _with_results(verdict, reported)


def without_upper_limits(scenario: Scenario) -> Scenario:
    """Return a scenario of one step whose calls may come more often than stated, unless `times` is
    0.

    Its levels are those of silence or none, because other expectations may follow.
    """
    (step,) = scenario.steps
    expectations = tuple(_without_upper_limit(expectation) for expectation in step.expectations)
    levels = FAIL_ALL if scenario.levels == FAIL_ALL else IGNORE_ALL
    return replace(scenario, steps=(replace(step, expectations=expectations),), levels=levels)


def assume_connected(evidence: Evidence) -> Evidence:
    """Return the evidence as if a client had connected, for silence that needs no proof."""
    if evidence.hits or evidence.connections:
        return evidence
    return replace(evidence, connections=1)


def verify_unproven(scenarios: Sequence[Scenario], evidence: Evidence) -> Verdict:
    """Return the verdict for scenarios whose silence needs no proof."""
    verdict = verify(scenarios, assume_connected(evidence))
    return replace(verdict, connections=evidence.connections)


def headline(verdict: Verdict, first: Expectation | None = None) -> str:
    """Return the first failure in one line, with the number of further ones.

    A failure of the expectation `first` comes before all others.
    """
    failures = list(_failure_lines(verdict, first))
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{failures[0]}{more}" if failures else STATUS_WORDS[verdict.status]


def report(verdict: Verdict, ours: Collection[str] = ()) -> str:
    """Return the report as text.

    `ours` are the files of tests, which are never rewritten.
    """
    merged = merge_repeats(verdict)
    text = TEXT.render(merged, _OPTIONS).partition(f"  {ACCEPT_UNRECORDED}\n")[0]
    if updatable_lines(merged).keys() <= {*ours}:
        return text.rstrip()
    return f"{text}  {ACCEPT}\n    run it again with --pixel-update"


def message(
    verdict: Verdict,
    ours: Collection[str] = (),
    *,
    first: Expectation | None = None,
    hint: str = "",
) -> str:
    """Return the message of the assertion that fails with this verdict.

    It begins with a failure of the expectation `first`, if there is one.
    """
    begin = f"{headline(merge_repeats(verdict), first)}\n{hint}".rstrip()
    return f"{begin}\n\n{report(verdict, ours)}"


def unmet_locations(verdict: Verdict) -> Iterator[Location]:
    """Yield the locations of the expectations that are not met."""
    for scenario in verdict.scenarios:
        yield from (
            result.expectation.location
            for step in scenario.steps
            if step.reached
            for result in step.expectations
            if not result.met
        )


def _without_upper_limit(wanted: Expectation) -> Expectation:
    banned = wanted.times.high == 0
    return replace(wanted, times=wanted.times if banned else Times(wanted.times.low, None))


def _with_results(verdict: Verdict, results: Sequence[ExpectationResult]) -> Verdict:
    """Return the verdict on one step with these results of its expectations."""
    (scenario,) = verdict.scenarios
    (step,) = scenario.steps
    reported = replace(
        step,
        expectations=tuple(results),
        step=replace(step.step, expectations=tuple(result.expectation for result in results)),
    )
    wanted = replace(scenario.scenario, steps=(reported.step,))
    return replace(verdict, scenarios=(replace(scenario, scenario=wanted, steps=(reported,)),))


def _is_about(result: ExpectationResult, wanted: Expectation | None) -> bool:
    """Return True if the result is about this expectation, or an equal one on the same line."""
    reported = result.expectation
    return wanted is not None and (reported.location, reported.line) == (
        wanted.location,
        wanted.line,
    )


def _failure_lines(verdict: Verdict, first: Expectation | None) -> Iterator[str]:
    findings = unexplained(verdict.policy_hits, verdict.scenarios)
    for index, scenario in enumerate(verdict.scenarios):
        for result in sorted(
            scenario.expectations, key=lambda result: not _is_about(result, first)
        ):
            if result.reached and not result.met:
                yield f"{expectation_line(result.expectation)}: {wanted_got(result)}"
        failing = [hit for hit in findings if hit.levels[index] is Level.FAIL]
        for kind, text in run_failures(scenario, failing):
            yield f"{kind}: {text}"
        if scenario.status is Status.UNDECIDED:
            yield UNDECIDED
    yield from (f"{GAPS}: {gap}" for gap in verdict.gaps)


@dataclass(frozen=True, slots=True)
class Window:
    """The calls after number `after`, up to number `last`, or to the end if it is None."""

    after: int = 0
    last: int | None = None

    def contains(self, hit: Hit) -> bool:
        """Return True if the hit is in the window."""
        return self.after < hit.seq and (self.last is None or hit.seq <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windowed(Pattern):
    """A pattern that matches only calls in its window."""

    window: Window = Window()

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        return Pattern.solutions(self, hit) if self.window.contains(hit) else iter(())


def optional_demands(scenario: Scenario, window: Window) -> Scenario:
    """Return what a scenario may take of the calls in its window, any number of times.

    It never fails, so it only keeps others from finding these calls unexpected.
    """
    expectations = (
        expectation for expectation in scenario.expectations if expectation.times.high != 0
    )
    optional = tuple(
        replace(_windowed(expectation, window), times=Times(0, None), id="", after="", within=None)
        for expectation in expectations
    )
    return replace(_without_policies(scenario), steps=(Step(expectations=optional),))


def bare_demands(scenario: Scenario, window: Window) -> Scenario:
    """Return what a scenario expects of the calls in its window, without policies and state."""
    steps = (
        replace(
            step,
            expectations=tuple(
                replace(_windowed(expectation, window), within=None)
                for expectation in step.expectations
            ),
        )
        for step in scenario.steps
    )
    return replace(_without_policies(scenario), steps=tuple(steps))


def verify_with_others(
    scenarios: Sequence[Scenario], others: Sequence[Scenario], evidence: Evidence
) -> tuple[Verdict, frozenset[int]]:
    """Return the verdict on scenarios that share calls with others, and the numbers of the calls
    that the others take.

    Without scenarios nothing is expected and every level is ignore.
    """
    # Without calls the others take nothing, and their silence would need proof.
    others = others if evidence.hits else ()
    whole = verify([*scenarios, *others] or [Scenario(levels=IGNORE_ALL)], evidence)
    count = len(scenarios)
    findings = (replace(hit, levels=hit.levels[:count]) for hit in whole.policy_hits)
    verdict = replace(
        whole,
        scenarios=whole.scenarios[:count],
        policy_hits=tuple(hit for hit in findings if set(hit.levels) != {Level.IGNORE}),
    )
    return verdict, claims_of(whole.scenarios[count:])


def claims_of(results: Sequence[ScenarioResult]) -> frozenset[int]:
    """Return the numbers of the calls that scenarios claim."""
    return frozenset(
        hit.seq for result in results for wanted in result.expectations for hit in wanted.claims
    )


def without_calls(evidence: Evidence, claimed: Collection[int]) -> Evidence:
    """Return the evidence without the claimed calls."""
    if not claimed:
        return evidence
    return replace(evidence, hits=tuple(hit for hit in evidence.hits if hit.seq not in claimed))


def _without_policies(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        levels=IGNORE_ALL,
        same_event=False,
        forbidden=(),
        state=None,
        plans={},
        plan_files={},
    )


def _windowed(wanted: Expectation, window: Window) -> Expectation:
    return replace(
        wanted, patterns=tuple(_windowed_pattern(pattern, window) for pattern in wanted.patterns)
    )


def _windowed_pattern(pattern: Pattern, window: Window) -> Pattern:
    return _Windowed(
        type=pattern.type,
        fields=pattern.fields,
        request=pattern.request,
        has_now=pattern.has_now,
        window=window,
    )
