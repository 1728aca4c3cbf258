"""What the search works on: calls as rows of slots that match them, in parts that stand alone."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.model import Level, Order, Policy, Scenario
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verification.candidates import (
    ALWAYS,
    MATCH_BUDGET,
    Candidate,
    CandidateFinder,
    Domain,
    Variable,
)
from pixel_emulator.core.verification.demands import Demand, DemandPlan, claimant_of_alike
from pixel_emulator.core.verification.policies import forbidden_values, policy_hits_of

type Condition = Mapping[Variable, Collection[Hashable]]
"""What one way needs: for each variable the identities that it may have."""

type Conditions = tuple[Condition, ...] | None
"""Each way in which a slot may match a call; None if it matches in any case."""

type Candidates = Mapping[int, Conditions]
"""The slots that may match a call."""

type CallNode = tuple[int, Candidates]
"""A call, by its position, and the slots that may match it."""

type VariableValues = Mapping[Variable, Hashable | None]
"""The identity that each variable has; None for a value that no call offers."""

type Claims = Mapping[int, int]
"""The slot that claims a call, by position."""


@dataclass(frozen=True, slots=True)
class Component:
    """Slots and the rows that they may match: nothing outside it matters to it."""

    slots: tuple[int, ...]
    rows: tuple[CallNode, ...]


@dataclass(frozen=True, slots=True)
class ComponentAssignment:
    """One way to settle a part, and its cost: lacking claims, calls too many, failing findings."""

    cost: int
    claims: Claims = field(default_factory=dict)
    choice: VariableValues = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemInstance:
    """What is the same for all parts.

    `times` are those of the calls, by position. `alone` is what a call costs that no slot
    matches, by position, 0 if it is not there; `wanted` holds the scenarios that it fails if they
    want it, where that is not the same for all. `live` says that more calls may come: what is
    lacking costs nothing then, unless nothing that comes could fill it.
    """

    layout: DemandPlan
    domains: Mapping[Variable, Domain]
    times: list[int] = field(default_factory=list)
    alone: dict[int, int] = field(default_factory=dict)
    wanted: dict[int, Collection[int]] = field(default_factory=dict)
    live: bool = False

    @property
    def slots(self) -> Sequence[Demand]:
        """All slots."""
        return self.layout.slots

    def low(self, index: int) -> int:
        """How many claims a slot lacks if it has none."""
        return 0 if self.live else self.slots[index].low

    def rows(self, found: Sequence[tuple[Candidate, ...]]) -> list[CallNode]:
        """The rows of calls with these edges; those with the same edges share their options."""
        known: dict[tuple[Candidate, ...], Candidates] = {}
        for edges in found:
            if edges and edges not in known:
                known[edges] = {
                    slot: None if ways is ALWAYS else tuple(self._needed(way) for way in ways)
                    for slot, ways in edges
                }
        return [(position, known[edges]) for position, edges in enumerate(found) if edges]

    def groups(self, rows: Iterable[CallNode]) -> list[tuple[Candidates, int, int]]:
        """The rows that are alike: their options, what each costs alone, and how many there are."""
        alike: dict[tuple[int, int], tuple[Candidates, int, int]] = {}
        for position, options in rows:
            alone = self.alone.get(position, 0)
            _, _, count = alike.get((id(options), alone), (options, alone, 0))
            alike[id(options), alone] = options, alone, count + 1
        return list(alike.values())

    def _needed(self, way: tuple[tuple[Variable, Hashable, bool], ...]) -> Condition:
        needed: dict[Variable, Collection[Hashable]] = {}
        for variable, key, in_text in way:
            keys = tuple(self.domains[variable].by_text[str(key)]) if in_text else (key,)
            before = needed.get(variable)
            needed[variable] = keys if before is None else [each for each in keys if each in before]
        return needed

    def may_claim(self, position: int, index: int) -> bool:
        """Whether the call comes in time for the slot, as far as no other claim decides that."""
        limit = self.slots[index].timing.limit
        return limit is None or self.times[position] <= limit

    def split(self, slots: Iterable[int], rows: Sequence[CallNode]) -> list[Component]:
        """The parts that have nothing to do with each other, by their first slots."""
        groups = _UnionFind()
        of_variable: dict[Variable, int] = {}
        of_link: dict[tuple[str, int], int] = {}
        for index in slots:
            groups.add(index)
            for link in self._links(self.slots[index]):
                groups.join(of_link.setdefault(link, index), index)
        for options in {id(each): each for _, each in rows}.values():
            first = next(iter(options))
            for index, ways in options.items():
                groups.join(first, index)
                for variable in {each for way in ways or () for each in way}:
                    groups.join(of_variable.setdefault(variable, index), index)
        members = groups.members()
        found: dict[int, list[CallNode]] = {root: [] for root in members}
        for row in rows:
            found[groups.root(next(iter(row[1])))].append(row)
        return [Component(tuple(members[root]), tuple(found[root])) for root in members]

    def _links(self, slot: Demand) -> Iterator[tuple[str, int]]:
        if slot.ordered_list is not None:
            yield "chain", slot.ordered_list
        if slot.after is not None:
            yield "slot", slot.after
        if slot.phase is not None:
            yield "run", slot.scenario_index
        yield "slot", slot.index


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
        found: dict[int, list[int]] = {}
        for item in self.parent:
            found.setdefault(self.root(item), []).append(item)
        return found


class MatchGraph:
    """The calls so far, and the edges of each; calls are added as they come.

    `unsure` are the positions of calls that may match in more ways than were looked at.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        layout: DemandPlan,
        hits: Sequence[Hit],
        *,
        match_budget: int = MATCH_BUDGET,
    ) -> None:
        self.scenarios = scenarios
        self.layout = layout
        self.edges = CandidateFinder(layout.slots, match_budget)
        self.pool = ProblemInstance(layout=layout, domains=self.edges.domains)
        self.hits: list[Hit] = []
        self.found: list[tuple[Candidate, ...]] = []
        self.unsure: set[int] = set()
        for hit in hits:
            self.add(hit)

    def add(self, hit: Hit) -> tuple[Candidate, ...]:
        """Take the next call; returns its edges."""
        position, cuts = len(self.hits), self.edges.cuts
        edges = self.edges.of(hit)
        if self.edges.cuts > cuts:
            self.unsure.add(position)
        self.hits.append(hit)
        self.found.append(edges)
        self.pool.times.append(self.layout.ticks(hit.time))
        self.layout.note(position, hit)
        if edges and not all(ways is ALWAYS for _, ways in edges):
            self._note_costs(position, hit)
        return edges

    def with_alike(self) -> tuple["MatchGraph", Counter[int], Counter[int]]:
        """The case without what the calls stand for, and what that comes to.

        That are, by slot, the claims that are only counted, and the calls too many. The slots of
        the case that is returned want so many fewer.
        """
        claims: Counter[int] = Counter()
        too_many: Counter[int] = Counter()
        slots = self.layout.slots
        for position, hit in enumerate(self.hits):
            if not hit.alike or not self.found[position]:
                continue
            matched = [index for index, _ in self.found[position]]
            if forbids := [index for index in matched if slots[index].forbids]:
                too_many.update(dict.fromkeys(forbids, hit.alike))
                continue
            scenario_index, room = claimant_of_alike(slots, matched), hit.alike
            high = slots[scenario_index].high
            if high is not None:
                alone = sum(len(each) == 1 and each[0][0] == scenario_index for each in self.found)
                room = max(0, high - alone) if len(matched) == 1 else 0
            claims[scenario_index] += min(room, hit.alike)
            too_many[scenario_index] += hit.alike - min(room, hit.alike)
        if not claims:
            return self, claims, +too_many
        layout = copy(self.layout)
        layout.slots = [_fewer(slot, claims[slot.index]) for slot in slots]
        case = copy(self)
        case.layout, case.pool = layout, replace(self.pool, layout=layout)
        return case, +claims, +too_many

    def parts(self) -> tuple[list[Component], list[CallNode]]:
        """What can be settled by itself, and all rows."""
        rows = self.pool.rows(self.found)
        return self.pool.split(range(len(self.layout.slots)), rows), rows

    def _note_costs(self, position: int, hit: Hit) -> None:
        """Note what the values of variables decide: whether the call is matched, and by whom."""
        alone = 0
        for finding in policy_hits_of(self.scenarios, hit, ()):
            failed = [
                scenario_index
                for scenario_index, each in enumerate(finding.levels)
                if each is Level.FAIL
            ]
            if finding.policy is not Policy.DAMAGED:
                alone += bool(failed)
            elif 0 < len(failed) < len(self.scenarios):
                self.pool.wanted[position] = frozenset(failed)
                alone += 1
        self.pool.alone[position] = alone


