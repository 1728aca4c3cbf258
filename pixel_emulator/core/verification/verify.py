"""Scenarios against the evidence of a run: claims, policies, denials, plans, state, stories."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.profiles.identity import fold, state_mismatches
from pixel_emulator.core.scenarios.model import Level, Scenario, with_masked_keys
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import MATCH_BUDGET
from pixel_emulator.core.verification.components import MatchGraph
from pixel_emulator.core.verification.demands import DemandPlan
from pixel_emulator.core.verification.explain import explain
from pixel_emulator.core.verification.policies import (
    for_one_row,
    forbidden_values,
    policy_hits,
    policy_hits_of,
)
from pixel_emulator.core.verification.solve import BUDGET, solve
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)

SILENCE_UNPROVEN = (
    "nothing reached the emulator, so silence is not proven: does the client use its proxy? "
    "Not all do (docs/clients.md)"
)


def verify(
    scenarios: Sequence[Scenario],
    evidence: Evidence,
    *,
    step_count: int | None = None,
    budget: int = BUDGET,
    match_budget: int = MATCH_BUDGET,
) -> Verdict:
    """Judge all scenarios over one pool of calls.

    Each call that an expectation of any scenario matches is claimed by exactly one of them all,
    or is too many for one; it is unexpected to none. An expectation with `times: 0` is a ban: what
    matches it is too many for it, whatever else could claim the call. Variables get the values
    with which the least is left to be wished for. `step_count` is how many steps of each scenario
    are judged, None for all. `budget` bounds the search, and `match_budget` what comes before it:
    finding out which calls match where variables are. Where one is spent before an answer is found
    the verdict is undecided. Raises ValueError without a scenario.
    """
    if not scenarios:
        raise ValueError("without a scenario there is no verdict")
    if evidence.masked:
        scenarios = with_masked_keys(scenarios, evidence.hits)
    reach = [
        len(each.steps) if step_count is None else min(step_count, len(each.steps))
        for each in scenarios
    ]
    judgement = _Verification(scenarios, evidence, reach, budget, match_budget)
    tried = [judgement.tried(scenario_index) for scenario_index in range(len(scenarios))]
    if tried != reach:
        shorter = _Verification(scenarios, evidence, tried, budget, match_budget)
        # What was not tried asks for nothing, but a scenario may not pass because of that.
        if all(
            shorter.failed(scenario_index)
            for scenario_index, n in enumerate(tried)
            if n != reach[scenario_index]
        ):
            judgement = shorter
    return judgement.verdict()


class _Verification:
    """One look at the evidence, with the first `reach[n]` steps of each scenario."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        evidence: Evidence,
        reach: Sequence[int],
        budget: int,
        match_budget: int,
    ) -> None:
        self.scenarios = scenarios
        self.evidence = evidence
        self.reach = reach
        layout = DemandPlan(scenarios, evidence, reach)
        self.marked = layout.marked
        self.slots = layout.slots
        self.settlement = solve(
            MatchGraph(scenarios, layout, evidence.hits, match_budget=match_budget), budget
        )
        homes = [{self.slots[i].scenario_index for i in found} for found in self.settlement.matched]
        # A call of which it is not sure that anybody wants it may be wrong for some.
        self.unsure = {
            scenario_index
            for position in self.settlement.unsure
            for each in policy_hits_of(scenarios, evidence.hits[position], ())
            for scenario_index, level in enumerate(each.levels)
            if level is Level.FAIL
        }
        silence = not evidence.hits and not evidence.connections
        unproven = silence and not all(map(_asks, scenarios))
        self.gaps = (*evidence.gaps, SILENCE_UNPROVEN) if unproven else evidence.gaps
        told = explain(self.settlement, evidence.hits, masked=evidence.masked)
        self.told: dict[tuple[int, int], list[tuple[int, ExpectationResult]]] = {}
        for slot, result in zip(self.slots, told, strict=True):
            self.told.setdefault((slot.scenario_index, slot.step), []).append((slot.index, result))
        beside = {
            id(near.hit): slot.scenario_index
            for slot, result in zip(self.slots, told, strict=True)
            for near in result.closest_calls
        }
        found = policy_hits(scenarios, evidence.hits, homes)
        self.policy_hits = tuple(
            for_one_row(each, scenarios, beside.get(id(each.hit))) for each in found
        )

    def tried(self, scenario_index: int) -> int:
        """How many steps of a scenario were tried: none behind one that failed, but for those
        that the evidence knows of."""
        scenario, reach = self.scenarios[scenario_index], self.reach[scenario_index]
        titles = [scenario.step_title(each) for each in scenario.steps]
        if not self.marked[scenario_index] and not self.evidence.acted.keys() & set(titles):
            return reach
        known = {hit.step for hit in self.evidence.hits} | self.evidence.acted.keys()
        last = max(number for number, title in enumerate(titles) if title in known)
        failed = (n for n in range(reach) if self._status(scenario_index, n) is Status.UNMET)
        return min(reach, max(last, next(failed, reach)) + 1)

    def failed(self, scenario_index: int) -> bool:
        """Whether a step of a scenario failed."""
        statuses = (
            self._status(scenario_index, number) for number in range(self.reach[scenario_index])
        )
        return Status.UNMET in statuses

    def verdict(self) -> Verdict:
        """All that is to be said."""
        evidence = self.evidence
        return Verdict(
            scenarios=tuple(
                self._scenario(scenario_index) for scenario_index in range(len(self.scenarios))
            ),
            policy_hits=self.policy_hits,
            hits=evidence.hits,
            connections=evidence.connections,
            gaps=self.gaps,
        )

    def _scenario(self, scenario_index: int) -> ScenarioResult:
        scenario, hits = self.scenarios[scenario_index], self.evidence.hits
        bound = self.settlement.bound(scenario_index)
        whole = self.reach[scenario_index] >= len(scenario.steps)
        steps = tuple(self._step(scenario_index, number) for number in range(len(scenario.steps)))
        denials = tuple(forbidden_values(scenario.forbidden, hits, bound))
        state: tuple[Mismatch, ...] = ()
        if scenario.state is not None and whole:
            graph = fold(hits, scenario.given.profiles)
            state = state_mismatches(scenario.state, graph, bound)
        found = tuple(
            (hit, each)
            for hit in (hits if scenario.plans else ())
            for each in violations(scenario.plans, hit)
        )
        unsure = {id(hits[position]) for position in self.settlement.unsure}
        failed = {
            id(each.hit) in unsure
            for each in self.policy_hits
            if each.levels[scenario_index] is Level.FAIL
        }
        statuses = {each.status for each in steps if each.reached}
        # Of variables whose values are undecided, nothing is wrong for certain.
        free = Status.UNDECIDED not in statuses
        wrong = (
            bool(found)
            or (bool(state) and (free or not variable_names(scenario.state)))
            or any(free or not variable_names(each.forbidden.contains) for each in denials)
        )
        if wrong or False in failed or Status.UNMET in statuses:
            status = Status.UNMET
        elif not free or scenario_index in self.unsure:
            status = Status.UNDECIDED
        else:
            status = Status.INCOMPLETE if self.gaps else Status.MET
        return ScenarioResult(
            scenario=scenario,
            steps=steps,
            status=status,
            bindings=bound,
            forbidden_values=denials,
            state=state,
            violations=found,
        )

    def _step(self, scenario_index: int, number: int) -> StepResult:
        step = self.scenarios[scenario_index].steps[number]
        if number >= self.reach[scenario_index]:
            untold = (
                ExpectationResult(expectation=each, claims=(), reached=False)
                for each in step.expectations
            )
            return StepResult(
                step=step, expectations=tuple(untold), status=Status.UNMET, reached=False
            )
        told = tuple(result for _, result in self.told.get((scenario_index, number), ()))
        return StepResult(step=step, expectations=told, status=self._status(scenario_index, number))

    def _status(self, scenario_index: int, number: int) -> Status:
        """What the claims of a step come to."""
        status = Status.MET
        for index, result in self.told.get((scenario_index, number), ()):
            if index in self.settlement.undecided:
                status = Status.UNDECIDED
            elif not result.met:
                return Status.UNMET
        return status


