"""Watching a run: whether the scenarios are met, may still be, or can no longer be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from pixel_emulator.core.matching.bipartite import Bounds, Group, deficit
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario, with_masked_keys
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import ALWAYS, MATCH_BUDGET, Candidate
from pixel_emulator.core.verification.components import MatchGraph
from pixel_emulator.core.verification.demands import DemandPlan
from pixel_emulator.core.verification.policies import forbidden_values, policy_hits_of
from pixel_emulator.core.verification.solve import BUDGET, can_still_be_met
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify

_FEW = 500  # calls that are searched anew with each look; of more, only now and then
_SELDOM = 50  # searches while the number of calls grows by its own size


class Outlook(StrEnum):
    """What may become of scenarios while more calls come."""

    MET = "met"
    OPEN = "open"
    IMPOSSIBLE = "impossible"
    UNDECIDED = "undecided"


class LiveVerdict:
    """Looks at evidence that grows: a look costs about as much as what is new in it.

    A search over many calls is not made again with each of them. Until enough are new the
    prospect is then `open`; a look that has no new calls always searches.
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
        self._bounds = budget, match_budget
        self._view: _View | None = None

    def update(self, evidence: Evidence) -> Outlook:
        """What may become of the scenarios; the hits are those of the last look, and more.

        `impossible` holds for whatever may come. Gaps in the evidence are not looked at.
        """
        view = self._view
        if view is None or not view.still_holds(evidence):
            scenarios = self._given
            if evidence.masked:
                scenarios = with_masked_keys(scenarios, evidence.hits)
            view = self._view = _View(scenarios, self._step_count, self._bounds, evidence)
        return view.update(evidence)


