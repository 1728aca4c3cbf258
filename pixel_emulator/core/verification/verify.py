"""Verify scenarios against the evidence of a run: claims, policies, rules, plans and profiles."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.profiles.identity import fold, state_mismatches
from pixel_emulator.core.scenarios.scenario import Level, Scenario, with_masked_keys
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import MATCH_BUDGET
from pixel_emulator.core.verification.components import MatchGraph
from pixel_emulator.core.verification.demands import DemandPlan
from pixel_emulator.core.verification.explain import explain
from pixel_emulator.core.verification.policies import (
    forbidden_values,
    limited_to_case,
    policy_hits,
    policy_hits_of,
)
from pixel_emulator.core.verification.solve import BUDGET, solve
from pixel_emulator.core.verification.verdict import (
    CLIENTS_PAGE,
    ExpectationResult,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)

SILENCE_UNPROVEN = (
    "nothing reached the emulator, so silence is not proven: does the client use its proxy? "
    f"{CLIENTS_PAGE}"
)


def verify(
    scenarios: Sequence[Scenario],
    evidence: Evidence,
    *,
    step_count: int | None = None,
    budget: int = BUDGET,
    match_budget: int = MATCH_BUDGET,
) -> Verdict:
    """Return the verdict on all scenarios, which share the calls of the evidence.

    Each call that an expectation of any scenario matches is claimed by exactly one expectation,
    or is an extra call of one; it is unexpected to no scenario. A call that matches an expectation
    with `times: 0` is an extra call of it, even if another expectation could claim it. Variables
    get the values of the assignment of least cost (see the package docstring).

    `step_count` is the number of steps of each scenario to verify, None for all. `budget` limits
    the search, `match_budget` the matching of patterns with variables before it. If one of them is
    spent before the result is proven, the verdict is undecided.

    Raises ValueError without a scenario.
    """
    if not scenarios:
        raise ValueError("without a scenario there is no verdict")
    if evidence.masked:
        scenarios = with_masked_keys(scenarios, evidence.hits)
    step_counts = [
        len(scenario.steps) if step_count is None else min(step_count, len(scenario.steps))
        for scenario in scenarios
    ]
    verification = _Verification(scenarios, evidence, step_counts, budget, match_budget)
    tried = [verification.tried_steps(index) for index in range(len(scenarios))]
    if tried != step_counts:
        shorter = _Verification(scenarios, evidence, tried, budget, match_budget)
        # Steps that never ran have no unmet expectations; they must still not count as a pass.
        if all(
            shorter.has_failed(index)
            for index, count in enumerate(tried)
            if count != step_counts[index]
        ):
            verification = shorter
    return verification.verdict()


class _Verification:
    """The result of the first `step_counts[n]` steps of each scenario."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        evidence: Evidence,
        step_counts: Sequence[int],
        budget: int,
        match_budget: int,
    ) -> None:
        self.scenarios = scenarios
        self.evidence = evidence
        self.step_counts = step_counts
        plan = DemandPlan(scenarios, evidence, step_counts)
        self.marked = plan.marked
        graph = MatchGraph(scenarios, plan, evidence.hits, match_budget=match_budget)
        self.assignment = solve(graph, budget)
        # Scenarios that a call fails only if no expectation matches it, which is uncertain.
        self.uncertain = {
            scenario_index
            for position in self.assignment.uncertain
            for policy_hit in policy_hits_of(scenarios, evidence.hits[position], ())
            for scenario_index, level in enumerate(policy_hit.levels)
            if level is Level.FAIL
        }
        is_silent = not evidence.hits and not evidence.connections
        unproven = is_silent and not all(map(_requires_calls, scenarios))
        self.gaps = (*evidence.gaps, SILENCE_UNPROVEN) if unproven else evidence.gaps
        results = explain(self.assignment, evidence.hits, masked=evidence.masked)
        self.results: dict[tuple[int, int], list[tuple[int, ExpectationResult]]] = {}
        close_to: dict[int, int] = {}
        for demand, result in zip(plan.demands, results, strict=True):
            step = (demand.scenario_index, demand.step)
            self.results.setdefault(step, []).append((demand.index, result))
            close_to |= {id(call.hit): demand.scenario_index for call in result.closest_calls}
        matched_by = [
            {plan.demands[index].scenario_index for index in matched}
            for matched in self.assignment.matched
        ]
        self.policy_hits = tuple(
            limited_to_case(policy_hit, scenarios, close_to.get(id(policy_hit.hit)))
            for policy_hit in policy_hits(scenarios, evidence.hits, matched_by)
        )

    def tried_steps(self, scenario_index: int) -> int:
        """Return the number of steps of a scenario that were tried: those up to the first that
        failed, and those that the evidence mentions."""
        scenario, step_count = self.scenarios[scenario_index], self.step_counts[scenario_index]
        titles = [scenario.step_title(step) for step in scenario.steps]
        if not self.marked[scenario_index] and not self.evidence.acted.keys() & set(titles):
            return step_count
        mentioned = {hit.step for hit in self.evidence.hits} | self.evidence.acted.keys()
        last = max(number for number, title in enumerate(titles) if title in mentioned)
        failed = (n for n in range(step_count) if self._status(scenario_index, n) is Status.UNMET)
        return min(step_count, max(last, next(failed, step_count)) + 1)

    def has_failed(self, scenario_index: int) -> bool:
        """Return True if a step of a scenario failed."""
        numbers = range(self.step_counts[scenario_index])
        return any(self._status(scenario_index, n) is Status.UNMET for n in numbers)

    def verdict(self) -> Verdict:
        """Return the verdict on the whole run."""
        return Verdict(
            scenarios=tuple(map(self._scenario, range(len(self.scenarios)))),
            policy_hits=self.policy_hits,
            hits=self.evidence.hits,
            connections=self.evidence.connections,
            gaps=self.gaps,
        )

    def _scenario(self, scenario_index: int) -> ScenarioResult:
        scenario, hits = self.scenarios[scenario_index], self.evidence.hits
        bindings = self.assignment.bindings(scenario_index)
        is_complete = self.step_counts[scenario_index] >= len(scenario.steps)
        steps = tuple(self._step(scenario_index, number) for number in range(len(scenario.steps)))
        forbidden = tuple(forbidden_values(scenario.forbidden, hits, bindings))
        state: tuple[Mismatch, ...] = ()
        if scenario.state is not None and is_complete:
            graph = fold(hits, scenario.given.profiles)
            state = state_mismatches(scenario.state, graph, bindings)
        violating = tuple(
            (hit, violation)
            for hit in (hits if scenario.plans else ())
            for violation in violations(scenario.plans, hit)
        )
        uncertain = {id(hits[position]) for position in self.assignment.uncertain}
        is_uncertain = {
            id(policy_hit.hit) in uncertain
            for policy_hit in self.policy_hits
            if policy_hit.levels[scenario_index] is Level.FAIL
        }
        statuses = {step.status for step in steps if step.reached}
        # If the values of variables are undecided, nothing that depends on them counts as wrong.
        decided = Status.UNDECIDED not in statuses
        wrong = (
            bool(violating)
            or (bool(state) and (decided or not variable_names(scenario.state)))
            or any(decided or not variable_names(value.forbidden.contains) for value in forbidden)
        )
        if wrong or False in is_uncertain or Status.UNMET in statuses:
            status = Status.UNMET
        elif not decided or scenario_index in self.uncertain:
            status = Status.UNDECIDED
        else:
            status = Status.INCOMPLETE if self.gaps else Status.MET
        return ScenarioResult(
            scenario=scenario,
            steps=steps,
            status=status,
            bindings=bindings,
            forbidden_values=forbidden,
            state=state,
            violations=violating,
        )

    def _step(self, scenario_index: int, number: int) -> StepResult:
        step = self.scenarios[scenario_index].steps[number]
        if number >= self.step_counts[scenario_index]:
            not_tried = (
                ExpectationResult(expectation=expectation, claims=(), reached=False)
                for expectation in step.expectations
            )
            return StepResult(
                step=step, expectations=tuple(not_tried), status=Status.UNMET, reached=False
            )
        results = tuple(result for _, result in self.results.get((scenario_index, number), ()))
        return StepResult(
            step=step, expectations=results, status=self._status(scenario_index, number)
        )

    def _status(self, scenario_index: int, number: int) -> Status:
        """Return the status of the expectations of a step."""
        status = Status.MET
        for index, result in self.results.get((scenario_index, number), ()):
            if index in self.assignment.undecided:
                status = Status.UNDECIDED
            elif not result.met:
                return Status.UNMET
        return status


