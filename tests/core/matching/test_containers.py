"""Matchers for lists and maps."""

from pixel_emulator.core.matching.expected import ABSENT
from tests.expected_values import Case, check_match, matching_and_mismatching

CASES: list[Case] = [
    ("{$len: 2}", ["ab", [1, 2], {"a": 1, "b": 2}], ["a", [], 2, 12, None, ABSENT]),
    ("{$len: {$gt: 1}}", ["ab", [1, 2, 3]], ["a", [], {}]),
    ("{$len: $n}", ["abcd"], ["abc"]),
    ("{$each: $int}", [[], [1, 2]], [[1, "2"], {}, "1", None, ABSENT]),
    ("{$has: {a: 1}}", [[{"a": 1}], [2, {"a": 1, "b": 2}]], [[], [{"a": 2}], {"a": 1}]),
    ("{$any-order: [a, $string]}", [["a", "b"], ["b", "a"], ["a", "a"]], [["b", "c"], ["a"], "ab"]),
    ("{$any-order: [$string, a]}", [["a", "b"], ["b", "a"]], [["a", "b", "c"], [], None]),
    ("{$only: {a: 1, b: $absent}}", [{"a": 1}], [{}, {"a": 1, "c": 2}, {"a": 1, "b": 2}, [], None]),
    ("{$only: {a: 1, b: {$in: [$absent, 2]}}}", [{"a": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 3}]),
    ("{a: $absent, b: $int}", [{"b": 1}, {"b": 1, "c": 2}], [{"a": None, "b": 1}, {}]),
    ("[1, $string]", [[1, "a"]], [[1], [1, 2], [1, "a", 3]]),
    ("[1, $absent]", [[1]], [[1, None]]),
]


@matching_and_mismatching(CASES)
def test_matching_and_mismatching_values(text, actual, match):
    check_match(text, actual, match)
