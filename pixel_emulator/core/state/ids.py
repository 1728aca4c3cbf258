"""Ids and whom they belong to: a union of sets, in which merging never changes what was merged."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pixel_emulator.core.model import JSON


@dataclass(slots=True, eq=False)
class Person:
    """One set of ids with all that was said under them, as long as `within` is None.

    `id` is the name of the set, `identified` says that it is a userId. A trait stands with the
    number of the call that set it, so that the later one wins whoever is merged into whom.
    """

    id: str
    identified: bool = False
    traits: dict[str, tuple[int, JSON]] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    within: "Person | None" = None

    @property
    def weight(self) -> int:
        """How much there is to move when it is merged."""
        return len(self.traits) + len(self.groups) + len(self.events)


class Ids:
    """All ids that were seen; `anonymous` are those that were sent as anonymousId."""

    def __init__(self) -> None:
        self.anonymous: set[str] = set()
        self._people: dict[str, Person] = {}
        self._writes = 0

    def user(self, id: str) -> Person:
        """Whom a userId belongs to; it names a set that had no userId."""
        person = self.known(id)
        if not person.identified:
            person.id, person.identified = id, True
        return person

    def visitor(self, id: str) -> Person:
        """Whom an anonymousId belongs to."""
        self.anonymous.add(id)
        return self.known(id)

    def known(self, id: str) -> Person:
        """Whom an id of an unknown kind belongs to."""
        person = self._people.get(id)
        if person is None:
            person = self._people[id] = Person(id)
        return self.root(person)

    def root(self, person: Person) -> Person:
        """The set that a person is within by now."""
        top = person
        while top.within is not None:
            top = top.within
        while person.within is not None:  # the way is shorter next time
            person.within, person = top, person.within
        return top

    def merge(self, person: Person, other: Person) -> Person:
        """Put the other into the person, whose name stays if it is a userId. What is merged
        already stays as it is. Unify's FAQ: "a single profile, with the latest state of all
        traits, events, and identifiers"."""
        person, other = self.root(person), self.root(other)
        if person is other:
            return person
        named = person if person.identified or not other.identified else other
        id, identified = named.id, named.identified
        small, large = sorted((person, other), key=lambda each: each.weight)
        for key, write in small.traits.items():
            large.traits[key] = max(large.traits.get(key, write), write, key=lambda each: each[0])
        large.groups |= small.groups
        large.events.update(small.events)
        large.id, large.identified = id, identified
        small.within = large
        return large

    def set_traits(self, person: Person, traits: Mapping[str, JSON]) -> None:
        """Set traits key by key."""
        self._writes += 1
        person.traits.update({key: (self._writes, value) for key, value in traits.items()})

    def people(self) -> Iterable[tuple[Person, list[str]]]:
        """Each set with its ids, in the order in which these were first seen."""
        ids: dict[Person, list[str]] = {}
        for id, person in self._people.items():
            ids.setdefault(self.root(person), []).append(id)
        return ids.items()
