"""Branch and bound over the values of variables, and the claims of least cost under them."""

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
from pixel_emulator.core.verification.ordering import (
    OrderAutomaton,
    OrderedCalls,
    beam_search,
    cost_of_claims,
)

type Ranked = list[tuple[int, Hashable | None]]
"""Values with a lower bound of the cost of each, the cheapest first; None for a value of no call.
"""


class _Tally:
    """Counts of calls, by value of one variable.

    `unmatched` is the cost of calls that no value matches, `matched` what a value saves of it.
    `dependent` counts the calls that a demand matches only with the variable, `supply` those that
    a value lets it match, `exclusive` those that no other demand can claim. `forbidden` counts
    the calls that a value makes a demand with `times: 0` match.
    """

    def __init__(self) -> None:
        self.unmatched = 0
        self.matched: Counter[Hashable] = Counter()
        self.forbidden: Counter[Hashable] = Counter()
        self.dependent: Counter[int] = Counter()
        self.supply: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.exclusive: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.values: dict[Hashable, None] = {}


def ranked_values(instance: ProblemInstance, component: Component) -> Mapping[Variable, Ranked]:
    """Return the values of each variable, each with a lower bound of the cost of the component."""
    tallies: dict[Variable, _Tally] = defaultdict(_Tally)
    supply: Counter[int] = Counter()
    exclusive: Counter[int] = Counter()
    for candidates, unmatched_cost, count in instance.groups(component.nodes):
        for index in candidates:
            supply[index] += count
        if len(candidates) == 1 and None in candidates.values():
            exclusive[next(iter(candidates))] += count
        _count(tallies, instance, candidates, unmatched_cost=unmatched_cost, calls=count)
    return {
        variable: _ranked(instance, component, tallies[variable], supply, exclusive)
        for variable in sorted(tallies)
    }


def _count(
    tallies: dict[Variable, _Tally],
    instance: ProblemInstance,
    candidates: Candidates,
    *,
    unmatched_cost: int,
    calls: int,
) -> None:
    """Count so many calls with the same candidates."""
    matching: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
    required_by: Counter[Variable] = Counter()
    for index, conditions in candidates.items():
        possible: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        sufficient: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        in_conditions: Counter[Variable] = Counter()
        for condition in conditions or ():
            for variable, values in condition.items():
                in_conditions[variable] += 1
                possible[variable].update(dict.fromkeys(values))
                if len(condition) == 1:
                    sufficient[variable].update(dict.fromkeys(values))
        for variable, keys in possible.items():
            matching[variable].update(keys)
            if in_conditions[variable] == len(conditions or ()):
                required_by[variable] += 1
                tallies[variable].dependent[index] += calls
                _add(tallies[variable].supply[index], keys, calls)
        for variable, keys in sufficient.items():
            if instance.demands[index].forbids:
                _add(tallies[variable].forbidden, keys, calls)
            elif len(candidates) == 1:
                _add(tallies[variable].exclusive[index], keys, calls)
    for variable, keys in matching.items():
        tallies[variable].values.update(keys)
        if unmatched_cost and required_by[variable] == len(candidates):
            tallies[variable].unmatched += unmatched_cost * calls
            _add(tallies[variable].matched, keys, unmatched_cost * calls)


def _add(counts: Counter[Hashable], values: Iterable[Hashable], number: int) -> None:
    for value in values:
        counts[value] += number


def _ranked(
    instance: ProblemInstance,
    component: Component,
    tally: _Tally,
    supply: Counter[int],
    exclusive: Counter[int],
) -> Ranked:
    missing, least = {}, tally.unmatched
    for index in component.demands:
        independent = supply[index] - tally.dependent[index]
        missing[index] = max(0, instance.low(index) - independent)
        least += missing[index] + _excess(instance, index, exclusive[index])
    costs: dict[Hashable | None, int] = dict.fromkeys(tally.values, least)
    for value in tally.values:
        costs[value] += tally.forbidden[value] - tally.matched[value]
    for index, counts in tally.supply.items():
        for value, count in counts.items():
            costs[value] -= min(missing[index], count)
    for index, counts in tally.exclusive.items():
        before = _excess(instance, index, exclusive[index])
        for value, count in counts.items():
            costs[value] += _excess(instance, index, exclusive[index] + count) - before
    costs[None] = least
    return sorted(((cost, value) for value, cost in costs.items()), key=lambda pair: pair[0])


def _excess(instance: ProblemInstance, index: int, calls: int) -> int:
    high = instance.demands[index].high
    return 0 if high is None or high == 0 else max(0, calls - high)


