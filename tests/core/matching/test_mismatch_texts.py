"""The words for a mismatch of each matcher."""

import pytest

from pixel_emulator.core.matching.diff import leaf_count
from pixel_emulator.core.matching.expected import ABSENT
from tests.expected_values import described, parse_expected

QUOTED = "the sender quotes the number"
UNQUOTED = "the sender does not quote it"
SEVERAL = "2 of them match"
FLAT = "flat-form values are always strings"
# An expected value, an actual one, and the mismatches: path, expected, actual, hint.
MISMATCHES = [
    ("{$gt: 0}", "49.90", [("", "> 0 (number)", '"49.90" (string)', QUOTED)]),
    ("{$gt: 0}", "none", [("", "> 0 (number)", '"none" (string)', "")]),
    ("$absent", "X1", [("", "absent", '"X1" (string)', "")]),
    ("{$in: [a, b]}", "c", [("", 'one of "a", "b"', '"c" (string)', "")]),
    (r"$/^Day \d/", "x", [("", r"matching /^Day \d/", '"x" (string)', "")]),
    (r"$/^\d+$/i", 5, [("", r"matching /^\d+$/i", "5 (number)", UNQUOTED)]),
    ("$uuid", "x", [("", "any UUID", '"x" (string)', "")]),
    ("$string", 5, [("", "any string", "5 (number)", UNQUOTED)]),
    ("$string", True, [("", "any string", "true (bool)", "")]),
    ("$bool", "true", [("", "true or false", '"true" (string)', "the sender quotes the boolean")]),
    ("{$near: 51, $by: 0.50}", 1, [("", "51 \u00b1 0.50 (number)", "1 (number)", "")]),
    ("{$gte: 1, $lt: 5}", 9, [("", ">= 1 and < 5 (number)", "9 (number)", "")]),
    ("{$not: {$in: [1, a]}}", 1, [("", 'not one of 1, "a"', "1 (number)", "")]),
    ("{$ne: 1}", 1, [("", "other than 1", "1 (number)", "")]),
    ("{$len: 2}", "abc", [("", "of length 2", '"abc" (string)', "its length is 3")]),
    (
        "{$one: [1, $int]}",
        1,
        [("", "exactly one of 1, any whole number", "1 (number)", SEVERAL)],
    ),
    ("{$each: {a: 1}}", [{"a": 1}, {"a": 2}], [("[1].a", "1 (number)", "2 (number)", "")]),
    ("{$has: {a: 1}}", [], [("", 'an item {"a": 1} (list)', "[] (list)", "")]),
    (
        "{$only: {a: 1}}",
        {"a": 2, "b": 3},
        [("a", "1 (number)", "2 (number)", ""), ("b", "absent", "3 (number)", "")],
    ),
    (
        "{$any-order: [{k: 1}, {k: 2}]}",
        [{"k": 2}, {"k": 3}],
        [("[1].k", "1 (number)", "3 (number)", "")],
    ),
    ("{$any-order: [1, 2]}", [2], [("[1]", "1 (number)", "absent", "")]),
    ("{$all: [{a: 1}, {b: $int}]}", {"a": 1}, [("b", "any whole number", "absent", "")]),
    ("{a: {b: $int, c: x}}", {}, [("a", '{"b": any whole number, "c": "x"} (map)', "absent", "")]),
    ("$x", ABSENT, [("", "$x", "absent", "")]),
    ("no ${x}!", "x", [("", '"no ${x}!" (string)', '"x" (string)', "")]),
]


@pytest.mark.parametrize(("text", "actual", "words"), MISMATCHES)
def test_descriptions_of_mismatches(text, actual, words):
    assert described(parse_expected(text), actual) == words


def test_the_flat_form_explains_a_value_that_would_match_as_another_type():
    assert [hint for *_, hint in described(parse_expected("{$gt: 0}"), "5", flat=True)] == [FLAT]
    assert [hint for *_, hint in described(parse_expected("$list"), "[1]", flat=True)] == [FLAT]
    assert [hint for *_, hint in described(parse_expected("$/a/"), "b", flat=True)] == [""]
    assert [hint for *_, hint in described(parse_expected("{$gt: 0}"), "-5", flat=True)] == [""]


@pytest.mark.parametrize(
    ("text", "count"),
    [("$int", 1), ("{$only: {a: 1, b: 2}}", 2), ("{$in: [1, 2]}", 1), ("{a: $int, b: [$x, 1]}", 3)],
)
def test_leaves_of_matchers(text, count):
    assert leaf_count(parse_expected(text)) == count
