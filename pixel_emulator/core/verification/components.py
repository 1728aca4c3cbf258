"""The assignment problem: calls with the demands that match them, split into components."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.scenario import Level, Order, Policy, Scenario
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import (
    ALWAYS,
    MATCH_BUDGET,
    Candidate,
    CandidateFinder,
    Domain,
    Solution,
    Variable,
)
from pixel_emulator.core.verification.demands import Demand, DemandPlan, claimant_of_alike
from pixel_emulator.core.verification.policies import forbidden_values, policy_hits_of

type Condition = Mapping[Variable, Collection[Hashable]]
"""The requirements of one solution: for each variable the identities that it may have."""

type Conditions = tuple[Condition, ...] | None
"""A demand matches a call if one of these conditions holds; None if it always matches."""

type Candidates = Mapping[int, Conditions]
"""The demands that may match a call."""

type CallNode = tuple[int, Candidates]
"""A call, by its position, and the demands that may match it."""

type VariableValues = Mapping[Variable, Hashable | None]
"""The identity of the value of each variable; None for a value that no call offers."""

type Claims = Mapping[int, int]
"""The demand that claims a call, by position."""


@dataclass(frozen=True, slots=True)
class Component:
    """Demands and the calls that they may match, independent of all other components."""

    demands: tuple[int, ...]
    nodes: tuple[CallNode, ...]


@dataclass(frozen=True, slots=True)
class ComponentAssignment:
    """Claims and values of a component; `cost`: missing claims, extra calls, failing policies."""

    cost: int
    claims: Claims = field(default_factory=dict)
    values: VariableValues = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemInstance:
    """What all components have in common.

    `times` are the times of the calls, by position, in microseconds since the first request.
    `unmatched_cost` is the cost of a call that no demand matches, by position, 0 if it is not
    listed. `damage_fails` holds, for a damaged call, the scenarios that fail if they claim it, if
    that is not the same for all scenarios. `live` means that more calls may come: missing claims
    then cost nothing, unless no later call could make them.
    """

    plan: DemandPlan
    domains: Mapping[Variable, Domain]
    times: list[int] = field(default_factory=list)
    unmatched_cost: dict[int, int] = field(default_factory=dict)
    damage_fails: dict[int, Collection[int]] = field(default_factory=dict)
    live: bool = False

    @property
    def demands(self) -> Sequence[Demand]:
        """All demands."""
        return self.plan.demands

    def low(self, index: int) -> int:
        """Return the number of claims that a demand without claims is missing."""
        return 0 if self.live else self.demands[index].low

    def nodes(self, candidates_by_call: Sequence[tuple[Candidate, ...]]) -> list[CallNode]:
        """Return the nodes of the calls that have candidates; equal candidates share one map."""
        shared: dict[tuple[Candidate, ...], Candidates] = {}
        for candidates in candidates_by_call:
            if candidates and candidates not in shared:
                shared[candidates] = {
                    demand: None
                    if solutions is ALWAYS
                    else tuple(self._condition(solution) for solution in solutions)
                    for demand, solutions in candidates
                }
        return [
            (position, shared[candidates])
            for position, candidates in enumerate(candidates_by_call)
            if candidates
        ]

    def groups(self, nodes: Iterable[CallNode]) -> list[tuple[Candidates, int, int]]:
        """Return the groups of equal nodes: candidates, cost of a node if unmatched, and size."""
        groups: dict[tuple[int, int], tuple[Candidates, int, int]] = {}
        for position, candidates in nodes:
            cost = self.unmatched_cost.get(position, 0)
            _, _, count = groups.get((id(candidates), cost), (candidates, cost, 0))
            groups[id(candidates), cost] = candidates, cost, count + 1
        return list(groups.values())

    def _condition(self, solution: Solution) -> Condition:
        condition: dict[Variable, Collection[Hashable]] = {}
        for variable, key, in_text in solution:
            keys = tuple(self.domains[variable].by_text[str(key)]) if in_text else (key,)
            before = condition.get(variable)
            condition[variable] = keys if before is None else [k for k in keys if k in before]
        return condition

    def is_in_time(self, position: int, index: int) -> bool:
        """Return True if the call is in time for the demand, unless another claim decides that."""
        deadline = self.demands[index].timing.deadline
        return deadline is None or self.times[position] <= deadline

    def components(self, demands: Iterable[int], nodes: Sequence[CallNode]) -> list[Component]:
        """Return the connected components, ordered by their first demands.

        Two demands are connected if they may match the same call, require the same variable, or
        are linked by an ordered list, by `after` or by stages.
        """
        sets = _UnionFind()
        of_variable: dict[Variable, int] = {}
        of_link: dict[tuple[str, int], int] = {}
        for index in demands:
            sets.add(index)
            for link in self._links(self.demands[index]):
                sets.join(of_link.setdefault(link, index), index)
        for candidates in {id(candidates): candidates for _, candidates in nodes}.values():
            first = next(iter(candidates))
            for index, conditions in candidates.items():
                sets.join(first, index)
                for variable in {name for condition in conditions or () for name in condition}:
                    sets.join(of_variable.setdefault(variable, index), index)
        members = sets.members()
        nodes_of: dict[int, list[CallNode]] = {root: [] for root in members}
        for node in nodes:
            nodes_of[sets.root(next(iter(node[1])))].append(node)
        return [Component(tuple(members[root]), tuple(nodes_of[root])) for root in members]

    def _links(self, demand: Demand) -> Iterator[tuple[str, int]]:
        if demand.ordered_list is not None:
            yield "ordered list", demand.ordered_list
        if demand.after is not None:
            yield "demand", demand.after
        if demand.stage is not None:
            yield "scenario", demand.scenario_index
        yield "demand", demand.index


class _UnionFind:
    """Disjoint sets of numbers (Tarjan 1975); the root of each is its least."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def add(self, item: int) -> None:
        self.parent.setdefault(item, item)

    def root(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = item = self.parent[self.parent[item]]
        return item

    def join(self, one: int, other: int) -> None:
        one, other = sorted((self.root(one), self.root(other)))
        self.parent[other] = one

    def members(self) -> dict[int, list[int]]:
        sets: dict[int, list[int]] = {}
        for item in self.parent:
            sets.setdefault(self.root(item), []).append(item)
        return sets


class MatchGraph:
    """The calls so far and the candidates of each; calls can be added.

    `uncertain` are the positions of calls that may match in more ways than were tried.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        plan: DemandPlan,
        hits: Sequence[Hit],
        *,
        match_budget: int = MATCH_BUDGET,
    ) -> None:
        self.scenarios = scenarios
        self.plan = plan
        self.finder = CandidateFinder(plan.demands, match_budget)
        self.instance = ProblemInstance(plan=plan, domains=self.finder.domains)
        self.hits: list[Hit] = []
        self.candidates: list[tuple[Candidate, ...]] = []
        self.uncertain: set[int] = set()
        for hit in hits:
            self.add(hit)

    def add(self, hit: Hit) -> tuple[Candidate, ...]:
        """Add the next call and return its candidates."""
        position, truncations = len(self.hits), self.finder.truncations
        candidates = self.finder.candidates(hit)
        if self.finder.truncations > truncations:
            self.uncertain.add(position)
        self.hits.append(hit)
        self.candidates.append(candidates)
        self.instance.times.append(self.plan.microseconds(hit.time))
        self.plan.add(position, hit)
        if candidates and not all(solutions is ALWAYS for _, solutions in candidates):
            self._set_costs(position, hit)
        return candidates

    def claim_alike(self) -> tuple["MatchGraph", Counter[int], Counter[int]]:
        """Claim the calls that the calls of the graph stand for (`Hit.alike`).

        Returns a graph whose demands lack these claims, and by demand the claims and extra calls.
        """
        claims: Counter[int] = Counter()
        extra: Counter[int] = Counter()
        demands = self.plan.demands
        for position, hit in enumerate(self.hits):
            if not hit.alike or not self.candidates[position]:
                continue
            matched = [index for index, _ in self.candidates[position]]
            if forbids := [index for index in matched if demands[index].forbids]:
                extra.update(dict.fromkeys(forbids, hit.alike))
                continue
            claimant, capacity = claimant_of_alike(demands, matched), hit.alike
            high = demands[claimant].high
            if high is not None:
                alone = sum(
                    len(candidates) == 1 and candidates[0][0] == claimant
                    for candidates in self.candidates
                )
                capacity = max(0, high - alone) if len(matched) == 1 else 0
            claims[claimant] += min(capacity, hit.alike)
            extra[claimant] += hit.alike - min(capacity, hit.alike)
        if not claims:
            return self, claims, +extra
        plan = copy(self.plan)
        plan.demands = [_reduced(demand, claims[demand.index]) for demand in demands]
        graph = copy(self)
        graph.plan, graph.instance = plan, replace(self.instance, plan=plan)
        return graph, +claims, +extra

    def components(self) -> tuple[list[Component], list[CallNode]]:
        """Return the components, and all nodes."""
        nodes = self.instance.nodes(self.candidates)
        return self.instance.components(range(len(self.plan.demands)), nodes), nodes

    def _set_costs(self, position: int, hit: Hit) -> None:
        """Set the costs that depend on variables: of an unmatched call, and of a damaged one."""
        cost = 0
        for policy_hit in policy_hits_of(self.scenarios, hit, ()):
            failed = [i for i, level in enumerate(policy_hit.levels) if level is Level.FAIL]
            if policy_hit.policy is not Policy.DAMAGED:
                cost += bool(failed)
            elif 0 < len(failed) < len(self.scenarios):
                self.instance.damage_fails[position] = frozenset(failed)
                cost += 1
        self.instance.unmatched_cost[position] = cost


def _reduced(demand: Demand, claims: int) -> Demand:
    """Return the demand that remains when so many of its claims are made."""
    high = None if demand.high is None else demand.high - claims
    return replace(demand, low=max(0, demand.low - claims), high=high) if claims else demand


MAX_KEPT = 300
"""Calls that are kept of each group of alike calls: more than any report shows."""


@dataclass(slots=True)
class _CallGroup:
    """Alike calls: how many to keep, are kept, are only counted; `last` is the last kept one."""

    needed: int
    kept: int = 0
    last: int = 0
    alike: int = 0


class CallGroups:
    """The calls of a live run in bounded memory: of alike calls most are only counted."""

    def __init__(self, scenarios: Sequence[Scenario], *, kept: int = MAX_KEPT) -> None:
        self._scenarios = scenarios
        self._kept = kept
        self._keeps_all = any(map(_needs_every_call, scenarios))
        step_counts = [len(scenario.steps) for scenario in scenarios]
        self._demands = DemandPlan(scenarios, Evidence(hits=()), step_counts, live=True).demands
        self._finder = CandidateFinder(self._demands)
        predecessors = {demand.after for demand in self._demands}
        self._countable = {
            demand.index
            for demand in self._demands
            if demand.index not in predecessors and self._is_countable(demand)
        }
        self._groups: dict[Hashable, _CallGroup] = {}
        self._hits: list[Hit] = []
        self._group_at: dict[int, _CallGroup] = {}

    def add(self, hit: Hit) -> None:
        """Add the next call."""
        demands = None if self._keeps_all else self._counting_demands(hit)
        if demands is None:
            self._hits.append(hit)
            return
        key = self._key(hit, demands)
        group = self._groups.get(key)
        if group is None:
            needed = max(self._kept, _claims_elsewhere(self._demands, demands))
            group = self._groups[key] = _CallGroup(needed)
        if group.kept < group.needed:
            group.kept, group.last = group.kept + 1, len(self._hits)
            self._hits.append(hit)
            return
        group.alike += 1
        self._group_at[group.last] = group

    def hits(self) -> tuple[Hit, ...]:
        """Return the kept calls, each with the number of further calls that it stands for."""
        for position, group in self._group_at.items():
            if self._hits[position].alike != group.alike:
                self._hits[position] = replace(self._hits[position], alike=group.alike)
        return tuple(self._hits)

    def _is_countable(self, demand: Demand) -> bool:
        """Return True if only the number of its claims matters, not which calls they are."""
        scenario = self._scenarios[demand.scenario_index]
        return (
            len(scenario.steps) == 1
            and not demand.is_constrained
            and scenario.steps[demand.step].within is None
            and demand.expectation.within is None
            and not self._finder.has_variables(demand.index)
        )

    def _counting_demands(self, hit: Hit) -> tuple[int, ...] | None:
        """Return the demands that match a call; None if one of them is not countable."""
        matched = []
        for index in self._finder.possible(hit):
            if next(self._demands[index].expectation.solutions(hit), None) is not None:
                if index not in self._countable:
                    return None
                matched.append(index)
        return tuple(matched)

    def _key(self, hit: Hit, demands: tuple[int, ...]) -> Hashable:
        """Return what alike calls have in common: all that a verdict says of them."""
        scenarios = {self._demands[index].scenario_index for index in demands}
        policy_hits = policy_hits_of(self._scenarios, hit, scenarios)
        return (
            hit.outcome,
            hit.step,
            demands,
            tuple((policy_hit.policy, policy_hit.levels) for policy_hit in policy_hits),
            tuple(
                sum(1 for _ in forbidden_values([rule], [hit], {}))
                for scenario in self._scenarios
                for rule in scenario.forbidden
            ),
            tuple(sum(1 for _ in violations(s.plans, hit)) for s in self._scenarios),
        )


def _claims_elsewhere(demands: Sequence[Demand], matched: Sequence[int]) -> int:
    """Return how many such calls the other demands may claim: as many have to be kept.

    Calls that are only counted can then go to `claimant_of_alike`, because each claim of another
    demand can be made with a kept call.
    """
    if not matched or any(demands[index].forbids for index in matched):
        return 0
    claimant = claimant_of_alike(demands, matched)
    # Of several with upper bounds all have to be full: calls that are only counted are then extra.
    is_unlimited = demands[claimant].high is None or len(matched) == 1
    others = [demands[i] for i in matched if not (is_unlimited and i == claimant)]
    return sum(demand.low if demand.high is None else demand.high for demand in others)


def _needs_every_call(scenario: Scenario) -> bool:
    """Return True if a scenario depends on every call, also on those that nothing matches."""
    return (
        scenario.state is not None
        or any(step.order is Order.STRICT for step in scenario.steps)
        or any(variable_names(rule.contains) for rule in scenario.forbidden)
    )
