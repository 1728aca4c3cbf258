"""Pairs: each of some wants with an item of its own, as many as can be."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise


def max_pairs(fitting: Sequence[Collection[int]]) -> dict[int, int]:
    """An item for each want, no item twice; a want without one has no entry.

    `fitting` lists for each want the items that match it. Augmenting paths (Berge 1957).
    """
    items: dict[int, int] = {}
    wants: dict[int, int] = {}
    for start in range(len(fitting)):
        came_from: dict[int, int] = {}
        item: int | None = _free_item(start, fitting, wants, came_from)
        while item is not None:
            want = came_from[item]
            wants[item] = want
            before = items.get(want)
            items[want] = item
            item = before
    return items


def _free_item(
    start: int,
    fitting: Sequence[Collection[int]],
    wants: dict[int, int],
    came_from: dict[int, int],
) -> int | None:
    """The nearest item without a want; `came_from` tells the way to it."""
    queue = [start]
    for want in queue:
        for item in fitting[want]:
            if item in came_from:
                continue
            came_from[item] = want
            if item not in wants:
                return item
            queue.append(wants[item])
    return None


type Bounds = tuple[int, int]
"""The least and the greatest number of claims of an expectation."""


type Group = tuple[int, ...]
"""The expectations that calls match: calls with the same ones are interchangeable."""


def b_matching(candidates: Sequence[Group], bounds: Sequence[Bounds]) -> list[int | None]:
    """Which expectation claims each call; None where none may, or none has room.

    `candidates` lists for each call the expectations that it matches. As many lower bounds are
    filled as can be and as many calls are claimed as can be; that both go together is the theorem
    of Mendelsohn and Dulmage (1958). The same input gives the same claims, earlier calls first.
    """
    groups: dict[Group, list[int]] = defaultdict(list)
    for call, matched in enumerate(candidates):
        groups[matched].append(call)
    flow = _filled({group: len(calls) for group, calls in groups.items()}, bounds)
    claims: list[int | None] = [None] * len(candidates)
    for group, calls in enumerate(groups.values()):
        waiting = iter(calls)
        for expectation in flow.candidates[group]:
            for _ in range(flow.claimed[expectation].get(group, 0)):
                claims[next(waiting)] = expectation
    return claims


def deficit(groups: Mapping[Group, int], bounds: Sequence[Bounds]) -> tuple[int, int]:
    """How many calls of so large groups find no room, and how many claims are lacking, at best."""
    flow = _filled(groups, bounds)
    lacking = (max(0, low - n) for (low, _), n in zip(bounds, flow.counts, strict=True))
    return sum(flow.free), sum(lacking)


def _filled(groups: Mapping[Group, int], bounds: Sequence[Bounds]) -> "_Flow":
    flow = _Flow(list(groups), list(groups.values()), len(bounds))
    flow.fill([low for low, _ in bounds])
    flow.fill([high for _, high in bounds])
    return flow


def min_cost_pairs(costs: Sequence[Mapping[int, int]]) -> list[int | None]:
    """The column for each row, each column once: most pairs first, then the least total cost.

    `costs` lists for each row its possible columns (0 and up) with costs of 0 and up; a row
    without a pair gets None. Successive shortest paths (Jonker and Volgenant 1987).
    """
    alone = 1 + sum(max(row.values(), default=0) for row in costs)
    edges = [{**row, ~index: alone} for index, row in enumerate(costs)]  # ~index: no pair
    of_row = [0] * len(costs)
    of_column: dict[int, int] = {}
    row_price = [0] * len(costs)
    column_price: dict[int, int] = defaultdict(int)
    for start in range(len(costs)):
        came_from: dict[int, int] = {}
        distance: dict[int, int] = {}
        final: set[int] = set()
        heap: list[tuple[int, int]] = []
        row, so_far = start, 0
        while True:
            for column, cost in edges[row].items():
                way = so_far + cost - row_price[row] - column_price[column]
                if column not in distance or way < distance[column]:
                    distance[column], came_from[column] = way, row
                    heappush(heap, (way, column))
            so_far, column = heappop(heap)
            while column in final:
                so_far, column = heappop(heap)
            if column not in of_column:
                break
            final.add(column)
            row = of_column[column]
        row_price[start] += so_far
        for each in final:
            row_price[of_column[each]] += so_far - distance[each]
            column_price[each] -= so_far - distance[each]
        row = -1
        while row != start:
            row = came_from[column]
            of_column[column] = row
            of_row[row], column = column, of_row[row]
    return [column if column >= 0 else None for column in of_row]


class _Flow:
    """Calls with the same candidates are one group; what flows are numbers of calls."""

    def __init__(
        self, candidates: list[tuple[int, ...]], sizes: list[int], expectations: int
    ) -> None:
        self.candidates = candidates
        self.free = sizes
        self.claimed: list[dict[int, int]] = [{} for _ in range(expectations)]
        self.counts = [0] * expectations

    def fill(self, limits: list[int]) -> None:
        """Claim as many calls as the limits allow; what is claimed already stays claimed."""
        hopeless: set[int] = set()  # no way leads from these to any room, now or later
        for group in range(len(self.candidates)):
            while self.free[group] and (path := self._path(group, limits, hopeless)):
                self._push(path, limits)

    def _path(self, start: int, limits: list[int], hopeless: set[int]) -> list[tuple[int, int]]:
        """The shortest way to room: (group, the expectation that takes from it), in order."""
        came_from: dict[int, tuple[int, int]] = {}
        queue: list[tuple[int, int]] = [(start, -1)]  # a group, and who would give it up
        seen = {start}
        for group, giver in queue:
            for taker in self.candidates[group]:
                if taker in came_from or taker in hopeless:
                    continue
                came_from[taker] = (group, giver)
                if self.counts[taker] < limits[taker]:
                    return _trace(taker, came_from)
                queue.extend((held, taker) for held in self.claimed[taker] if held not in seen)
                seen.update(self.claimed[taker])
        hopeless.update(came_from)
        return []

    def _push(self, path: list[tuple[int, int]], limits: list[int]) -> None:
        last = path[-1][1]
        amounts = [self.free[path[0][0]], limits[last] - self.counts[last]]
        steps = [(group, giver, taker) for (_, giver), (group, taker) in pairwise(path)]
        amount = min(*amounts, *(self.claimed[giver][group] for group, giver, _ in steps))
        self.free[path[0][0]] -= amount
        self.counts[last] += amount
        for group, giver, _ in steps:
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
