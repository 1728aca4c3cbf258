"""Parse `expect`, `never`, `deny` and the policies; check the ids of expectations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from pixel_emulator.core.model import JSON, JsonPath, Severity
from pixel_emulator.core.parser.call_pattern import (
    UNKNOWN_FIELD_ADVICE,
    PatternShape,
    check_code,
    merge_shapes,
    read_shape,
)
from pixel_emulator.core.parser.definitions import Scope, read_constant_text
from pixel_emulator.core.parser.parse_context import ParseContext, value_text
from pixel_emulator.core.parser.values import read_duration, read_times, read_value
from pixel_emulator.core.parser.variables import ValueAt
from pixel_emulator.core.parser.vocabulary import (
    CALL_LINES,
    EXPECTATION,
    FORBIDDEN,
    PATTERN,
    TIMING,
)
from pixel_emulator.core.scenarios.expectation import Expectation, Times
from pixel_emulator.core.scenarios.scenario import (
    DEFAULT_LEVELS,
    Forbidden,
    Level,
    Policy,
    Scenario,
)
from pixel_emulator.core.text.display import printable

_MAX_IDS = 50  # listed in one message
SILENCE_ADVICE = "list the calls, or write `expect: []` for silence"


def read_expect(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> tuple[Expectation, ...]:
    """Parse the expectations of `expect`."""
    if value is None:
        context.add_issue(at, f"is empty: {SILENCE_ADVICE}")
        return ()
    return tuple(read_expectation(context, *item, scope) for item in context.items(at, value))


def read_never(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> tuple[Expectation, ...]:
    """Parse the expectations of `never`: calls that must not arrive."""
    return tuple(
        read_expectation(context, *item, scope, never=True) for item in context.items(at, value)
    )


def read_expectation(
    context: ParseContext, at: JsonPath, item: JSON, scope: Scope, *, never: bool = False
) -> Expectation:
    """Parse one expectation; if `never`, of a call that must not arrive."""
    if not isinstance(item, dict):
        colon = "write a colon behind the type: `track: Email Opened`, `page:`"
        context.add_issue(at, f"a call is a map; this is {value_text(item)}: {colon}")
        return Expectation()
    if never:
        for key in TIMING.keys() & item.keys():
            context.add_issue(
                (*at, key), "says nothing here: what stands under `never` never comes"
            )
    context.check_keys(at, item, EXPECTATION, UNKNOWN_FIELD_ADVICE)

    def text(key: str) -> str:
        return read_constant_text(context, (*at, key), item[key], scope) if key in item else ""

    dropped = "dropped" in item
    shapes = _read_shapes(context, at, item, scope, exact=not dropped)
    within = (*at, "within")
    code = "" if item.get("dropped") is None else text("dropped")
    check_code(context, (*at, "dropped"), code, Severity.DROP)
    return Expectation(
        patterns=tuple(shape.pattern for shape in shapes),
        times=Times(0, 0) if never else _read_times(context, (*at, "times"), item),
        dropped=dropped,
        code=code,
        id=text("id"),
        after=text("after"),
        within=read_duration(context, within, item["within"]) if "within" in item else None,
        never=never,
        note=text("note"),
        location=context.location(at),
    )


def _read_times(context: ParseContext, at: JsonPath, item: dict[str, JSON]) -> Times:
    return read_times(context, at, item["times"]) if "times" in item else Times()


def _read_shapes(
    context: ParseContext, at: JsonPath, item: dict[str, JSON], scope: Scope, *, exact: bool
) -> list[PatternShape]:
    shared = read_shape(context, at, item, scope, exact=exact)
    if "one-of" not in item:
        if not shared.line and item.keys() <= EXPECTATION.keys():
            context.add_issue(at, f"which call? give one of {', '.join(CALL_LINES)}")
        return [shared]
    here = (*at, "one-of")
    shapes = []
    for at_variant, variant in context.items(here, item["one-of"]):
        if not isinstance(variant, dict):
            context.add_issue(at_variant, f"a shape is a map; this is {value_text(variant)}")
            continue
        for key in (*TIMING, "dropped"):
            if key in variant:
                context.add_issue((*at_variant, key), "belongs beside `one-of`, not into it")
        context.check_keys(at_variant, variant, EXPECTATION, UNKNOWN_FIELD_ADVICE)
        if "one-of" in variant:
            context.add_issue(
                (*at_variant, "one-of"), "stands inside another: list its shapes there"
            )
        shape = read_shape(context, at_variant, variant, scope, exact=exact)
        if not shape.line and not shared.line and variant.keys() <= PATTERN.keys():
            context.add_issue(at_variant, f"which call? give one of {', '.join(CALL_LINES)}")
        shapes.append(merge_shapes(context, at_variant, shared, shape))
    if item["one-of"] == []:
        context.add_issue(here, "is empty: list the shapes that a call may have")
    return shapes


@dataclass(frozen=True, slots=True)
class ExpectationList:
    """The expectations of one step, with the path of their list."""

    at: JsonPath
    expectations: tuple[Expectation, ...]
    since_start: bool = False


def check_ids(context: ParseContext, lists: Iterable[ExpectationList]) -> None:
    """Add issues for duplicate ids, and for `after` with an unknown id, a later step or a cycle."""
    by_id: dict[str, _ListedExpectation] = {}
    all_listed = [
        _ListedExpectation(step, (*listed.at, index), expectation, listed.since_start)
        for step, listed in enumerate(lists)
        for index, expectation in enumerate(listed.expectations)
    ]
    for listed in all_listed:
        id = listed.expectation.id
        if id and (first := by_id.setdefault(id, listed)) is not listed:
            taken = f'the id "{id}" is taken already, by {first.expectation.location}'
            context.add_issue((*listed.at, "id"), taken)
    in_cycle: set[str] = set()
    for listed in all_listed:
        id, after = listed.expectation.id, listed.expectation.after
        if not after:
            continue
        here = (*listed.at, "after")
        if after not in by_id:
            guess = context.suggestion(here, after, by_id) or _ids_advice(by_id)
            context.add_issue(here, f'no call of this scenario has the id "{after}"{guess}')
            continue
        target = by_id[after]
        if target.step > listed.step and not target.since_start:
            context.add_issue(here, f'"{after}" is the id of a call of a later step')
        elif id and id not in in_cycle:
            chain = _after_chain(id, by_id)
            if chain[-1] == id:
                in_cycle.update(chain)
                context.add_issue(here, f"goes round in a circle: {' after '.join(chain)}")


@dataclass(frozen=True, slots=True)
class _ListedExpectation:
    """An expectation with its path and the index of its step."""

    step: int
    at: JsonPath
    expectation: Expectation
    since_start: bool


def _ids_advice(by_id: Mapping[str, _ListedExpectation]) -> str:
    ids = ", ".join((*islice(by_id, _MAX_IDS), *(["…"] if len(by_id) > _MAX_IDS else [])))
    return f": its ids are {ids}" if ids else ": write `id:` beside the call that has to come first"


def _after_chain(first: str, by_id: Mapping[str, _ListedExpectation]) -> list[str]:
    """Return the ids reached by following `after`, up to the end or the first repeated id."""
    chain = [first]
    while (after := by_id[chain[-1]].expectation.after) in by_id:
        chain.append(after)
        if after in chain[:-1]:
            break
    return chain


EVERYTHING = "everything"
"""The value of `in` for the whole request."""

_PATH_PART = re.compile(
    r'\.?(?P<word>[^ ."\\\[\]\n\r\t]+)|\[(?P<index>\d{1,9})\]|\["(?P<key>(?:[^"\\]|\\.)*)"\]'
)
_PATH_ADVICE = "write a path like properties.products[0].sku"


def read_forbidden(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> tuple[Forbidden, ...]:
    """Parse the forbidden content under `deny`."""
    return tuple(_read_rule(context, *item, scope) for item in context.items(at, value))


def _read_rule(context: ParseContext, at: JsonPath, item: JSON, scope: Scope) -> Forbidden:
    if not isinstance(item, dict):
        context.add_issue(at, f"must be a map: write `- contains: …`; this is {value_text(item)}")
        return Forbidden(contains="")
    context.check_keys(at, item, FORBIDDEN)
    contains = item.get("contains")
    if contains in (None, ""):
        context.add_issue((*at, "contains"), "is missing: what may no request hold?")
    excepted = item.get("except", [])
    if isinstance(excepted, str):
        context.add_issue((*at, "except"), f"must be a list: write [{excepted}]")
        excepted = []
    return Forbidden(
        contains=read_value(context, (*at, "contains"), contains, scope),
        path=_read_path(context, (*at, "in"), item.get("in", EVERYTHING), scope) or None,
        except_paths=tuple(
            _read_path(context, *item, scope) for item in context.items((*at, "except"), excepted)
        ),
        because=read_constant_text(context, (*at, "because"), item.get("because", ""), scope),
        location=context.location(at),
    )


def _read_path(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> JsonPath:
    """Parse a path; empty for `everything` and for an invalid path."""
    text = read_constant_text(context, at, value, scope)
    path = () if text == EVERYTHING else parse_path(text)
    if not path and (value == "" or text not in ("", EVERYTHING)):
        context.add_issue(at, f'"{text}" is no path: {_PATH_ADVICE}')
    return path


def parse_path(text: str) -> JsonPath:
    """Parse a path as `path_text` writes it; empty if the text is not a path."""
    path: list[str | int] = []
    end = 0
    while end < len(text):
        part = _PATH_PART.match(text, end)
        if part is None or (part["word"] and bool(path) != text.startswith(".", end)):
            return ()
        if part["index"]:
            path.append(int(part["index"]))
        elif part["word"]:
            path.append(part["word"])
        else:
            path.append(re.sub(r"\\(.)", r"\1", part["key"]))
        end = part.end()
    return tuple(path)


SAME_EVENT = "same-event"
LENIENT = (Level.WARN.value, Level.IGNORE.value, SAME_EVENT)
"""The values of `unexpected` that tolerate some calls."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a scenario; see `Scenario` for `same_event` and `accepted`."""

    levels: Mapping[Policy, Level]
    same_event: bool
    accepted: frozenset[str]


