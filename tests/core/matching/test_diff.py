"""Expected against actual values: matches, mismatches and hints."""

from typing import Any

import pytest

from pixel_emulator.core.matching.diff import leaf_count, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, describe_value
from pixel_emulator.core.model import JSON
from pixel_emulator.core.text.json_codec import Number, parse

# An expected value, then actual values that match it, then some that do not.
CASES: list[tuple[JSON, list[Any], list[Any]]] = [
    (1, [1, Number("1.0"), 1.0, Number("1e0"), Number("0.1E1")], ["1", True, 1.5, None, [1], {}]),
    (0, [Number("-0"), Number("0.00"), Number("0e9")], [False, None, "", "0"]),
    (Number("49.90"), [Number("49.9"), 49.9], ["49.90", Number("49.900000000000000001")]),
    (0.1, [Number("0.1")], [Number("0.1000000000000000055511151231257827")]),
    (
        12345678901234567890,
        [12345678901234567890, Number("1234567890123456789e1")],
        [12345678901234567891, Number("12345678901234567890.5")],
    ),
    (Number("1e" + "9" * 30), [Number("1e" + "9" * 30)], [Number("2e" + "9" * 30), 1]),
    (Number("1e400"), [Number("10e399")], [Number("1e401"), Number("-1e400")]),
    (Number("9" * 5_000), [Number("9" * 5_000)], [Number("9" * 4_999 + "8")]),
    (True, [True], [1, "true", False, Number("1.0"), None]),
    (False, [False], [0, "", None]),
    (None, [None], [0, False, "", "null", {}, []]),
    ("1", ["1"], [1, Number("1"), "1 ", "01"]),
    ("", [""], [None, [], {}, False]),
    ("caf\u00e9", ["caf\u00e9"], ["cafe\u0301", "CAF\u00c9"]),
    ({}, [{}, {"a": 1}], [[], None, "", "{}"]),
    ({"a": 1}, [{"a": 1}, {"b": 2, "a": 1}], [{}, {"a": 2}, {"a": None}, [("a", 1)], [1]]),
    ({"a": None}, [{"a": None}], [{}, {"a": False}]),
    ({"a": {"b": [1]}}, [{"a": {"b": [1], "c": 2}}], [{"a": {}}, {"a": {"b": 1}}]),
    ([], [[]], [[1], {}, None, ""]),
    ([1, 2], [[1, 2]], [[2, 1], [1], [1, 2, 3], {"0": 1, "1": 2}]),
    ([{"a": 1}], [[{"a": 1}], [{"a": 1, "b": 2}]], [[{"b": 2}], [{"a": 1}, {}], {"a": 1}]),
]


PAIRS = [(expected, actual, True) for expected, yes, _ in CASES for actual in yes]
PAIRS += [(expected, actual, False) for expected, _, no in CASES for actual in no]


@pytest.mark.parametrize(("expected", "actual", "match"), PAIRS, ids=map(str, range(len(PAIRS))))
def test_scalars_match_with_type_maps_as_subset_lists_exactly(expected, actual, match):
    assert matches(expected, actual) is match
    assert (not mismatches(expected, actual)) is match


@pytest.mark.parametrize("value", [case[0] for case in CASES], ids=map(str, range(len(CASES))))
def test_a_value_matches_itself(value):
    assert matches(value, value)


def described(expected, actual, **options):
    return [
        (mismatch.path, str(mismatch.expected), str(mismatch.actual), mismatch.hint)
        for mismatch in mismatches(expected, actual, **options)
    ]


QUOTED = "the sender quotes the number"
SPACES = "they differ only in spaces around the text"
CASE = "they differ only in upper and lower case"
BOTH = "they differ only in spaces and case"
FLAT = "flat-form values are always strings"

