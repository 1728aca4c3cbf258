"""Verdicts on a run in progress: scenarios are met, may still be met, or can no longer be met."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from pixel_emulator.core.matching.bipartite import Bounds, Group, deficit
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.scenario import Level, Policy, Scenario, with_masked_keys
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import ALWAYS, MATCH_BUDGET, Candidate
from pixel_emulator.core.verification.components import MatchGraph
from pixel_emulator.core.verification.demands import DemandPlan
from pixel_emulator.core.verification.policies import forbidden_values, policy_hits_of
from pixel_emulator.core.verification.solve import BUDGET, can_still_be_met
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify

_ALWAYS_SEARCHED = 500  # up to so many calls each update searches; of more, only some updates do
_SEARCHES_PER_DOUBLING = 50  # searches while the number of calls grows by its own size


class Outlook(StrEnum):
    """Result that the scenarios may have while more calls come."""

    MET = "met"
    OPEN = "open"
    IMPOSSIBLE = "impossible"
    UNDECIDED = "undecided"


class LiveVerdict:
    """The outlook on evidence that grows; an update costs about as much as the calls that are new.

    If there are many calls, an update with new ones does not always search: the outlook is then
    `open` until enough are new. An update without new calls always searches.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        *,
        step_count: int | None = None,
        budget: int = BUDGET,
        match_budget: int = MATCH_BUDGET,
    ) -> None:
        self._given = scenarios
        self._step_count = step_count
        self._budgets = budget, match_budget
        self._state: _IncrementalState | None = None

    def update(self, evidence: Evidence) -> Outlook:
        """Return the outlook; the hits are those of the last update, and further ones.

        `impossible` holds whatever calls may come. Gaps in the evidence are not considered.
        """
        state = self._state
        if state is None or not state.is_valid_for(evidence):
            scenarios = self._given
            if evidence.masked:
                scenarios = with_masked_keys(scenarios, evidence.hits)
            state = self._state = _IncrementalState(
                scenarios, self._step_count, self._budgets, evidence
            )
        return state.update(evidence)


