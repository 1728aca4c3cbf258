"""Amounts in a scenario: how often a call is wanted, and for how long something lasts."""

import re

from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.matching.expected import describe
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.scenarios.expectation import Times

TIMES = r"\d{1,9}(\.\.(\d{1,9})?)?"
"""A number of calls, or a range of it, as a regex."""
DURATION = r"\d{1,9}(\.\d{1,9})?(ms|s|min|h)"
"""A duration, as a regex."""

LONGEST = 24 * 3600.0
"""Seconds that a duration may have."""

_TIMES = re.compile(r"(\d{1,9})(\.\.(\d{1,9})?)?")
_COMPARISON = re.compile(r"([<>]=?|\.\.) *(\d{1,8})")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|min|h)")
_NEARLY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) *([a-zA-Z]*)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_UNITS = {
    **{unit: unit for unit in _SECONDS},
    **dict.fromkeys(("", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
}


def read_times(reader: Reader, steps: JsonPath, value: JSON) -> Times:
    """How often, from `1`, `0`, `2..4` or `1..`."""
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


def read_duration(reader: Reader, steps: JsonPath, value: JSON) -> float | None:
    """The seconds of `200ms`, `5s`, `2min` or `1h`; None where it is none of these."""
    text = value if isinstance(value, str) else describe(value).text
    found = _DURATION.fullmatch(text)
    if not found:
        reader.wrong(
            steps, f"must be like 200ms, 5s or 2min; it is {shown(value)}{_duration(text)}"
        )
        return None
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds > LONGEST:
        reader.wrong(steps, f"is longer than a day: {text}")
    return seconds


def _duration(text: str) -> str:
    """How the language writes a duration: `5` and `5 sec` are `5s`."""
    found = _NEARLY.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    return f": write {found[1]}{unit}" if found and unit else ""
