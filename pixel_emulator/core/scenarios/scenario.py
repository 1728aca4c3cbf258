"""A document to scenarios: each mistake with its path and its place, all of them at once."""

from collections.abc import Iterator

from pixel_emulator.core.calls import JSON, Payload, Severity, Steps
from pixel_emulator.core.mistakes import Document, likely
from pixel_emulator.core.scenarios.call_map import check_code, read_call
from pixel_emulator.core.scenarios.expectation import (
    DEFAULT_LEVELS,
    Expectation,
    Level,
    Policy,
    Scenario,
)
from pixel_emulator.core.scenarios.reader import Reader, shown

_KEYS = ("name", "tags", "expect", *Policy)
_LATER_KEYS = (
    *("let", "cases", "given", "do", "steps", "never", "deny", "state", "plan", "order"),
    *("within", "quiet", "client", "use", "defaults", "define", "scenarios"),
)
_SAME_EVENT = "same-event"
_SILENCE = "list the calls, or write `expect: []` for silence"


def parse(document: Document) -> tuple[Scenario, ...]:
    """The scenarios of a document. Raises InputError with all of its mistakes."""
    reader = Reader(document)
    scenario = _scenario(reader, document.data)
    reader.finish()
    return (scenario,)


def _scenario(reader: Reader, data: JSON) -> Scenario:
    if not isinstance(data, dict):
        reader.wrong((), f"a scenario is a map with `expect:` in it; this is {shown(data)}")
        return Scenario(expectations=())
    reader.check_keys((), data, _KEYS, _LATER_KEYS)
    if not data.keys() & {"expect", "steps", "scenarios"}:
        reader.wrong((), f"`expect` is missing: {_SILENCE}")
    return Scenario(
        expectations=_expectations(reader, data.get("expect", [])),
        name=reader.text(("name",), data.get("name", "")),
        tags=tuple(reader.text(*each) for each in reader.items(("tags",), data.get("tags", []))),
        levels={policy: _level(reader, policy, data) for policy in Policy},
        same_event=data.get(Policy.UNEXPECTED) == _SAME_EVENT,
        accepted=frozenset(_accepted(reader, data.get(Policy.DAMAGED))),
        location=reader.location(()),
    )


def _expectations(reader: Reader, value: JSON) -> tuple[Expectation, ...]:
    if value is None:
        reader.wrong(("expect",), f"is empty: {_SILENCE}")
        return ()
    places = list(reader.items(("expect",), value))
    calls = [read_call(reader, *place) for place in places]
    known: dict[str, Expectation] = {}
    for (steps, _), each in zip(places, calls, strict=True):
        if known.setdefault(each.id, each) is not each and each.id:
            first = known[each.id].location
            reader.wrong((*steps, "id"), f'the id "{each.id}" is taken already, by {first}')
    return tuple(calls)


def _level(reader: Reader, policy: Policy, data: Payload) -> Level:
    value = data.get(policy, DEFAULT_LEVELS[policy])
    if policy is Policy.UNEXPECTED and value == _SAME_EVENT:
        return Level.FAIL
    if policy is Policy.DAMAGED and isinstance(value, dict):
        return Level.FAIL
    if value in tuple(Level):
        return Level(value)
    more = {Policy.UNEXPECTED: f", {_SAME_EVENT}", Policy.DAMAGED: ", {accept: [codes]}"}
    guess = likely(value, (*Level, _SAME_EVENT)) if isinstance(value, str) else ""
    allowed = f"fail, warn, ignore{more.get(policy, '')}"
    reader.wrong((policy.value,), f"must be one of {allowed}; it is {shown(value)}{guess}")
    return Level.FAIL


def _accepted(reader: Reader, damaged: JSON) -> Iterator[str]:
    if not isinstance(damaged, dict):
        return
    steps: Steps = (Policy.DAMAGED.value,)
    reader.check_keys(steps, damaged, ("accept",), ())
    steps = (*steps, "accept")
    for place, item in reader.items(steps, damaged.get("accept")):
        code = reader.text(place, item)
        check_code(reader, place, code, Severity.DAMAGE)
        yield code