class _IncrementalState:
    """What was computed from the calls so far.

    It is valid as long as the steps keep their starts and the calls their step marks.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        step_count: int | None,
        budgets: tuple[int, int],
        evidence: Evidence,
    ) -> None:
        self.scenarios = scenarios
        self.step_count = step_count
        self.budget, match_budget = budgets
        self.acted = dict(evidence.acted)
        self.masked = evidence.masked
        step_counts = [len(s.steps) if step_count is None else step_count for s in scenarios]
        self.plan = DemandPlan(scenarios, evidence, step_counts, live=True)
        self.unmarked_steps = {
            scenario.step_title(step)
            for scenario, marked in zip(scenarios, self.plan.marked, strict=True)
            if not marked and len(scenario.steps) > 1
            for step in scenario.steps
        }
        self.graph = MatchGraph(scenarios, self.plan, (), match_budget=match_budget)
        self.matches: list[tuple[tuple[int, ...], Group | None]] = []
        self.alike: dict[int, int] = {}
        self.supply: Counter[int] = Counter()
        self.groups: Counter[Group] = Counter()
        self.needs_search = any(demand.is_constrained for demand in self.plan.demands)
        self.has_failure = self.is_impossible = False
        self.searched_calls = 0
        # Rules that depend on the values of variables, or on the last calls.
        self.has_final_rules = any(
            scenario.state is not None
            or any(variable_names(rule.contains) for rule in scenario.forbidden)
            for scenario in scenarios
        )

    def is_valid_for(self, evidence: Evidence) -> bool:
        """Return True if the evidence only adds calls that this state allows."""
        count = len(self.graph.hits)
        new = evidence.hits[count:]
        return (
            len(evidence.hits) >= count > 0
            and evidence.hits[count - 1].request is self.graph.hits[-1].request
            and (self.acted, self.masked) == (evidence.acted, evidence.masked)
            and not any(hit.step in self.unmarked_steps for hit in new)
        )

    def update(self, evidence: Evidence) -> Outlook:
        """Return the outlook with the new calls."""
        new = evidence.hits[len(self.graph.hits) :]
        for hit in new:
            self._add(hit)
        has_news = self._update_alike(evidence.hits) or bool(new)
        if self.is_impossible:
            return Outlook.IMPOSSIBLE
        outlook = self._outlook(evidence, has_news=has_news)
        return Outlook.OPEN if self.has_failure and outlook is Outlook.MET else outlook

    def _update_alike(self, hits: Sequence[Hit]) -> bool:
        """Update the numbers of calls that calls stand for; return True if any has changed."""
        has_changed = False
        for position, hit in enumerate(hits):
            before = self.alike.get(position, 0)
            if hit.alike != before:
                has_changed = True
                self.alike[position] = hit.alike
                self.graph.hits[position] = hit
                demands, group = self.matches[position]
                for index in demands:
                    self.supply[index] += hit.alike - before
                if group is not None:
                    self.groups[group] += hit.alike - before
        return has_changed

    def _outlook(self, evidence: Evidence, *, has_news: bool) -> Outlook:
        enough = all(self.supply[demand.index] >= demand.low for demand in self.plan.demands)
        if not self.needs_search:
            extra, missing = deficit(self.groups, self._bounds())
            if extra and not self.plan.has_unmarked_steps:
                return Outlook.IMPOSSIBLE
            if extra or missing or not self.has_final_rules:
                return Outlook.OPEN if extra or missing else Outlook.MET
        count = len(self.graph.hits)
        next_search = self.searched_calls + count // _SEARCHES_PER_DOUBLING
        if has_news and count > _ALWAYS_SEARCHED and count < next_search:
            return Outlook.OPEN
        self.searched_calls = count
        return self._search(evidence, enough=enough)

    def _search(self, evidence: Evidence, *, enough: bool) -> Outlook:
        instance = self.graph.instance
        met = can_still_be_met(self.graph, instance, self.budget) if enough else False
        if met:
            return Outlook.OPEN if self._is_unmet(evidence) else Outlook.MET
        possible = can_still_be_met(self.graph, replace(instance, live=True), self.budget)
        if possible is False:
            return Outlook.OPEN if self.plan.has_unmarked_steps else Outlook.IMPOSSIBLE
        return Outlook.UNDECIDED if possible is None or met is None else Outlook.OPEN

    def _is_unmet(self, evidence: Evidence) -> bool:
        """Return True if a scenario with final rules would be unmet if no more calls came."""
        if not self.has_final_rules:
            return False
        verdict = verify(self.scenarios, evidence, step_count=self.step_count)
        return any(result.status is Status.UNMET for result in verdict.scenarios)

    def _bounds(self) -> list[Bounds]:
        most = len(self.graph.hits) + sum(self.alike.values())
        return [
            (demand.low, max(most, demand.low) if demand.high is None else demand.high)
            for demand in self.plan.demands
        ]

    def _add(self, hit: Hit) -> None:
        candidates = self.graph.add(hit)
        self.needs_search |= bool(self.graph.finder.truncated)
        position = len(self.graph.hits) - 1
        self.supply.update(index for index, _ in candidates)
        group: Group | None = None
        if all(solutions is ALWAYS for _, solutions in candidates):
            if candidates:
                instance = self.graph.instance
                group = tuple(i for i, _ in candidates if instance.is_in_time(position, i))
                self.groups[group] += 1
        else:
            self.needs_search = True
        self.matches.append((tuple(index for index, _ in candidates), group))
        self.has_failure |= not self.graph.uncertain and self._fails(hit, candidates)
        self.is_impossible |= self._breaks_rule(hit) or (
            self.has_failure and not self.plan.has_unmarked_steps
        )

    def _breaks_rule(self, hit: Hit) -> bool:
        """Return True if the call is wrong whichever expectation claims it."""
        return any(
            next(forbidden_values(scenario.forbidden, [hit], {}), None)
            or (scenario.plans and next(violations(scenario.plans, hit), None))
            for scenario in self.scenarios
        )

    def _fails(self, hit: Hit, candidates: tuple[Candidate, ...]) -> bool:
        """Return True if the call fails a scenario whatever the values of variables are."""
        demands = self.plan.demands
        unconditional = [index for index, solutions in candidates if solutions is ALWAYS]
        if any(demands[index].forbids for index in unconditional):
            return True
        if len(unconditional) == len(candidates):
            matching = {demands[index].scenario_index for index in unconditional}
            policy_hits = policy_hits_of(self.scenarios, hit, matching)
            return any(policy_hit.level is Level.FAIL for policy_hit in policy_hits)
        # A damaged call that fails every scenario fails the one that expects it in the end.
        return any(
            policy_hit.policy is Policy.DAMAGED and set(policy_hit.levels) == {Level.FAIL}
            for policy_hit in policy_hits_of(self.scenarios, hit, ())
        )
