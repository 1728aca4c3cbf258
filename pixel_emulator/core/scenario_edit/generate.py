"""Draft of a scenario from a recording: its calls, literally, in the order of the recording."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pixel_emulator.core import call_text
from pixel_emulator.core.matching.expected import ABSENT, Absent
from pixel_emulator.core.model import (
    JSON,
    NAME_FIELDS,
    Hit,
    JsonPath,
    Outcome,
    Payload,
    Severity,
    path_text,
)
from pixel_emulator.core.parser.parse_context import escape, is_special
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenarios.expectation import problem_codes
from pixel_emulator.core.schemas.recording_schema import schema_line
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened

MAX_LENGTH = 500
"""Maximum characters of a value; longer values are left out, because nobody would read them."""
MAX_DEPTH = 20
"""Maximum levels of maps and lists; deeper values are left out, because nobody would read them."""

_HUGE: int = 10**MAX_LENGTH  # Python refuses to write integers of some thousand digits
_TEXT_FIELDS = ("userId", "anonymousId", "previousId", "groupId", "event", "name", "category")
_MAP_FIELDS = ("properties", "traits", "context", "integrations")
# Segment's own end-to-end tester ignores context.library and empty objects, and the fields that
# are in none of these lists: messageId, writeKey, channel, version, and all the times.
_VARYING = {("context", "library")}
_DROPS = {rule.code for rule in RULES.values() if rule.severity is Severity.DROP}


@dataclass(slots=True)
class LiteralItem:
    """A call as an item of `expect:`; `omitted` are the paths of values that are too long or
    deep."""

    item: Payload
    omitted: list[str] = field(default_factory=list)


def literal_item(hit: Hit, keys: Collection[str] = ()) -> LiteralItem | None:
    """Return an item that expects this call and no other; None if no expectation can match the
    request.

    Every text is escaped. `keys` are the write keys of the run: a text that holds one is left out,
    because recordings mask it and clients do not.
    """
    if hit.call is None:
        return None
    if hit.outcome is Outcome.DROPPED:
        return LiteralItem(_dropped_fields(hit, keys))
    reader = _PayloadReader(keys)
    fields = reader.fields(hit.call.payload or {})
    name = fields.pop(NAME_FIELDS[hit.call.type], None)
    return LiteralItem({hit.call.type.value: name, **fields}, reader.omitted)


def brief_item(hit: Hit) -> Payload:
    """Return an item that expects such a call, as people write it: its call line and its ids.

    The report suggests the same. Return an empty item if no expectation can match the request.
    """
    literal = literal_item(hit)
    item = literal.item if literal else {}
    # An anonymousId differs between visitors: it is left out if there is a userId.
    identified = "userId" in item or (hit.call and NAME_FIELDS[hit.call.type] == "userId")
    others = set(_MAP_FIELDS) | {"anonymousId"} if identified else set(_MAP_FIELDS)
    return {key: value for key, value in item.items() if key not in others}


def as_written(value: JSON) -> JSON | Absent:
    """Return the value with its texts escaped for a scenario file; ABSENT if it is too long or
    deep."""
    return _PayloadReader(()).value((), value)


def is_allowed_at(path: JsonPath, value: JSON) -> bool:
    """Return True if a scenario may have such a value there: some fields are texts, some are
    maps."""
    kinds = {**dict.fromkeys(_TEXT_FIELDS, str), **dict.fromkeys(_MAP_FIELDS, dict)}
    return len(path) != 1 or isinstance(value, kinds.get(str(path[0]), object))


def is_literal(value: JSON) -> bool:
    """Return True if a value of a scenario file means itself: it has no matcher and no variable.

    The value must nest no deeper than a scenario file may.
    """
    if isinstance(value, dict):
        return all(map(is_literal, value)) and all(map(is_literal, value.values()))
    if isinstance(value, list):
        return all(map(is_literal, value))
    return not isinstance(value, str) or not is_special(value)


def _dropped_fields(hit: Hit, keys: Collection[str]) -> Payload:
    """Return the reason why Segment drops the call, and the fields that identify the call."""
    if hit.call is None:
        return {}
    code = next((code for code in problem_codes(hit, Severity.DROP) if code in _DROPS), None)
    fields = _PayloadReader(keys).texts(hit.call.payload or {})
    identifying = (NAME_FIELDS[hit.call.type], "userId", "anonymousId")
    return {
        "dropped": code,
        "type": hit.call.type.value,
        **{key: fields[key] for key in identifying if key in fields},
    }


class _PayloadReader:
    """Reader of one payload; `omitted` collects the paths of values that are too long or deep."""

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = keys
        self.omitted: list[str] = []

    def fields(self, payload: Mapping[str, JSON]) -> Payload:
        return {**self.texts(payload), **dict(self._maps(payload))}

    def texts(self, payload: Mapping[str, JSON]) -> Payload:
        texts = {key: payload[key] for key in _TEXT_FIELDS if isinstance(payload.get(key), str)}
        read = {key: self.value((key,), value) for key, value in texts.items()}
        return {key: value for key, value in read.items() if not isinstance(value, Absent)}

    def _maps(self, payload: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
        for key in _MAP_FIELDS:
            value = payload.get(key)
            if isinstance(value, dict):
                read = self.value((key,), value)
                if read and not isinstance(read, Absent):
                    yield key, read

    def value(self, at: JsonPath, value: JSON) -> JSON | Absent:
        """Return the value with its texts escaped.

        Return ABSENT for a text that holds a write key, and for a value that is too long or deep.
        """
        if isinstance(value, str) and self._holds_key(value):
            return ABSENT
        if isinstance(value, list) and len(at) <= MAX_DEPTH:
            return self._list(at, value)
        if isinstance(value, dict) and len(at) <= MAX_DEPTH:
            return self._map(at, value)
        if isinstance(value, dict | list) or _is_long(value):
            self.omitted.append(path_text(at))
            return ABSENT
        return escape(value) if isinstance(value, str) else value

    def _holds_key(self, text: str) -> bool:
        return any(key in text for key in self.keys)

    def _list(self, at: JsonPath, value: list[JSON]) -> JSON | Absent:
        count = len(self.omitted)
        items = [self.value((*at, index), item) for index, item in enumerate(value)]
        present: list[JSON] = [item for item in items if not isinstance(item, Absent)]
        if len(present) == len(items):
            return present
        if len(self.omitted) > count:  # a list is compared, and left out, as a whole
            self.omitted[count:] = [path_text(at)]
        return ABSENT

    def _map(self, at: JsonPath, value: Payload) -> JSON:
        read: Payload = {}
        for key, member in value.items():
            here = (*at, key)
            if here in _VARYING or len(key) > MAX_LENGTH or self._holds_key(key):
                continue
            literal = self.value(here, member)
            if literal != {} and not isinstance(literal, Absent):
                read[escape(key)] = literal
        return read


def _is_long(value: JSON) -> bool:
    if isinstance(value, int):
        return abs(value) >= _HUGE
    return len(value if isinstance(value, str) else repr(value)) > MAX_LENGTH


_DAMAGES = {rule.code for rule in RULES.values() if rule.severity is Severity.DAMAGE}
_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_MAX_LISTED = 5  # paths and requests in a comment


@dataclass(slots=True)
class _DraftItem:
    """Equal calls: their item, how many there are, and what comments say of them."""

    item: Payload
    count: int = 0
    damage: dict[str, None] = field(default_factory=dict)
    omitted: dict[str, None] = field(default_factory=dict)

    def lines(self, width: int) -> list[str]:
        first, *rest = self.item.items()
        times: Payload = {"times": self.count} if self.count > 1 else {}
        comments = [
            *(f"# damaged: {damage}" for damage in self.damage),
            *_listed_comment("# left out, because it is too long to read: ", list(self.omitted)),
        ]
        return [*comments, *source.call({first[0]: first[1], **times, **dict(rest)}, width)]


def draft(hits: Sequence[Hit], *, name: str = "", schema: str = "") -> str:
    """Return a scenario file, with `name` as its name, that these hits meet.

    Its first line refers editors to the file `schema`, if one is given.

    Values are literal; fields that change from run to run are left out. Equal calls are one
    expectation with `times`. Hits with the marks of steps become steps.
    """
    keys = _write_keys(hits)
    parts = [(title, _draft_items(part, keys)) for title, part in _hits_by_step(hits)]
    lines = [*([schema_line(schema)] if schema else []), *_comment_lines(hits)]
    if name:
        lines.append(f"name: {source.scalar(escape(name))}")
    lines += _damage_policy_lines(hits)
    filled = [(title, items) for title, items in parts if items]
    if {title for title, _ in filled} <= {"", "1"}:
        lines += _expect_lines([item for _, items in filled for item in items])
    else:
        lines.append("steps:")
        for title, items in filled:
            lines += source.indented(source.dashed(_step_lines(title, items)))
    return "\n".join(lines) + "\n"


def _step_lines(title: str, items: Iterable[_DraftItem]) -> list[str]:
    name = [] if title.isdigit() else [f"name: {source.scalar(escape(title))}"]
    return [*name, *_expect_lines(items, source.WIDTH - 4)]


def _expect_lines(items: Iterable[_DraftItem], width: int = source.WIDTH) -> list[str]:
    lines = [line for item in items for line in item.lines(width - 2)]
    return ["expect:", *source.indented(lines)] if lines else ["expect: []"]


def _draft_items(hits: Iterable[Hit], keys: Collection[str]) -> list[_DraftItem]:
    """Return the items that expect these hits, without duplicates and requests that are no pixel
    calls."""
    items: dict[str, _DraftItem] = {}
    for hit in hits:
        literal = literal_item(hit, keys)
        if literal is None or hit.outcome in (Outcome.DUPLICATE, Outcome.UNHANDLED):
            continue
        item = items.setdefault(json_codec.write(literal.item), _DraftItem(literal.item))
        item.count += 1
        item.omitted |= dict.fromkeys(literal.omitted)
        if hit.outcome is Outcome.DAMAGED:
            item.damage |= {
                shortened(f"{problem.code} ({problem.path})").removesuffix(" ()"): None
                for problem in hit.problems
                if problem.severity is Severity.DAMAGE
            }
    return list(items.values())


def _hits_by_step(hits: Sequence[Hit]) -> list[tuple[str, list[Hit]]]:
    """Return the hits by the step in which they came, or one part without a title if no hit has a
    mark.

    A hit without a mark belongs to the step before it. If steps ran at the same time, so that their
    hits alternate, all hits are one part: they cannot be written as consecutive steps.
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


