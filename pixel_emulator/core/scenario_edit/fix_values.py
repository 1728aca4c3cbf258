"""Expectations whose call was sent with other values: the literal ones become what was sent."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pixel_emulator.core.errors import InputIssue
from pixel_emulator.core.matching.diff import differences
from pixel_emulator.core.matching.expected import (
    ABSENT,
    Absent,
    Bindings,
    Expected,
    Value,
    describe_value,
)
from pixel_emulator.core.model import NAMED_BY, Hit, JsonPath, Severity, path_text
from pixel_emulator.core.parser.vocabulary import CALL_LINES
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.generate import fits, is_literal, written
from pixel_emulator.core.scenario_edit.source import Edit, Source
from pixel_emulator.core.scenario_edit.verified_source import (
    Line,
    VerifiedSource,
    instead,
    misplaced,
)
from pixel_emulator.core.scenarios.expectation import (
    Expectation,
    Pattern,
    Times,
    call_facts,
    problem_codes,
)
from pixel_emulator.core.scenarios.mail_clients import request_facts
from pixel_emulator.core.text.display import shortened
from pixel_emulator.core.verification.verdict import ExpectationResult

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
# Fields that change from run to run, each with what its values usually are.
_TIMES = ("timestamp", "sentAt", "originalTimestamp", "receivedAt")
_VARYING: Mapping[JsonPath, tuple[re.Pattern[str], str]] = {
    ("messageId",): (_UUID, "$uuid"),
    **{(each,): (_ISO, "$iso") for each in _TIMES},
}


def rewrite(judged: VerifiedSource, line: Line) -> Iterator[Edit | InputIssue]:
    """What makes an unmet expectation match the call that was sent instead, if one was.

    Matchers, and what stands in another place, are kept: each with a word on it.
    """
    changes = [list(_changes(judged, line, *each)) for each in line.results]
    if any(each != changes[0] for each in changes):
        yield judged.mistake(line, "is kept, because the cases of this scenario differ in it")
    else:
        yield from changes[0]


def _changes(
    judged: VerifiedSource, line: Line, result: ExpectationResult, bound: Bindings
) -> Iterator[Edit | InputIssue]:
    hit = instead(result)
    if hit is None:
        return
    if line.at is None:
        yield judged.mistake(line, "is kept, because it stands in another file")
    elif len(result.expectation.patterns) > 1:
        yield judged.mistake(line, "is kept: no alternative of `one-of` matches what was sent")
    else:
        yield from _code(judged, line.at, result.expectation, hit)
        pattern = result.expectation.patterns[0].resolved_for(hit)
        sides = (
            ((), pattern.fields, call_facts(hit)),
            (("request",), pattern.request, request_facts(hit)),
        )
        for prefix, want, got in sides:
            for path in _different(want, got, bound):
                place = _Place(judged.source, line.at, pattern)
                yield from _change(judged, line, place, (*prefix, *path), _at(got, path))


def _code(judged: VerifiedSource, at: JsonPath, wanted: Expectation, hit: Hit) -> Iterator[Edit]:
    reasons = problem_codes(hit, Severity.DROP)
    if wanted.code and reasons and wanted.code not in reasons:
        yield from source.write(judged.source, (*at, "dropped"), reasons[0])


def _change(
    judged: VerifiedSource, line: Line, place: "_Place", path: JsonPath, sent: Value
) -> Iterator[Edit | InputIssue]:
    """Write what was sent in the place of one value, if that is a literal one."""
    found = place.of(path)
    sent_there = "nothing" if isinstance(sent, Absent) else shortened(str(describe_value(sent)))
    if path == ("writeKey",):
        yield judged.mistake(line, "is kept: no write key is written into a file", *path)
    elif found is None:
        kept = f"is kept, because it comes from a definition; {sent_there} was sent"
        yield judged.mistake(line, kept, *path)
    elif not is_literal(judged.source.value(found)):
        inside = found[len(place.at) :]
        where = f" at {path_text(path)}" if len(inside) < len(path) else ""
        kept = f"is kept, because it is no literal value; {sent_there} was sent{where}"
        yield judged.mistake(line, kept, *inside)
    elif matcher := _matcher(path, sent):
        yield from source.write(judged.source, found, matcher)
    elif isinstance(value := ABSENT if isinstance(sent, Absent) else written(sent), Absent):
        yield judged.mistake(line, "is kept, because what was sent is too long to read", *path)
    elif not fits(path, value):
        kept = f"is kept, because no scenario may hold {sent_there} there"
        yield judged.mistake(line, kept, *path)
    else:
        yield from source.replace(judged.source, found, value)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the values of one expectation stand."""

    source: Source
    at: JsonPath
    pattern: Pattern

    def of(self, path: JsonPath) -> JsonPath | None:
        """The way to what the file says about a field; None where it does not say it here.

        It leads to a matcher where the field is inside one.
        """
        here, value = self.at, self.source.value(self.at)
        type = self.pattern.type
        if type and path == (NAMED_BY[type],) and isinstance(value, dict) and value.get(type):
            path = (type.value,)
        for step in path:
            if isinstance(value, dict):
                if not all(map(is_literal, value)):
                    break
                key = next((key for key in value if key.replace("$$", "$") == step), None)
                if key is None:
                    return None
                here, value = (*here, key), value[key]
            elif isinstance(value, list) and isinstance(step, int):
                here, value = (*here, step), value[step]
        return here


