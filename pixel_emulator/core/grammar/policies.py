"""The policies: what a scenario says about the calls of a whole run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pixel_emulator.core.grammar.call_map import check_code
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.variables import Place
from pixel_emulator.core.model import JSON, JsonPath, Severity
from pixel_emulator.core.scenarios.model import DEFAULT_LEVELS, Level, Policy, Scenario
from pixel_emulator.core.text.display import printable

SAME_EVENT = "same-event"
LENIENT = (Level.WARN.value, Level.IGNORE.value, SAME_EVENT)
"""What `unexpected` may say that lets a call through."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The levels, whether `unexpected` is narrowed, and the accepted damage codes."""

    levels: Mapping[Policy, Level]
    same_event: bool
    accepted: frozenset[str]


def read_policies(reader: Reader, fields: Mapping[str, Place]) -> Policies:
    """The policies of a scenario; `fields` has its keys, each with its place."""
    damaged = fields.get(Policy.DAMAGED, ((), None))
    return Policies(
        levels={policy: _level(reader, policy, fields.get(policy)) for policy in Policy},
        same_event=fields.get(Policy.UNEXPECTED, ((), None))[1] == SAME_EVENT,
        accepted=frozenset(_accepted(reader, *damaged)),
    )


def with_defaults(scenario: Scenario, policies: Policies) -> Scenario:
    """A scenario as it is where these policies hold for what it does not speak of."""
    own = scenario.stated
    return replace(
        scenario,
        levels={each: (scenario if each in own else policies).levels[each] for each in Policy},
        same_event=(scenario if Policy.UNEXPECTED in own else policies).same_event,
        accepted=(scenario if Policy.DAMAGED in own else policies).accepted,
    )


def _level(reader: Reader, policy: Policy, place: Place | None) -> Level:
    if place is None:
        return DEFAULT_LEVELS[policy]
    steps, value = place
    if policy is Policy.UNEXPECTED and value == SAME_EVENT:
        return Level.FAIL
    if policy is Policy.DAMAGED and isinstance(value, dict):
        return Level.FAIL
    if isinstance(value, str) and value in tuple(Level):
        return Level(value)
    same_event = (SAME_EVENT,) if policy is Policy.UNEXPECTED else ()
    words = (*reversed(Level), *same_event)
    guess = reader.likely(steps, value, words) if isinstance(value, str) else ""
    accept = ("{accept: [codes]}",) if policy is Policy.DAMAGED else ()
    allowed = ", ".join((*words, *accept))
    reader.wrong(steps, f"must be one of {allowed}; it is {shown(value)}{guess}")
    return Level.FAIL


def _accepted(reader: Reader, steps: JsonPath, damaged: JSON) -> Iterator[str]:
    if not isinstance(damaged, dict):
        return
    reader.check_keys(steps, damaged, ("accept",))
    steps, codes = (*steps, "accept"), damaged.get("accept")
    if isinstance(codes, str):
        reader.wrong(steps, f"must be a list: write [{printable(codes)}]")
        return
    for place, item in reader.items(steps, codes):
        code = reader.text(place, item)
        check_code(reader, place, code, Severity.DAMAGE)
        yield code
