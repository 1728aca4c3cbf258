"""Slots whose order and times matter, as a machine that takes calls one after the other."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixel_emulator.core.verification.components import ComponentAssignment, ProblemInstance
from pixel_emulator.core.verification.demands import Demand, OrderedList, precedes

type State = int
"""Small numbers, packed: counts of claims, what is closed, and positions of claims."""

type OrderedCalls = Sequence[tuple[int, tuple[int, ...]]]
"""Calls by position, in order, each with the slots that may claim it."""


@dataclass(frozen=True, slots=True)
class _Field:
    """Some bits of a state."""

    shift: int
    mask: int

    def get(self, state: State) -> int:
        return (state & self.mask) >> self.shift

    def put(self, state: State, value: int) -> State:
        return state & ~self.mask | value << self.shift


class OrderAutomaton:
    """The slots of a part as a machine that takes its calls in order.

    A slot is closed once it may claim no more: a later one of its list or phase has claimed, or
    one that comes after it, or a foreign call has broken its strict list. What it lacks then is
    lacking for good; live, only that costs something.
    """

    def __init__(
        self, pool: ProblemInstance, slots: Iterable[int], candidates: OrderedCalls
    ) -> None:
        self.pool = pool
        self.candidates = candidates
        self.slots = [pool.slots[index] for index in slots]
        self.supply = Counter(index for _, found in candidates for index in found)
        self._bits = 0
        self._lay_out_fields()
        self._lay_out_rules()

    def _lay_out_fields(self) -> None:
        """The parts of a state: for each slot a capped count, and whether it is closed."""
        self.caps: dict[int, int] = {}
        self.full: dict[int, int | None] = {}
        self.lows: dict[int, int] = {}
        for slot in self.slots:
            supply = self.supply[slot.index]
            bounded = slot.high is not None and slot.high < supply
            self.lows[slot.index] = slot.low if self.pool.live else min(slot.low, supply)
            self.full[slot.index] = slot.high if bounded else None
            self.caps[slot.index] = (slot.high or 0) if bounded else min(slot.low, supply)
        self.counts = {index: self._field(cap) for index, cap in self.caps.items()}
        self.closed = {slot.index: self._field(1).mask for slot in self.slots}
        end = len(self.pool.times)
        waited_for = {slot.after for slot in self.slots if slot.gap is not None}
        self.last = {index: self._field(end) for index in waited_for if index is not None}
        timed = {
            (slot.scenario_index, slot.phase)
            for slot in self.slots
            if slot.timing.span is not None or slot.alone.span is not None
        }
        self.first = {phase: self._field(end) for phase in sorted(timed, key=str)}
        ordered_lists = {slot.ordered_list for slot in self.slots if slot.ordered_list is not None}
        self.strict = {
            index: (ordered_list, self._field(1).mask)
            for index in sorted(ordered_lists)
            if (ordered_list := self.pool.layout.ordered_lists[index]).strict
        }

    def _field(self, most: int) -> _Field:
        shift, bits = self._bits, most.bit_length()
        self._bits += bits
        return _Field(shift, ((1 << bits) - 1) << shift)

    def _lay_out_rules(self) -> None:
        """What a claim closes, where the supply of a slot ends, and which calls break a list."""
        self.closes = {slot.index: tuple(self._closed_by(slot)) for slot in self.slots}
        last = {index: n for n, (_, found) in enumerate(self.candidates) for index in found}
        self.ends: dict[int, list[int]] = defaultdict(list)
        if not self.pool.live:
            for index, number in last.items():
                self.ends[number].append(index)
        self.breaks: list[tuple[list[int], list[int]]] = []
        before = -1
        for position, _ in self.candidates:
            between = [
                i
                for i, (ordered_list, _) in self.strict.items()
                if ordered_list.broken(before, position)
            ]
            here = [
                i for i, (ordered_list, _) in self.strict.items() if _holds(ordered_list, position)
            ]
            self.breaks.append((between, here))
            before = position

    def _closed_by(self, slot: Demand) -> Iterator[int]:
        return (
            other.index
            for other in self.slots
            if slot.after == other.index or precedes(other, slot)
        )

    @property
    def floor(self) -> int:
        """What is lacking however the calls are claimed."""
        if self.pool.live:
            return 0
        return sum(slot.low - self.lows[slot.index] for slot in self.slots)

    def begin(self) -> State:
        """The state before the first call; slots without any supply are as good as closed."""
        state = 0
        for slot in self.slots:
            if not self.pool.live and not self.supply[slot.index]:
                state |= self.closed[slot.index]
        return state

    def advance(self, state: State, number: int, choice: int | None) -> tuple[State, int] | None:
        """The state after the call is claimed by a slot, or by none, and what that costs."""
        position = self.candidates[number][0]
        between, here = self.breaks[number]
        cost = 0
        for index in between:
            state, more = self._break(state, index)
            cost += more
        if choice is None:
            cost += 1
        else:
            claimed = self._claim(state, position, self.pool.slots[choice])
            if claimed is None:
                return None
            state, more = claimed
            cost += more
        for index in here:
            if choice is None or self.pool.slots[choice].ordered_list != index:
                state, more = self._break(state, index)
                cost += more
        if number in self.ends:
            state, more = self._close(state, self.ends[number])
            cost += more
        return state, cost

    def _claim(self, state: State, position: int, slot: Demand) -> tuple[State, int] | None:
        count = self.counts[slot.index].get(state)
        if state & self.closed[slot.index] or count == self.full[slot.index]:
            return None
        if not self._in_time(state, position, slot):
            return None
        if count < self.caps[slot.index]:
            state = self.counts[slot.index].put(state, count + 1)
        if slot.index in self.last:
            state = self.last[slot.index].put(state, position + 1)
        first = self.first.get((slot.scenario_index, slot.phase))
        if first and not first.get(state):
            state = first.put(state, position + 1)
        if slot.ordered_list in self.strict:
            state |= self.strict[slot.ordered_list][1]
        return self._close(state, self.closes[slot.index])

    def _in_time(self, state: State, position: int, slot: Demand) -> bool:
        times = self.pool.times
        timings = [slot.timing]
        if slot.gap is not None and slot.after is not None:
            target = self.last[slot.after].get(state)
            if not target:
                timings.append(slot.alone)
            elif times[position] - times[target - 1] > slot.gap:
                return False
        for timing in timings:
            if timing.limit is not None and times[position] > timing.limit:
                return False
            first = timing.span is not None and self.first[slot.scenario_index, slot.phase].get(
                state
            )
            if first and times[position] - times[first - 1] > (timing.span or 0):
                return False
        return True

    def _break(self, state: State, ordered_list: int) -> tuple[State, int]:
        """A foreign call comes: once a strict list has begun, that is its end."""
        running = self.strict[ordered_list][1]
        if not state & running:
            return state, 0
        return self._close(state & ~running, self.strict[ordered_list][0].slots)

    def _close(self, state: State, indexes: Iterable[int]) -> tuple[State, int]:
        lacking = 0
        for index in indexes:
            if not state & self.closed[index]:
                lacking += max(0, self.lows[index] - self.counts[index].get(state))
                state = self.counts[index].put(state, 0) | self.closed[index]
        return state, lacking

    def end(self, state: State) -> int:
        """What the calls behind the last of them close."""
        after = self.candidates[-1][0] if self.candidates else -1
        cost = 0
        for index, (ordered_list, _) in self.strict.items():
            if ordered_list.broken(after, len(self.pool.times)):
                state, more = self._break(state, index)
                cost += more
        return cost


def _holds(ordered_list: OrderedList, position: int) -> bool:
    at = bisect_left(ordered_list.kept, position)
    return at < len(ordered_list.kept) and ordered_list.kept[at] == position


type _Layer = dict[State, tuple[int, State, int | None]]
"""The states behind a call: the cost so far, the state before, and who claimed the call."""


def cost_of_claims(course: OrderAutomaton, claims: Mapping[int, int]) -> int | None:
    """What these claims cost, or None where they are not allowed."""
    state, total = course.begin(), course.floor
    for number, (position, _) in enumerate(course.candidates):
        following = course.advance(state, number, claims.get(position))
        if following is None:
            return None
        state, cost = following
        total += cost
    return total + course.end(state)


def beam_search(
    course: OrderAutomaton, limit: int, width: int
) -> tuple[ComponentAssignment | None, bool, int]:
    """The cheapest answer up to a limit; whether no state was left out to keep at most
    `width` of them at a time; and the number of steps that were taken."""
    layers: list[_Layer] = []
    states: dict[State, int] = {course.begin(): course.floor} if course.floor <= limit else {}
    exact, steps = True, 0
    for number, (_, found) in enumerate(course.candidates):
        layer: _Layer = {}
        choices = _choices(course, found)
        for state, so_far in states.items():
            for choice in choices:
                steps += 1
                following = course.advance(state, number, choice)
                if following is None or so_far + following[1] > limit:
                    continue
                total = so_far + following[1]
                if following[0] not in layer or total < layer[following[0]][0]:
                    layer[following[0]] = (total, state, choice)
        if len(layer) > width:
            exact = False
            kept = sorted(layer.items(), key=lambda item: item[1][0])[:width]
            layer = dict(kept)
        layers.append(layer)
        states = {state: each[0] for state, each in layer.items()}
    totals = {state: cost + course.end(state) for state, cost in states.items()}
    state = min(totals, key=totals.__getitem__, default=0)
    if not totals or totals[state] > limit:
        return None, exact, steps
    return ComponentAssignment(totals[state], _trace(course, state, layers)), exact, steps


def _choices(course: OrderAutomaton, found: Sequence[int]) -> list[int | None]:
    """Who may claim a call, or nobody; of two answers alike, the first of these wins.

    So where one slot waits for another, it is the one that waits that came too early.
    """
    waiting = [index for index in found if course.pool.slots[index].after is not None]
    return [*(index for index in found if index not in waiting), None, *waiting]


def _trace(course: OrderAutomaton, state: State, layers: Sequence[_Layer]) -> dict[int, int]:
    claims = {}
    for (position, _), layer in zip(reversed(course.candidates), reversed(layers), strict=True):
        _, state, choice = layer[state]
        if choice is not None:
            claims[position] = choice
    return dict(sorted(claims.items()))