def _fewer(slot: Demand, claims: int) -> Demand:
    """The slot when so many of its claims are made."""
    high = None if slot.high is None else slot.high - claims
    return replace(slot, low=max(0, slot.low - claims), high=high) if claims else slot


MAX_KEPT = 300
"""Calls that are kept of those that are alike: more than any report shows."""


@dataclass(slots=True)
class _Kind:
    """Calls that are alike: where the last one that is kept stands, and how many of each sort."""

    needed: int
    kept: int = 0
    last: int = 0
    alike: int = 0


class CallGroups:
    """The calls of a run, thinned out as they come."""

    def __init__(self, scenarios: Sequence[Scenario], *, kept: int = MAX_KEPT) -> None:
        self._scenarios = scenarios
        self._kept = kept
        self._keeps_all = any(map(_needs_each, scenarios))
        reach = [len(each.steps) for each in scenarios]
        self._slots = DemandPlan(scenarios, Evidence(hits=()), reach, live=True).slots
        self._edges = CandidateFinder(self._slots)
        awaited = {slot.after for slot in self._slots}
        self._countable = {
            slot.index
            for slot in self._slots
            if slot.index not in awaited and self._is_countable(slot)
        }
        self._kinds: dict[Hashable, _Kind] = {}
        self._hits: list[Hit] = []
        self._counts: dict[int, _Kind] = {}

    def add(self, hit: Hit) -> None:
        """Take the next call."""
        slots = None if self._keeps_all else self._counted(hit)
        if slots is None:
            self._hits.append(hit)
            return
        key = self._key(hit, slots)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(max(self._kept, _room(self._slots, slots)))
        if kind.kept < kind.needed:
            kind.kept, kind.last = kind.kept + 1, len(self._hits)
            self._hits.append(hit)
            return
        kind.alike += 1
        self._counts[kind.last] = kind

    def hits(self) -> tuple[Hit, ...]:
        """The calls that are kept, each with how many it stands for."""
        for position, kind in self._counts.items():
            if self._hits[position].alike != kind.alike:
                self._hits[position] = replace(self._hits[position], alike=kind.alike)
        return tuple(self._hits)

    def _is_countable(self, slot: Demand) -> bool:
        """Whether only the number of calls that it claims matters, whichever they are."""
        scenario = self._scenarios[slot.scenario_index]
        step = scenario.steps[slot.step]
        return (
            len(scenario.steps) == 1
            and not slot.constrained
            and step.within is None
            and slot.wanted.within is None
            and not self._edges.asks(slot.index)
        )

    def _counted(self, hit: Hit) -> tuple[int, ...] | None:
        """The slots that match a call; None if one of them needs to know which call it is."""
        found = []
        for index in self._edges.possible(hit):
            if next(self._slots[index].wanted.solutions(hit), None) is not None:
                if index not in self._countable:
                    return None
                found.append(index)
        return tuple(found)

    def _key(self, hit: Hit, slots: tuple[int, ...]) -> Hashable:
        homes = {self._slots[index].scenario_index for index in slots}
        findings = policy_hits_of(self._scenarios, hit, homes)
        return (
            hit.outcome,
            hit.step,
            slots,
            tuple((each.policy, each.levels) for each in findings),
            tuple(
                sum(1 for _ in forbidden_values([denial], [hit], {}))
                for each in self._scenarios
                for denial in each.forbidden
            ),
            tuple(sum(1 for _ in violations(each.plans, hit)) for each in self._scenarios),
        )


def _room(slots: Sequence[Demand], matched: Sequence[int]) -> int:
    """How many calls like this the other slots may claim: as many have to be kept.

    Then those that are only counted can be taken to go where `claimant_of_alike` says: each claim
    of another slot can be made by a call that is kept.
    """
    if not matched or any(slots[index].forbids for index in matched):
        return 0
    scenario_index = claimant_of_alike(slots, matched)
    # Of several with limits, all have to be full: what is only counted is then too many.
    is_free = slots[scenario_index].high is None or len(matched) == 1
    others = [slots[index] for index in matched if not (is_free and index == scenario_index)]
    return sum(each.low if each.high is None else each.high for each in others)


def _needs_each(scenario: Scenario) -> bool:
    """Whether a scenario looks at each call, also at those that nothing matches."""
    return (
        scenario.state is not None
        or any(step.order is Order.STRICT for step in scenario.steps)
        or any(variable_names(each.contains) for each in scenario.forbidden)
    )
