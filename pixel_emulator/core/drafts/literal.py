"""One call read literally: the map that expects it, without what changes from run to run."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pixel_emulator.core.matching.expected import ABSENT, Absent
from pixel_emulator.core.model import (
    JSON,
    NAMED_BY,
    Hit,
    JsonPath,
    Outcome,
    Payload,
    Severity,
    path_text,
)
from pixel_emulator.core.parser.context import escaped, is_special
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.scenarios.expectation import codes

LONGEST = 500
"""Characters of a value that a person still reads."""
DEEPEST = 20
"""Levels of maps and lists that a person still reads."""

_HUGE: int = 10**LONGEST  # Python refuses to write integers of some thousand digits
_TEXTS = ("userId", "anonymousId", "previousId", "groupId", "event", "name", "category")
_MAPS = ("properties", "traits", "context", "integrations")
# Segment's own end-to-end tester ignores context.library and empty objects, and the fields that
# stand in none of these lists: messageId, writeKey, channel, version, and all the times.
_VARYING = {("context", "library")}
_DROPS = {rule.code for rule in RULES.values() if rule.severity is Severity.DROP}


@dataclass(slots=True)
class Literal:
    """A call as an item of `expect:`; `omitted` are the paths of what nobody could read."""

    item: Payload
    omitted: list[str] = field(default_factory=list)


def literal(hit: Hit, keys: Collection[str] = ()) -> Literal | None:
    """What expects this call and no other; None for a request that nothing can expect.

    Every text is escaped. `keys` are the write keys of the run: a text that holds one is left out,
    because it is masked here and not there.
    """
    if hit.call is None:
        return None
    if hit.outcome is Outcome.DROPPED:
        return Literal(_dropped(hit, keys))
    reading = _Reading(keys)
    fields = reading.fields(hit.call.payload or {})
    name = fields.pop(NAMED_BY[hit.call.type], None)
    return Literal({hit.call.type.value: name, **fields}, reading.omitted)


def brief(hit: Hit) -> Payload:
    """What expects such a call in a hand-written scenario: its line and whose it is.

    The report suggests the same. Empty for a request that nothing can expect.
    """
    found = literal(hit)
    item = found.item if found else {}
    # An anonymousId changes from visitor to visitor, so a userId speaks for it.
    identified = "userId" in item or (hit.call and NAMED_BY[hit.call.type] == "userId")
    others = set(_MAPS) | {"anonymousId"} if identified else set(_MAPS)
    return {key: value for key, value in item.items() if key not in others}


def written(value: JSON) -> JSON | Absent:
    """The value as a scenario must write it to mean itself; ABSENT where nobody could read it."""
    return _Reading(()).value((), value)


def fits(path: JsonPath, value: JSON) -> bool:
    """Whether a scenario may hold such a value there: text in some fields, a map in others."""
    kinds = {**dict.fromkeys(_TEXTS, str), **dict.fromkeys(_MAPS, dict)}
    return len(path) != 1 or isinstance(value, kinds.get(str(path[0]), object))


def is_literal(value: JSON) -> bool:
    """Whether a value of a scenario file means itself: there is no matcher and no variable in it.

    The value nests no deeper than a file may.
    """
    if isinstance(value, dict):
        return all(map(is_literal, value)) and all(map(is_literal, value.values()))
    if isinstance(value, list):
        return all(map(is_literal, value))
    return not isinstance(value, str) or not is_special(value)


def _dropped(hit: Hit, keys: Collection[str]) -> Payload:
    """The reason why Segment drops it, and what tells it from others that are dropped so."""
    if hit.call is None:
        return {}
    code = next((each for each in codes(hit, Severity.DROP) if each in _DROPS), None)
    fields = _Reading(keys).texts(hit.call.payload or {})
    told = (NAMED_BY[hit.call.type], "userId", "anonymousId")
    return {
        "dropped": code,
        "type": hit.call.type.value,
        **{key: fields[key] for key in told if key in fields},
    }


class _Reading:
    """One reading of one payload; `omitted` grows on the way."""

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = keys
        self.omitted: list[str] = []

    def fields(self, payload: Mapping[str, JSON]) -> Payload:
        return {**self.texts(payload), **dict(self._maps(payload))}

    def texts(self, payload: Mapping[str, JSON]) -> Payload:
        found = {key: payload[key] for key in _TEXTS if isinstance(payload.get(key), str)}
        read = {key: self.value((key,), value) for key, value in found.items()}
        return {key: value for key, value in read.items() if not isinstance(value, Absent)}

    def _maps(self, payload: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
        for key in _MAPS:
            value = payload.get(key)
            if isinstance(value, dict):
                read = self.value((key,), value)
                if read and not isinstance(read, Absent):
                    yield key, read

    def value(self, steps: JsonPath, value: JSON) -> JSON | Absent:
        """The value with its texts escaped; ABSENT for a text with a key in it, and for what
        nobody can read."""
        if isinstance(value, str) and self._holds_key(value):
            return ABSENT
        if isinstance(value, list) and len(steps) <= DEEPEST:
            return self._list(steps, value)
        if isinstance(value, dict) and len(steps) <= DEEPEST:
            return self._map(steps, value)
        if isinstance(value, dict | list) or _is_long(value):
            self.omitted.append(path_text(steps))
            return ABSENT
        return escaped(value) if isinstance(value, str) else value

    def _holds_key(self, text: str) -> bool:
        return any(key in text for key in self.keys)

    def _list(self, steps: JsonPath, value: list[JSON]) -> JSON | Absent:
        known = len(self.omitted)
        items = [self.value((*steps, index), each) for index, each in enumerate(value)]
        present: list[JSON] = [each for each in items if not isinstance(each, Absent)]
        if len(present) == len(items):
            return present
        if len(self.omitted) > known:  # a list is compared, and left out, as a whole
            self.omitted[known:] = [path_text(steps)]
        return ABSENT

    def _map(self, steps: JsonPath, value: Payload) -> JSON:
        read: Payload = {}
        for key, each in value.items():
            here = (*steps, key)
            if here in _VARYING or len(key) > LONGEST or self._holds_key(key):
                continue
            found = self.value(here, each)
            if found != {} and not isinstance(found, Absent):
                read[escaped(key)] = found
        return read


def _is_long(value: JSON) -> bool:
    if isinstance(value, int):
        return abs(value) >= _HUGE
    return len(value if isinstance(value, str) else repr(value)) > LONGEST
