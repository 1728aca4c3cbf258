"""Few calls that stand for many: what a verdict needs of calls that are alike for all scenarios.

A verdict depends on a call only through its outcome and step, the expectations that match it, the
policies, denials and plans that object to it. Of calls that agree in all of these, the first
`KEPT` are kept whole; the last one of them counts the others in `Hit.alike`. Where it matters
which call is claimed (variables, order, times, several steps), each call is kept.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from pixel_emulator.core.matching.unification import variables
from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.scenarios.model import Order, Scenario
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.core.verdicts.denials import denied
from pixel_emulator.core.verdicts.edges import Edges
from pixel_emulator.core.verdicts.findings import find_in
from pixel_emulator.core.verdicts.slots import Layout, Slot, home_of_alike

KEPT = 300
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

    def __init__(self, scenarios: Sequence[Scenario], *, kept: int = KEPT) -> None:
        self._scenarios = scenarios
        self._kept = kept
        self._keeps_all = any(map(_needs_each, scenarios))
        reach = [len(each.steps) for each in scenarios]
        self._slots = Layout(scenarios, Evidence(hits=()), reach, live=True).slots
        self._edges = Edges(self._slots)
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

    def _is_countable(self, slot: Slot) -> bool:
        """Whether only the number of calls that it claims matters, whichever they are."""
        scenario = self._scenarios[slot.home]
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
            if next(self._slots[index].wanted.ways(hit), None) is not None:
                if index not in self._countable:
                    return None
                found.append(index)
        return tuple(found)

    def _key(self, hit: Hit, slots: tuple[int, ...]) -> Hashable:
        homes = {self._slots[index].home for index in slots}
        findings = find_in(self._scenarios, hit, homes)
        return (
            hit.outcome,
            hit.step,
            slots,
            tuple((each.policy, each.levels) for each in findings),
            tuple(
                sum(1 for _ in denied([denial], [hit], {}))
                for each in self._scenarios
                for denial in each.denials
            ),
            tuple(sum(1 for _ in violations(each.plans, hit)) for each in self._scenarios),
        )


def _room(slots: Sequence[Slot], matched: Sequence[int]) -> int:
    """How many calls like this the other slots may claim: as many have to be kept.

    Then those that are only counted can be taken to go where `home_of_alike` says: each claim of
    another slot can be made by a call that is kept.
    """
    if not matched or any(slots[index].bans for index in matched):
        return 0
    home = home_of_alike(slots, matched)
    # Of several with limits, all have to be full: what is only counted is then too many.
    is_free = slots[home].high is None or len(matched) == 1
    others = [slots[index] for index in matched if not (is_free and index == home)]
    return sum(each.low if each.high is None else each.high for each in others)


def _needs_each(scenario: Scenario) -> bool:
    """Whether a scenario looks at each call, also at those that nothing matches."""
    return (
        scenario.state is not None
        or any(step.order is Order.STRICT for step in scenario.steps)
        or any(variables(each.contains) for each in scenario.denials)
    )
