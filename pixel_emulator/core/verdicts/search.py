"""The search for the values of variables, and for the claims under them, at the least cost."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial

from pixel_emulator.core.verdicts.claims import claim
from pixel_emulator.core.verdicts.course import Course
from pixel_emulator.core.verdicts.edges import FREE, Variable
from pixel_emulator.core.verdicts.pool import Answer, Choice, Needed, Options, Part, Pool, Row, Ways
from pixel_emulator.core.verdicts.ranking import rank
from pixel_emulator.core.verdicts.sequence import cheapest, replay

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

    def __init__(self, pool: Pool, budget: int) -> None:
        self.pool = pool
        self.left = budget
        self.end = -max(budget // 2, _TO_THE_END)
        self.exact = True

    def best(self, slots: Iterable[int], rows: Sequence[Row], limit: int) -> Answer | None:
        """The cheapest answer of at most this cost; of equal ones, earlier calls claim first."""
        return self._parts(slots, rows, limit, depth=0)

    def _parts(
        self, slots: Iterable[int], rows: Sequence[Row], limit: int, *, depth: int
    ) -> Answer | None:
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
        return Answer(cost, claims, choice)

    def _floor(self, part: Part) -> int:
        """What a part lacks even if each call may be claimed by all of its slots."""
        supply = dict.fromkeys(part.slots, 0)
        for options, _, count in self.pool.groups(part.rows):
            self.left -= sum(1 + len(way) for ways in options.values() for way in ways or FREE)
            for index in options:
                supply[index] += count
        self.left -= len(part.rows)
        return sum(max(0, self.pool.low(index) - count) for index, count in supply.items())

    def _part(self, part: Part, limit: int, depth: int) -> Answer | None:
        ranked = rank(self.pool, part)
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

    def _bound(self, part: Part, choice: Choice, limit: int, depth: int) -> Answer | None:
        rows, cost = part.rows, 0
        for variable, value in choice.items():
            rows, alone = self._narrowed(rows, partial(_narrow, variable=variable, value=value))
            cost += alone
        found = self._parts(part.slots, rows, limit - cost, depth=depth + 1)
        if found is None:
            return None
        return Answer(found.cost + cost, found.claims, {**found.choice, **choice})

    def _unbound(self, part: Part, choice: Choice, limit: int, depth: int) -> Answer | None:
        """As `_bound`, where no variable gets a value: in one go, as there may be hundreds."""
        rows, cost = self._narrowed(part.rows, _free)
        found = self._parts(part.slots, rows, limit - cost, depth=depth + 1)
        if found is None:
            return None
        return Answer(found.cost + cost, found.claims, {**found.choice, **choice})

    def _narrowed(
        self, rows: Sequence[Row], narrow: Callable[[Options], Options]
    ) -> tuple[tuple[Row, ...], int]:
        """The rows that are left when their options are narrowed, and what the others cost."""
        left: list[Row] = []
        cost = 0
        narrowed: dict[int, Options] = {}
        for position, options in rows:
            if id(options) not in narrowed:
                narrowed[id(options)] = narrow(options)
            if narrowed[id(options)]:
                left.append((position, narrowed[id(options)]))
            else:
                cost += self.pool.alone.get(position, 0)
        return tuple(left), cost

    def _settle(self, part: Part, limit: int) -> Answer | None:
        """The claims of slots that match whatever the variables are."""
        slots = self.pool.slots
        cost = 0
        candidates: list[tuple[int, tuple[int, ...]]] = []
        for position, options in part.rows:
            failed = self.pool.wanted.get(position, ())
            cost += any(slots[index].home in failed for index in options)
            if bans := sum(slots[index].bans for index in options):
                cost += bans
                continue
            found = tuple(index for index in options if self.pool.may_claim(position, index))
            if found:
                candidates.append((position, found))
            else:
                cost += 1
        answer = self._claimed(part, candidates, limit - cost)
        return None if answer is None else Answer(answer.cost + cost, answer.claims)

    def _claimed(
        self, part: Part, candidates: list[tuple[int, tuple[int, ...]]], limit: int
    ) -> Answer | None:
        answer = self._flow(part, candidates)
        constrained = any(self.pool.slots[index].constrained for index in part.slots)
        if answer.cost > limit:
            return None
        if not constrained:
            return answer
        course = Course(self.pool, part.slots, candidates)
        if replay(course, answer.claims) == answer.cost:
            return answer
        steps = 1 + sum(1 + len(found) for _, found in candidates)
        width = max(_NARROWEST, self.left // steps)
        found, exact, steps = cheapest(course, limit, width)
        self.left -= steps
        self.exact &= exact
        return found

    def _flow(self, part: Part, candidates: list[tuple[int, tuple[int, ...]]]) -> Answer:
        """The best claims if neither order nor time between them mattered."""
        local = {index: n for n, index in enumerate(part.slots)}
        bounds = []
        for index in part.slots:
            low, high = self.pool.low(index), self.pool.slots[index].high
            bounds.append((low, max(len(candidates), low) if high is None else high))
        takers = claim([tuple(local[each] for each in found) for _, found in candidates], bounds)
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
        return Answer(len(candidates) - len(claims) + lacking, claims)


def _narrow(options: Options, variable: Variable, value: Hashable | None) -> Options:
    """What is left of the options of a call when the variable has this value."""
    if not any(variable in way for ways in options.values() for way in ways or ()):
        return options
    left: dict[int, Ways] = {}
    for index, ways in options.items():
        if ways is None:
            left[index] = None
            continue
        kept: list[Needed] = []
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


def _free(options: Options) -> Options:
    """The options that need no variable."""
    return {index: ways for index, ways in options.items() if ways is None}
