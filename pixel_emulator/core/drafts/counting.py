"""Expectations whose calls came more or less often: `times` follows, what never came goes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pixel_emulator.core.drafts import edits
from pixel_emulator.core.drafts.judged import Judged, Line, instead, misplaced
from pixel_emulator.core.drafts.source import Edit
from pixel_emulator.core.errors import InputIssue
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.parser.vocabulary import LINES
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.core.verification.verdict import ExpectationResult


@dataclass(frozen=True, slots=True)
class Removal:
    """An expectation to be taken out of its list."""

    steps: JsonPath


def count(judged: Judged, line: Line) -> Iterator[Edit | Removal | InputIssue]:
    """What makes an unmet expectation want as many calls as came.

    A ban (`times: 0`, `never`) is kept, and so is what came at the wrong time: each with a word.
    """
    changes = [list(_changes(judged, line, result)) for result, _ in line.results]
    if any(each != changes[0] for each in changes):
        yield judged.mistake(line, "is kept, because the cases of this scenario differ in it")
    else:
        yield from changes[0]


def _changes(
    judged: Judged, line: Line, result: ExpectationResult
) -> Iterator[Edit | Removal | InputIssue]:
    times, got = line.expectation.times, result.got
    near = misplaced(result)
    if result.met or instead(result):
        return
    if line.steps is None:
        yield judged.mistake(line, "is kept, because it stands in another file")
    elif times.high == 0:
        came = "1 call" if got == 1 else f"{got} calls"
        yield judged.mistake(line, f"is kept, because it is a ban; {came} came")
    elif near or (got >= times.low and (times.high is None or got <= times.high)):
        detail = f": {near.detail}" if near and near.detail else ""
        yield judged.mistake(line, f"is kept, because when calls come is not rewritten{detail}")
    elif got:
        yield from _times(judged, line.steps, _extended(times, got))
    elif line.expectation.id and _is_awaited(judged, line):
        yield judged.mistake(line, "is kept, because `after` names it; no such call came", "id")
    else:
        yield Removal(line.steps)


def _extended(times: Times, got: int) -> Times:
    """The range with its nearer end moved; an exact number becomes another."""
    if times.low == times.high:
        return Times(got, got)
    return replace(times, low=got) if got < times.low else replace(times, high=got)


def _times(judged: Judged, steps: JsonPath, times: Times) -> Iterator[Edit]:
    item = judged.source.value(steps)
    if isinstance(item, dict) and "times" in item:
        yield from edits.write(judged.source, (*steps, "times"), str(times))
    elif isinstance(item, dict):
        line = next((key for key in item if key in LINES), next(iter(item)))
        yield edits.add_behind(judged.source, (*steps, line), "times", str(times))


def _is_awaited(judged: Judged, line: Line) -> bool:
    name = line.expectation.id
    scenarios = (each.scenario for each in judged.verdict.scenarios)
    return any(each.after == name for scenario in scenarios for each in scenario.expectations)
