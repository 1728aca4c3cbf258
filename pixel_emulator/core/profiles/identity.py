"""Profiles of users, folded from the kept identify, alias and group calls.

Segment's documentation contradicts itself in four places. The choices made here:

- *Alias.* The page on Alias says that it merges two identities, "effectively connecting two sets
  of user data in one profile"; a note below says that it does not in Unify. Here it merges: that is
  what senders of alias intend, and what the destinations that support it do.
- *null.* The page on Group says that a trait sent as `null` "will be replaced by `null`", Unify's
  FAQ that it is removed. Here it is replaced: a removed trait would look as if it was never sent.
- *Other traits.* `context.traits` changes no profile, not even in an identify: the page on Track
  says so ("won't update the user's profile"), and only the calls' own `traits` are specified.
- *Kinds of ids.* Unify distinguishes userIds and anonymousIds; a previousId may be either and does
  not say which. Here an id is a string, whichever field it stood in.

Sources: Segment's "Spec: Identify", "Spec: Group", "Spec: Alias", "Spec: Track", and "Identity
Resolution" (Unify).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.matching.diff import Mismatch, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, Bindings, Description, Expected
from pixel_emulator.core.model import JSON, KEPT, Call, CallType, Hit, Payload, path_text
from pixel_emulator.core.profiles.profile import Profile


@dataclass(slots=True, eq=False)
class Node:
    """A set of ids with the data sent under them, unless merged into `parent` (union-find).

    `id` is the name of the set; `identified` is True if that is a userId. Each trait is stored with
    the number of the call that set it, so that the later value wins in whichever order sets merge.
    """

    id: str
    identified: bool = False
    traits: dict[str, tuple[int, JSON]] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    parent: "Node | None" = None

    @property
    def size(self) -> int:
        """Number of entries to copy when this node is merged into another."""
        return len(self.traits) + len(self.groups) + len(self.events)


class IdGraph:
    """All ids seen so far, in disjoint sets; `anonymous` holds those sent as anonymousId."""

    def __init__(self) -> None:
        self.anonymous: set[str] = set()
        self._nodes: dict[str, Node] = {}
        self._writes = 0

    def user(self, id: str) -> Node:
        """Return the root of a userId. The userId names a set that had none."""
        node = self.node(id)
        if not node.identified:
            node.id, node.identified = id, True
        return node

    def anonymous_user(self, id: str) -> Node:
        """Return the root of an anonymousId."""
        self.anonymous.add(id)
        return self.node(id)

    def node(self, id: str) -> Node:
        """Return the root of an id of any kind; an id not seen before gets a node of its own."""
        node = self._nodes.get(id)
        if node is None:
            node = self._nodes[id] = Node(id)
        return self.root(node)

    def root(self, node: Node) -> Node:
        """Return the root of the tree that a node is in, and compress the path to it."""
        root = node
        while root.parent is not None:
            root = root.parent
        while node.parent is not None:
            node.parent, node = root, node.parent
        return root

    def merge(self, node: Node, other: Node) -> Node:
        """Merge two sets and return the root. The name of `node` stays if it is a userId.

        Sets that are one already stay as they are. Unify's FAQ: "a single profile, with the latest
        state of all traits, events, and identifiers".
        """
        node, other = self.root(node), self.root(other)
        if node is other:
            return node
        named = node if node.identified or not other.identified else other
        id, identified = named.id, named.identified
        small, large = sorted((node, other), key=lambda root: root.size)
        for key, write in small.traits.items():
            large.traits[key] = max(large.traits.get(key, write), write, key=lambda entry: entry[0])
        large.groups |= small.groups
        large.events.update(small.events)
        large.id, large.identified = id, identified
        small.parent = large
        return large

    def set_traits(self, node: Node, traits: Mapping[str, JSON]) -> None:
        """Set traits key by key; traits not named stay."""
        self._writes += 1
        node.traits.update({key: (self._writes, value) for key, value in traits.items()})

    def roots(self) -> Iterable[tuple[Node, list[str]]]:
        """Return each root with its ids, in the order in which the ids were first seen."""
        ids: dict[Node, list[str]] = {}
        for id, node in self._nodes.items():
            ids.setdefault(self.root(node), []).append(id)
        return ids.items()


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles at the end of a run, in the order in which their first id was seen."""

    profiles: tuple[Profile, ...]
    _by_id: Mapping[str, Profile]

    def profile(self, id: str) -> Profile | None:
        """Return the profile that an id of any kind belongs to, or None."""
        return self._by_id.get(id)

    def __getitem__(self, id: str) -> dict[str, Any]:
        """Return the profile of an id of any kind as data; see `as_data`. Raises KeyError."""
        if profile := self._by_id.get(id):
            return profile.as_data()
        known = ", ".join(map(repr, self.ids)) or "none"
        raise KeyError(f"no kept call has the id {id!r}; known: {known}")

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id of every profile."""
        return tuple(self._by_id)

    def as_data(self) -> Payload:
        """Return the profiles by their ids: `{user_123: {traits: {plan: pro}, anonymousIds:
        [visitor_1], previousIds: [], groups: {acme: {seats: 3}}, events: {Email Opened: 2}}}`.

        The id is the userId, or the first anonymousId of a user who was never identified.
        `previousIds` are the ids that alias merged in. Names are sorted; ids are in the order seen.
        """
        return {profile.id: profile.as_data() for profile in self.profiles}


def fold(hits: Iterable[Hit], given: Payload) -> Profiles:
    """Return the profiles after these hits; `given` are those before (`as_data`'s shape).

    Only calls that Segment keeps count: dropped calls, duplicates and other requests change
    nothing. Never raises, whatever the hits hold; parts of `given` with a wrong shape are left out.
    """
    folding = _Fold()
    for id, data in given.items():
        folding.add_profile(id, data if isinstance(data, dict) else {})
    for hit in hits:
        if hit.outcome in KEPT and hit.call is not None:
            folding.add_call(hit.call)
    return folding.profiles()


class _Fold:
    """State of one fold over calls, in their order."""

    def __init__(self) -> None:
        self.ids = IdGraph()
        self.groups: dict[str, Payload] = {}

    def add_call(self, call: Call) -> None:
        payload = call.payload or {}
        sender = self._sender(payload)
        if sender is None:
            return
        match call.type:
            case CallType.IDENTIFY:
                # "Spec: Identify": traits are set key by key; what is not sent stays.
                self.ids.set_traits(sender, _map(payload.get("traits")))
            case CallType.GROUP:
                self._add_group(sender, payload)
            case CallType.ALIAS:
                # "Spec: Alias": userId is the "new identity, or an existing identity that you wish
                # to merge with the previousId".
                if previous_id := _id(payload, "previousId"):
                    self.ids.merge(sender, self.ids.node(previous_id))
            case CallType.TRACK:
                if isinstance(event := payload.get("event"), str):
                    sender.events[event] += 1

    def _sender(self, payload: Payload) -> Node | None:
        """Return the node of the call's userId, or else of its anonymousId; None without both."""
        user_id, anonymous_id = _id(payload, "userId"), _id(payload, "anonymousId")
        anonymous = self.ids.anonymous_user(anonymous_id) if anonymous_id else None
        if not user_id:
            return anonymous
        user = self.ids.user(user_id)
        # "Identity Resolution": a call with both ids joins the anonymous history to the user. A
        # profile has one userId: an anonymousId that another user has already stays with that one.
        if anonymous is not None and not self.ids.root(anonymous).identified:
            self.ids.merge(user, anonymous)
        return self.ids.root(user)

    def _add_group(self, node: Node, payload: Payload) -> None:
        """Put a user into a group and set the group's traits ("Spec: Group").

        Nothing takes the user out again: "Segment doesn't have a native solution for removing users
        from a group".
        """
        if group := _id(payload, "groupId"):
            node.groups[group] = None
            self.groups.setdefault(group, {}).update(_map(payload.get("traits")))

    def add_profile(self, id: str, data: Payload) -> None:
        """Add a profile from before the calls; anonymous if its id is one of its anonymousIds."""
        anonymous_ids, previous_ids = (
            _strings(data.get("anonymousIds")),
            _strings(data.get("previousIds")),
        )
        node = self.ids.anonymous_user(id) if id in anonymous_ids else self.ids.user(id)
        for anonymous_id in anonymous_ids:
            node = self.ids.merge(node, self.ids.anonymous_user(anonymous_id))
        for previous_id in previous_ids:
            node = self.ids.merge(node, self.ids.node(previous_id))
        self.ids.set_traits(node, _map(data.get("traits")))
        for group, traits in _map(data.get("groups")).items():
            node.groups[group] = None
            self.groups.setdefault(group, {}).update(_map(traits))
        for event, count in _map(data.get("events")).items():
            node.events[event] += count if type(count) is int else 0

    def profiles(self) -> Profiles:
        profiles = tuple(self._profile(root, ids) for root, ids in self.ids.roots())
        by_id = {id: profile for profile in profiles for id in profile.ids}
        return Profiles(profiles, MappingProxyType(by_id))

    def _profile(self, root: Node, ids: list[str]) -> Profile:
        anonymous = self.ids.anonymous
        return Profile(
            id=root.id,
            traits={key: value for key, (_, value) in sorted(root.traits.items())},
            anonymous_ids=tuple(any_id for any_id in ids if any_id in anonymous),
            previous_ids=tuple(
                any_id for any_id in ids if any_id not in anonymous and any_id != root.id
            ),
            groups={group: self.groups[group] for group in sorted(root.groups)},
            events=dict(sorted(root.events.items())),
        )


def _id(payload: Payload, field: str) -> str:
    value = payload.get(field)
    return value if isinstance(value, str) else ""


def _map(value: object) -> Payload:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def state_mismatches(
    expected: Mapping[str, Expected], profiles: Profiles, bound: Bindings
) -> tuple[Mismatch, ...]:
    """Return every difference from the expected profiles, at paths like
    `state.user_123.traits.plan`.

    A profile may be named by any of its ids. What is expected is a subset of its data
    (`Profiles.as_data`), or `$absent` for an id that no profile may have. `bound` holds the values
    of variables.
    """
    return tuple(
        mismatch
        for id, pattern in expected.items()
        for mismatch in _profile_mismatches(id, pattern, profiles, bound)
    )


def _profile_mismatches(
    id: str, expected: Expected, profiles: Profiles, bound: Bindings
) -> tuple[Mismatch, ...]:
    profile = profiles.profile(id)
    if profile is not None:
        actual: JSON = {"state": {id: profile.as_data()}}
        return mismatches({"state": {id: expected}}, actual, bindings=bound)
    if matches(expected, ABSENT):
        return ()
    hint = did_you_mean(id, profiles.ids).strip(" ()") if profiles.ids else "no kept call has an id"
    absent = Description("absent", "")
    return (
        Mismatch(
            path=path_text(("state", id)),
            expected=Description("a profile", ""),
            actual=absent,
            hint=hint,
        ),
    )
