"""How much each value of a variable costs at least, so that the search tries the best first."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping

from pixel_emulator.core.verdicts.edges import Variable
from pixel_emulator.core.verdicts.pool import Options, Part, Pool

type Ranked = list[tuple[int, Hashable | None]]
"""Values with the least that each costs, the cheapest first; None for a value of no call."""


class _Tally:
    """What the rows say about the values of one variable.

    `unmatched` counts what calls cost if no value matches them, `matched` what a value saves.
    `needing` counts the rows of a slot that need the variable, `supply` those that a value
    matches, `sure` those that only this slot can claim; `banned` the bans that a value breaks.
    """

    def __init__(self) -> None:
        self.unmatched = 0
        self.matched: Counter[Hashable] = Counter()
        self.banned: Counter[Hashable] = Counter()
        self.needing: Counter[int] = Counter()
        self.supply: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.sure: dict[int, Counter[Hashable]] = defaultdict(Counter)
        self.values: dict[Hashable, None] = {}


def rank(pool: Pool, part: Part) -> Mapping[Variable, Ranked]:
    """For each variable of a part its values, each with a lower bound of the whole cost."""
    tallies: dict[Variable, _Tally] = defaultdict(_Tally)
    supply: Counter[int] = Counter()
    sure: Counter[int] = Counter()
    for options, alone, count in pool.groups(part.rows):
        for index in options:
            supply[index] += count
        if len(options) == 1 and None in options.values():
            sure[next(iter(options))] += count
        _count(tallies, pool, options, alone=alone, rows=count)
    return {
        variable: _ranked(pool, part, tallies[variable], supply, sure)
        for variable in sorted(tallies)
    }


def _count(
    tallies: dict[Variable, _Tally], pool: Pool, options: Options, *, alone: int, rows: int
) -> None:
    """Count so many rows with the same options."""
    fitting: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
    needed_by: Counter[Variable] = Counter()
    for index, ways in options.items():
        here: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        in_ways: Counter[Variable] = Counter()
        decided: dict[Variable, dict[Hashable, None]] = defaultdict(dict)
        for way in ways or ():
            for variable, values in way.items():
                in_ways[variable] += 1
                here[variable].update(dict.fromkeys(values))
                if len(way) == 1:
                    decided[variable].update(dict.fromkeys(values))
        for variable, found in here.items():
            fitting[variable].update(found)
            if in_ways[variable] == len(ways or ()):
                needed_by[variable] += 1
                tallies[variable].needing[index] += rows
                _add(tallies[variable].supply[index], found, rows)
        for variable, found in decided.items():
            if pool.slots[index].bans:
                _add(tallies[variable].banned, found, rows)
            elif len(options) == 1:
                _add(tallies[variable].sure[index], found, rows)
    for variable, found in fitting.items():
        tallies[variable].values.update(found)
        if alone and needed_by[variable] == len(options):
            tallies[variable].unmatched += alone * rows
            _add(tallies[variable].matched, found, alone * rows)


def _add(counts: Counter[Hashable], values: Iterable[Hashable], number: int) -> None:
    for each in values:
        counts[each] += number


def _ranked(
    pool: Pool, part: Part, tally: _Tally, supply: Counter[int], sure: Counter[int]
) -> Ranked:
    lacking, least = {}, tally.unmatched
    for index in part.slots:
        lacking[index] = max(0, pool.low(index) - supply[index] + tally.needing[index])
        least += lacking[index] + _excess(pool, index, sure[index])
    costs: dict[Hashable | None, int] = dict.fromkeys(tally.values, least)
    for value in tally.values:
        costs[value] += tally.banned[value] - tally.matched[value]
    for index, counts in tally.supply.items():
        for value, count in counts.items():
            costs[value] -= min(lacking[index], count)
    for index, counts in tally.sure.items():
        before = _excess(pool, index, sure[index])
        for value, count in counts.items():
            costs[value] += _excess(pool, index, sure[index] + count) - before
    costs[None] = least
    return sorted(((cost, value) for value, cost in costs.items()), key=lambda each: each[0])


def _excess(pool: Pool, index: int, calls: int) -> int:
    high = pool.slots[index].high
    return 0 if high is None or high == 0 else max(0, calls - high)
