"""Solve the assignment problem of a run: the claims of least cost, component by component."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixel_emulator.core.matching.expected import Bindings
from pixel_emulator.core.verification.branch_and_bound import Search
from pixel_emulator.core.verification.components import (
    Claims,
    Component,
    ComponentAssignment,
    Conditions,
    MatchGraph,
    ProblemInstance,
    VariableValues,
)

BUDGET = 200_000
"""Candidates that the searches of one verdict may try, in addition to some for each candidate."""

_TRIES = 8  # of each candidate, whatever the budget: enough to bind a few variables at once
_MAX_TRIES = 2_000_000  # limit of these: some seconds
_DISPLAY_SHARE = 4  # this part of the budget goes into claims that are only shown, as undecided
_UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The claims of a run; `matched` are the demands that match each call under `values`.

    `counted_claims` and `counted_extra` count, by demand, calls that others stand for.
    `undecided` are the demands for which the budget was spent before an assignment was proven
    best, `uncertain` the positions of calls that they may match.
    """

    instance: ProblemInstance
    claims: Claims
    values: VariableValues
    matched: tuple[tuple[int, ...], ...]
    undecided: frozenset[int]
    uncertain: frozenset[int]
    counted_claims: Mapping[int, int]
    counted_extra: Mapping[int, int]

    def bindings(self, scenario_index: int) -> Bindings:
        """Return the values of the variables of one scenario."""
        return {
            variable[1]: self.instance.domains[variable].values[key]
            for variable, key in self.values.items()
            if variable[0] == scenario_index and key is not None
        }


def solve(graph: MatchGraph, budget: int) -> Assignment:
    """Return the assignment of least cost."""
    graph, counted_claims, counted_extra = graph.claim_alike()
    components, nodes = graph.components()
    share = _share(graph, components, budget)
    claims: dict[int, int] = {}
    values: VariableValues = {}
    undecided: set[int] = set()
    for component in components:
        truncated = bool(graph.finder.truncated.intersection(component.demands))
        assignment, exact = None, False
        if not truncated:
            assignment, exact = _without_cost(graph.instance, component, share)
        if assignment is None:
            # Only to be shown if truncated, so the search may use its part of the whole budget.
            search = Search(graph.instance, (budget if truncated else share) // _DISPLAY_SHARE)
            assignment = search.cheapest(component.demands, component.nodes, _UNLIMITED)
            assignment = assignment or ComponentAssignment(0)
        claims.update(assignment.claims)
        values = {**values, **assignment.values}
        if truncated or (assignment.cost and not exact):
            undecided.update(component.demands)
    matched: list[tuple[int, ...]] = [()] * len(graph.hits)
    for position, candidates in nodes:
        matched[position] = tuple(
            index for index, conditions in candidates.items() if _holds(conditions, values)
        )
    return Assignment(
        instance=graph.instance,
        claims=claims,
        values=values,
        matched=tuple(matched),
        undecided=frozenset(undecided),
        uncertain=frozenset(graph.uncertain)
        | {position for position, candidates in nodes if undecided & candidates.keys()},
        counted_claims=counted_claims,
        counted_extra=counted_extra,
    )


def can_still_be_met(graph: MatchGraph, instance: ProblemInstance, budget: int) -> bool | None:
    """Return True if each component has an assignment without cost; None if the budget was spent
    before that was decided."""
    graph, _, counted_extra = graph.claim_alike()
    if counted_extra:
        return False
    instance = replace(instance, plan=graph.plan)
    components, _ = graph.components()
    share = _share(graph, components, budget)
    decided = not graph.finder.truncated
    for component in components:
        if graph.finder.truncated.intersection(component.demands):
            continue
        assignment, exact = _without_cost(instance, component, share)
        if assignment is None and exact:
            return False
        decided &= assignment is not None
    return True if decided else None


def _needs_search(instance: ProblemInstance, component: Component) -> bool:
    """Return True if a component needs a search: numbers of claims alone do not decide it."""
    return any(instance.demands[index].is_constrained for index in component.demands) or any(
        conditions is not None
        for _, candidates in component.nodes
        for conditions in candidates.values()
    )


def _share(graph: MatchGraph, components: list[Component], budget: int) -> int:
    """Return the budget of each search."""
    total = budget + min(_TRIES * sum(map(len, graph.candidates)), _MAX_TRIES)
    return total // max(
        1, sum(_needs_search(graph.instance, component) for component in components)
    )


def _without_cost(
    instance: ProblemInstance, component: Component, budget: int
) -> tuple[ComponentAssignment | None, bool]:
    """Return an assignment without cost, if one was found, and True if None proves that there is
    none."""
    search = Search(instance, budget)
    assignment = search.cheapest(component.demands, component.nodes, 0)
    return assignment, search.exact or assignment is not None


def _holds(conditions: Conditions, values: VariableValues) -> bool:
    """Return True if a demand matches under these values."""
    return conditions is None or any(
        all(values.get(variable) in keys for variable, keys in condition.items())
        for condition in conditions
    )
