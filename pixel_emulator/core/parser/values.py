"""Parse values of a scenario file to expected values: matchers, operators, regexes, variables."""

import re
from collections.abc import Collection
from functools import partial
from typing import Protocol

from pixel_emulator.core.matching.combinators import All
from pixel_emulator.core.matching.expected import (
    ABSENT,
    Absent,
    Expected,
    describe_value,
    text_form,
)
from pixel_emulator.core.matching.predicates import RegexError, matches_regex
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import TextTemplate, Variable
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.operators import INVALID, OPERATORS, Operand
from pixel_emulator.core.parser.parse_context import ParseContext, escape, value_text
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.core.text.display import printable

__all__ = ["MATCHERS", "OPERATORS", "NameLookup", "read_text", "read_value"]


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIRST = re.compile(rf"\$({_NAME.pattern})")
IN_TEXT = re.compile(r"\$\{([^{}]*)\}|\$\{")
_IN_TEXT_OR_ESCAPED = re.compile(rf"\$\$|{IN_TEXT.pattern}")
_WHOLE = re.compile(rf"\$\{{({_NAME.pattern})\}}")
_FLAGS = ("", "i")
_CUT_ADVICE = (
    "if ` #`, or a comma or bracket in braces, cut it off, put quotes around the whole regex"
)
_TWO_VARIABLES = (
    "have no value yet, so nobody could tell where one ends: one text holds one of them"
)
_REGEX_ADVICE = (
    ("invalid perl operator: (?=", "RE2 has no lookahead; use {$all: […]}"),
    ("invalid perl operator: (?!", "RE2 has no lookahead; use {$all: [{$not: …}, …]}"),
    ("invalid perl operator: (?<", "RE2 has no lookbehind"),
    ("invalid named capture: (?<", "RE2 has no lookbehind"),
    (r"invalid escape sequence: \Z", r"write \z"),
    ("invalid escape sequence: \\", "RE2 has no back-reference, and no such escape"),
    ("invalid repetition size", "at most 1000 repetitions, all in all"),
    ("missing )", r"write \( for the character itself"),
)


class NameLookup(Protocol):
    """The names of a scenario: definitions, given values, variables, registered matchers."""

    def lookup(self, name: str) -> Expected | Absent:
        """Return the meaning of `$name`, or ABSENT if it has none."""

    def names(self) -> Collection[str]:
        """Return all names that have a meaning."""


def read_special_text(
    context: ParseContext, at: JsonPath, text: str, names: NameLookup
) -> Expected:
    """Parse a text: a matcher, a variable, a regex, or a text with `$$` and `${name}`."""
    if not text.startswith("$") or text.startswith(("$$", "${")):
        return _read_template(context, at, text, names)
    if text.startswith("$/"):
        return _read_regex(context, at, text)
    if text in MATCHERS:
        return MATCHERS[text].matcher
    meaning = names.lookup(text[1:]) if _NAME.fullmatch(text[1:]) else ABSENT
    if isinstance(meaning, Absent):
        context.add_issue(at, _no_name_message(context, at, text, names))
        return INVALID
    return meaning


def _no_name_message(context: ParseContext, at: JsonPath, text: str, names: NameLookup) -> str:
    literal = f"for this very text, write `{printable(escape(text))}`"
    if text in OPERATORS:
        return f"`{text}` takes something: write it as a key, as in {OPERATORS[text].example}"
    if not _NAME.fullmatch(text[1:]):
        first = _FIRST.match(text)
        inside = f"a variable inside a longer text is `${{{first[1]}}}`; " if first else ""
        return f"what begins with `$` is special: {inside}{literal}"
    allowed = [*MATCHERS, *(f"${name}" for name in names.names())]
    guess = context.suggestion(at, text, allowed)
    return f"`{text}` is no matcher, and no variable{guess or f': declare it in `let`; {literal}'}"


def _read_regex(context: ParseContext, at: JsonPath, text: str) -> Expected:
    pattern, slash, flags = text[2:].rpartition("/")
    literal = f"for this very text, write `{printable(escape(text))}`"
    if "\b" in text:
        context.add_issue(at, "holds U+0008, which `\\b` is in double quotes: use single quotes")
    elif not slash:
        context.add_issue(at, f"the regex has no end: {_CUT_ADVICE}; {literal}")
    elif flags not in _FLAGS:
        only = "the only flag is `i`, for upper and lower case alike"
        context.add_issue(at, f"`{printable(flags)}` is no flag: {only}; {_CUT_ADVICE}")
    elif not pattern:
        context.add_issue(at, "an empty regex is found in every text: write $string")
    else:
        try:
            return matches_regex(pattern, ignore_case=flags == "i")
        except RegexError as error:
            advice = next((f": {words}" for sign, words in _REGEX_ADVICE if sign in str(error)), "")
            context.add_issue(at, f"RE2 refuses this regex, {error}{advice}")
    return INVALID


