"""One call of a scenario, a line or a map, to its expectation."""

import re

from pixel_emulator.core.calls import JSON, NAMED_BY, CallType, Payload, Severity, Steps
from pixel_emulator.core.matching.values import describe
from pixel_emulator.core.mistakes import likely
from pixel_emulator.core.problems.rules import RULES
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.reader import Reader, shown

_TYPES = tuple(CallType)
_LINES = (*_TYPES, "any", "dropped")
# Segment drops a call in which one of the first is no text, or one of the second no object.
_TEXTS = ("userId", "anonymousId", "event", "name", "category", "writeKey", "source")
_MAPS = ("properties", "traits")
# https://segment.com/docs/connections/spec/common/
_ANYTHING = (
    *("previousId", "groupId", "context", "integrations", "messageId", "channel", "version"),
    *("timestamp", "sentAt", "originalTimestamp", "receivedAt"),
)
_FIELDS = (*_TEXTS, *_MAPS, *_ANYTHING)
_KEYS = (*_LINES, *_FIELDS, "type", "times", "id", "note")
_LATER_KEYS = ("after", "within", "request", "one-of")
_ELSEWHERE = "; what a sender adds of its own stands under `properties` or `traits`"

_TIMES = re.compile(r"(\d{1,9})(\.\.(\d{1,9})?)?")
_COMPARISON = re.compile(r"([<>]=?|\.\.) *(\d{1,8})")


def read_call(reader: Reader, steps: Steps, item: JSON) -> Expectation:
    """The expectation that stands at `steps`; what is wrong with it is noted in the reader."""
    if not isinstance(item, dict):
        colon = "write a colon behind the type: `track: Email Opened`, `page:`"
        reader.wrong(steps, f"a call is a map; this is {shown(item)}: {colon}")
        return Expectation()
    reader.check_keys(steps, item, _KEYS, _LATER_KEYS, _ELSEWHERE)
    lines = [key for key in item if key in _LINES]
    if len(lines) > 1:
        reader.wrong(steps, f"one call cannot be both `{lines[0]}` and `{lines[1]}`")
    elif not lines and item.keys() <= set(_KEYS):
        reader.wrong(steps, f"which call? give one of {', '.join(_LINES)}")
    line = lines[0] if lines else "any"
    dropped = line == "dropped"
    return Expectation(
        patterns=(
            Pattern(
                type=_type(reader, steps, item, line),
                fields=_name(reader, steps, item, line)
                | _fields(reader, steps, item, exact=not dropped),
            ),
        ),
        times=_times(reader, (*steps, "times"), item.get("times", 1)),
        dropped=dropped,
        code=_code(reader, (*steps, line), item[line]) if dropped else "",
        id=reader.text((*steps, "id"), item.get("id", "")),
        note=reader.text((*steps, "note"), item.get("note", "")),
        location=reader.location(steps),
    )


def check_code(reader: Reader, steps: Steps, code: str, severity: Severity) -> None:
    """Refuse a code that no problem of this severity has."""
    codes = [rule.code for rule in RULES.values() if rule.severity is severity]
    if code and code not in codes:
        effect = {Severity.DROP: "drops", Severity.DAMAGE: "damages"}[severity]
        reader.wrong(steps, f"`{code}` is no problem that {effect} a call{likely(code, codes)}")


def _type(reader: Reader, steps: Steps, item: Payload, line: str) -> CallType | None:
    said = line in _TYPES or item.get("any") is not None
    if said and "type" in item:
        reader.wrong((*steps, "type"), f"`{line}:` already says the type")
    if line in _TYPES:
        return CallType(line)
    key = line if said else "type"
    value = item.get(key)
    if isinstance(value, str) and value in _TYPES:
        return CallType(value)
    if value is not None:
        guess = likely(value, _TYPES) if isinstance(value, str) else ""
        allowed = ", ".join(_TYPES)
        reader.wrong((*steps, key), f"must be one of {allowed}; it is {shown(value)}{guess}")
    return None


def _name(reader: Reader, steps: Steps, item: Payload, line: str) -> Payload:
    """What stands behind the type: `track: <event>` is the field `event`."""
    value = item.get(line)
    if line not in _TYPES or value is None:
        return {}
    field, here = NAMED_BY[CallType(line)], (*steps, line)
    if isinstance(value, dict | list):
        reader.wrong(here, f"write the fields beside `{line}:`, not under it")
        return {}
    if field in item:
        reader.wrong((*steps, field), f"`{line}:` already says the {field}")
    return {field: reader.text(here, value)}


def _code(reader: Reader, steps: Steps, value: JSON) -> str:
    code = "" if value is None else reader.text(steps, value)
    check_code(reader, steps, code, Severity.DROP)
    return code


def _fields(reader: Reader, steps: Steps, item: Payload, *, exact: bool) -> Payload:
    fields: Payload = {}
    for key, value in item.items():
        here = (*steps, key)
        if key not in _FIELDS:
            continue
        if exact and key in _TEXTS and value is not None:
            fields[key] = reader.text(here, value)
        elif exact and key in _MAPS and not isinstance(value, dict):
            indent = f"write what it holds under `{key}:`, further to the right"
            reader.wrong(here, f"must be a map, but is {shown(value)}: {indent}")
        else:
            fields[key] = reader.value(here, value)
    return fields


def _times(reader: Reader, steps: Steps, value: JSON) -> Times:
    text = value if isinstance(value, str) else describe(value).text
    found = _TIMES.fullmatch(text)
    if not found:
        reader.wrong(steps, f"must be like 1, 0, 2..4 or 1..; it is {shown(value)}{_range(text)}")
        return Times()
    low = int(found[1])
    high = None if found[2] == ".." else int(found[3] or low)
    if high is not None and high < low:
        reader.wrong(steps, f"ends before it begins: write {high}..{low}")
    return Times(low, high)


def _range(text: str) -> str:
    """How the language writes a comparison or half a range: `>=2` is `2..`, `..3` is `0..3`."""
    if not text:
        return ": YAML reads `>2` as the begin of a text; write `3..` for more than 2"
    found = _COMPARISON.fullmatch(text)
    if not found:
        return ""
    n = int(found[2])
    at_most = f"0..{n}"
    ranges = {">=": f"{n}..", ">": f"{n + 1}..", "<": f"0..{max(n - 1, 0)}"}
    return f": write {ranges.get(found[1], at_most)}"
