"""Matchers that combine others on the same value."""

from pixel_emulator.core.matching.expected import ABSENT
from tests.expected_values import Case, check_match, matching_and_mismatching

CASES: list[Case] = [
    ("{$in: [a, 1, $absent]}", ["a", 1, ABSENT], ["1", "b", None, True]),
    ("{$in: [{k: 1}, [1]]}", [{"k": 1, "l": 2}, [1]], [{"l": 2}, [1, 2]]),
    ("{$not: a}", ["b", 1, None, ABSENT], ["a"]),
    ("{$not: {$in: [a, b]}}", ["c"], ["a", "b"]),
    ("{$not: {$not: a}}", ["a"], ["b", ABSENT]),
    ("{$all: [$string, {$not: ''}]}", ["a"], ["", 1]),
    ("{$one: [$string, $numeric]}", ["a", 1], ["1", None]),
]


@matching_and_mismatching(CASES)
def test_matching_and_mismatching_values(text, actual, match):
    check_match(text, actual, match)
