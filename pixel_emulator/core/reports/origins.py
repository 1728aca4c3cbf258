"""Where the variables of a scenario got their values: from which call, and where in it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import ABSENT, Expected, Value, describe
from pixel_emulator.core.matching.unification import variables
from pixel_emulator.core.model import JSON, Hit, JsonPath, path_text
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.scenarios.expectation import Expectation, facts
from pixel_emulator.core.scenarios.mail_clients import wire_facts
from pixel_emulator.core.verification.verdict import ExpectationResult, ScenarioResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A variable with its value, and where that stands: at `path` of call `seq`, 0 if nowhere."""

    name: str
    value: JSON
    seq: int = 0
    path: str = ""

    def __str__(self) -> str:
        """`order = "FC-1", as properties.order_id of #1`."""
        where = f", as {self.path} of #{self.seq}" if self.seq else ""
        return f"{self.name} = {describe(self.value).text}{where}"


def origins(result: ScenarioResult) -> dict[str, Origin]:
    """The variables that have a value, each with the earliest call that holds it.

    A write key is shown masked.
    """
    found = {}
    for name, value in result.bound.items():
        places = (
            (not whole, hit.seq, path_text(steps))
            for each in result.expectations
            for steps, names in _spots(each.expectation)
            if name in names
            for hit, claimed in _holding(each, steps)
            if (whole := describe(_at(hit, steps)) == describe(value)) or claimed
        )
        _, seq, path = min(places, default=(True, 0, ""))
        shown = mask(value) if path == "writeKey" and isinstance(value, str) else value
        found[name] = Origin(name=name, value=shown, seq=seq, path=path)
    return found


def hinted(
    result: ScenarioResult, wanted: Expectation, mismatches: Sequence[Mismatch]
) -> tuple[Mismatch, ...]:
    """Mismatches of one of its expectations; where variables are wanted, with their origins."""
    if not result.bound:
        return tuple(mismatches)
    known = origins(result)
    wanted_at: dict[str, set[str]] = defaultdict(set)
    for steps, names in _spots(wanted):
        wanted_at[path_text(steps)] |= names & known.keys()

    def told(each: Mismatch) -> Mismatch:
        hints = (each.hint, *(str(known[name]) for name in sorted(wanted_at[each.path])))
        return replace(each, hint="; ".join(filter(None, hints)))

    return tuple(map(told, mismatches))


def _spots(wanted: Expectation) -> Iterator[tuple[JsonPath, frozenset[str]]]:
    """Where variables stand in what is wanted, with their names."""
    stack: list[tuple[JsonPath, Expected]] = []
    for pattern in wanted.patterns:
        stack += [((), pattern.fields), (("request",), pattern.request)]
    while stack:
        steps, want = stack.pop()
        if isinstance(want, dict):
            stack.extend(((*steps, key), each) for key, each in want.items())
        elif isinstance(want, list | tuple):
            stack.extend(((*steps, index), each) for index, each in enumerate(want))
        elif names := variables(want):
            yield steps, names


def _holding(result: ExpectationResult, steps: JsonPath) -> Iterator[tuple[Hit, bool]]:
    """The first claim that has something there, or else a call that comes close to one."""
    calls = chain(
        ((hit, True) for hit in result.claims), ((near.hit, False) for near in result.nearest)
    )
    return islice((each for each in calls if _at(each[0], steps) is not ABSENT), 1)


def _at(hit: Hit, steps: JsonPath) -> Value:
    """What stands in the hit where an expectation has `steps`."""
    value: Value = {"request": wire_facts(hit)} if steps[0] == "request" else facts(hit)
    for step in steps:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return ABSENT
    return value
