"""Comparisons, text tests, regular expressions, and matchers of plugins."""

from typing import Any

import pytest

from pixel_emulator.core.matching.combinators import All
from pixel_emulator.core.matching.diff import matches
from pixel_emulator.core.matching.expected import ABSENT
from pixel_emulator.core.matching.predicates import (
    PluginMatcher,
    RegexError,
    close_to,
    comparison,
    matches_regex,
)
from pixel_emulator.core.text.json_codec import Number
from tests.expected_values import INT, Case, check_match, described, matching_and_mismatching

CASES: list[Case] = [
    (r"$/^Day \d/", ["Day 1", "Day 12 is here"], ["day 1", "a Day 1", "Day x", 1, None, ABSENT]),
    (r"$/^day \d$/i", ["DAY 1"], ["Day 12"]),
    ("$/a/b/", ["xa/bx"], ["ab"]),
    ("$/caf./", ["caf\u00e9", "caf\ud800"], ["caf"]),
    ("{$eq: {a: 1}}", [{"a": Number("1.0")}], [{"a": 1, "b": 2}, {"a": True}, {}, ABSENT]),
    ("{$eq: null}", [None], [ABSENT, 0]),
    ("{$ne: 1}", [2, "1", True, None], [1, Number("1.0"), ABSENT]),
    ("{$ne: {a: 1}}", [{"a": 1, "b": 2}, 3], [{"a": 1}]),
    ("{$gt: 0}", [1, Number("1e-400"), 10**400], [0, -1, "1", True, None, float("nan"), ABSENT]),
    ("{$gte: 0.1}", [Number("0.1"), 1], [Number("0.0999999999999999999999")]),
    ("{$lt: 2}", [Number("1.99"), -5, Number("-1e400")], [2, 3, "1"]),
    ("{$lt: 2030-01-31T12:00:00Z}", ["2030-01-31T12:59:59+01:00", "2030-01-31"], ["2030-02-01", 1]),
    ("{$gte: 1, $lt: 5}", [1, Number("4.9")], [0, 5, "3"]),
    ("{$like: 'user_*'}", ["user_", "user_\n1"], ["User_1", "a user_1", 1]),
    ("{$like: 'a?c'}", ["abc", "a\u00e9c", "a.c"], ["ac", "abbc"]),
    ("{$like: 'a.[b]$$'}", ["a.[b]$"], ["ax[b]$", "a.b$"]),
    ("{$starts: ab}", ["ab", "abc"], ["a", "xab", ["ab"]]),
    ("{$ends: ab}", ["ab", "cab"], ["abc", 1]),
    ("{$contains: $word}", ["in spring"], ["Spring", ["spring"], {"spring": 1}]),
    ("{$near: 51, $by: 0.5}", [51, Number("50.5"), 51.5], [Number("50.4999999999999999999"), "51"]),
    ("{$near: 1e400, $by: 1}", [Number("1e400")], [Number("1e401"), 1]),
]


@matching_and_mismatching(CASES)
def test_matching_and_mismatching_values(text, actual, match):
    check_match(text, actual, match)


def test_a_plugin_matcher_gives_its_reason():
    def objection(value: Any) -> str | None:
        return None if value % 2 == 0 else f"{value} is odd"

    even = PluginMatcher("even", objection)
    assert matches(even, 2)
    assert described(even, 3) == [("", "$even", "3 (number)", "3 is odd")]
    assert described(All((even, INT)), 3)[0][3] == "3 is odd"
    assert described(even, ABSENT) == [("", "$even", "absent", "")]


def test_an_exception_of_a_plugin_matcher_is_a_mismatch():
    def keyed(value: Any) -> Any:
        return value["key"]

    broken = PluginMatcher("broken", keyed)
    assert not matches(broken, 1)
    assert described(broken, {})[0][3] == "it raised KeyError: 'key'"
    assert "must return None, or the reason" in described(broken, {"key": True})[0][3]


@pytest.mark.parametrize("answer", [True, False, 0, b""])
def test_a_plugin_matcher_that_returns_neither_none_nor_text_never_matches(answer):
    assert not matches(PluginMatcher("odd", lambda _: answer), 1)


def test_an_empty_reason_is_a_mismatch_too():
    assert not matches(PluginMatcher("silent", lambda _: ""), 1)


def test_a_regex_takes_linear_time():
    assert not matches(matches_regex("(x+x+)+y"), "x" * 100_000)


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{1001}", "\ud800"])
def test_a_regex_that_re2_refuses_raises(pattern, capfd):
    with pytest.raises(RegexError):
        matches_regex(pattern)
    assert capfd.readouterr() == ("", "")


def test_comparisons_refuse_values_without_an_order():
    assert comparison(">", "a") is None
    assert comparison(">", None) is None
    assert close_to(1, -1) is None
    assert close_to("1", 1) is None
