"""A document to scenarios: each mistake with its path and its place, all of them at once."""

from collections.abc import Iterator

from pixel_emulator.core.calls import JSON, Payload, Severity, Steps
from pixel_emulator.core.mistakes import Document, likely
from pixel_emulator.core.quoting import printable
from pixel_emulator.core.scenarios.call_map import check_code, read_call
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import DEFAULT_LEVELS, Level, Policy, Scenario, Step
from pixel_emulator.core.scenarios.reader import Reader, shown

_KEYS = ("name", "tags", "expect", *Policy)
_LATER_KEYS = (
    *("let", "cases", "given", "do", "steps", "never", "deny", "state", "plan", "order"),
    *("within", "quiet", "client", "use", "defaults", "define", "scenarios"),
)
_SAME_EVENT = "same-event"
_LENIENT = (Level.WARN.value, Level.IGNORE.value, _SAME_EVENT)
_SILENCE = "list the calls, or write `expect: []` for silence"


def parse(document: Document) -> tuple[Scenario, ...]:
    """The scenarios of a document. Raises InputError with all of its mistakes."""
    reader = Reader(document)
    scenario = _scenario(reader, document.data)
    reader.finish()
    return (scenario,)


def _scenario(reader: Reader, data: JSON) -> Scenario:
    if data is None:
        reader.wrong((), "the file is empty; a scenario is a map with `expect:` in it")
        return Scenario()
    if isinstance(data, dict) and "pixel_recording" in data:
        reader.wrong((), "this is a recording, not a scenario")
        return Scenario()
    if not isinstance(data, dict):
        reader.wrong((), f"a scenario is a map with `expect:` in it; this is {shown(data)}")
        return Scenario()
    reader.check_keys((), data, _KEYS, _LATER_KEYS)
    if not data.keys() & {"expect", "steps", "scenarios"}:
        reader.wrong((), f"`expect` is missing: {_SILENCE}")
    if data.get("expect") == [] and data.get(Policy.UNEXPECTED) in _LENIENT:
        lenient = "silence cannot be wished for while unexpected calls are let through"
        reader.wrong((Policy.UNEXPECTED.value,), f"{lenient}: write `unexpected: fail`")
    return Scenario(
        steps=(Step(expectations=_expectations(reader, data.get("expect", []))),),
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
    same_event = (_SAME_EVENT,) if policy is Policy.UNEXPECTED else ()
    words = (*reversed(Level), *same_event)
    guess = likely(value, words) if isinstance(value, str) else ""
    accept = ("{accept: [codes]}",) if policy is Policy.DAMAGED else ()
    allowed = ", ".join((*words, *accept))
    reader.wrong((policy.value,), f"must be one of {allowed}; it is {shown(value)}{guess}")
    return Level.FAIL


def _accepted(reader: Reader, damaged: JSON) -> Iterator[str]:
    if not isinstance(damaged, dict):
        return
    steps: Steps = (Policy.DAMAGED.value,)
    reader.check_keys(steps, damaged, ("accept",), ())
    steps, codes = (*steps, "accept"), damaged.get("accept")
    if isinstance(codes, str):
        reader.wrong(steps, f"must be a list: write [{printable(codes)}]")
        return
    for place, item in reader.items(steps, codes):
        code = reader.text(place, item)
        check_code(reader, place, code, Severity.DAMAGE)
        yield code
