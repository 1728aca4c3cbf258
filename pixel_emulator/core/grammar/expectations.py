"""The items of `expect` and `never`, and what they say of each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from pixel_emulator.core.grammar.amounts import read_duration, read_times
from pixel_emulator.core.grammar.call_map import ELSEWHERE, Shape, check_code, merged, read_shape
from pixel_emulator.core.grammar.keys import EXPECTATION, LINES, PATTERN, TIMING
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.scope import Scope, plain_text
from pixel_emulator.core.model import JSON, JsonPath, Severity
from pixel_emulator.core.scenarios.expectation import Expectation, Times

_MOST_IDS = 50  # that one mistake lists
SILENCE = "list the calls, or write `expect: []` for silence"


def read_expect(
    reader: Reader, steps: JsonPath, value: JSON, scope: Scope
) -> tuple[Expectation, ...]:
    """The expectations of a list."""
    if value is None:
        reader.wrong(steps, f"is empty: {SILENCE}")
        return ()
    return tuple(read_expectation(reader, *each, scope) for each in reader.items(steps, value))


def read_never(
    reader: Reader, steps: JsonPath, value: JSON, scope: Scope
) -> tuple[Expectation, ...]:
    """The calls of a list that must not come."""
    return tuple(
        read_expectation(reader, *each, scope, never=True) for each in reader.items(steps, value)
    )


def read_expectation(
    reader: Reader, steps: JsonPath, item: JSON, scope: Scope, *, never: bool = False
) -> Expectation:
    """One item of a list; with `never`, one that must not come."""
    if not isinstance(item, dict):
        colon = "write a colon behind the type: `track: Email Opened`, `page:`"
        reader.wrong(steps, f"a call is a map; this is {shown(item)}: {colon}")
        return Expectation()
    if never:
        for key in TIMING.keys() & item.keys():
            reader.wrong((*steps, key), "says nothing here: what stands under `never` never comes")
    reader.check_keys(steps, item, EXPECTATION, ELSEWHERE)

    def text(key: str) -> str:
        return plain_text(reader, (*steps, key), item[key], scope) if key in item else ""

    dropped = "dropped" in item
    shapes = _shapes(reader, steps, item, scope, exact=not dropped)
    within = (*steps, "within")
    code = "" if item.get("dropped") is None else text("dropped")
    check_code(reader, (*steps, "dropped"), code, Severity.DROP)
    return Expectation(
        patterns=tuple(each.pattern for each in shapes),
        times=Times(0, 0) if never else _times(reader, (*steps, "times"), item),
        dropped=dropped,
        code=code,
        id=text("id"),
        after=text("after"),
        within=read_duration(reader, within, item["within"]) if "within" in item else None,
        never=never,
        note=text("note"),
        location=reader.location(steps),
    )


def _times(reader: Reader, steps: JsonPath, item: dict[str, JSON]) -> Times:
    return read_times(reader, steps, item["times"]) if "times" in item else Times()


def _shapes(
    reader: Reader, steps: JsonPath, item: dict[str, JSON], scope: Scope, *, exact: bool
) -> list[Shape]:
    shared = read_shape(reader, steps, item, scope, exact=exact)
    if "one-of" not in item:
        if not shared.line and item.keys() <= EXPECTATION.keys():
            reader.wrong(steps, f"which call? give one of {', '.join(LINES)}")
        return [shared]
    here = (*steps, "one-of")
    shapes = []
    for place, variant in reader.items(here, item["one-of"]):
        if not isinstance(variant, dict):
            reader.wrong(place, f"a shape is a map; this is {shown(variant)}")
            continue
        for key in (*TIMING, "dropped"):
            if key in variant:
                reader.wrong((*place, key), "belongs beside `one-of`, not into it")
        reader.check_keys(place, variant, EXPECTATION, ELSEWHERE)
        if "one-of" in variant:
            reader.wrong((*place, "one-of"), "stands inside another: list its shapes there")
        shape = read_shape(reader, place, variant, scope, exact=exact)
        if not shape.line and not shared.line and variant.keys() <= PATTERN.keys():
            reader.wrong(place, f"which call? give one of {', '.join(LINES)}")
        shapes.append(merged(reader, place, shared, shape))
    if item["one-of"] == []:
        reader.wrong(here, "is empty: list the shapes that a call may have")
    return shapes


@dataclass(frozen=True, slots=True)
class Listed:
    """The expectations of one step, and where their list stands."""

    steps: JsonPath
    expectations: tuple[Expectation, ...]
    since_start: bool = False


def check_ids(reader: Reader, lists: Iterable[Listed]) -> None:
    """Refuse ids that are given twice, and `after` that leads nowhere, forward or in a circle."""
    known: dict[str, _Place] = {}
    places = [
        _Place(number, (*each.steps, index), expectation, each.since_start)
        for number, each in enumerate(lists)
        for index, expectation in enumerate(each.expectations)
    ]
    for place in places:
        if place.it.id and (first := known.setdefault(place.it.id, place)) is not place:
            taken = f'the id "{place.it.id}" is taken already, by {first.it.location}'
            reader.wrong((*place.steps, "id"), taken)
    in_circle: set[str] = set()
    for place in places:
        if not place.it.after:
            continue
        here = (*place.steps, "after")
        if place.it.after not in known:
            guess = reader.likely(here, place.it.after, known) or _ids(known)
            reader.wrong(here, f'no call of this scenario has the id "{place.it.after}"{guess}')
            continue
        target = known[place.it.after]
        if target.step > place.step and not target.since_start:
            reader.wrong(here, f'"{place.it.after}" is the id of a call of a later step')
        elif place.it.id and place.it.id not in in_circle:
            way = _way(place.it.id, known)
            if way[-1] == place.it.id:
                in_circle.update(way)
                reader.wrong(here, f"goes round in a circle: {' after '.join(way)}")


@dataclass(frozen=True, slots=True)
class _Place:
    step: int
    steps: JsonPath
    it: Expectation
    since_start: bool


def _ids(known: Mapping[str, _Place]) -> str:
    ids = ", ".join((*islice(known, _MOST_IDS), *(["…"] if len(known) > _MOST_IDS else [])))
    return f": its ids are {ids}" if ids else ": write `id:` beside the call that has to come first"


def _way(first: str, known: Mapping[str, _Place]) -> list[str]:
    """The ids that follow from `after`, up to the end or to one that was there before."""
    way = [first]
    while (after := known[way[-1]].it.after) in known:
        way.append(after)
        if after in way[:-1]:
            break
    return way