class _View:
    """What has been learnt, as long as the steps keep their begins and the calls their marks."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        step_count: int | None,
        bounds: tuple[int, int],
        evidence: Evidence,
    ) -> None:
        self.scenarios = scenarios
        self.step_count = step_count
        self.budget, match_budget = bounds
        self.acted = dict(evidence.acted)
        self.masked = evidence.masked
        reach = [len(each.steps) if step_count is None else step_count for each in scenarios]
        self.layout = DemandPlan(scenarios, evidence, reach, live=True)
        self.unmarked = {
            scenario.step_title(step)
            for scenario, marked in zip(scenarios, self.layout.marked, strict=True)
            if not marked and len(scenario.steps) > 1
            for step in scenario.steps
        }
        self.case = MatchGraph(scenarios, self.layout, (), match_budget=match_budget)
        self.places: list[tuple[tuple[int, ...], Group | None]] = []
        self.counted: dict[int, int] = {}
        self.supply: Counter[int] = Counter()
        self.groups: Counter[Group] = Counter()
        self.hard = any(each.constrained for each in self.layout.slots)
        self.failing = self.hopeless = False
        self.searched = 0
        # These depend on the values of variables, or on what comes last.
        self.late = any(
            each.state is not None
            or any(variable_names(denial.contains) for denial in each.forbidden)
            for each in scenarios
        )

    def still_holds(self, evidence: Evidence) -> bool:
        """Whether what was learnt is still true."""
        known = len(self.case.hits)
        new = evidence.hits[known:]
        return (
            len(evidence.hits) >= known > 0
            and evidence.hits[known - 1].request is self.case.hits[-1].request
            and (self.acted, self.masked) == (evidence.acted, evidence.masked)
            and not any(hit.step in self.unmarked for hit in new)
        )

    def update(self, evidence: Evidence) -> Outlook:
        """What may become of it now."""
        new = evidence.hits[len(self.case.hits) :]
        for hit in new:
            self._take(hit)
        has_news = self._count(evidence.hits) or bool(new)
        if self.hopeless:
            return Outlook.IMPOSSIBLE
        prospect = self._of_claims(evidence, has_news=has_news)
        return Outlook.OPEN if self.failing and prospect is Outlook.MET else prospect

    def _count(self, hits: Sequence[Hit]) -> bool:
        """Count what the calls stand for by now; whether it is more than before."""
        has_news = False
        for position, hit in enumerate(hits):
            known = self.counted.get(position, 0)
            if hit.alike != known:
                has_news = True
                self.counted[position] = hit.alike
                self.case.hits[position] = hit
                slots, group = self.places[position]
                for index in slots:
                    self.supply[index] += hit.alike - known
                if group is not None:
                    self.groups[group] += hit.alike - known
        return has_news

    def _of_claims(self, evidence: Evidence, *, has_news: bool) -> Outlook:
        enough = all(self.supply[each.index] >= each.low for each in self.layout.slots)
        if not self.hard:
            over, lacking = deficit(self.groups, self._bounds())
            if over and not self.layout.floating:
                return Outlook.IMPOSSIBLE
            if over or lacking or not self.late:
                return Outlook.OPEN if over or lacking else Outlook.MET
        count = len(self.case.hits)
        if has_news and count > _FEW and count < self.searched + count // _SELDOM:
            return Outlook.OPEN
        self.searched = count
        return self._search(evidence, enough=enough)

    def _search(self, evidence: Evidence, *, enough: bool) -> Outlook:
        met = can_still_be_met(self.case, self.case.pool, self.budget) if enough else False
        if met:
            verdict = (
                verify(self.scenarios, evidence, step_count=self.step_count) if self.late else None
            )
            unmet = verdict and any(each.status is Status.UNMET for each in verdict.scenarios)
            return Outlook.OPEN if unmet else Outlook.MET
        hope = can_still_be_met(self.case, replace(self.case.pool, live=True), self.budget)
        if hope is False:
            return Outlook.OPEN if self.layout.floating else Outlook.IMPOSSIBLE
        return Outlook.UNDECIDED if hope is None or met is None else Outlook.OPEN

    def _bounds(self) -> list[Bounds]:
        most = len(self.case.hits) + sum(self.counted.values())
        return [
            (each.low, max(most, each.low) if each.high is None else each.high)
            for each in self.layout.slots
        ]

    def _take(self, hit: Hit) -> None:
        edges = self.case.add(hit)
        self.hard |= bool(self.case.edges.cut)
        at = len(self.case.hits) - 1
        self.supply.update(index for index, _ in edges)
        group: Group | None = None
        if all(ways is ALWAYS for _, ways in edges):
            if edges:
                group = tuple(i for i, _ in edges if self.case.pool.may_claim(at, i))
                self.groups[group] += 1
        else:
            self.hard = True
        self.places.append((tuple(index for index, _ in edges), group))
        self.failing |= not self.case.unsure and self._fails(hit, edges)
        self.hopeless |= self._objected(hit) or (self.failing and not self.layout.floating)

    def _objected(self, hit: Hit) -> bool:
        """Whether something is wrong with the call whatever it is taken for."""
        return any(
            next(forbidden_values(each.forbidden, [hit], {}), None)
            or next(violations(each.plans, hit), None)
            if each.plans
            else next(forbidden_values(each.forbidden, [hit], {}), None)
            for each in self.scenarios
        )

    def _fails(self, hit: Hit, edges: tuple[Candidate, ...]) -> bool:
        """Whether the call fails a scenario whatever the values of variables are."""
        slots = self.layout.slots
        free = [index for index, ways in edges if ways is ALWAYS]
        if any(slots[index].forbids for index in free):
            return True
        if len(free) == len(edges):
            wanted = {slots[index].scenario_index for index in free}
            return any(
                each.level is Level.FAIL for each in policy_hits_of(self.scenarios, hit, wanted)
            )
        # Whoever wants a damaged call in the end, it fails one of them if it fails each.
        return any(
            each.policy is Policy.DAMAGED and set(each.levels) == {Level.FAIL}
            for each in policy_hits_of(self.scenarios, hit, ())
        )