def _read_template(context: ParseContext, at: JsonPath, text: str, names: NameLookup) -> Expected:
    """Return a text with `$$` and `${name}` resolved; a template if a variable has no value."""
    if "$" not in text:
        return text
    if whole := _WHOLE.fullmatch(text):
        context.add_issue(at, f"a whole value is written without braces: ${whole[1]}")
        return INVALID
    before, variable = "", None
    done, end = "", 0
    for match in _IN_TEXT_OR_ESCAPED.finditer(text):
        done += text[end : match.start()]
        end = match.end()
        if match[0] == "$$":
            done += "$"
            continue
        meaning = _read_placeholder(context, at, match, names)
        if isinstance(meaning, str):
            done += meaning
        elif variable is None:
            before, variable, done = done, meaning, ""
        else:
            context.add_issue(at, f"${variable.name} and ${meaning.name} {_TWO_VARIABLES}")
    done += text[end:]
    return done if variable is None else TextTemplate(before, variable, done)


def _read_placeholder(
    context: ParseContext, at: JsonPath, placeholder: re.Match[str], names: NameLookup
) -> str | Variable:
    """Return the meaning of `${name}`: a text, or a variable without a value."""
    name = placeholder[1] or ""
    meaning = names.lookup(name) if _NAME.fullmatch(name) else ABSENT
    if isinstance(meaning, Variable):
        return meaning
    if isinstance(meaning, str | int | float | None):
        return text_form(meaning) or ""
    if meaning is INVALID:  # the issue is already added
        return placeholder[0]
    if not isinstance(meaning, Absent):
        message = f"`{placeholder[0]}` stands for a matcher, a map or a list: none fits into a text"
    elif f"${name}" in MATCHERS:
        message = f"the matcher `${name}` cannot stand inside a text: write a regex"
    else:
        literal = f"for this very text, write `{printable(escape(placeholder[0]))}`"
        guess = context.suggestion(at, name, names.names()) or f": declare it in `let`; {literal}"
        is_name = _NAME.fullmatch(name)
        message = (
            f"`{printable(placeholder[0])}` is no variable{guess if is_name else f': {literal}'}"
        )
    context.add_issue(at, message)
    return ""


_MAX_NESTING = 200  # levels: the limit for every file, so recursion up to it is safe
_MAX_OPERATORS = 40  # nested; each takes several stack frames
_OTHER_NAMES = {
    "$and": "$all",
    "$or": "$in",
    "$nin": "{$not: {$in: …}}",
    "$regex": "$/…/",
    "$matches": "$/…/",
    "$exists": "$present or $absent",
    "$size": "$len",
    "$length": "$len",
    "$prefix": "$starts",
    "$suffix": "$ends",
    "$type": "$string, $number, $bool, $list or $map",
}


