"""Which slots match which calls, and what each way to match needs of the variables."""

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

_MANY = 20
"""Patterns that are worth an index."""

type _Path = tuple[str, ...]


class CandidateIndex:
    """The slots of some patterns, by what stands at the path at which these differ the most.

    Without it, a recording of 10,000 calls read as a scenario would take 100 million comparisons.
    """

    def __init__(self, patterns: Sequence[tuple[int, Pattern]]) -> None:
        self._path = _telling(patterns) if len(patterns) >= _MANY else ()
        self._others: list[int] = []
        self._by_value: dict[Hashable, list[int]] = defaultdict(list)
        for slot, pattern in patterns:
            value = dict(_scalars(pattern.fields)).get(self._path, ABSENT)
            found = self._others if value is ABSENT else self._by_value[equality_key(value)]
            if found[-1:] != [slot]:
                found.append(slot)

    def of(self, said: Payload) -> list[int]:
        """The slots that a call which says this may match, as far as that value decides."""
        if not self._path:
            return self._others
        value: Value = said
        for key in self._path:
            value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
        here = [] if isinstance(value, dict | list) else self._by_value.get(equality_key(value), [])
        return [*self._others, *here]


def _telling(patterns: Sequence[tuple[int, Pattern]]) -> _Path:
    """The path at which the patterns have the most values; empty if they have the same."""
    values: dict[_Path, set[Hashable]] = defaultdict(set)
    uses: Counter[_Path] = Counter()
    for _, pattern in patterns:
        for path, value in _scalars(pattern.fields):
            values[path].add(equality_key(value))
            uses[path] += 1
    best = max(values, key=lambda path: (len(values[path]), uses[path]), default=())
    return best if len(values.get(best, ())) > 1 else ()


def _scalars(fields: Mapping[str, Expected]) -> Iterator[tuple[_Path, Value]]:
    """The plain scalars of a pattern, those of the fields and of the maps in them."""
    for key, want in fields.items():
        inner = want.items() if isinstance(want, dict) else ()
        pairs = [((key,), want), *(((key, each), value) for each, value in inner)]
        for path, value in pairs:
            if value is None or isinstance(value, str | int | float):
                yield path, value


# Ways of one slot to match one call that are looked at: those of `$any-order` are factorial.
_MOST_WAYS = 1_000
# As many are looked at where this number of them was found beside the first ones.
_FEW_WAYS = 20
_WAYS_OF_ALL = 10_000

MATCH_BUDGET = 400_000
"""Looks of slots with variables at calls that one verdict may take: some seconds."""

type Variable = tuple[int, str]
"""A variable of the scenario with this index."""

type Solution = tuple[tuple[Variable, Hashable, bool], ...]
"""What one way needs: that each variable has a value of this identity, or else is this text."""

type Candidate = tuple[int, tuple[Solution, ...]]
"""A slot that matches, with each distinct way; the way `()` needs nothing."""

type _Line = tuple[bool, CallType | None, str | None]

ALWAYS: tuple[Solution, ...] = ((),)
"""The ways of a slot that matches whatever the variables are."""


@dataclass(slots=True)
class Domain:
    """The values that calls offer for one variable, by identity, in the order of appearance."""

    values: dict[Hashable, JSON]
    by_text: dict[str, dict[Hashable, None]]

    def add(self, value: JSON) -> Hashable:
        """Note a value; returns its identity."""
        key = equality_key(value)
        if key not in self.values:
            self.values[key] = value
            if (text := text_form(value)) is not None:
                self.by_text.setdefault(text, {})[key] = None
        return key


class CandidateFinder:
    """The edges of the calls so far.

    `cut` are the slots that had more ways to match a call than are looked at, `cuts` how often.
    After `match_budget` looks of slots with variables these count as matching whatever they may
    see: then they are all in one part with what they compete with, and that part is undecided.
    """

    def __init__(self, slots: Sequence[Demand], match_budget: int = MATCH_BUDGET) -> None:
        self.slots = slots
        self._match_budget = match_budget
        self._asking = {each.index for each in slots if any(map(_asks, each.wanted.patterns))}
        self.domains: dict[Variable, Domain] = {}
        self.cut: set[int] = set()
        self.cuts = 0
        self._left = _WAYS_OF_ALL
        lines: dict[_Line, list[tuple[int, Pattern]]] = defaultdict(list)
        for slot in slots:
            for each in slot.wanted.patterns:
                lines[slot.wanted.dropped, each.type, each.name].append((slot.index, each))
        self._by_line = {line: CandidateIndex(patterns) for line, patterns in lines.items()}

    def of(self, hit: Hit) -> tuple[Candidate, ...]:
        """The slots that match a call, in order."""
        return tuple(
            (index, ways)
            for index in self.possible(hit)
            if self.slots[index].may_see(hit) and (ways := self._ways(self.slots[index], hit))
        )

    def asks(self, index: int) -> bool:
        """Whether a slot asks for a variable."""
        return index in self._asking

    def possible(self, hit: Hit) -> list[int]:
        """The slots that may match a call, as far as its type, its name and one value decide."""
        if hit.call is None:
            return []
        dropped, type = hit.outcome is Outcome.DROPPED, hit.call.type
        lines: list[_Line] = [(dropped, type, None), (dropped, None, None)]
        if (name := call_name(hit)) is not None:
            lines.append((dropped, type, name))
        said = call_facts(hit)
        found = [self._by_line[line].of(said) for line in lines if line in self._by_line]
        return sorted({each for some in found for each in some})

    def _ways(self, slot: Demand, hit: Hit) -> tuple[Solution, ...]:
        if slot.index in self._asking and slot.wanted.accepts_outcome(hit):
            if self._match_budget <= 0:
                self._cut(slot)
                return ALWAYS
            self._match_budget -= 1
        most = _MOST_WAYS if self._left > 0 else _FEW_WAYS
        found = list(islice(slot.wanted.solutions(hit), most + 1))
        self._left -= max(0, len(found) - 1)
        if () in found:
            return ALWAYS
        if len(found) > most:
            self._cut(slot)
        return tuple(
            dict.fromkeys(self._way(slot.scenario_index, each) for each in self._sound(found))
        )

    def _cut(self, slot: Demand) -> None:
        self.cut.add(slot.index)
        self.cuts += 1

    def _sound(self, found: list[Constraints]) -> Iterator[Constraints]:
        """The ways that do not contradict themselves."""
        return (needs for needs in found if bind(needs) is not None)

    def _way(self, scenario_index: int, needs: Constraints) -> Solution:
        way: dict[tuple[Variable, Hashable, bool], None] = {}
        for need in needs:
            variable = (scenario_index, need.name)
            domain = self.domains.setdefault(variable, Domain({}, {}))
            key = domain.add(need.value)
            way[variable, str(need.value) if need.in_text else key, need.in_text] = None
        return tuple(way)


def _asks(pattern: Pattern) -> bool:
    """Whether a pattern asks for a variable."""
    return any(variable_names(want) for want in (pattern.fields, pattern.request))
