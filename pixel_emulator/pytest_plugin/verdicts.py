"""Verdicts on the expectations and scenario files of a test, and their text."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.expected import Constraints, Expected, Matcher
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.report.formats import TEXT, ReportOptions
from pixel_emulator.core.report.wording import (
    ACCEPT,
    GAPS,
    STATUS_WORDS,
    UNDECIDED,
    expectation_line,
    run_failures,
    unexplained,
    wanted_got,
)
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario, Step
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)
from pixel_emulator.core.verification.verify import verify


def told_once(verdict: Verdict) -> Verdict:
    """The verdict with one result for those that are lacking by the same words on the same line."""
    return replace(
        verdict,
        scenarios=tuple(
            replace(scenario, steps=tuple(map(_once, scenario.steps)))
            for scenario in verdict.scenarios
        ),
    )


def _once(step: StepResult) -> StepResult:
    alike: dict[Hashable, list[ExpectationResult]] = defaultdict(list)
    for result in step.expectations:
        alike[_words(result)].append(result)
    kept: dict[int, ExpectationResult] = {}
    for same in alike.values():
        kept |= {id(result): result for result in same if result.met or result.claims}
        lacking = [result for result in same if id(result) not in kept]
        if lacking:
            told = max(lacking, key=lambda result: len(result.closest_calls))
            kept[id(told)] = told if len(lacking) == 1 else _counted(told, same)
    results = tuple(kept[id(result)] for result in step.expectations if id(result) in kept)
    return replace(step, expectations=results)


def _counted(told: ExpectationResult, same: Sequence[ExpectationResult]) -> ExpectationResult:
    wanted = told.expectation
    note = f"expected {len(same)} times at line {wanted.location.line}; `wait_for` waits"
    return replace(told, expectation=replace(wanted, note=note))


def _words(result: ExpectationResult) -> Hashable:
    """What an expectation says, and where."""
    wanted = result.expectation
    patterns = tuple(
        (pattern.type, _key({**pattern.fields}), _key({**pattern.request}))
        for pattern in wanted.patterns
    )
    return wanted.location, wanted.dropped, wanted.code, wanted.times, patterns


def _key(want: Expected) -> Hashable:
    if isinstance(want, Matcher):
        return want.describe().text
    if isinstance(want, dict):
        return tuple((key, _key(member)) for key, member in want.items())
    return tuple(map(_key, want)) if isinstance(want, list) else repr(want)


IGNORED = dict.fromkeys(Policy, Level.IGNORE)
"""The levels of a look that asks for the expected calls only."""
SILENT = dict.fromkeys(Policy, Level.FAIL)
"""The levels where nothing may arrive."""

CLOSED = "the session is closed, and no call can come any more"
"""What a failure begins with then."""

# Pytest puts four characters before each line.
_OPTIONS = ReportOptions(width=96, list_calls=False)


def lacking(scenario: Scenario, evidence: Evidence) -> Verdict | None:
    """The verdict on a scenario of one step, if it lacks calls or has some that are banned.

    What comes too often is left to the end: other expectations may yet claim it.
    """
    verdict = verify([replace(loosened(scenario), levels=IGNORED)], evidence)
    met = all(result.met for result in verdict.scenarios[0].expectations)
    return None if met else as_given(verdict, scenario)


def as_given(verdict: Verdict, scenario: Scenario) -> Verdict:
    """A verdict on a scenario that was loosened, with the expectations as they were given."""
    (result,) = verdict.scenarios
    ours, theirs = result.scenario.steps[0].expectations, scenario.steps[0].expectations
    given = {id(loose): expectation for loose, expectation in zip(ours, theirs, strict=True)}
    told = [
        replace(result, expectation=given[id(result.expectation)]) for result in result.expectations
    ]
    return _with(verdict, told)


def loosened(scenario: Scenario) -> Scenario:
    """A scenario of one step that lets calls come more often than it says, but for bans.

    Its levels are those of silence, or none: others may yet expect what it does not.
    """
    (step,) = scenario.steps
    loose = tuple(_relaxed(expectation) for expectation in step.expectations)
    levels = SILENT if scenario.levels == SILENT else IGNORED
    return replace(scenario, steps=(replace(step, expectations=loose),), levels=levels)


def as_reached(evidence: Evidence) -> Evidence:
    """Evidence of silence that needs no proof: as if some client had connected."""
    if evidence.hits or evidence.connections:
        return evidence
    return replace(evidence, connections=1)


def verify_unproven(scenarios: Sequence[Scenario], evidence: Evidence) -> Verdict:
    """The verdict where silence needs no proof."""
    verdict = verify(scenarios, as_reached(evidence))
    return replace(verdict, connections=evidence.connections)


def headline(verdict: Verdict, first: Expectation | None = None) -> str:
    """The verdict in one line: what is wrong first, and how much more there is."""
    objections = list(_objections(verdict, first))
    more = f" (and {len(objections) - 1} more)" if len(objections) > 1 else ""
    return f"{objections[0]}{more}" if objections else STATUS_WORDS[verdict.status]


def report(verdict: Verdict, ours: Collection[str] = ()) -> str:
    """The report in words. `ours` are files of tests, which nobody rewrites but their authors."""
    said, _, commands = TEXT.render(told_once(verdict), _OPTIONS).partition(f"  {ACCEPT}\n")
    others = [command for command in commands.splitlines() if command]
    if all(any(f" {file} " in command for file in ours) for command in others):
        return said.rstrip()
    return f"{said}  {ACCEPT}\n    run it again with --pixel-update"


def message(
    verdict: Verdict,
    ours: Collection[str] = (),
    *,
    first: Expectation | None = None,
    hint: str = "",
) -> str:
    """What an assertion says that fails with this verdict, about `first` before all others."""
    begin = f"{headline(told_once(verdict), first)}\n{hint}".rstrip()
    return f"{begin}\n\n{report(verdict, ours)}"


def places(verdict: Verdict) -> Iterator[Location]:
    """Where the expectations stand that are not met."""
    for scenario in verdict.scenarios:
        yield from (
            result.expectation.location
            for step in scenario.steps
            if step.reached
            for result in step.expectations
            if not result.met
        )


def _relaxed(wanted: Expectation) -> Expectation:
    banned = wanted.times.high == 0
    return replace(wanted, times=wanted.times if banned else Times(wanted.times.low, None))


def _with(verdict: Verdict, results: Sequence[ExpectationResult]) -> Verdict:
    """The verdict on one step, with these results of its expectations."""
    (scenario,) = verdict.scenarios
    (step,) = scenario.steps
    told = replace(
        step,
        expectations=tuple(results),
        step=replace(step.step, expectations=tuple(result.expectation for result in results)),
    )
    wanted = replace(scenario.scenario, steps=(told.step,))
    return replace(verdict, scenarios=(replace(scenario, scenario=wanted, steps=(told,)),))


def _is(result: ExpectationResult, wanted: Expectation | None) -> bool:
    """Whether it is about this expectation, or one that says the same on the same line."""
    told = result.expectation
    return wanted is not None and (told.location, told.line) == (wanted.location, wanted.line)


def _objections(verdict: Verdict, first: Expectation | None) -> Iterator[str]:
    findings = unexplained(verdict.policy_hits, verdict.scenarios)
    for index, scenario in enumerate(verdict.scenarios):
        for result in sorted(scenario.expectations, key=lambda result: not _is(result, first)):
            if result.reached and not result.met:
                yield f"{expectation_line(result.expectation)}: {wanted_got(result)}"
        failing = [hit for hit in findings if hit.levels[index] is Level.FAIL]
        for kind, said in run_failures(scenario, failing):
            yield f"{kind}: {said}"
        if scenario.status is Status.UNDECIDED:
            yield UNDECIDED
    yield from (f"{GAPS}: {gap}" for gap in verdict.gaps)


@dataclass(frozen=True, slots=True)
class Window:
    """The calls that somebody looks at: behind number `after`, up to `last`; None for all."""

    after: int = 0
    last: int | None = None

    def holds(self, hit: Hit) -> bool:
        """Whether the call is one of them."""
        return self.after < hit.seq and (self.last is None or hit.seq <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windowed(Pattern):
    """A pattern that matches only what its window holds."""

    window: Window = Window()

    def solutions(self, hit: Hit) -> Iterator[Constraints]:
        return Pattern.solutions(self, hit) if self.window.holds(hit) else iter(())


def wishes(scenario: Scenario, window: Window) -> Scenario:
    """What a scenario may take of the calls in its window, as often as they come; it fails for
    nothing."""
    wanted = (expectation for expectation in scenario.expectations if expectation.times.high != 0)
    loose = tuple(
        replace(_seen(expectation, window), times=Times(0, None), id="", after="", within=None)
        for expectation in wanted
    )
    return replace(_bare(scenario), steps=(Step(expectations=loose),))


def demands(scenario: Scenario, window: Window) -> Scenario:
    """What a scenario wants of the calls in its window, and nothing else: no policy, no state."""
    steps = (
        replace(
            step,
            expectations=tuple(
                replace(_seen(expectation, window), within=None)
                for expectation in step.expectations
            ),
        )
        for step in scenario.steps
    )
    return replace(_bare(scenario), steps=tuple(steps))


def verify_beside(
    scenarios: Sequence[Scenario], beside: Sequence[Scenario], evidence: Evidence
) -> tuple[Verdict, frozenset[int]]:
    """The verdict on scenarios that have others beside them, and the calls that those take.

    Without any scenario nothing is wanted.
    """
    # Where nothing came the others take nothing: to them, the silence would have to be proven.
    others = beside if evidence.hits else ()
    whole = verify([*scenarios, *others] or [Scenario(levels=IGNORED)], evidence)
    count = len(scenarios)
    findings = (replace(hit, levels=hit.levels[:count]) for hit in whole.policy_hits)
    verdict = replace(
        whole,
        scenarios=whole.scenarios[:count],
        policy_hits=tuple(hit for hit in findings if set(hit.levels) != {Level.IGNORE}),
    )
    return verdict, claims_of(whole.scenarios[count:])


def claims_of(results: Sequence[ScenarioResult]) -> frozenset[int]:
    """The numbers of the calls that scenarios claim."""
    return frozenset(
        hit.seq for result in results for wanted in result.expectations for hit in wanted.claims
    )


def without(evidence: Evidence, claimed: Collection[int]) -> Evidence:
    """The evidence but for some of its calls."""
    if not claimed:
        return evidence
    return replace(evidence, hits=tuple(hit for hit in evidence.hits if hit.seq not in claimed))


def _bare(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        levels=IGNORED,
        same_event=False,
        forbidden=(),
        state=None,
        plans={},
        plan_files={},
    )


def _seen(wanted: Expectation, window: Window) -> Expectation:
    return replace(wanted, patterns=tuple(_within(pattern, window) for pattern in wanted.patterns))


def _within(pattern: Pattern, window: Window) -> Pattern:
    return _Windowed(
        type=pattern.type,
        fields=pattern.fields,
        request=pattern.request,
        has_now=pattern.has_now,
        window=window,
    )
