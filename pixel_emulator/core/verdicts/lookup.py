"""Many expectations of one call line, found by a plain value that tells them from each other."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence

from pixel_emulator.core.matching.expected import ABSENT, Expected, Value, identity
from pixel_emulator.core.model import Payload
from pixel_emulator.core.scenarios.expectation import Pattern

_MANY = 20
"""Patterns that are worth an index."""

type _Path = tuple[str, ...]


class Lookup:
    """The slots of some patterns, by what stands at the path at which these differ the most.

    Without it, a recording of 10,000 calls read as a scenario would take 100 million comparisons.
    """

    def __init__(self, patterns: Sequence[tuple[int, Pattern]]) -> None:
        self._path = _telling(patterns) if len(patterns) >= _MANY else ()
        self._others: list[int] = []
        self._by_value: dict[Hashable, list[int]] = defaultdict(list)
        for slot, pattern in patterns:
            value = dict(_scalars(pattern.fields)).get(self._path, ABSENT)
            found = self._others if value is ABSENT else self._by_value[identity(value)]
            if found[-1:] != [slot]:
                found.append(slot)

    def of(self, said: Payload) -> list[int]:
        """The slots that a call which says this may match, as far as that value decides."""
        if not self._path:
            return self._others
        value: Value = said
        for key in self._path:
            value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
        here = [] if isinstance(value, dict | list) else self._by_value.get(identity(value), [])
        return [*self._others, *here]


def _telling(patterns: Sequence[tuple[int, Pattern]]) -> _Path:
    """The path at which the patterns have the most values; empty if they have the same."""
    values: dict[_Path, set[Hashable]] = defaultdict(set)
    uses: Counter[_Path] = Counter()
    for _, pattern in patterns:
        for path, value in _scalars(pattern.fields):
            values[path].add(identity(value))
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