def read_policies(context: ParseContext, fields: Mapping[str, ValueAt]) -> Policies:
    """Parse the policies of a scenario; `fields` are its keys with their paths."""
    damaged = fields.get(Policy.DAMAGED, ((), None))
    return Policies(
        levels={policy: _read_level(context, policy, fields.get(policy)) for policy in Policy},
        same_event=fields.get(Policy.UNEXPECTED, ((), None))[1] == SAME_EVENT,
        accepted=frozenset(_read_accepted(context, *damaged)),
    )


def with_defaults(scenario: Scenario, policies: Policies) -> Scenario:
    """Return the scenario with these policies where its file sets none."""
    own = scenario.stated_policies
    return replace(
        scenario,
        levels={
            policy: (scenario if policy in own else policies).levels[policy] for policy in Policy
        },
        same_event=(scenario if Policy.UNEXPECTED in own else policies).same_event,
        accepted=(scenario if Policy.DAMAGED in own else policies).accepted,
    )


def _read_level(context: ParseContext, policy: Policy, field: ValueAt | None) -> Level:
    if field is None:
        return DEFAULT_LEVELS[policy]
    at, value = field
    if policy is Policy.UNEXPECTED and value == SAME_EVENT:
        return Level.FAIL
    if policy is Policy.DAMAGED and isinstance(value, dict):
        return Level.FAIL
    if isinstance(value, str) and value in tuple(Level):
        return Level(value)
    same_event = (SAME_EVENT,) if policy is Policy.UNEXPECTED else ()
    words = (*reversed(Level), *same_event)
    guess = context.suggestion(at, value, words) if isinstance(value, str) else ""
    accept = ("{accept: [codes]}",) if policy is Policy.DAMAGED else ()
    allowed = ", ".join((*words, *accept))
    context.add_issue(at, f"must be one of {allowed}; it is {value_text(value)}{guess}")
    return Level.FAIL


def _read_accepted(context: ParseContext, at: JsonPath, damaged: JSON) -> Iterator[str]:
    if not isinstance(damaged, dict):
        return
    context.check_keys(at, damaged, ("accept",))
    at, codes = (*at, "accept"), damaged.get("accept")
    if isinstance(codes, str):
        context.add_issue(at, f"must be a list: write [{printable(codes)}]")
        return
    for at_code, item in context.items(at, codes):
        code = context.text(at_code, item)
        check_code(context, at_code, code, Severity.DAMAGE)
        yield code
