"""What the kept calls mean to Segment: profiles, folded from identify, alias and group.

Segment's accounts contradict each other in four places. What was chosen here, and why:

- *Alias.* The page on Alias says that it merges two identities, "effectively connecting two sets
  of user data in one profile"; a note below says that it does not in Unify. It merges here: that is
  what a sender means who calls it, and what the destinations that know it do.
- *null.* The page on Group says that a trait which is sent as `null` "will be replaced by `null`",
  Unify's FAQ that it is removed. It is replaced here: an absent trait would look as if nobody had
  sent it.
- *Other traits.* `context.traits` changes no profile, also not in an identify: the page on Track
  says so ("won't update the user's profile"), and only the calls' own `traits` are specified.
- *Kinds of ids.* Unify knows userIds and anonymousIds as two kinds; a previousId may be either, and
  does not say which. Here an id is a text, whatever field it stood in.

Sources: Segment's "Spec: Identify", "Spec: Group", "Spec: Alias", "Spec: Track", and "Identity
Resolution" (Unify).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.matching.diff import Mismatch, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, Bindings, Description, Expected
from pixel_emulator.core.model import JSON, KEPT, Call, CallType, Hit, Payload, path_text
from pixel_emulator.core.profiles.profile import Profile


@dataclass(slots=True, eq=False)
class Node:
    """One set of ids with all that was said under them, as long as `within` is None.

    `id` is the name of the set, `identified` says that it is a userId. A trait stands with the
    number of the call that set it, so that the later one wins whoever is merged into whom.
    """

    id: str
    identified: bool = False
    traits: dict[str, tuple[int, JSON]] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    within: "Node | None" = None

    @property
    def weight(self) -> int:
        """How much there is to move when it is merged."""
        return len(self.traits) + len(self.groups) + len(self.events)


class IdGraph:
    """All ids that were seen; `anonymous` are those that were sent as anonymousId."""

    def __init__(self) -> None:
        self.anonymous: set[str] = set()
        self._people: dict[str, Node] = {}
        self._writes = 0

    def user(self, id: str) -> Node:
        """Whom a userId belongs to; it names a set that had no userId."""
        person = self.known(id)
        if not person.identified:
            person.id, person.identified = id, True
        return person

    def visitor(self, id: str) -> Node:
        """Whom an anonymousId belongs to."""
        self.anonymous.add(id)
        return self.known(id)

    def known(self, id: str) -> Node:
        """Whom an id of an unknown kind belongs to."""
        person = self._people.get(id)
        if person is None:
            person = self._people[id] = Node(id)
        return self.root(person)

    def root(self, person: Node) -> Node:
        """The set that a person is within by now."""
        top = person
        while top.within is not None:
            top = top.within
        while person.within is not None:  # the way is shorter next time
            person.within, person = top, person.within
        return top

    def merge(self, person: Node, other: Node) -> Node:
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

    def set_traits(self, person: Node, traits: Mapping[str, JSON]) -> None:
        """Set traits key by key."""
        self._writes += 1
        person.traits.update({key: (self._writes, value) for key, value in traits.items()})

    def people(self) -> Iterable[tuple[Node, list[str]]]:
        """Each set with its ids, in the order in which these were first seen."""
        ids: dict[Node, list[str]] = {}
        for id, person in self._people.items():
            ids.setdefault(self.root(person), []).append(id)
        return ids.items()


@dataclass(frozen=True, slots=True)
class Graph:
    """The profiles at the end of a run, in the order in which their first id was seen."""

    profiles: tuple[Profile, ...]
    _by_id: Mapping[str, Profile]

    def profile(self, id: str) -> Profile | None:
        """The profile that an id of any kind belongs to."""
        return self._by_id.get(id)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id of every profile."""
        return tuple(self._by_id)

    def as_data(self) -> Payload:
        """The profiles by their ids: `{user_123: {traits: {plan: pro}, anonymousIds: [visitor_1],
        previousIds: [], groups: {acme: {seats: 3}}, events: {Email Opened: 2}}}`.

        The id is the userId, or the first anonymousId of somebody whom nobody has identified.
        `previousIds` are the ids that alias merged in. Names are sorted, ids stand as they came.
        """
        return {each.id: each.as_data() for each in self.profiles}


def fold(hits: Iterable[Hit], given: Payload) -> Graph:
    """The profiles after these hits, in their order; `given` are those before (`as_data`'s shape).

    Only calls that Segment keeps count: dropped ones, duplicates and other requests change
    nothing. Never raises, whatever the hits hold; what in `given` has a wrong shape is left out.
    """
    fold = _Fold()
    for id, data in given.items():
        fold.seed(id, data if isinstance(data, dict) else {})
    for hit in hits:
        if hit.outcome in KEPT and hit.call is not None:
            fold.take(hit.call)
    return fold.graph()


