"""What the search works on: calls as rows of slots that match them, in parts that stand alone."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pixel_emulator.core.verdicts.edges import FREE, Domain, Edge, Variable
from pixel_emulator.core.verdicts.slots import Layout, Slot

type Needed = Mapping[Variable, Collection[Hashable]]
"""What one way needs: for each variable the identities that it may have."""

type Ways = tuple[Needed, ...] | None
"""Each way in which a slot may match a call; None if it matches in any case."""

type Options = Mapping[int, Ways]
"""The slots that may match a call."""

type Row = tuple[int, Options]
"""A call, by its position, and the slots that may match it."""

type Choice = Mapping[Variable, Hashable | None]
"""The identity that each variable has; None for a value that no call offers."""

type Claims = Mapping[int, int]
"""The slot that claims a call, by position."""


@dataclass(frozen=True, slots=True)
class Part:
    """Slots and the rows that they may match: nothing outside it matters to it."""

    slots: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to settle a part, and its cost: lacking claims, calls too many, failing findings."""

    cost: int
    claims: Claims = field(default_factory=dict)
    choice: Choice = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is the same for all parts.

    `times` are those of the calls, by position. `alone` is what a call costs that no slot
    matches, by position, 0 if it is not there; `wanted` holds the scenarios that it fails if they
    want it, where that is not the same for all. `live` says that more calls may come: what is
    lacking costs nothing then, unless nothing that comes could fill it.
    """

    layout: Layout
    domains: Mapping[Variable, Domain]
    times: list[int] = field(default_factory=list)
    alone: dict[int, int] = field(default_factory=dict)
    wanted: dict[int, Collection[int]] = field(default_factory=dict)
    live: bool = False

    @property
    def slots(self) -> Sequence[Slot]:
        """All slots."""
        return self.layout.slots

    def low(self, index: int) -> int:
        """How many claims a slot lacks if it has none."""
        return 0 if self.live else self.slots[index].low

    def rows(self, found: Sequence[tuple[Edge, ...]]) -> list[Row]:
        """The rows of calls with these edges; those with the same edges share their options."""
        known: dict[tuple[Edge, ...], Options] = {}
        for edges in found:
            if edges and edges not in known:
                known[edges] = {
                    slot: None if ways is FREE else tuple(self._needed(way) for way in ways)
                    for slot, ways in edges
                }
        return [(position, known[edges]) for position, edges in enumerate(found) if edges]

    def groups(self, rows: Iterable[Row]) -> list[tuple[Options, int, int]]:
        """The rows that are alike: their options, what each costs alone, and how many there are."""
        alike: dict[tuple[int, int], tuple[Options, int, int]] = {}
        for position, options in rows:
            alone = self.alone.get(position, 0)
            _, _, count = alike.get((id(options), alone), (options, alone, 0))
            alike[id(options), alone] = options, alone, count + 1
        return list(alike.values())

    def _needed(self, way: tuple[tuple[Variable, Hashable, bool], ...]) -> Needed:
        needed: dict[Variable, Collection[Hashable]] = {}
        for variable, key, in_text in way:
            keys = tuple(self.domains[variable].by_text[str(key)]) if in_text else (key,)
            before = needed.get(variable)
            needed[variable] = keys if before is None else [each for each in keys if each in before]
        return needed

    def may_claim(self, position: int, index: int) -> bool:
        """Whether the call comes in time for the slot, as far as no other claim decides that."""
        limit = self.slots[index].timing.limit
        return limit is None or self.times[position] <= limit

    def split(self, slots: Iterable[int], rows: Sequence[Row]) -> list[Part]:
        """The parts that have nothing to do with each other, by their first slots."""
        groups = _Groups()
        of_variable: dict[Variable, int] = {}
        of_link: dict[tuple[str, int], int] = {}
        for index in slots:
            groups.add(index)
            for link in self._links(self.slots[index]):
                groups.join(of_link.setdefault(link, index), index)
        for options in {id(each): each for _, each in rows}.values():
            first = next(iter(options))
            for index, ways in options.items():
                groups.join(first, index)
                for variable in {each for way in ways or () for each in way}:
                    groups.join(of_variable.setdefault(variable, index), index)
        members = groups.members()
        found: dict[int, list[Row]] = {root: [] for root in members}
        for row in rows:
            found[groups.root(next(iter(row[1])))].append(row)
        return [Part(tuple(members[root]), tuple(found[root])) for root in members]

    def _links(self, slot: Slot) -> Iterator[tuple[str, int]]:
        if slot.chain is not None:
            yield "chain", slot.chain
        if slot.after is not None:
            yield "slot", slot.after
        if slot.phase is not None:
            yield "run", slot.home
        yield "slot", slot.index


class _Groups:
    """Disjoint sets of numbers (Tarjan 1975); the root of each is its least."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def add(self, item: int) -> None:
        self.parent.setdefault(item, item)

    def root(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = item = self.parent[self.parent[item]]
        return item

    def join(self, one: int, other: int) -> None:
        one, other = sorted((self.root(one), self.root(other)))
        self.parent[other] = one

    def members(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for item in self.parent:
            found.setdefault(self.root(item), []).append(item)
        return found