def _damage_policy_lines(hits: Iterable[Hit]) -> list[str]:
    """Return the lines of the policy under which the damaged calls pass."""
    damaged = [
        set(problem_codes(hit, Severity.DAMAGE)) for hit in hits if hit.outcome is Outcome.DAMAGED
    ]
    if not damaged:
        return []
    why = "# Segment keeps the damaged calls, although something is wrong with them"
    if any(not names or names - _DAMAGES for names in damaged):
        return [why, "damaged: warn"]
    accepted: list[JSON] = [*sorted(set().union(*damaged))]
    return [why, *source.member("damaged", {"accept": accepted})]


def _comment_lines(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield comments on requests that the draft does not expect."""
    repeated = [hit for hit in hits if hit.outcome is Outcome.DUPLICATE]
    if repeated:
        titles = [call_text.title(hit.call, hit.request) for hit in repeated]
        yield from _listed_comment("# duplicates, of which Segment keeps only the first: ", titles)
    strange = [hit for hit in hits if hit.outcome is Outcome.UNHANDLED]
    if strange:
        titles = [call_text.title(hit.call, hit.request) for hit in strange]
        yield from _listed_comment("# requests that are no pixels: ", titles)


def _listed_comment(head: str, words: Sequence[str]) -> Iterator[str]:
    counts = Counter(map(shortened, words))
    shown = [f"{word} ({n} times)" if n > 1 else word for word, n in counts.items()][:_MAX_LISTED]
    more = f", and {len(counts) - _MAX_LISTED} more" if len(counts) > _MAX_LISTED else ""
    if shown:
        yield f"{head}{', '.join(shown)}{more}"


def _write_keys(hits: Iterable[Hit]) -> set[str]:
    payloads = (hit.call.payload for hit in hits if hit.call and hit.call.payload)
    keys = (payload.get("writeKey") for payload in payloads)
    return {key for key in keys if isinstance(key, str) and len(key) >= MIN_KEY_LENGTH}
