"""Scenarios that share calls with others: what the others may want is unexpected to none."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pixel_emulator.core.matching.expected import Constraints
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.model import Level, Scenario, Step
from pixel_emulator.core.verification.verdict import ScenarioResult, Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.judging import IGNORED


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
    wanted = (each for each in scenario.expectations if each.times.high != 0)
    loose = tuple(
        replace(_seen(each, window), times=Times(0, None), id="", after="", within=None)
        for each in wanted
    )
    return replace(_bare(scenario), steps=(Step(expectations=loose),))


def demands(scenario: Scenario, window: Window) -> Scenario:
    """What a scenario wants of the calls in its window, and nothing else: no policy, no state."""
    steps = (
        replace(
            step,
            expectations=tuple(
                replace(_seen(each, window), within=None) for each in step.expectations
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
    findings = (replace(each, levels=each.levels[:count]) for each in whole.policy_hits)
    verdict = replace(
        whole,
        scenarios=whole.scenarios[:count],
        policy_hits=tuple(each for each in findings if set(each.levels) != {Level.IGNORE}),
    )
    return verdict, claims_of(whole.scenarios[count:])


def claims_of(results: Sequence[ScenarioResult]) -> frozenset[int]:
    """The numbers of the calls that scenarios claim."""
    return frozenset(
        hit.seq for each in results for wanted in each.expectations for hit in wanted.claims
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
    return replace(wanted, patterns=tuple(_within(each, window) for each in wanted.patterns))


def _within(pattern: Pattern, window: Window) -> Pattern:
    return _Windowed(
        type=pattern.type,
        fields=pattern.fields,
        request=pattern.request,
        has_now=pattern.has_now,
        window=window,
    )
