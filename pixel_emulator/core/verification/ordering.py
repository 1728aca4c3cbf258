"""Order and delays of claims: an automaton that reads the calls one by one, and a beam search."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixel_emulator.core.verification.components import ComponentAssignment, ProblemInstance
from pixel_emulator.core.verification.demands import Demand, OrderedList, precedes

type State = int
"""Small numbers, packed: counts of claims, closed demands, and positions of claims."""

type OrderedCalls = Sequence[tuple[int, tuple[int, ...]]]
"""Calls by position, in order, each with the demands that may claim it."""


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
    """The demands of a component as an automaton that reads its calls in order.

    A demand is closed when it can claim no more: when a later one of its list or stage has
    claimed, or one that comes `after` it, or when a foreign call has broken its strict list. The
    claims that it is missing then are missing for good; live, only these cost anything.
    """

    def __init__(
        self, instance: ProblemInstance, demands: Iterable[int], calls: OrderedCalls
    ) -> None:
        self.instance = instance
        self.calls = calls
        self.demands = [instance.demands[index] for index in demands]
        self.supply = Counter(index for _, candidates in calls for index in candidates)
        self._bits = 0
        self._allocate_fields()
        self._compute_transitions()

    def _allocate_fields(self) -> None:
        """Allocate the fields of a state: for each demand a capped count and a closed bit, the
        positions of claims that delays refer to, and a bit for each strict list that has begun."""
        self.caps: dict[int, int] = {}
        self.full: dict[int, int | None] = {}
        self.lows: dict[int, int] = {}
        for demand in self.demands:
            supply = self.supply[demand.index]
            bounded = demand.high is not None and demand.high < supply
            self.lows[demand.index] = demand.low if self.instance.live else min(demand.low, supply)
            self.full[demand.index] = demand.high if bounded else None
            self.caps[demand.index] = (demand.high or 0) if bounded else min(demand.low, supply)
        self.counts = {index: self._field(cap) for index, cap in self.caps.items()}
        self.closed = {demand.index: self._field(1).mask for demand in self.demands}
        end = len(self.instance.times)
        predecessors = {demand.after for demand in self.demands if demand.max_delay is not None}
        self.last_claim = {i: self._field(end) for i in predecessors if i is not None}
        timed = {
            (demand.scenario_index, demand.stage)
            for demand in self.demands
            if demand.timing.span is not None or demand.fallback_timing.span is not None
        }
        self.first_claim = {stage: self._field(end) for stage in sorted(timed, key=str)}
        list_indexes = {d.ordered_list for d in self.demands if d.ordered_list is not None}
        self.strict = {
            index: (ordered_list, self._field(1).mask)
            for index in sorted(list_indexes)
            if (ordered_list := self.instance.plan.ordered_lists[index]).strict
        }

    def _field(self, most: int) -> _Field:
        shift, bits = self._bits, most.bit_length()
        self._bits += bits
        return _Field(shift, ((1 << bits) - 1) << shift)

    def _compute_transitions(self) -> None:
        """Compute what a claim closes, after which calls the supply of a demand ends, and which
        strict lists are broken before a call and by it."""
        self.closes = {demand.index: tuple(self._closed_by(demand)) for demand in self.demands}
        last_call = {
            index: number
            for number, (_, candidates) in enumerate(self.calls)
            for index in candidates
        }
        self.supply_ends: dict[int, list[int]] = defaultdict(list)
        if not self.instance.live:
            for index, number in last_call.items():
                self.supply_ends[number].append(index)
        self.breaks: list[tuple[list[int], list[int]]] = []
        before = -1
        for position, _ in self.calls:
            lists = [(index, ordered_list) for index, (ordered_list, _) in self.strict.items()]
            self.breaks.append(
                (
                    [index for index, strict in lists if strict.is_broken(before, position)],
                    [index for index, strict in lists if _is_kept(strict, position)],
                )
            )
            before = position

    def _closed_by(self, demand: Demand) -> Iterator[int]:
        return (
            other.index
            for other in self.demands
            if demand.after == other.index or precedes(other, demand)
        )

    @property
    def unavoidable_cost(self) -> int:
        """Claims that are missing however the calls are claimed."""
        if self.instance.live:
            return 0
        return sum(demand.low - self.lows[demand.index] for demand in self.demands)

    def initial_state(self) -> State:
        """Return the state before the first call; demands without any supply are closed in it."""
        state = 0
        for demand in self.demands:
            if not self.instance.live and not self.supply[demand.index]:
                state |= self.closed[demand.index]
        return state

    def advance(self, state: State, number: int, claimant: int | None) -> tuple[State, int] | None:
        """Return the state after a demand, or none, claims the call, and the cost of that.

        Returns None if the demand cannot claim it.
        """
        position = self.calls[number][0]
        broken_before, broken_by = self.breaks[number]
        cost = 0
        for index in broken_before:
            state, missing = self._break(state, index)
            cost += missing
        if claimant is None:
            cost += 1
        else:
            claimed = self._claim(state, position, self.instance.demands[claimant])
            if claimed is None:
                return None
            state, missing = claimed
            cost += missing
        for index in broken_by:
            if claimant is None or self.instance.demands[claimant].ordered_list != index:
                state, missing = self._break(state, index)
                cost += missing
        if number in self.supply_ends:
            state, missing = self._close(state, self.supply_ends[number])
            cost += missing
        return state, cost

    def _claim(self, state: State, position: int, demand: Demand) -> tuple[State, int] | None:
        count = self.counts[demand.index].get(state)
        if state & self.closed[demand.index] or count == self.full[demand.index]:
            return None
        if not self._is_in_time(state, position, demand):
            return None
        if count < self.caps[demand.index]:
            state = self.counts[demand.index].put(state, count + 1)
        if demand.index in self.last_claim:
            state = self.last_claim[demand.index].put(state, position + 1)
        first = self.first_claim.get((demand.scenario_index, demand.stage))
        if first and not first.get(state):
            state = first.put(state, position + 1)
        if demand.ordered_list in self.strict:
            state |= self.strict[demand.ordered_list][1]
        return self._close(state, self.closes[demand.index])

    def _is_in_time(self, state: State, position: int, demand: Demand) -> bool:
        times = self.instance.times
        timings = [demand.timing]
        if demand.max_delay is not None and demand.after is not None:
            predecessor = self.last_claim[demand.after].get(state)
            if not predecessor:
                timings.append(demand.fallback_timing)
            elif times[position] - times[predecessor - 1] > demand.max_delay:
                return False
        for timing in timings:
            if timing.deadline is not None and times[position] > timing.deadline:
                return False
            if timing.span is not None:
                first = self.first_claim[demand.scenario_index, demand.stage].get(state)
                if first and times[position] - times[first - 1] > timing.span:
                    return False
        return True

    def _break(self, state: State, list_index: int) -> tuple[State, int]:
        """Read a foreign call: it ends a strict list that has begun."""
        ordered_list, begun = self.strict[list_index]
        if not state & begun:
            return state, 0
        return self._close(state & ~begun, ordered_list.demands)

    def _close(self, state: State, indexes: Iterable[int]) -> tuple[State, int]:
        missing = 0
        for index in indexes:
            if not state & self.closed[index]:
                missing += max(0, self.lows[index] - self.counts[index].get(state))
                state = self.counts[index].put(state, 0) | self.closed[index]
        return state, missing

    def final_cost(self, state: State) -> int:
        """Return the cost of the calls after the last one that is read."""
        after = self.calls[-1][0] if self.calls else -1
        cost = 0
        for index, (ordered_list, _) in self.strict.items():
            if ordered_list.is_broken(after, len(self.instance.times)):
                state, missing = self._break(state, index)
                cost += missing
        return cost


def _is_kept(ordered_list: OrderedList, position: int) -> bool:
    kept = ordered_list.kept_positions
    index = bisect_left(kept, position)
    return index < len(kept) and kept[index] == position


type _Layer = dict[State, tuple[int, State, int | None]]
"""The states after a call: the cost so far, the state before, and the demand that claims it."""


def cost_of_claims(automaton: OrderAutomaton, claims: Mapping[int, int]) -> int | None:
    """Return the cost of these claims, or None if order or times forbid them."""
    state, total = automaton.initial_state(), automaton.unavoidable_cost
    for number, (position, _) in enumerate(automaton.calls):
        following = automaton.advance(state, number, claims.get(position))
        if following is None:
            return None
        state, cost = following
        total += cost
    return total + automaton.final_cost(state)


def beam_search(
    automaton: OrderAutomaton, limit: int, width: int
) -> tuple[ComponentAssignment | None, bool, int]:
    """Return the cheapest claims of at most this cost that were found, True if that is exact, and
    the number of tries.

    At most `width` states are kept after each call; the result is exact if none was left out.
    """
    layers: list[_Layer] = []
    states: dict[State, int] = {}
    if automaton.unavoidable_cost <= limit:
        states[automaton.initial_state()] = automaton.unavoidable_cost
    exact, tries = True, 0
    for number, (_, candidates) in enumerate(automaton.calls):
        layer: _Layer = {}
        claimants = _claimants(automaton, candidates)
        for state, cost_so_far in states.items():
            for claimant in claimants:
                tries += 1
                following = automaton.advance(state, number, claimant)
                if following is None or cost_so_far + following[1] > limit:
                    continue
                total = cost_so_far + following[1]
                if following[0] not in layer or total < layer[following[0]][0]:
                    layer[following[0]] = (total, state, claimant)
        if len(layer) > width:
            exact = False
            layer = dict(sorted(layer.items(), key=lambda item: item[1][0])[:width])
        layers.append(layer)
        states = {state: total for state, (total, _, _) in layer.items()}
    totals = {state: cost + automaton.final_cost(state) for state, cost in states.items()}
    state = min(totals, key=totals.__getitem__, default=0)
    if not totals or totals[state] > limit:
        return None, exact, tries
    return ComponentAssignment(totals[state], _trace(automaton, state, layers)), exact, tries


def _claimants(automaton: OrderAutomaton, candidates: Sequence[int]) -> list[int | None]:
    """Return the demands that may claim a call, and None; of equal results, the first wins.

    Demands with `after` come last: if such a call and its predecessor came in the wrong order, it
    is the dependent call that is reported as too early.
    """
    dependent = [i for i in candidates if automaton.instance.demands[i].after is not None]
    return [*(index for index in candidates if index not in dependent), None, *dependent]


def _trace(automaton: OrderAutomaton, state: State, layers: Sequence[_Layer]) -> dict[int, int]:
    claims = {}
    for (position, _), layer in zip(reversed(automaton.calls), reversed(layers), strict=True):
        _, state, claimant = layer[state]
        if claimant is not None:
            claims[position] = claimant
    return dict(sorted(claims.items()))
