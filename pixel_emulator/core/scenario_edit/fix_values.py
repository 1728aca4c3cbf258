"""Edits of unmet expectations: literal values become those that were sent, `times` the count."""

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
    value_at,
)
from pixel_emulator.core.model import NAME_FIELDS, Hit, JsonPath, Severity, path_text
from pixel_emulator.core.parser.vocabulary import CALL_LINES
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.generate import as_written, is_allowed_at, is_literal
from pixel_emulator.core.scenario_edit.source import Edit, Source
from pixel_emulator.core.scenario_edit.verified_source import (
    ExpectationInFile,
    VerifiedSource,
    mistimed_call,
    sent_instead,
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

_UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ISO_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
# Fields that change from run to run, with the usual form of their values and its matcher.
_TIMES = ("timestamp", "sentAt", "originalTimestamp", "receivedAt")
_VARYING: Mapping[JsonPath, tuple[re.Pattern[str], str]] = {
    ("messageId",): (_UUID_PATTERN, "$uuid"),
    **{(name,): (_ISO_PATTERN, "$iso") for name in _TIMES},
}


def fix_values(
    verified: VerifiedSource, expected: ExpectationInFile
) -> Iterator[Edit | InputIssue]:
    """Yield edits that make an unmet expectation match the call that was sent instead, if there is
    one.

    Matchers and values from elsewhere (definitions, other files) are kept, and reported as issues.
    """
    changes = [list(_value_changes(verified, expected, *result)) for result in expected.results]
    if any(change != changes[0] for change in changes):
        yield verified.issue(expected, "is kept, because the cases of this scenario differ in it")
    else:
        yield from changes[0]


def _value_changes(
    verified: VerifiedSource,
    expected: ExpectationInFile,
    result: ExpectationResult,
    bindings: Bindings,
) -> Iterator[Edit | InputIssue]:
    hit = sent_instead(result)
    if hit is None:
        return
    if expected.at is None:
        yield verified.issue(expected, "is kept, because it stands in another file")
    elif len(result.expectation.patterns) > 1:
        yield verified.issue(expected, "is kept: no alternative of `one-of` matches what was sent")
    else:
        yield from _fix_dropped_code(verified, expected.at, result.expectation, hit)
        pattern = result.expectation.patterns[0].resolved_for(hit)
        comparisons = (
            ((), pattern.fields, call_facts(hit)),
            (("request",), pattern.request, request_facts(hit)),
        )
        for prefix, fields, sent in comparisons:
            for path in _differing_paths(fields, sent, bindings):
                place = _PatternInFile(verified.source, expected.at, pattern)
                yield from _fix_value(
                    verified, expected, place, (*prefix, *path), value_at(sent, path)
                )


def _fix_dropped_code(
    verified: VerifiedSource, at: JsonPath, wanted: Expectation, hit: Hit
) -> Iterator[Edit]:
    reasons = problem_codes(hit, Severity.DROP)
    if wanted.code and reasons and wanted.code not in reasons:
        yield from source.write(verified.source, (*at, "dropped"), reasons[0])


def _fix_value(
    verified: VerifiedSource,
    expected: ExpectationInFile,
    place: "_PatternInFile",
    path: JsonPath,
    sent: Value,
) -> Iterator[Edit | InputIssue]:
    """Replace one value by the value that was sent, if it is a literal; else report why it is
    kept."""
    at = place.path_of(path)
    sent_text = "nothing" if isinstance(sent, Absent) else shortened(str(describe_value(sent)))
    if path == ("writeKey",):
        yield verified.issue(expected, "is kept: no write key is written into a file", *path)
    elif at is None:
        kept = f"is kept, because it comes from a definition; {sent_text} was sent"
        yield verified.issue(expected, kept, *path)
    elif not is_literal(verified.source.value(at)):
        inside = at[len(place.at) :]
        where = f" at {path_text(path)}" if len(inside) < len(path) else ""
        kept = f"is kept, because it is no literal value; {sent_text} was sent{where}"
        yield verified.issue(expected, kept, *inside)
    elif matcher := _matcher(path, sent):
        yield from source.write(verified.source, at, matcher)
    elif isinstance(value := ABSENT if isinstance(sent, Absent) else as_written(sent), Absent):
        yield verified.issue(expected, "is kept, because what was sent is too long to read", *path)
    elif not is_allowed_at(path, value):
        kept = f"is kept, because no scenario may hold {sent_text} there"
        yield verified.issue(expected, kept, *path)
    else:
        yield from source.replace(verified.source, at, value)


@dataclass(frozen=True, slots=True)
class _PatternInFile:
    """An expected pattern with the path of its expectation in the file."""

    source: Source
    at: JsonPath
    pattern: Pattern

    def path_of(self, path: JsonPath) -> JsonPath | None:
        """Return the path in the file of the value for a field, or of the matcher around it.

        Return None if the value is not written in this expectation.
        """
        here, value = self.at, self.source.value(self.at)
        type = self.pattern.type
        if type and path == (NAME_FIELDS[type],) and isinstance(value, dict) and value.get(type):
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


def _differing_paths(want: Expected, got: Value, bound: Bindings) -> list[JsonPath]:
    """Return the paths that differ. A list of another length differs as a whole."""
    paths: dict[JsonPath, None] = {}
    for at, expected, sent in differences(want, got, bound):
        longer = isinstance(at[-1], int) and (expected is ABSENT or sent is ABSENT)
        paths[at[:-1] if longer else at] = None
    return [path for path in paths if not any(path[:n] in paths for n in range(len(path)))]


def _matcher(path: JsonPath, sent: Value) -> str:
    """Return `$absent` if nothing was sent, or a matcher for a field that varies, or ""."""
    if isinstance(sent, Absent):
        return "$absent"
    if path not in _VARYING or not isinstance(sent, str):
        return ""
    usual, matcher = _VARYING[path]
    return matcher if usual.fullmatch(sent) else "$string"


@dataclass(frozen=True, slots=True)
class Removal:
    """An expectation to be removed from its list."""

    at: JsonPath


def fix_times(
    verified: VerifiedSource, expected: ExpectationInFile
) -> Iterator[Edit | Removal | InputIssue]:
    """Yield edits that make an unmet expectation accept as many calls as came.

    Expectations of no call (`times: 0`, `never`) and of calls at the wrong time are kept, and
    reported as issues.
    """
    changes = [list(_times_changes(verified, expected, result)) for result, _ in expected.results]
    if any(change != changes[0] for change in changes):
        yield verified.issue(expected, "is kept, because the cases of this scenario differ in it")
    else:
        yield from changes[0]


def _times_changes(
    verified: VerifiedSource, expected: ExpectationInFile, result: ExpectationResult
) -> Iterator[Edit | Removal | InputIssue]:
    times, got = expected.expectation.times, result.got
    near = mistimed_call(result)
    if result.met or sent_instead(result):
        return
    if expected.at is None:
        yield verified.issue(expected, "is kept, because it stands in another file")
    elif times.high == 0:
        came = "1 call" if got == 1 else f"{got} calls"
        yield verified.issue(expected, f"is kept, because it is a ban; {came} came")
    elif near or (got >= times.low and (times.high is None or got <= times.high)):
        detail = f": {near.detail}" if near and near.detail else ""
        yield verified.issue(expected, f"is kept, because when calls come is not rewritten{detail}")
    elif got:
        yield from _write_times(verified, expected.at, _extended(times, got))
    elif expected.expectation.id and _is_awaited(verified, expected):
        yield verified.issue(expected, "is kept, because `after` names it; no such call came", "id")
    else:
        yield Removal(expected.at)


def _extended(times: Times, got: int) -> Times:
    """Return the range with its nearer bound moved to `got`; an exact number is replaced."""
    if times.low == times.high:
        return Times(got, got)
    return replace(times, low=got) if got < times.low else replace(times, high=got)


def _write_times(verified: VerifiedSource, at: JsonPath, times: Times) -> Iterator[Edit]:
    """Write `times` into an expectation."""
    item = verified.source.value(at)
    if isinstance(item, dict) and "times" in item:
        yield from source.write(verified.source, (*at, "times"), str(times))
    elif isinstance(item, dict):
        line = next((key for key in item if key in CALL_LINES), next(iter(item)))
        yield source.add_after(verified.source, (*at, line), "times", str(times))


def _is_awaited(verified: VerifiedSource, expected: ExpectationInFile) -> bool:
    name = expected.expectation.id
    scenarios = (scenario.scenario for scenario in verified.verdict.scenarios)
    return any(other.after == name for scenario in scenarios for other in scenario.expectations)