def _different(want: Expected, got: Value, bound: Bindings) -> list[JsonPath]:
    """The paths that differ; a list of another length differs as a whole."""
    paths: dict[JsonPath, None] = {}
    for at, wanted, sent in differences(want, got, bound):
        longer = isinstance(at[-1], int) and (wanted is ABSENT or sent is ABSENT)
        paths[at[:-1] if longer else at] = None
    return [each for each in paths if not any(each[:n] in paths for n in range(len(each)))]


def _at(value: Value, path: JsonPath) -> Value:
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return ABSENT
    return value


def _matcher(path: JsonPath, sent: Value) -> str:
    """What says that nothing was sent, or what fits a field that changes every time."""
    if isinstance(sent, Absent):
        return "$absent"
    if path not in _VARYING or not isinstance(sent, str):
        return ""
    usual, matcher = _VARYING[path]
    return matcher if usual.fullmatch(sent) else "$string"


@dataclass(frozen=True, slots=True)
class Removal:
    """An expectation to be taken out of its list."""

    at: JsonPath


def count(judged: VerifiedSource, line: Line) -> Iterator[Edit | Removal | InputIssue]:
    """What makes an unmet expectation want as many calls as came.

    A ban (`times: 0`, `never`) is kept, and so is what came at the wrong time: each with a word.
    """
    changes = [list(_times_changes(judged, line, result)) for result, _ in line.results]
    if any(each != changes[0] for each in changes):
        yield judged.mistake(line, "is kept, because the cases of this scenario differ in it")
    else:
        yield from changes[0]


def _times_changes(
    judged: VerifiedSource, line: Line, result: ExpectationResult
) -> Iterator[Edit | Removal | InputIssue]:
    times, got = line.expectation.times, result.got
    near = misplaced(result)
    if result.met or instead(result):
        return
    if line.at is None:
        yield judged.mistake(line, "is kept, because it stands in another file")
    elif times.high == 0:
        came = "1 call" if got == 1 else f"{got} calls"
        yield judged.mistake(line, f"is kept, because it is a ban; {came} came")
    elif near or (got >= times.low and (times.high is None or got <= times.high)):
        detail = f": {near.detail}" if near and near.detail else ""
        yield judged.mistake(line, f"is kept, because when calls come is not rewritten{detail}")
    elif got:
        yield from _times(judged, line.at, _extended(times, got))
    elif line.expectation.id and _is_awaited(judged, line):
        yield judged.mistake(line, "is kept, because `after` names it; no such call came", "id")
    else:
        yield Removal(line.at)


def _extended(times: Times, got: int) -> Times:
    """The range with its nearer end moved; an exact number becomes another."""
    if times.low == times.high:
        return Times(got, got)
    return replace(times, low=got) if got < times.low else replace(times, high=got)


def _times(judged: VerifiedSource, at: JsonPath, times: Times) -> Iterator[Edit]:
    item = judged.source.value(at)
    if isinstance(item, dict) and "times" in item:
        yield from source.write(judged.source, (*at, "times"), str(times))
    elif isinstance(item, dict):
        line = next((key for key in item if key in CALL_LINES), next(iter(item)))
        yield source.add_behind(judged.source, (*at, line), "times", str(times))


def _is_awaited(judged: VerifiedSource, line: Line) -> bool:
    name = line.expectation.id
    scenarios = (each.scenario for each in judged.verdict.scenarios)
    return any(each.after == name for scenario in scenarios for each in scenario.expectations)
