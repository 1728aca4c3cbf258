"""A recording as a scenario: what was sent, literally, in the order of the recording."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pixel_emulator.core import call_text
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
from pixel_emulator.core.parser.context import escape, is_special
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.redaction.masking import SHORTEST
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenarios.expectation import problem_codes
from pixel_emulator.core.schemas.recording_schema import schema_line
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened

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
    code = next((each for each in problem_codes(hit, Severity.DROP) if each in _DROPS), None)
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

    def value(self, at: JsonPath, value: JSON) -> JSON | Absent:
        """The value with its texts escaped; ABSENT for a text with a key in it, and for what
        nobody can read."""
        if isinstance(value, str) and self._holds_key(value):
            return ABSENT
        if isinstance(value, list) and len(at) <= DEEPEST:
            return self._list(at, value)
        if isinstance(value, dict) and len(at) <= DEEPEST:
            return self._map(at, value)
        if isinstance(value, dict | list) or _is_long(value):
            self.omitted.append(path_text(at))
            return ABSENT
        return escape(value) if isinstance(value, str) else value

    def _holds_key(self, text: str) -> bool:
        return any(key in text for key in self.keys)

    def _list(self, at: JsonPath, value: list[JSON]) -> JSON | Absent:
        known = len(self.omitted)
        items = [self.value((*at, index), each) for index, each in enumerate(value)]
        present: list[JSON] = [each for each in items if not isinstance(each, Absent)]
        if len(present) == len(items):
            return present
        if len(self.omitted) > known:  # a list is compared, and left out, as a whole
            self.omitted[known:] = [path_text(at)]
        return ABSENT

    def _map(self, at: JsonPath, value: Payload) -> JSON:
        read: Payload = {}
        for key, each in value.items():
            here = (*at, key)
            if here in _VARYING or len(key) > LONGEST or self._holds_key(key):
                continue
            found = self.value(here, each)
            if found != {} and not isinstance(found, Absent):
                read[escape(key)] = found
        return read


def _is_long(value: JSON) -> bool:
    if isinstance(value, int):
        return abs(value) >= _HUGE
    return len(value if isinstance(value, str) else repr(value)) > LONGEST


_DAMAGES = {rule.code for rule in RULES.values() if rule.severity is Severity.DAMAGE}
_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_MOST = 5  # paths and requests in a comment


@dataclass(slots=True)
class _Expected:
    """Calls that say the same: their item, how many there are, and what a reader should know."""

    item: Payload
    count: int = 0
    damage: dict[str, None] = field(default_factory=dict)
    omitted: dict[str, None] = field(default_factory=dict)

    def lines(self, width: int) -> list[str]:
        first, *rest = self.item.items()
        times: Payload = {"times": self.count} if self.count > 1 else {}
        comments = [
            *(f"# damaged: {each}" for each in self.damage),
            *_listed("# left out, because it is too long to read: ", list(self.omitted)),
        ]
        return [*comments, *source.call({first[0]: first[1], **times, **dict(rest)}, width)]


def draft(hits: Sequence[Hit], *, name: str = "") -> str:
    """A scenario file that these hits meet, `name` being its name.

    Everything is read literally; what changes from run to run is left out. Calls that say the same
    are one expectation with `times`. Hits with the marks of steps become steps.
    """
    keys = _write_keys(hits)
    parts = [(title, _expected(part, keys)) for title, part in _steps(hits)]
    lines = [schema_line("scenario"), *_remarks(hits)]
    if name:
        lines.append(f"name: {source.scalar(escape(name))}")
    lines += _damaged(hits)
    filled = [(title, expected) for title, expected in parts if expected]
    if {title for title, _ in filled} <= {"", "1"}:
        lines += _expect([each for _, expected in filled for each in expected])
    else:
        lines.append("steps:")
        for title, expected in filled:
            lines += source.indented(source.dashed(_step(title, expected)))
    return "\n".join(lines) + "\n"


def dropped_item(hit: Hit) -> Payload:
    """The `dropped:` line of a call that Segment drops."""
    found = literal(hit)
    return found.item if found else {}


def _step(title: str, expected: Iterable[_Expected]) -> list[str]:
    name = [] if title.isdigit() else [f"name: {source.scalar(escape(title))}"]
    return [*name, *_expect(expected, source.WIDTH - 4)]


def _expect(expected: Iterable[_Expected], width: int = source.WIDTH) -> list[str]:
    items = [line for each in expected for line in each.lines(width - 2)]
    return ["expect:", *source.indented(items)] if items else ["expect: []"]


def _expected(hits: Iterable[Hit], keys: Collection[str]) -> list[_Expected]:
    """What expects these hits: each kept call, and each that Segment drops."""
    found: dict[str, _Expected] = {}
    for hit in hits:
        read = literal(hit, keys)
        if read is None or hit.outcome in (Outcome.DUPLICATE, Outcome.UNHANDLED):
            continue
        each = found.setdefault(json_codec.write(read.item), _Expected(read.item))
        each.count += 1
        each.omitted |= dict.fromkeys(read.omitted)
        if hit.outcome is Outcome.DAMAGED:
            each.damage |= {
                shortened(f"{problem.code} ({problem.path})").removesuffix(" ()"): None
                for problem in hit.problems
                if problem.severity is Severity.DAMAGE
            }
    return list(found.values())


def _steps(hits: Sequence[Hit]) -> list[tuple[str, list[Hit]]]:
    """The hits by the step in which they came; one part without a title where none is marked.

    A hit without a mark belongs to the step before it. Steps that ran at the same time, so that
    their hits do not stand together, cannot be told as steps one after the other.
    """
    first = next((hit.step for hit in hits if hit.step), "")
    marks = [first]
    for hit in hits:
        marks.append(hit.step or marks[-1])
    pairs = groupby(zip(marks[1:], hits, strict=True), key=lambda pair: pair[0])
    parts = [(mark, [hit for _, hit in part]) for mark, part in pairs]
    titles = {mark: mark.rpartition(_ARROW)[2] for mark, _ in parts}
    if len(titles) < len(parts):
        return [("", list(hits))]
    short = len(set(titles.values())) == len(titles)
    return [(titles[mark] if short else mark, part) for mark, part in parts]


def _damaged(hits: Iterable[Hit]) -> list[str]:
    """The policy under which the damaged calls pass."""
    damaged = [
        set(problem_codes(hit, Severity.DAMAGE)) for hit in hits if hit.outcome is Outcome.DAMAGED
    ]
    if not damaged:
        return []
    why = "# Segment keeps the damaged calls, although something is wrong with them"
    if any(not each or each - _DAMAGES for each in damaged):
        return [why, "damaged: warn"]
    accepted: list[JSON] = [*sorted(set().union(*damaged))]
    return [why, *source.member("damaged", {"accept": accepted})]


def _remarks(hits: Sequence[Hit]) -> Iterator[str]:
    """What arrived and is not expected, in comments."""
    repeated = [hit for hit in hits if hit.outcome is Outcome.DUPLICATE]
    if repeated:
        titles = [call_text.title(hit.call, hit.request) for hit in repeated]
        yield from _listed("# duplicates, of which Segment keeps only the first: ", titles)
    strange = [hit for hit in hits if hit.outcome is Outcome.UNHANDLED]
    if strange:
        titles = [call_text.title(hit.call, hit.request) for hit in strange]
        yield from _listed("# requests that are no pixels: ", titles)


def _listed(head: str, words: Sequence[str]) -> Iterator[str]:
    counts = Counter(map(shortened, words))
    shown = [f"{word} ({n} times)" if n > 1 else word for word, n in counts.items()][:_MOST]
    more = f", and {len(counts) - _MOST} more" if len(counts) > _MOST else ""
    if shown:
        yield f"{head}{', '.join(shown)}{more}"


def _write_keys(hits: Iterable[Hit]) -> set[str]:
    payloads = (hit.call.payload for hit in hits if hit.call and hit.call.payload)
    keys = (payload.get("writeKey") for payload in payloads)
    return {key for key in keys if isinstance(key, str) and len(key) >= SHORTEST}
