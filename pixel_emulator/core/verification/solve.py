"""Who claims what in a run: each part by itself, and what could not be decided."""

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
"""Looks at an edge that the searches of one verdict may take, beside some for each edge."""

_LOOKS = 8  # at each edge, whatever the budget: to bind a few variables at the first attempt
_MOST_LOOKS = 2_000_000  # of these: some seconds
_TO_EXPLAIN = 4  # this part of the budget goes into what is shown where nothing is met
_UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The claims of a run; `matched` are the slots that match each call under the chosen values.

    `more_claims` and `too_many` count, by slot, the calls that others stand for.

    `undecided` are the slots for which the budget was spent before an answer was found, `unsure`
    the positions of calls that they may match.
    """

    pool: ProblemInstance
    claims: Claims
    choice: VariableValues
    matched: tuple[tuple[int, ...], ...]
    undecided: frozenset[int]
    unsure: frozenset[int]
    more_claims: Mapping[int, int]
    too_many: Mapping[int, int]

    def bound(self, scenario_index: int) -> Bindings:
        """The values of the variables of one scenario."""
        return {
            variable[1]: self.pool.domains[variable].values[key]
            for variable, key in self.choice.items()
            if variable[0] == scenario_index and key is not None
        }


def solve(case: MatchGraph, budget: int) -> Assignment:
    """The claims that leave the least to be wished for."""
    case, more_claims, too_many = case.with_alike()
    parts, rows = case.parts()
    share = _share(case, parts, budget)
    claims: dict[int, int] = {}
    choice: VariableValues = {}
    undecided: set[int] = set()
    for part in parts:
        cut = bool(case.edges.cut.intersection(part.slots))
        # What is undecided anyway is only to be shown, so it gets no search of its own.
        answer, exact = (None, False) if cut else _without_cost(case.pool, part, share)
        if answer is None:
            search = Search(case.pool, (budget if cut else share) // _TO_EXPLAIN)
            answer = search.best(part.slots, part.rows, _UNLIMITED) or ComponentAssignment(0)
        claims.update(answer.claims)
        choice = {**choice, **answer.choice}
        if cut or (answer.cost and not exact):
            undecided.update(part.slots)
    matched: list[tuple[int, ...]] = [()] * len(case.hits)
    for position, options in rows:
        matched[position] = tuple(i for i, ways in options.items() if _holds(ways, choice))
    return Assignment(
        pool=case.pool,
        claims=claims,
        choice=choice,
        matched=tuple(matched),
        undecided=frozenset(undecided),
        unsure=frozenset(case.unsure) | {at for at, each in rows if undecided & each.keys()},
        more_claims=more_claims,
        too_many=too_many,
    )


def can_still_be_met(case: MatchGraph, pool: ProblemInstance, budget: int) -> bool | None:
    """Whether each part can be settled without cost; None if the budget was spent before."""
    case, _, too_many = case.with_alike()
    if too_many:
        return False
    pool = replace(pool, layout=case.layout)
    parts, _ = case.parts()
    share = _share(case, parts, budget)
    known = not case.edges.cut
    for part in parts:
        if case.edges.cut.intersection(part.slots):
            continue
        answer, exact = _without_cost(pool, part, share)
        if answer is None and exact:
            return False
        known &= answer is not None
    return True if known else None


def is_hard(pool: ProblemInstance, part: Component) -> bool:
    """Whether a part needs a search: numbers of claims alone do not settle it."""
    return any(pool.slots[index].constrained for index in part.slots) or any(
        ways is not None for _, options in part.rows for ways in options.values()
    )


def _share(case: MatchGraph, parts: list[Component], budget: int) -> int:
    """How many looks each search may take."""
    looks = budget + min(_LOOKS * sum(map(len, case.found)), _MOST_LOOKS)
    return looks // max(1, sum(is_hard(case.pool, part) for part in parts))


def _without_cost(
    pool: ProblemInstance, part: Component, budget: int
) -> tuple[ComponentAssignment | None, bool]:
    """An answer without cost, if there is one, and whether None means that there is none."""
    search = Search(pool, budget)
    answer = search.best(part.slots, part.rows, 0)
    return answer, search.exact or answer is not None


def _holds(ways: Conditions, choice: VariableValues) -> bool:
    """Whether a slot matches under these values."""
    return ways is None or any(
        all(choice.get(variable) in keys for variable, keys in way.items()) for way in ways
    )