def read_value(context: ParseContext, at: JsonPath, value: JSON, names: NameLookup) -> Expected:
    """Parse a value to an expected value; add issues to `context`."""
    if len(at) > _MAX_NESTING:
        context.add_issue(at, f"nested deeper than {_MAX_NESTING} levels")
        return INVALID
    if isinstance(value, str):
        return read_special_text(context, at, value, names)
    if isinstance(value, list):
        return [read_value(context, (*at, index), item, names) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return _read_map(context, at, value, names)
    return value


def read_text(context: ParseContext, at: JsonPath, value: JSON, names: NameLookup) -> Expected:
    """As `read_value`, but `value` has to be text or an operator map."""
    if isinstance(value, str):
        return read_special_text(context, at, value, names)
    if isinstance(value, dict) and any(map(_is_special_key, value)):
        return _read_map(context, at, value, names)
    scalar = not isinstance(value, dict | list | None)
    advice = f': quote it, "{describe_value(value).text}"' if scalar else ""
    context.add_issue(at, f"must be text, but is {value_text(value)}{advice}")
    return INVALID


def _read_map(context: ParseContext, at: JsonPath, value: Payload, names: NameLookup) -> Expected:
    read = partial(_read_at, context, names)
    operators = [key for key in value if _is_special_key(key)]
    plain = [key for key in value if key not in operators]
    if not operators:
        return {_read_key(context, (*at, key), key): read((*at, key), value[key]) for key in plain}
    if plain:
        beside = f"no key like `{printable(plain[0])}` stands beside it"
        context.add_issue((*at, operators[0]), f"speaks of the whole value: {beside}")
        for key in plain:
            read((*at, key), value[key])
    if sum(isinstance(key, str) and _is_special_key(key) for key in at) >= _MAX_OPERATORS:
        context.add_issue(at, f"more than {_MAX_OPERATORS} operators inside one another")
        return INVALID
    operands = []
    for key in operators:
        here = (*at, key)
        if key in OPERATORS:
            operand = Operand(context=context, at=here, value=value[key], beside=value, read=read)
            operands.append(OPERATORS[key].build(operand))
        else:
            context.add_issue(here, _no_operator_message(context, here, key, names))
    operands = [operand for operand in operands if operand is not INVALID]
    if len(operands) > 1:
        return All(tuple(operands))
    return operands[0] if operands else INVALID


def _read_at(context: ParseContext, names: NameLookup, at: JsonPath, value: JSON) -> Expected:
    return read_value(context, at, value, names)


def _is_special_key(key: str) -> bool:
    return key.startswith("$") and not key.startswith("$$")


def _read_key(context: ParseContext, at: JsonPath, key: str) -> str:
    if IN_TEXT.search(key.replace("$$", "")):
        context.add_issue(at, f"a key holds no variables; for this very key, write `{escape(key)}`")
    return key.replace("$$", "$")


def _no_operator_message(context: ParseContext, at: JsonPath, key: str, names: NameLookup) -> str:
    if key in MATCHERS or key[1:] in names.names():
        return f"`{key}` takes nothing: write it as a value, not as a key"
    equivalent = _OTHER_NAMES.get(key.lower())
    guess = f": write {equivalent}" if equivalent else context.suggestion(at, key, OPERATORS)
    return f"no such operator{guess or f'; for this very key, write `{printable(escape(key))}`'}"


TIMES = r"\d{1,9}(\.\.(\d{1,9})?)?"
"""Regex of a number of calls or a range of numbers."""
DURATION = r"\d{1,9}(\.\d{1,9})?(ms|s|min|h)"
"""Regex of a duration."""

MAX_DURATION = 24 * 3600.0
"""The longest duration, in seconds."""

_TIMES = re.compile(r"(\d{1,9})(\.\.(\d{1,9})?)?")
_COMPARISON = re.compile(r"([<>]=?|\.\.) *(\d{1,8})")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|min|h)")
_LOOSE_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) *([a-zA-Z]*)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_UNITS = {
    **{unit: unit for unit in _SECONDS},
    **dict.fromkeys(("", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
}


def read_times(context: ParseContext, at: JsonPath, value: JSON) -> Times:
    """Parse a number of calls: `1`, `0`, `2..4` or `1..`."""
    text = value if isinstance(value, str) else describe_value(value).text
    match = _TIMES.fullmatch(text)
    if not match:
        context.add_issue(
            at, f"must be like 1, 0, 2..4 or 1..; it is {value_text(value)}{_range_advice(text)}"
        )
        return Times()
    low = int(match[1])
    high = None if match[2] == ".." else int(match[3] or low)
    if high is not None and high < low:
        context.add_issue(at, f"ends before it begins: write {high}..{low}")
    return Times(low, high)


def _range_advice(text: str) -> str:
    """Return the advice for another notation of a range: `>=2` is `2..`, `..3` is `0..3`."""
    if not text:
        return ": YAML reads `>2` as the begin of a text; write `3..` for more than 2"
    match = _COMPARISON.fullmatch(text)
    if not match:
        return ""
    n = int(match[2])
    at_most = f"0..{n}"
    ranges = {">=": f"{n}..", ">": f"{n + 1}..", "<": f"0..{max(n - 1, 0)}"}
    return f": write {ranges.get(match[1], at_most)}"


def read_duration(context: ParseContext, at: JsonPath, value: JSON) -> float | None:
    """Return the seconds of `200ms`, `5s`, `2min` or `1h`; None for anything else."""
    text = value if isinstance(value, str) else describe_value(value).text
    match = _DURATION.fullmatch(text)
    if not match:
        context.add_issue(
            at, f"must be like 200ms, 5s or 2min; it is {value_text(value)}{_duration_advice(text)}"
        )
        return None
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_DURATION:
        context.add_issue(at, f"is longer than a day: {text}")
    return seconds


def _duration_advice(text: str) -> str:
    """Return the advice for a duration in another notation: `5` and `5 sec` are `5s`."""
    match = _LOOSE_DURATION.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    return f": write {match[1]}{unit}" if match and unit else ""
