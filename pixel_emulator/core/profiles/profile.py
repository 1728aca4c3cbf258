"""A profile: what is known of one user or visitor, and what seeds it: `given.profiles`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload

FIELDS = ("traits", "anonymousIds", "previousIds", "groups", "events")
"""The keys of a profile's data, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One user, or one visitor whom nobody has identified yet.

    `id` is the userId, or the first anonymousId where no userId is known. `anonymous_ids` are all
    anonymousIds that belong to it, `previous_ids` the other ids that were merged into it. `groups`
    holds the traits of each group it is in, `events` how often it sent each track event.
    """

    id: str
    traits: Mapping[str, JSON]
    anonymous_ids: tuple[str, ...]
    previous_ids: tuple[str, ...]
    groups: Mapping[str, Payload]
    events: Mapping[str, int]

    def as_data(self) -> Payload:
        """The profile as `state:` and `given.profiles` write it, without its id."""
        return {
            "traits": {**self.traits},
            "anonymousIds": [*self.anonymous_ids],
            "previousIds": [*self.previous_ids],
            "groups": {**self.groups},
            "events": {**self.events},
        }

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id by which it is found, its own first."""
        return tuple(dict.fromkeys((self.id, *self.anonymous_ids, *self.previous_ids)))


def profile_mistakes(data: JSON) -> Iterator[tuple[JsonPath, str]]:
    """What is wrong with `given.profiles`: the way to each mistake, and a sentence.

    The shape is that of `Graph.as_data`; every key of a profile may be left out.
    """
    if not isinstance(data, dict):
        yield (), "must be a map: user_123: {traits: {plan: free}}"
        return
    owners: dict[str, str] = {}
    for id, profile in data.items():
        if not id:
            yield (id,), "an id must not be empty"
        if not isinstance(profile, dict):
            yield (id,), f"must be a map with some of {', '.join(FIELDS)}"
            continue
        for key, value in profile.items():
            if key in FIELDS:
                yield from (((id, key, *at), words) for at, words in _field(key, value))
            else:
                known = f"{', '.join(FIELDS)}{did_you_mean(key, FIELDS)}"
                yield (id, key), f'"{key}" is none of {known}'
        for at, each in _ids(id, profile):
            owner = owners.setdefault(each, id)
            if owner != id:
                yield (id, *at), f'"{each}" belongs to the profile "{owner}" already'


def _field(key: str, value: JSON) -> Iterator[tuple[JsonPath, str]]:
    if key in ("anonymousIds", "previousIds"):
        if not isinstance(value, list):
            yield (), "must be a list of ids"
            return
        for index, each in enumerate(value):
            if not isinstance(each, str) or not each:
                yield (index,), "an id must be text, and not empty"
        return
    if not isinstance(value, dict):
        yield (), "must be a map"
        return
    for name, each in value.items():
        if key == "groups" and not isinstance(each, dict):
            yield (name,), "must be a map: the traits of the group"
        if key == "events" and (type(each) is not int or each < 0):
            yield (name,), "must be a whole number: how often the event was sent"


def _ids(id: str, profile: Payload) -> Iterator[tuple[JsonPath, str]]:
    yield (), id
    for key in ("anonymousIds", "previousIds"):
        value = profile.get(key)
        for index, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, str):
                yield (key, index), each
