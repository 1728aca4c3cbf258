"""Bipartite matching: pairs, b-matchings with bounds, and pairs of least cost."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise

type Bounds = tuple[int, int]
"""The least and the greatest number of claims of an expectation."""

type Group = tuple[int, ...]
"""The expectations that calls match: calls with the same ones are interchangeable."""


def max_pairs(candidates: Sequence[Collection[int]]) -> dict[int, int]:
    """Return a maximum matching: the column of each row, each column at most once.

    `candidates` lists the possible columns of each row. A row without a column has no entry.
    """
    columns = 1 + max(map(max, filter(None, candidates)), default=-1)
    flow = _Flow(candidates, [1] * len(candidates), columns)
    flow.fill([1] * columns)
    return {row: column for column, rows in enumerate(flow.claimed) for row in rows}


def b_matching(candidates: Sequence[Group], bounds: Sequence[Bounds]) -> list[int | None]:
    """Return the expectation that claims each call, or None if none can claim it.

    `candidates` lists for each call the expectations that it matches. As many lower bounds as
    possible are filled, and as many calls as possible are claimed; both can be reached together
    (Mendelsohn and Dulmage 1958). The result is deterministic; earlier calls are claimed first.
    """
    groups: dict[Group, list[int]] = defaultdict(list)
    for call, matched in enumerate(candidates):
        groups[matched].append(call)
    flow = _filled({group: len(calls) for group, calls in groups.items()}, bounds)
    claims: list[int | None] = [None] * len(candidates)
    for group, calls in enumerate(groups.values()):
        unclaimed = iter(calls)
        for expectation in flow.candidates[group]:
            for _ in range(flow.claimed[expectation].get(group, 0)):
                claims[next(unclaimed)] = expectation
    return claims


def deficit(groups: Mapping[Group, int], bounds: Sequence[Bounds]) -> tuple[int, int]:
    """Return the least number of unclaimed calls and of missing claims.

    `groups` holds the number of calls in each group.
    """
    flow = _filled(groups, bounds)
    missing = (max(0, low - count) for (low, _), count in zip(bounds, flow.counts, strict=True))
    return sum(flow.unclaimed), sum(missing)


def min_cost_pairs(costs: Sequence[Mapping[int, int]]) -> list[int | None]:
    """Return the column of each row, each column at most once: most pairs, then least total cost.

    `costs` maps the possible columns (0 and up) of each row to their costs (0 and up). A row
    without a column gets None. Successive shortest paths (Jonker and Volgenant 1987).
    """
    unpaired_cost = 1 + sum(max(row.values(), default=0) for row in costs)
    # A row may also take the column ~row, which stands for no pair.
    edges = [{**row, ~index: unpaired_cost} for index, row in enumerate(costs)]
    column_of = [0] * len(costs)
    row_of: dict[int, int] = {}
    row_price = [0] * len(costs)
    column_price: dict[int, int] = defaultdict(int)
    for start in range(len(costs)):
        came_from: dict[int, int] = {}
        distance: dict[int, int] = {}
        final: set[int] = set()
        heap: list[tuple[int, int]] = []
        row, row_distance = start, 0
        while True:
            for column, cost in edges[row].items():
                length = row_distance + cost - row_price[row] - column_price[column]
                if column not in distance or length < distance[column]:
                    distance[column], came_from[column] = length, row
                    heappush(heap, (length, column))
            row_distance, column = heappop(heap)
            while column in final:
                row_distance, column = heappop(heap)
            if column not in row_of:
                break
            final.add(column)
            row = row_of[column]
        row_price[start] += row_distance
        for reached in final:
            row_price[row_of[reached]] += row_distance - distance[reached]
            column_price[reached] -= row_distance - distance[reached]
        row = -1
        while row != start:
            row = came_from[column]
            row_of[column] = row
            column_of[row], column = column, column_of[row]
    return [column if column >= 0 else None for column in column_of]


def _filled(groups: Mapping[Group, int], bounds: Sequence[Bounds]) -> "_Flow":
    flow = _Flow(list(groups), list(groups.values()), len(bounds))
    flow.fill([low for low, _ in bounds])
    flow.fill([high for _, high in bounds])
    return flow


class _Flow:
    """A flow of calls from groups into expectations, by augmenting paths (Berge 1957).

    `candidates` are the expectations of each group, `unclaimed` the number of its calls that no
    expectation claims. `claimed` holds for each expectation the number of calls that it claims of
    each group, `counts` their sum.
    """

    __slots__ = ("candidates", "claimed", "counts", "unclaimed")

    def __init__(
        self, candidates: Sequence[Collection[int]], sizes: list[int], expectations: int
    ) -> None:
        self.candidates = candidates
        self.unclaimed = sizes
        self.claimed: list[dict[int, int]] = [{} for _ in range(expectations)]
        self.counts = [0] * expectations

    def fill(self, limits: list[int]) -> None:
        """Claim as many calls as the limits of the expectations allow, in addition to the claims
        that are already made."""
        unclaimed, counts, claimed = self.unclaimed, self.counts, self.claimed
        dead_ends: set[int] = set()  # expectations from which no path leads to free capacity
        for group, takers in enumerate(self.candidates):
            for taker in takers:  # the shortest paths of all
                if not unclaimed[group]:
                    break
                capacity = limits[taker] - counts[taker]
                if capacity > 0:
                    amount = min(unclaimed[group], capacity)
                    unclaimed[group] -= amount
                    counts[taker] += amount
                    claimed[taker][group] = claimed[taker].get(group, 0) + amount
            while unclaimed[group] and (path := self._path(group, limits, dead_ends)):
                self._push(path, limits)

    def _path(self, start: int, limits: list[int], dead_ends: set[int]) -> list[tuple[int, int]]:
        """Return the shortest augmenting path: (group, expectation that takes from it), in order;
        empty if there is none."""
        came_from: dict[int, tuple[int, int]] = {}
        queue: list[tuple[int, int]] = [(start, -1)]  # a group, and the expectation that claims it
        seen = {start}
        for group, giver in queue:
            for taker in self.candidates[group]:
                if taker in came_from or taker in dead_ends:
                    continue
                came_from[taker] = (group, giver)
                if self.counts[taker] < limits[taker]:
                    return _trace(taker, came_from)
                queue.extend((held, taker) for held in self.claimed[taker] if held not in seen)
                seen.update(self.claimed[taker])
        dead_ends.update(came_from)
        return []

    def _push(self, path: list[tuple[int, int]], limits: list[int]) -> None:
        """Move as many calls along the path as its narrowest edge allows."""
        first, last = path[0][0], path[-1][1]
        capacities = [self.unclaimed[first], limits[last] - self.counts[last]]
        moves = [(group, giver) for (_, giver), (group, _) in pairwise(path)]
        amount = min(*capacities, *(self.claimed[giver][group] for group, giver in moves))
        self.unclaimed[first] -= amount
        self.counts[last] += amount
        for group, giver in moves:
            self.claimed[giver][group] -= amount
            if not self.claimed[giver][group]:
                del self.claimed[giver][group]
        for group, taker in path:
            self.claimed[taker][group] = self.claimed[taker].get(group, 0) + amount


def _trace(end: int, came_from: dict[int, tuple[int, int]]) -> list[tuple[int, int]]:
    path = []
    while end >= 0:
        group, giver = came_from[end]
        path.append((group, end))
        end = giver
    return path[::-1]