class _Fold:
    """One reading of calls, in their order."""

    def __init__(self) -> None:
        self.ids = IdGraph()
        self.groups: dict[str, Payload] = {}

    def take(self, call: Call) -> None:
        payload = call.payload or {}
        person = self._sender(payload)
        if person is None:
            return
        match call.type:
            case CallType.IDENTIFY:
                # "Spec: Identify": traits are set key by key; what is not sent stays.
                self.ids.set_traits(person, _map(payload.get("traits")))
            case CallType.GROUP:
                self._group(person, payload)
            case CallType.ALIAS:
                # "Spec: Alias": userId is the "new identity, or an existing identity that you wish
                # to merge with the previousId".
                if previous := _id(payload, "previousId"):
                    self.ids.merge(person, self.ids.known(previous))
            case CallType.TRACK:
                if isinstance(event := payload.get("event"), str):
                    person.events[event] += 1

    def _sender(self, payload: Payload) -> Node | None:
        """Whose call it is: the user's, or else the visitor's."""
        user_id, anonymous_id = _id(payload, "userId"), _id(payload, "anonymousId")
        visitor = self.ids.visitor(anonymous_id) if anonymous_id else None
        if not user_id:
            return visitor
        user = self.ids.user(user_id)
        # "Identity Resolution": a call with both ids joins the visitor's history to the user. A
        # profile has one userId: an anonymousId that another user has already stays with that one.
        if visitor is not None and not self.ids.root(visitor).identified:
            self.ids.merge(user, visitor)
        return self.ids.root(user)

    def _group(self, person: Node, payload: Payload) -> None:
        """ "Spec: Group": it puts the user into a group, which nothing undoes ("Segment doesn't
        have a native solution for removing users from a group"), and sets the group's traits."""
        if group := _id(payload, "groupId"):
            person.groups[group] = None
            self.groups.setdefault(group, {}).update(_map(payload.get("traits")))

    def seed(self, id: str, data: Payload) -> None:
        """A profile from before; one whose id is one of its anonymousIds is a visitor's."""
        anonymous, previous = _texts(data.get("anonymousIds")), _texts(data.get("previousIds"))
        person = self.ids.visitor(id) if id in anonymous else self.ids.user(id)
        for each in anonymous:
            person = self.ids.merge(person, self.ids.visitor(each))
        for each in previous:
            person = self.ids.merge(person, self.ids.known(each))
        self.ids.set_traits(person, _map(data.get("traits")))
        for group, traits in _map(data.get("groups")).items():
            person.groups[group] = None
            self.groups.setdefault(group, {}).update(_map(traits))
        for event, count in _map(data.get("events")).items():
            person.events[event] += count if type(count) is int else 0

    def graph(self) -> Graph:
        profiles = tuple(self._profile(*each) for each in self.ids.people())
        by_id = {id: each for each in profiles for id in each.ids}
        return Graph(profiles, MappingProxyType(by_id))

    def _profile(self, person: Node, ids: list[str]) -> Profile:
        anonymous = self.ids.anonymous
        return Profile(
            id=person.id,
            traits={key: value for key, (_, value) in sorted(person.traits.items())},
            anonymous_ids=tuple(each for each in ids if each in anonymous),
            previous_ids=tuple(each for each in ids if each not in anonymous and each != person.id),
            groups={group: self.groups[group] for group in sorted(person.groups)},
            events=dict(sorted(person.events.items())),
        )


def _id(payload: Payload, field: str) -> str:
    value = payload.get(field)
    return value if isinstance(value, str) else ""


def _map(value: object) -> Payload:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def state_mismatches(
    wanted: Mapping[str, Expected], graph: Graph, bound: Bindings
) -> tuple[Mismatch, ...]:
    """Every difference from the wanted profiles, at paths like `state.user_123.traits.plan`.

    A profile is wanted by any of its ids; what is wanted is a subset of its data (`Graph.as_data`),
    or `$absent` for an id that nobody may have. `bound` holds the values of variables.
    """
    return tuple(each for id, want in wanted.items() for each in _of(id, want, graph, bound))


def _of(id: str, want: Expected, graph: Graph, bound: Bindings) -> tuple[Mismatch, ...]:
    profile = graph.profile(id)
    if profile is not None:
        return mismatches({"state": {id: want}}, {"state": {id: profile.as_data()}}, bindings=bound)
    if matches(want, ABSENT):
        return ()
    hint = did_you_mean(id, graph.ids).strip(" ()") if graph.ids else "no kept call has an id"
    absent = Description("absent", "")
    return (
        Mismatch(
            path=path_text(("state", id)),
            expected=Description("a profile", ""),
            actual=absent,
            hint=hint,
        ),
    )