# Expected, actual, and what is said: path, expected, actual, hint.
MISMATCHES = [
    (Number("49.9"), "49.90", ("", "49.9 (number)", '"49.90" (string)', QUOTED)),
    (1, "one", ("", "1 (number)", '"one" (string)', "")),
    (True, "true", ("", "true (bool)", '"true" (string)', "the sender quotes the boolean")),
    (None, "null", ("", "null", '"null" (string)', "the sender quotes the null")),
    ("3", 3, ("", '"3" (string)', "3 (number)", "the sender does not quote it")),
    ("3", 4, ("", '"3" (string)', "4 (number)", "")),
    ("a", " a\n", ("", '"a" (string)', '" a\\n" (string)', SPACES)),
    ("Paid", "paid", ("", '"Paid" (string)', '"paid" (string)', CASE)),
    ("A B", "a  b", ("", '"A B" (string)', '"a  b" (string)', BOTH)),
    ("a", "b", ("", '"a" (string)', '"b" (string)', "")),
    ({"a": "x"}, {}, ("a", '"x" (string)', "absent", "")),
    ({"a": {"b": 1}}, {}, ("a", '{"b": 1} (map)', "absent", "")),
    ({"a b": {"c": [1]}}, {"a b": {"c": [2]}}, ('["a b"].c[0]', "1 (number)", "2 (number)", "")),
    ([1], [1, "x"], ("[1]", "absent", '"x" (string)', "")),
    ([1, []], [1], ("[1]", "[] (list)", "absent", "")),
    ({"a": [1]}, {"a": {}}, ("a", "[1] (list)", "{} (map)", "")),
    ({}, "{}", ("", "{} (map)", '"{}" (string)', "")),
    ("\x1b[2J", "\u202e", ("", '"\\u001b[2J" (string)', '"\\u202e" (string)', "")),
]


@pytest.mark.parametrize(("expected", "actual", "words"), MISMATCHES)
def test_a_mismatch_has_path_types_and_cause(expected, actual, words):
    assert described(expected, actual) == [words]


@pytest.mark.parametrize("expected", [1, True, None, [1], {"a": 1}])
def test_the_flat_form_explains_a_string(expected):
    assert [hint for *_, hint in described({"a": expected}, {"a": "1"}, flat=True)] == [FLAT]


def test_the_flat_form_does_not_explain_an_expected_string():
    assert [hint for *_, hint in described({"a": "x"}, {"a": "y"}, flat=True)] == [""]
    assert [hint for *_, hint in described(["x"], ["x", "y"], flat=True)] == [""]


def test_every_differing_path_is_listed_in_the_order_of_the_expected_value():
    expected: JSON = {"z": 1, "a": [1, {"k": 2}], "m": {"y": 3, "x": 4}}
    actual: JSON = {"m": {"x": 0, "y": 0}, "a": [0, {"k": 0}, 0], "z": 0}
    paths = [path for path, *_ in described(expected, actual)]
    assert paths == ["z", "a[0]", "a[1].k", "a[2]", "m.y", "m.x"]


def test_comparing_changes_neither_value():
    expected: JSON = {"a": [1, {"b": 2}]}
    actual: JSON = {"a": [1, {"b": 3, "c": 4}], "d": 5}
    mismatches(expected, actual)
    assert expected == {"a": [1, {"b": 2}]}
    assert actual == {"a": [1, {"b": 3, "c": 4}], "d": 5}


def test_ten_thousand_levels_are_no_recursion():
    deep = parse("[" * 9_000 + "1" + "]" * 9_000)
    other = parse("[" * 9_000 + "2" + "]" * 9_000)
    assert matches(deep, deep)
    assert not matches(deep, other)
    assert leaf_count(deep) == 1
    assert describe_value(deep).type == "list"
    assert [str(mismatch.expected) for mismatch in mismatches(1, deep)] == ["1 (number)"]


@pytest.mark.parametrize(
    ("value", "count"),
    [(1, 1), (None, 1), ({}, 1), ([], 1), ({"a": {}, "b": [1, 2, {"c": 3}]}, 4), (ABSENT, 0)],
)
def test_leaves_are_scalars_and_empty_containers(value, count):
    assert leaf_count(value) == count


@pytest.mark.parametrize("expected", ["$string", "$one-of", "$/a+/i", "${name}"])
@pytest.mark.parametrize("actual", ["y", 1, None])
def test_the_hint_for_a_text_like_a_matcher(expected, actual):
    [(_, _, _, hint)] = described({"a": expected}, {"a": actual})
    assert hint.startswith("wanted is this very text")


@pytest.mark.parametrize("expected", ["$5", "$ a", "US$string", "$String Cheese", "$"])
def test_a_sum_of_money_gets_no_such_hint(expected):
    [(_, _, _, hint)] = described({"a": expected}, {"a": "y"})
    assert hint == ""