def _asks(scenario: Scenario) -> bool:
    """Whether it wants any call at all, so that silence fails it."""
    return any(each.times.low for each in scenario.expectations)


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict that says what all of them say.

    Each is on calls of its own; a finding of one concerns the scenarios of the others not, so
    theirs ignore it. A gap that several name is named once. Raises ValueError without a verdict.
    """
    if not verdicts:
        raise ValueError("without a verdict there is none of them all")
    return Verdict(
        scenarios=tuple(each for verdict in verdicts for each in verdict.scenarios),
        policy_hits=tuple(_findings(verdicts)),
        hits=tuple(hit for verdict in verdicts for hit in verdict.hits),
        connections=sum(each.connections for each in verdicts),
        command=next((each.command for each in verdicts if each.command), None),
        gaps=tuple(dict.fromkeys(gap for verdict in verdicts for gap in verdict.gaps)),
    )


def _findings(verdicts: Sequence[Verdict]) -> Iterator[PolicyHit]:
    total = sum(len(each.scenarios) for each in verdicts)
    before = 0
    for verdict in verdicts:
        for each in verdict.policy_hits:
            after = total - before - len(each.levels)
            levels = (*[Level.IGNORE] * before, *each.levels, *[Level.IGNORE] * after)
            yield replace(each, levels=levels)
        before += len(verdict.scenarios)
