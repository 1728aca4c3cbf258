"""A text of a scenario file to what it wants: matchers, regexes, variables, escapes."""

import re
from collections.abc import Collection
from typing import Protocol

from pixel_emulator.core.grammar.operands import UNREAD
from pixel_emulator.core.grammar.operators import OPERATORS
from pixel_emulator.core.grammar.reader import Reader, escaped
from pixel_emulator.core.matching.expected import ABSENT, Absent, Expected, written
from pixel_emulator.core.matching.predicates import RegexError, matching
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import TextWith, Variable
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.text.display import printable

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIRST = re.compile(rf"\$({_NAME.pattern})")
IN_TEXT = re.compile(r"\$\{([^{}]*)\}|\$\{")
_IN_TEXT_OR_ESCAPED = re.compile(rf"\$\$|{IN_TEXT.pattern}")
_WHOLE = re.compile(rf"\$\{{({_NAME.pattern})\}}")
_FLAGS = ("", "i")
_CUT = "if ` #`, or a comma or bracket in braces, cut it off, put quotes around the whole regex"
_TWO = "have no value yet, so nobody could tell where one ends: one text holds one of them"
_ADVICE = (
    ("invalid perl operator: (?=", "RE2 has no lookahead; use {$all: […]}"),
    ("invalid perl operator: (?!", "RE2 has no lookahead; use {$all: [{$not: …}, …]}"),
    ("invalid perl operator: (?<", "RE2 has no lookbehind"),
    ("invalid named capture: (?<", "RE2 has no lookbehind"),
    (r"invalid escape sequence: \Z", r"write \z"),
    ("invalid escape sequence: \\", "RE2 has no back-reference, and no such escape"),
    ("invalid repetition size", "at most 1000 repetitions, all in all"),
    ("missing )", r"write \( for the character itself"),
)


class Names(Protocol):
    """The names of a scenario: definitions, given values, variables, registered matchers."""

    def meaning(self, name: str) -> Expected | Absent:
        """What `$name` stands for, ABSENT if nothing."""

    def known(self) -> Collection[str]:
        """All names that stand for something."""


def read_dollars(reader: Reader, steps: JsonPath, text: str, names: Names) -> Expected:
    if not text.startswith("$") or text.startswith(("$$", "${")):
        return _with_variables(reader, steps, text, names)
    if text.startswith("$/"):
        return _regex(reader, steps, text)
    if text in MATCHERS:
        return MATCHERS[text].matcher
    meaning = names.meaning(text[1:]) if _NAME.fullmatch(text[1:]) else ABSENT
    if isinstance(meaning, Absent):
        reader.wrong(steps, _no_name(reader, steps, text, names))
        return UNREAD
    return meaning


def _no_name(reader: Reader, steps: JsonPath, text: str, names: Names) -> str:
    literal = f"for this very text, write `{printable(escaped(text))}`"
    if text in OPERATORS:
        return f"`{text}` takes something: write it as a key, as in {OPERATORS[text].want}"
    if not _NAME.fullmatch(text[1:]):
        first = _FIRST.match(text)
        inside = f"a variable inside a longer text is `${{{first[1]}}}`; " if first else ""
        return f"what begins with `$` is special: {inside}{literal}"
    allowed = [*MATCHERS, *(f"${name}" for name in names.known())]
    guess = reader.likely(steps, text, allowed)
    return f"`{text}` is no matcher, and no variable{guess or f': declare it in `let`; {literal}'}"


def _regex(reader: Reader, steps: JsonPath, text: str) -> Expected:
    pattern, slash, flags = text[2:].rpartition("/")
    literal = f"for this very text, write `{printable(escaped(text))}`"
    if "\b" in text:
        reader.wrong(steps, "holds U+0008, which `\\b` is in double quotes: use single quotes")
    elif not slash:
        reader.wrong(steps, f"the regex has no end: {_CUT}; {literal}")
    elif flags not in _FLAGS:
        known = "the only flag is `i`, for upper and lower case alike"
        reader.wrong(steps, f"`{printable(flags)}` is no flag: {known}; {_CUT}")
    elif not pattern:
        reader.wrong(steps, "an empty regex is found in every text: write $string")
    else:
        try:
            return matching(pattern, ignore_case=flags == "i")
        except RegexError as error:
            advice = next((f": {words}" for sign, words in _ADVICE if sign in str(error)), "")
            reader.wrong(steps, f"RE2 refuses this regex, {error}{advice}")
    return UNREAD


def _with_variables(reader: Reader, steps: JsonPath, text: str, names: Names) -> Expected:
    """A text with `$$` and `${name}` resolved."""
    if "$" not in text:
        return text
    if found := _WHOLE.fullmatch(text):
        reader.wrong(steps, f"a whole value is written without braces: ${found[1]}")
        return UNREAD
    before, variable = "", None
    done, end = "", 0
    for each in _IN_TEXT_OR_ESCAPED.finditer(text):
        done += text[end : each.start()]
        end = each.end()
        if each[0] == "$$":
            done += "$"
            continue
        meaning = _inside(reader, steps, each, names)
        if isinstance(meaning, str):
            done += meaning
        elif variable is None:
            before, variable, done = done, meaning, ""
        else:
            reader.wrong(steps, f"${variable.name} and ${meaning.name} {_TWO}")
    done += text[end:]
    return done if variable is None else TextWith(before, variable, done)


def _inside(reader: Reader, steps: JsonPath, found: re.Match[str], names: Names) -> str | Variable:
    """What `${name}` stands for: a text, or a variable without a value."""
    name = found[1] or ""
    meaning = names.meaning(name) if _NAME.fullmatch(name) else ABSENT
    if isinstance(meaning, Variable):
        return meaning
    if isinstance(meaning, str | int | float | None):
        return written(meaning) or ""
    if meaning is UNREAD:  # its mistake is noted
        return found[0]
    if not isinstance(meaning, Absent):
        message = f"`{found[0]}` stands for a matcher, a map or a list: none fits into a text"
    elif f"${name}" in MATCHERS:
        message = f"the matcher `${name}` cannot stand inside a text: write a regex"
    else:
        literal = f"for this very text, write `{printable(escaped(found[0]))}`"
        guess = reader.likely(steps, name, names.known()) or f": declare it in `let`; {literal}"
        is_name = _NAME.fullmatch(name)
        message = f"`{printable(found[0])}` is no variable{guess if is_name else f': {literal}'}"
    reader.wrong(steps, message)
    return ""