def _requires_calls(scenario: Scenario) -> bool:
    """Return True if a scenario expects at least one call, so that silence fails it."""
    return any(expectation.times.low for expectation in scenario.expectations)


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict with the results of several, each on calls of its own.

    The policy hits of one verdict are ignored by the scenarios of the others. A gap that several
    verdicts have is listed once.

    Raises ValueError without a verdict.
    """
    if not verdicts:
        raise ValueError("without a verdict there is none of them all")
    return Verdict(
        scenarios=tuple(scenario for verdict in verdicts for scenario in verdict.scenarios),
        policy_hits=tuple(_merged_policy_hits(verdicts)),
        hits=tuple(hit for verdict in verdicts for hit in verdict.hits),
        connections=sum(verdict.connections for verdict in verdicts),
        command=next((verdict.command for verdict in verdicts if verdict.command), None),
        gaps=tuple(dict.fromkeys(gap for verdict in verdicts for gap in verdict.gaps)),
    )


def _merged_policy_hits(verdicts: Sequence[Verdict]) -> Iterator[PolicyHit]:
    total = sum(len(verdict.scenarios) for verdict in verdicts)
    before = 0
    for verdict in verdicts:
        for policy_hit in verdict.policy_hits:
            after = total - before - len(policy_hit.levels)
            levels = (*[Level.IGNORE] * before, *policy_hit.levels, *[Level.IGNORE] * after)
            yield replace(policy_hit, levels=levels)
        before += len(verdict.scenarios)
