"""The search for the values of variables, and for the claims under them, at the least cost."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial

from pixel_emulator.core.matching.bipartite import b_matching
from pixel_emulator.core.verification.candidates import ALWAYS, Variable
from pixel_emulator.core.verification.components import (
    CallNode,
    Candidates,
    Component,
    ComponentAssignment,
    Condition,
    Conditions,
    ProblemInstance,
    VariableValues,
)
from pixel_emulator.core.verification.ordering import OrderAutomaton, beam_search, cost_of_claims

type Ranked = list[tuple[int, Hashable | None]]
"""Values with the least that each costs, the cheapest first; None for a value of no call."""


class _Tally:
    """What the rows say about the values of one variable.

    `unmatched` counts what calls cost if no value matches them, `matched` what a value saves.
    `needing` counts the rows of a slot that need the variable, `supply` those that a value
    matches, `sure` those that only this slot can claim; `banned` the bans that a value breaks.
    """

    def __init__(self) -> None:
        self.unmatched = 0
        self.matched: Counter[Hashable] = Counter()
        self.banned: Counter[Hashable] = Counter()
        self.needing: Counter[int] = Counter()
        self.supply: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.sure: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.values: dict[Hashable, None] = {}


def ranked_values(pool: ProblemInstance, part: Component) -> Mapping[Variable, Ranked]:
    """For each variable of a part its values, each with a lower bound of the whole cost."""
    tallies: dict[Variable, _Tally] = defaultdict(_Tally)
    supply: Counter[int] = Counter()
    sure: Counter[int] = Counter()
    for options, alone, count in pool.groups(part.rows):
        for index in options:
            supply[index] += count
        if len(options) == 1 and None in options.values():
            sure[next(iter(options))] += count
        _count(tallies, pool, options, alone=alone, rows=count)
    return {
        variable: _ranked(pool, part, tallies[variable], supply, sure)
        for variable in sorted(tallies)
    }


def _count(
    tallies: dict[Variable, _Tally],
    pool: ProblemInstance,
    options: Candidates,
    *,
    alone: int,
    rows: int,
) -> None:
    """Count so many rows with the same options."""
    fitting: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
    needed_by: Counter[Variable] = Counter()
    for index, ways in options.items():
        here: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        in_ways: Counter[Variable] = Counter()
        decided: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        for way in ways or ():
            for variable, values in way.items():
                in_ways[variable] += 1
                here[variable].update(dict.fromkeys(values))
                if len(way) == 1:
                    decided[variable].update(dict.fromkeys(values))
        for variable, found in here.items():
            fitting[variable].update(found)
            if in_ways[variable] == len(ways or ()):
                needed_by[variable] += 1
                tallies[variable].needing[index] += rows
                _add(tallies[variable].supply[index], found, rows)
        for variable, found in decided.items():
            if pool.slots[index].forbids:
                _add(tallies[variable].banned, found, rows)
            elif len(options) == 1:
                _add(tallies[variable].sure[index], found, rows)
    for variable, found in fitting.items():
        tallies[variable].values.update(found)
        if alone and needed_by[variable] == len(options):
            tallies[variable].unmatched += alone * rows
            _add(tallies[variable].matched, found, alone * rows)


def _add(counts: Counter[Hashable], values: Iterable[Hashable], number: int) -> None:
    for each in values:
        counts[each] += number


def _ranked(
    pool: ProblemInstance, part: Component, tally: _Tally, supply: Counter[int], sure: Counter[int]
) -> Ranked:
    lacking, least = {}, tally.unmatched
    for index in part.slots:
        lacking[index] = max(0, pool.low(index) - supply[index] + tally.needing[index])
        least += lacking[index] + _excess(pool, index, sure[index])
    costs: dict[Hashable | None, int] = dict.fromkeys(tally.values, least)
    for value in tally.values:
        costs[value] += tally.banned[value] - tally.matched[value]
    for index, counts in tally.supply.items():
        for value, count in counts.items():
            costs[value] -= min(lacking[index], count)
    for index, counts in tally.sure.items():
        before = _excess(pool, index, sure[index])
        for value, count in counts.items():
            costs[value] += _excess(pool, index, sure[index] + count) - before
    costs[None] = least
    return sorted(((cost, value) for value, cost in costs.items()), key=lambda each: each[0])


def _excess(pool: ProblemInstance, index: int, calls: int) -> int:
    high = pool.slots[index].high
    return 0 if high is None or high == 0 else max(0, calls - high)


# Variables that are bound one after the other; past this the others stay without a value.
_DEEPEST = 60
_NARROWEST = 8
_RANKED_AT_A_LOOK = 4  # pairs of a variable and a slot that take as long to rank
_TO_THE_END = 20_000  # looks behind any budget: enough for what a small file leaves open


class Search:
    """One search with a budget, counted in looks at an edge.

    When that is spent, only the most promising way is followed, for half as much again; variables
    that are left then stay without a value. `exact` is then False, and an answer may not be the
    best one, nor None mean that there is none.
    """

    def __init__(self, pool: ProblemInstance, budget: int) -> None:
        self.pool = pool
        self.left = budget
        self.end = -max(budget // 2, _TO_THE_END)
        self.exact = True

    def best(
        self, slots: Iterable[int], rows: Sequence[CallNode], limit: int
    ) -> ComponentAssignment | None:
        """The cheapest answer of at most this cost; of equal ones, earlier calls claim first."""
        return self._parts(slots, rows, limit, depth=0)

    def _parts(
        self, slots: Iterable[int], rows: Sequence[CallNode], limit: int, *, depth: int
    ) -> ComponentAssignment | None:
        parts = self.pool.split(slots, rows)
        floors = [self._floor(each) for each in parts]
        spare = limit - sum(floors)
        cost = 0
        claims: dict[int, int] = {}
        choice: dict[Variable, Hashable | None] = {}
        for part, floor in zip(parts, floors, strict=True):
            found = self._part(part, floor + spare, depth) if spare >= 0 else None
            if found is None:
                return None
            spare -= found.cost - floor
            cost += found.cost
            claims |= found.claims
            choice |= found.choice
        return ComponentAssignment(cost, claims, choice)

    def _floor(self, part: Component) -> int:
        """What a part lacks even if each call may be claimed by all of its slots."""
        supply = dict.fromkeys(part.slots, 0)
        for options, _, count in self.pool.groups(part.rows):
            self.left -= sum(1 + len(way) for ways in options.values() for way in ways or ALWAYS)
            for index in options:
                supply[index] += count
        self.left -= len(part.rows)
        return sum(max(0, self.pool.low(index) - count) for index, count in supply.items())

    def _part(self, part: Component, limit: int, depth: int) -> ComponentAssignment | None:
        ranked = ranked_values(self.pool, part)
        if not ranked:
            return self._settle(part, limit)
        self.left -= len(ranked) * len(part.slots) // _RANKED_AT_A_LOOK
        if depth > _DEEPEST or self.left < self.end:
            self.exact = False
            return self._unbound(part, dict.fromkeys(ranked), limit, depth)
        open_to = {
            variable: [each for each in values if each[0] <= limit]
            for variable, values in ranked.items()
        }
        forced = {name: values[0][1] for name, values in open_to.items() if len(values) == 1}
        if forced:
            return self._bound(part, forced, limit, depth)
        variable = min(open_to, key=lambda each: len(open_to[each]))
        best = None
        for least, value in open_to[variable]:
            if least > limit:
                break
            if best is None or self.left > 0:
                found = self._bound(part, {variable: value}, limit, depth)
            else:
                self.exact = False
                break
            if found is not None:
                best, limit = found, found.cost - 1
            elif self.left <= 0:
                self.exact = False
                break
        return best

    def _bound(
        self, part: Component, choice: VariableValues, limit: int, depth: int
    ) -> ComponentAssignment | None:
        rows, cost = part.rows, 0
        for variable, value in choice.items():
            rows, alone = self._narrowed(rows, partial(_narrow, variable=variable, value=value))
            cost += alone
        found = self._parts(part.slots, rows, limit - cost, depth=depth + 1)
        if found is None:
            return None
        return ComponentAssignment(found.cost + cost, found.claims, {**found.choice, **choice})

    def _unbound(
        self, part: Component, choice: VariableValues, limit: int, depth: int
    ) -> ComponentAssignment | None:
        """As `_bound`, where no variable gets a value: in one go, as there may be hundreds."""
        rows, cost = self._narrowed(part.rows, _free)
        found = self._parts(part.slots, rows, limit - cost, depth=depth + 1)
        if found is None:
            return None
        return ComponentAssignment(found.cost + cost, found.claims, {**found.choice, **choice})

    def _narrowed(
        self, rows: Sequence[CallNode], narrow: Callable[[Candidates], Candidates]
    ) -> tuple[tuple[CallNode, ...], int]:
        """The rows that are left when their options are narrowed, and what the others cost."""
        left: list[CallNode] = []
        cost = 0
        narrowed: dict[int, Candidates] = {}
        for position, options in rows:
            if id(options) not in narrowed:
                narrowed[id(options)] = narrow(options)
            if narrowed[id(options)]:
                left.append((position, narrowed[id(options)]))
            else:
                cost += self.pool.alone.get(position, 0)
        return tuple(left), cost

    def _settle(self, part: Component, limit: int) -> ComponentAssignment | None:
        """The claims of slots that match whatever the variables are."""
        slots = self.pool.slots
        cost = 0
        candidates: list[tuple[int, tuple[int, ...]]] = []
        for position, options in part.rows:
            failed = self.pool.wanted.get(position, ())
            cost += any(slots[index].scenario_index in failed for index in options)
            if forbids := sum(slots[index].forbids for index in options):
                cost += forbids
                continue
            found = tuple(index for index in options if self.pool.may_claim(position, index))
            if found:
                candidates.append((position, found))
            else:
                cost += 1
        answer = self._claimed(part, candidates, limit - cost)
        return None if answer is None else ComponentAssignment(answer.cost + cost, answer.claims)

    def _claimed(
        self, part: Component, candidates: list[tuple[int, tuple[int, ...]]], limit: int
    ) -> ComponentAssignment | None:
        answer = self._flow(part, candidates)
        constrained = any(self.pool.slots[index].constrained for index in part.slots)
        if answer.cost > limit:
            return None
        if not constrained:
            return answer
        course = OrderAutomaton(self.pool, part.slots, candidates)
        if cost_of_claims(course, answer.claims) == answer.cost:
            return answer
        steps = 1 + sum(1 + len(found) for _, found in candidates)
        width = max(_NARROWEST, self.left // steps)
        found, exact, steps = beam_search(course, limit, width)
        self.left -= steps
        self.exact &= exact
        return found

    def _flow(
        self, part: Component, candidates: list[tuple[int, tuple[int, ...]]]
    ) -> ComponentAssignment:
        """The best claims if neither order nor time between them mattered."""
        local = {index: n for n, index in enumerate(part.slots)}
        bounds = []
        for index in part.slots:
            low, high = self.pool.low(index), self.pool.slots[index].high
            bounds.append((low, max(len(candidates), low) if high is None else high))
        takers = b_matching(
            [tuple(local[each] for each in found) for _, found in candidates], bounds
        )
        claims = {
            position: part.slots[taker]
            for (position, _), taker in zip(candidates, takers, strict=True)
            if taker is not None
        }
        counts = [0] * len(bounds)
        for taker in takers:
            if taker is not None:
                counts[taker] += 1
        lacking = sum(max(0, low - n) for (low, _), n in zip(bounds, counts, strict=True))
        return ComponentAssignment(len(candidates) - len(claims) + lacking, claims)


def _narrow(options: Candidates, variable: Variable, value: Hashable | None) -> Candidates:
    """What is left of the options of a call when the variable has this value."""
    if not any(variable in way for ways in options.values() for way in ways or ()):
        return options
    left: dict[int, Conditions] = {}
    for index, ways in options.items():
        if ways is None:
            left[index] = None
            continue
        kept: list[Condition] = []
        for way in ways:
            if variable not in way:
                kept.append(way)
            elif value is not None and value in way[variable]:
                kept.append({each: keys for each, keys in way.items() if each != variable})
        if any(not way for way in kept):
            left[index] = None
        elif kept:
            left[index] = tuple(kept)
    return left


def _free(options: Candidates) -> Candidates:
    """The options that need no variable."""
    return {index: ways for index, ways in options.items() if ways is None}
