"""All that is known of a run while it is judged: slots, calls, and which of them match."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from pixel_emulator.core.model import Hit
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario
from pixel_emulator.core.verdicts.edges import FREE, LOOKS, Edge, Edges
from pixel_emulator.core.verdicts.findings import find_in
from pixel_emulator.core.verdicts.pool import Part, Pool, Row
from pixel_emulator.core.verdicts.slots import Layout, Slot, home_of_alike


class Case:
    """The calls so far, and the edges of each; calls are added as they come.

    `unsure` are the positions of calls that may match in more ways than were looked at.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        layout: Layout,
        hits: Sequence[Hit],
        *,
        looks: int = LOOKS,
    ) -> None:
        self.scenarios = scenarios
        self.layout = layout
        self.edges = Edges(layout.slots, looks)
        self.pool = Pool(layout=layout, domains=self.edges.domains)
        self.hits: list[Hit] = []
        self.found: list[tuple[Edge, ...]] = []
        self.unsure: set[int] = set()
        for hit in hits:
            self.add(hit)

    def add(self, hit: Hit) -> tuple[Edge, ...]:
        """Take the next call; returns its edges."""
        position, cuts = len(self.hits), self.edges.cuts
        edges = self.edges.of(hit)
        if self.edges.cuts > cuts:
            self.unsure.add(position)
        self.hits.append(hit)
        self.found.append(edges)
        self.pool.times.append(self.layout.ticks(hit.time))
        self.layout.note(position, hit)
        if edges and not all(ways is FREE for _, ways in edges):
            self._note_costs(position, hit)
        return edges

    def with_alike(self) -> tuple["Case", Counter[int], Counter[int]]:
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
            if bans := [index for index in matched if slots[index].bans]:
                too_many.update(dict.fromkeys(bans, hit.alike))
                continue
            home, room = home_of_alike(slots, matched), hit.alike
            high = slots[home].high
            if high is not None:
                alone = sum(len(each) == 1 and each[0][0] == home for each in self.found)
                room = max(0, high - alone) if len(matched) == 1 else 0
            claims[home] += min(room, hit.alike)
            too_many[home] += hit.alike - min(room, hit.alike)
        if not claims:
            return self, claims, +too_many
        layout = copy(self.layout)
        layout.slots = [_fewer(slot, claims[slot.index]) for slot in slots]
        case = copy(self)
        case.layout, case.pool = layout, replace(self.pool, layout=layout)
        return case, +claims, +too_many

    def parts(self) -> tuple[list[Part], list[Row]]:
        """What can be settled by itself, and all rows."""
        rows = self.pool.rows(self.found)
        return self.pool.split(range(len(self.layout.slots)), rows), rows

    def _note_costs(self, position: int, hit: Hit) -> None:
        """Note what the values of variables decide: whether the call is matched, and by whom."""
        alone = 0
        for finding in find_in(self.scenarios, hit, ()):
            failed = [home for home, each in enumerate(finding.levels) if each is Level.FAIL]
            if finding.policy is not Policy.DAMAGED:
                alone += bool(failed)
            elif 0 < len(failed) < len(self.scenarios):
                self.pool.wanted[position] = frozenset(failed)
                alone += 1
        self.pool.alone[position] = alone


def _fewer(slot: Slot, claims: int) -> Slot:
    """The slot when so many of its claims are made."""
    high = None if slot.high is None else slot.high - claims
    return replace(slot, low=max(0, slot.low - claims), high=high) if claims else slot
