"""Candidates: which demands match which calls, and what each solution requires of variables."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pixel_emulator.core.matching.expected import (
    ABSENT,
    Constraints,
    Expected,
    Value,
    equality_key,
    text_form,
)
from pixel_emulator.core.matching.unification import bind, variable_names
from pixel_emulator.core.model import JSON, CallType, Hit, Outcome, Payload
from pixel_emulator.core.scenarios.expectation import Pattern, call_facts, call_name
from pixel_emulator.core.verification.demands import Demand

_MIN_INDEXED = 20
"""Patterns from which on an index is worth its cost."""

type _KeyPath = tuple[str, ...]


class CandidateIndex:
    """The demands of some patterns, by the value at the path that distinguishes them best.

    Without the index, a recording of 10,000 calls read as a scenario would take 100 million
    comparisons.
    """

    def __init__(self, patterns: Sequence[tuple[int, Pattern]]) -> None:
        self._path = _most_selective_path(patterns) if len(patterns) >= _MIN_INDEXED else ()
        self._without_value: list[int] = []
        self._by_value: dict[Hashable, list[int]] = defaultdict(list)
        for demand, pattern in patterns:
            value = dict(_scalars(pattern.fields)).get(self._path, ABSENT)
            indexed = (
                self._without_value if value is ABSENT else self._by_value[equality_key(value)]
            )
            if indexed[-1:] != [demand]:
                indexed.append(demand)

    def lookup(self, payload: Payload) -> list[int]:
        """Return the demands that may match a call with this payload, by the indexed value."""
        if not self._path:
            return self._without_value
        value: Value = payload
        for key in self._path:
            value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
        same = [] if isinstance(value, dict | list) else self._by_value.get(equality_key(value), [])
        return [*self._without_value, *same]


def _most_selective_path(patterns: Sequence[tuple[int, Pattern]]) -> _KeyPath:
    """Return the path at which the patterns have the most values; empty if all are the same."""
    values: dict[_KeyPath, set[Hashable]] = defaultdict(set)
    uses: Counter[_KeyPath] = Counter()
    for _, pattern in patterns:
        for path, value in _scalars(pattern.fields):
            values[path].add(equality_key(value))
            uses[path] += 1
    best = max(values, key=lambda path: (len(values[path]), uses[path]), default=())
    return best if len(values.get(best, ())) > 1 else ()


def _scalars(fields: Mapping[str, Expected]) -> Iterator[tuple[_KeyPath, Value]]:
    """Yield the plain scalars of the fields and of the maps in them."""
    for key, expected in fields.items():
        members = expected.items() if isinstance(expected, dict) else ()
        pairs = [((key,), expected), *(((key, member), value) for member, value in members)]
        for path, value in pairs:
            if value is None or isinstance(value, str | int | float):
                yield path, value


# Solutions of one demand and one call that are used: those of `$any-order` are factorial.
_MAX_SOLUTIONS = 1_000
# The same, once _MAX_ALL_SOLUTIONS were found in addition to the first of each.
_FEW_SOLUTIONS = 20
_MAX_ALL_SOLUTIONS = 10_000

MATCH_BUDGET = 400_000
"""Matches of demands with variables against calls that one verdict may try: some seconds."""

type Variable = tuple[int, str]
"""A variable of the scenario with this index."""

type Solution = tuple[tuple[Variable, Hashable, bool], ...]
"""The requirements of one solution: each variable has a value of this identity, or, if the last
item is True, a value with this text."""

type Candidate = tuple[int, tuple[Solution, ...]]
"""A demand that matches, with its distinct solutions; the solution `()` requires nothing."""

type _IndexKey = tuple[bool, CallType | None, str | None]

ALWAYS: tuple[Solution, ...] = ((),)
"""The solutions of a demand that matches for all values of the variables."""


@dataclass(slots=True)
class Domain:
    """The values that calls offer for one variable, by identity, in the order of appearance."""

    values: dict[Hashable, JSON]
    by_text: dict[str, dict[Hashable, None]]

    def add(self, value: JSON) -> Hashable:
        """Add a value and return its identity."""
        key = equality_key(value)
        if key not in self.values:
            self.values[key] = value
            if (text := text_form(value)) is not None:
                self.by_text.setdefault(text, {})[key] = None
        return key


class CandidateFinder:
    """Finds the candidates of the calls, one call after the other.

    `truncated` are the demands with more solutions for a call than are used, `truncations` the
    number of such matches. After `match_budget` matches of demands with variables, further ones
    count as matching always and as truncated: these demands are then in one component with all
    their competitors, and that component is undecided.
    """

    def __init__(self, demands: Sequence[Demand], match_budget: int = MATCH_BUDGET) -> None:
        self.demands = demands
        self._match_budget = match_budget
        self._with_variables = {
            demand.index
            for demand in demands
            if any(map(_has_variables, demand.expectation.patterns))
        }
        self.domains: dict[Variable, Domain] = {}
        self.truncated: set[int] = set()
        self.truncations = 0
        self._solutions_left = _MAX_ALL_SOLUTIONS
        patterns: dict[_IndexKey, list[tuple[int, Pattern]]] = defaultdict(list)
        for demand in demands:
            dropped = demand.expectation.dropped
            for pattern in demand.expectation.patterns:
                patterns[dropped, pattern.type, pattern.name].append((demand.index, pattern))
        self._indexes = {key: CandidateIndex(same) for key, same in patterns.items()}

    def candidates(self, hit: Hit) -> tuple[Candidate, ...]:
        """Return the demands that match a call, in order."""
        return tuple(
            (index, solutions)
            for index in self.possible(hit)
            if self.demands[index].can_see(hit)
            and (solutions := self._solutions(self.demands[index], hit))
        )

    def has_variables(self, index: int) -> bool:
        """Return True if the patterns of a demand have variables."""
        return index in self._with_variables

    def possible(self, hit: Hit) -> list[int]:
        """Return the demands that a call may match, by its type, its name and one value."""
        if hit.call is None:
            return []
        dropped, type = hit.outcome is Outcome.DROPPED, hit.call.type
        keys: list[_IndexKey] = [(dropped, type, None), (dropped, None, None)]
        if (name := call_name(hit)) is not None:
            keys.append((dropped, type, name))
        payload = call_facts(hit)
        indexes = [self._indexes[key] for key in keys if key in self._indexes]
        return sorted({demand for index in indexes for demand in index.lookup(payload)})

    def _solutions(self, demand: Demand, hit: Hit) -> tuple[Solution, ...]:
        if demand.index in self._with_variables and demand.expectation.accepts_outcome(hit):
            if self._match_budget <= 0:
                self._truncate(demand)
                return ALWAYS
            self._match_budget -= 1
        most = _MAX_SOLUTIONS if self._solutions_left > 0 else _FEW_SOLUTIONS
        matches = list(islice(demand.expectation.solutions(hit), most + 1))
        self._solutions_left -= max(0, len(matches) - 1)
        if () in matches:
            return ALWAYS
        if len(matches) > most:
            self._truncate(demand)
        return tuple(
            dict.fromkeys(
                self._solution(demand.scenario_index, constraints)
                for constraints in matches
                if bind(constraints) is not None  # else it contradicts itself
            )
        )

    def _truncate(self, demand: Demand) -> None:
        self.truncated.add(demand.index)
        self.truncations += 1

    def _solution(self, scenario_index: int, constraints: Constraints) -> Solution:
        solution: dict[tuple[Variable, Hashable, bool], None] = {}
        for binding in constraints:
            variable = (scenario_index, binding.name)
            domain = self.domains.setdefault(variable, Domain({}, {}))
            key = domain.add(binding.value)
            required = str(binding.value) if binding.in_text else key
            solution[variable, required, binding.in_text] = None
        return tuple(solution)


def _has_variables(pattern: Pattern) -> bool:
    return any(variable_names(expected) for expected in (pattern.fields, pattern.request))
