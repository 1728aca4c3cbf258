"""Which slots match which calls, and what each way to match needs of the variables."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pixel_emulator.core.matching.expected import Constraints, identity, written
from pixel_emulator.core.matching.unification import bind, variables
from pixel_emulator.core.model import JSON, CallType, Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Pattern, facts, name_of
from pixel_emulator.core.verdicts.lookup import Lookup
from pixel_emulator.core.verdicts.slots import Slot

# Ways of one slot to match one call that are looked at: those of `$any-order` are factorial.
_MOST_WAYS = 1_000
# As many are looked at where this number of them was found beside the first ones.
_FEW_WAYS = 20
_WAYS_OF_ALL = 10_000

LOOKS = 400_000
"""Looks of slots with variables at calls that one verdict may take: some seconds."""

type Variable = tuple[int, str]
"""A variable of the scenario with this index."""

type Way = tuple[tuple[Variable, Hashable, bool], ...]
"""What one way needs: that each variable has a value of this identity, or else is this text."""

type Edge = tuple[int, tuple[Way, ...]]
"""A slot that matches, with each distinct way; the way `()` needs nothing."""

type _Line = tuple[bool, CallType | None, str | None]

FREE: tuple[Way, ...] = ((),)
"""The ways of a slot that matches whatever the variables are."""


@dataclass(slots=True)
class Domain:
    """The values that calls offer for one variable, by identity, in the order of appearance."""

    values: dict[Hashable, JSON]
    by_text: dict[str, dict[Hashable, None]]

    def add(self, value: JSON) -> Hashable:
        """Note a value; returns its identity."""
        key = identity(value)
        if key not in self.values:
            self.values[key] = value
            if (text := written(value)) is not None:
                self.by_text.setdefault(text, {})[key] = None
        return key


class Edges:
    """The edges of the calls so far.

    `cut` are the slots that had more ways to match a call than are looked at, `cuts` how often.
    After `looks` looks of slots with variables these count as matching whatever they may see:
    then they are all in one part with what they compete with, and that part is undecided.
    """

    def __init__(self, slots: Sequence[Slot], looks: int = LOOKS) -> None:
        self.slots = slots
        self._looks = looks
        self._asking = {each.index for each in slots if any(map(_asks, each.wanted.patterns))}
        self.domains: dict[Variable, Domain] = {}
        self.cut: set[int] = set()
        self.cuts = 0
        self._left = _WAYS_OF_ALL
        lines: dict[_Line, list[tuple[int, Pattern]]] = defaultdict(list)
        for slot in slots:
            for each in slot.wanted.patterns:
                lines[slot.wanted.dropped, each.type, each.name].append((slot.index, each))
        self._by_line = {line: Lookup(patterns) for line, patterns in lines.items()}

    def of(self, hit: Hit) -> tuple[Edge, ...]:
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
        if (name := name_of(hit)) is not None:
            lines.append((dropped, type, name))
        said = facts(hit)
        found = [self._by_line[line].of(said) for line in lines if line in self._by_line]
        return sorted({each for some in found for each in some})

    def _ways(self, slot: Slot, hit: Hit) -> tuple[Way, ...]:
        if slot.index in self._asking and slot.wanted.wants_outcome(hit):
            if self._looks <= 0:
                self._cut(slot)
                return FREE
            self._looks -= 1
        most = _MOST_WAYS if self._left > 0 else _FEW_WAYS
        found = list(islice(slot.wanted.ways(hit), most + 1))
        self._left -= max(0, len(found) - 1)
        if () in found:
            return FREE
        if len(found) > most:
            self._cut(slot)
        return tuple(dict.fromkeys(self._way(slot.home, each) for each in self._sound(found)))

    def _cut(self, slot: Slot) -> None:
        self.cut.add(slot.index)
        self.cuts += 1

    def _sound(self, found: list[Constraints]) -> Iterator[Constraints]:
        """The ways that do not contradict themselves."""
        return (needs for needs in found if bind(needs) is not None)

    def _way(self, home: int, needs: Constraints) -> Way:
        way: dict[tuple[Variable, Hashable, bool], None] = {}
        for need in needs:
            variable = (home, need.name)
            domain = self.domains.setdefault(variable, Domain({}, {}))
            key = domain.add(need.value)
            way[variable, str(need.value) if need.in_text else key, need.in_text] = None
        return tuple(way)


def _asks(pattern: Pattern) -> bool:
    """Whether a pattern asks for a variable."""
    return any(variables(want) for want in (pattern.fields, pattern.request))
