"""All that is known of a run while it is judged: slots, calls, and which of them match."""

from collections.abc import Sequence

from pixel_emulator.core.calls import Hit
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario
from pixel_emulator.core.verdicts.edges import FREE, LOOKS, Edge, Edges
from pixel_emulator.core.verdicts.findings import find_in
from pixel_emulator.core.verdicts.pool import Part, Pool, Row
from pixel_emulator.core.verdicts.slots import Layout


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
