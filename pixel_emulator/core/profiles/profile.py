"""The profile of one user, and the checks of `given.profiles`, the profiles before a run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload

PROFILE_KEYS = ("traits", "anonymousIds", "previousIds", "groups", "events")
"""The keys of a profile's data, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One user, identified or still anonymous.

    `id` is the userId, or the first anonymousId if no userId is known. `anonymous_ids` are all its
    anonymousIds, `previous_ids` the other ids merged into it. `groups` maps each of its groups to
    the group's traits, `events` each track event to the number of times that it was sent.
    """

    id: str
    traits: Mapping[str, JSON]
    anonymous_ids: tuple[str, ...]
    previous_ids: tuple[str, ...]
    groups: Mapping[str, Payload]
    events: Mapping[str, int]

    def as_data(self) -> Payload:
        """Return the profile as `state:` and `given.profiles` write it, without its id."""
        return {
            "traits": {**self.traits},
            "anonymousIds": [*self.anonymous_ids],
            "previousIds": [*self.previous_ids],
            "groups": {**self.groups},
            "events": {**self.events},
        }

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id of the profile; its own is first."""
        return tuple(dict.fromkeys((self.id, *self.anonymous_ids, *self.previous_ids)))


def profile_issues(data: JSON) -> Iterator[tuple[JsonPath, str]]:
    """Yield what is wrong with `given.profiles`: the path to each issue, and a sentence.

    The shape is that of `Profiles.as_data`; every key of a profile may be left out.
    """
    if not isinstance(data, dict):
        yield (), "must be a map: user_123: {traits: {plan: free}}"
        return
    owners: dict[str, str] = {}
    for id, profile in data.items():
        if not id:
            yield (id,), "an id must not be empty"
        if not isinstance(profile, dict):
            yield (id,), f"must be a map with some of {', '.join(PROFILE_KEYS)}"
            continue
        for key, value in profile.items():
            if key in PROFILE_KEYS:
                yield from (((id, key, *at), message) for at, message in _value_issues(key, value))
            else:
                allowed = f"{', '.join(PROFILE_KEYS)}{did_you_mean(key, PROFILE_KEYS)}"
                yield (id, key), f'"{key}" is none of {allowed}'
        for at, any_id in _ids(id, profile):
            owner = owners.setdefault(any_id, id)
            if owner != id:
                yield (id, *at), f'"{any_id}" belongs to the profile "{owner}" already'


def _value_issues(key: str, value: JSON) -> Iterator[tuple[JsonPath, str]]:
    if key in ("anonymousIds", "previousIds"):
        if not isinstance(value, list):
            yield (), "must be a list of ids"
            return
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item:
                yield (index,), "an id must be text, and not empty"
        return
    if not isinstance(value, dict):
        yield (), "must be a map"
        return
    for name, member in value.items():
        if key == "groups" and not isinstance(member, dict):
            yield (name,), "must be a map: the traits of the group"
        if key == "events" and (type(member) is not int or member < 0):
            yield (name,), "must be a whole number: how often the event was sent"


def _ids(id: str, profile: Payload) -> Iterator[tuple[JsonPath, str]]:
    """Yield the path to each id within a profile, and the id."""
    yield (), id
    for key in ("anonymousIds", "previousIds"):
        value = profile.get(key)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, str):
                yield (key, index), item