_MAX_DEPTH = 60  # variables that are bound one after the other; further ones get no value
_MIN_BEAM_WIDTH = 8
_RANKED_PER_TRY = 4  # pairs of a variable and a demand that take as long to rank as one try
_MIN_OVERDRAFT = 20_000  # tries beyond any budget: enough for what a small file leaves open


class Search:
    """One search with a budget, counted in candidates that are tried.

    When the budget is spent, only the most promising branch is followed, for at most half as many
    further tries; variables that are left then get no value. `exact` is then False: the result
    may not be the best one, and None does not prove that there is none.
    """

    def __init__(self, instance: ProblemInstance, budget: int) -> None:
        self.instance = instance
        self.budget_left = budget
        self.hard_limit = -max(budget // 2, _MIN_OVERDRAFT)
        self.exact = True

    def cheapest(
        self, demands: Iterable[int], nodes: Sequence[CallNode], limit: int
    ) -> ComponentAssignment | None:
        """Return the cheapest assignment of at most this cost, None if there is none.

        Of equally cheap ones, it is the one in which earlier calls are claimed first.
        """
        return self._split(demands, nodes, limit, depth=0)

    def _split(
        self, demands: Iterable[int], nodes: Sequence[CallNode], limit: int, *, depth: int
    ) -> ComponentAssignment | None:
        components = self.instance.components(demands, nodes)
        lower_bounds = [self._lower_bound(component) for component in components]
        spare = limit - sum(lower_bounds)
        cost = 0
        claims: dict[int, int] = {}
        values: dict[Variable, Hashable | None] = {}
        for component, lower_bound in zip(components, lower_bounds, strict=True):
            best = self._component(component, lower_bound + spare, depth) if spare >= 0 else None
            if best is None:
                return None
            spare -= best.cost - lower_bound
            cost += best.cost
            claims |= best.claims
            values |= best.values
        return ComponentAssignment(cost, claims, values)

    def _lower_bound(self, component: Component) -> int:
        """Return the claims that are missing even if all demands may claim the same call."""
        supply = dict.fromkeys(component.demands, 0)
        for candidates, _, count in self.instance.groups(component.nodes):
            self.budget_left -= sum(
                1 + len(condition)
                for conditions in candidates.values()
                for condition in conditions or ALWAYS
            )
            for index in candidates:
                supply[index] += count
        self.budget_left -= len(component.nodes)
        return sum(max(0, self.instance.low(index) - count) for index, count in supply.items())

    def _component(
        self, component: Component, limit: int, depth: int
    ) -> ComponentAssignment | None:
        ranked = ranked_values(self.instance, component)
        if not ranked:
            return self._assign(component, limit)
        self.budget_left -= len(ranked) * len(component.demands) // _RANKED_PER_TRY
        if depth > _MAX_DEPTH or self.budget_left < self.hard_limit:
            self.exact = False
            return self._without_values(component, dict.fromkeys(ranked), limit, depth)
        affordable = {
            variable: [(cost, value) for cost, value in values if cost <= limit]
            for variable, values in ranked.items()
        }
        forced = {name: values[0][1] for name, values in affordable.items() if len(values) == 1}
        if forced:
            return self._with_values(component, forced, limit, depth)
        variable = min(affordable, key=lambda name: len(affordable[name]))
        best = None
        for lower_bound, value in affordable[variable]:
            if lower_bound > limit:
                break
            if best is not None and self.budget_left <= 0:
                self.exact = False
                break
            assignment = self._with_values(component, {variable: value}, limit, depth)
            if assignment is not None:
                best, limit = assignment, assignment.cost - 1
            elif self.budget_left <= 0:
                self.exact = False
                break
        return best

    def _with_values(
        self, component: Component, values: VariableValues, limit: int, depth: int
    ) -> ComponentAssignment | None:
        nodes, cost = component.nodes, 0
        for variable, value in values.items():
            nodes, unmatched = self._restricted(
                nodes, partial(_restrict, variable=variable, value=value)
            )
            cost += unmatched
        return self._rest(component, (nodes, cost), values, limit, depth)

    def _without_values(
        self, component: Component, values: VariableValues, limit: int, depth: int
    ) -> ComponentAssignment | None:
        """Give no variable a value, all in one pass because there may be hundreds."""
        restricted = self._restricted(component.nodes, _unconditional)
        return self._rest(component, restricted, values, limit, depth)

    def _rest(
        self,
        component: Component,
        restricted: tuple[Sequence[CallNode], int],
        values: VariableValues,
        limit: int,
        depth: int,
    ) -> ComponentAssignment | None:
        """Return the best assignment under these values; `restricted` are the nodes that are left
        and the cost of the others."""
        nodes, cost = restricted
        rest = self._split(component.demands, nodes, limit - cost, depth=depth + 1)
        if rest is None:
            return None
        return ComponentAssignment(rest.cost + cost, rest.claims, {**rest.values, **values})

    def _restricted(
        self, nodes: Sequence[CallNode], restrict: Callable[[Candidates], Candidates]
    ) -> tuple[tuple[CallNode, ...], int]:
        """Return the nodes that keep candidates, and the cost of the other calls."""
        remaining: list[CallNode] = []
        cost = 0
        restricted: dict[int, Candidates] = {}
        for position, candidates in nodes:
            if id(candidates) not in restricted:
                restricted[id(candidates)] = restrict(candidates)
            if restricted[id(candidates)]:
                remaining.append((position, restricted[id(candidates)]))
            else:
                cost += self.instance.unmatched_cost.get(position, 0)
        return tuple(remaining), cost

    def _assign(self, component: Component, limit: int) -> ComponentAssignment | None:
        """Return the best claims of demands that match without any condition."""
        demands = self.instance.demands
        cost = 0
        calls: list[tuple[int, tuple[int, ...]]] = []
        for position, candidates in component.nodes:
            failing = self.instance.damage_fails.get(position, ())
            cost += any(demands[index].scenario_index in failing for index in candidates)
            if forbids := sum(demands[index].forbids for index in candidates):
                cost += forbids
                continue
            in_time = tuple(i for i in candidates if self.instance.is_in_time(position, i))
            if in_time:
                calls.append((position, in_time))
            else:
                cost += 1
        best = self._assign_in_order(component, calls, limit - cost)
        return None if best is None else ComponentAssignment(best.cost + cost, best.claims)

    def _assign_in_order(
        self, component: Component, calls: OrderedCalls, limit: int
    ) -> ComponentAssignment | None:
        unordered = self._assign_unordered(component, calls)
        if unordered.cost > limit:
            return None
        if not any(self.instance.demands[index].is_constrained for index in component.demands):
            return unordered
        automaton = OrderAutomaton(self.instance, component.demands, calls)
        if cost_of_claims(automaton, unordered.claims) == unordered.cost:
            return unordered
        tries = 1 + sum(1 + len(candidates) for _, candidates in calls)
        width = max(_MIN_BEAM_WIDTH, self.budget_left // tries)
        best, exact, tries = beam_search(automaton, limit, width)
        self.budget_left -= tries
        self.exact &= exact
        return best

    def _assign_unordered(self, component: Component, calls: OrderedCalls) -> ComponentAssignment:
        """Return the best claims if neither order nor delays between claims mattered."""
        local = {index: number for number, index in enumerate(component.demands)}
        bounds = []
        for index in component.demands:
            low, high = self.instance.low(index), self.instance.demands[index].high
            bounds.append((low, max(len(calls), low) if high is None else high))
        claimants = b_matching(
            [tuple(local[index] for index in candidates) for _, candidates in calls], bounds
        )
        claims = {
            position: component.demands[claimant]
            for (position, _), claimant in zip(calls, claimants, strict=True)
            if claimant is not None
        }
        counts = Counter(claimants)
        missing = sum(max(0, low - counts[number]) for number, (low, _) in enumerate(bounds))
        return ComponentAssignment(len(calls) - len(claims) + missing, claims)


def _restrict(candidates: Candidates, variable: Variable, value: Hashable | None) -> Candidates:
    """Return the candidates of a call that remain if the variable has this value."""
    if not any(
        variable in condition
        for conditions in candidates.values()
        for condition in conditions or ()
    ):
        return candidates
    remaining: dict[int, Conditions] = {}
    for index, conditions in candidates.items():
        if conditions is None:
            remaining[index] = None
            continue
        satisfiable: list[Condition] = []
        for condition in conditions:
            if variable not in condition:
                satisfiable.append(condition)
            elif value is not None and value in condition[variable]:
                satisfiable.append(
                    {name: keys for name, keys in condition.items() if name != variable}
                )
        if any(not condition for condition in satisfiable):
            remaining[index] = None
        elif satisfiable:
            remaining[index] = tuple(satisfiable)
    return remaining


def _unconditional(candidates: Candidates) -> Candidates:
    """Return the candidates that require no variable."""
    return {index: None for index, conditions in candidates.items() if conditions is None}
