"""Matchers, operators and variables: matches, solutions and descriptions of mismatches."""

from itertools import islice
from typing import Any

import pytest

from pixel_emulator.core.errors import Document
from pixel_emulator.core.matching.bipartite import max_pairs
from pixel_emulator.core.matching.combinators import All, In, Not, One
from pixel_emulator.core.matching.containers import AnyOrder, Each, Has, Only
from pixel_emulator.core.matching.diff import describe_expected, leaf_count, matches, mismatches
from pixel_emulator.core.matching.expected import (
    ABSENT,
    Binding,
    Expected,
    equality_key,
    is_literal,
)
from pixel_emulator.core.matching.predicates import (
    PluginMatcher,
    RegexError,
    close_to,
    comparison,
    matches_regex,
)
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import (
    TextTemplate,
    Variable,
    bind,
    unify,
    variable_names,
)
from pixel_emulator.core.parser.operators import OPERATORS
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.parser.values import read_value
from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.files.yaml_loader import parse_document

X, Y, Z = Variable("x"), Variable("y"), Variable("z")
INT = MATCHERS["$int"].matcher
FORTY = "a" * 40
UUID = "0B1EE2A4-3F5C-4D7E-8A9B-0C1D2E3F4A5B"


MEANINGS = {"x": X, "y": Y, "z": Z, "n": 4, "word": "spring", "money": {"value": INT}}


class Names:
    """A name lookup: variables x, y and z, and some names with a value."""

    def lookup(self, name):
        return MEANINGS.get(name, ABSENT)

    def names(self):
        return MEANINGS


def data(text):
    return parse_document(text, "s.yaml").data


def parse_expected(text):
    context = ParseContext(parse_document(text, "s.yaml"))
    parsed = read_value(context, (), context.document.data, Names())
    assert context.issues == []
    return parsed


def solutions_of(expected, actual):
    """Return each solution as a map of variables, None for one that contradicts itself."""
    return [bind(constraints) for constraints in unify(expected, actual)]


ROWS: dict[str, Any] = {**MATCHERS, **OPERATORS}


@pytest.mark.parametrize("name", ROWS)
def test_the_examples_of_the_table_are_right(name):
    row = ROWS[name]
    assert name in row.example
    assert solutions_of(parse_expected(row.example), data(row.match)) == [{}]
    assert solutions_of(parse_expected(row.example), data(row.mismatch)) == []
    assert mismatches(parse_expected(row.example), data(row.match)) == ()
    assert mismatches(parse_expected(row.example), data(row.mismatch)) != ()


# An expected value as YAML, then values that match it, then some that do not.
CASES: list[tuple[str, list[Any], list[Any]]] = [
    ("$any", [0, False, "", [], {}], [None, ABSENT]),
    ("$present", [None, 0, ""], [ABSENT]),
    ("$absent", [ABSENT], [None, "", "absent"]),
    ("$empty", [None, "", [], {}], [0, False, " ", [None], ABSENT]),
    ("$string", ["", "a"], [1, None, True, ["a"], ABSENT]),
    ("$int", [0, -3, Number("3.0"), Number("1e3"), 10**30], [True, 0.5, "3", None, float("inf")]),
    ("$number", [0, Number("0.5"), float("nan")], [True, "1", None]),
    ("$numeric", [0, "0", "-1.5e3", Number("0.5")], [True, "true", "", " 1", "1 ", "01", "NaN"]),
    ("$bool", [True, False], [0, 1, "true", None]),
    ("$list", [[], [1]], [{}, "[]", None]),
    ("$map", [{}, {"a": 1}], [[], "{}", None]),
    ("$uuid", [UUID, UUID.lower()], [UUID[:-1], UUID + "0", f"{{{UUID}}}", UUID.replace("-", "")]),
    (
        "$email",
        ["ada@example.com", "a.b+c@mail.example.com", "j\u00f6rg@ex\u00e4mple.com"],
        ["ada@example", "ada", "@example.com", "a b@example.com", "{{email}}", "a@example.com,"],
    ),
    (
        "$url",
        ["https://example.com", "HTTP://example.com:80/a?b=c#d"],
        ["//example.com", "https://", "ftp://example.com", "https://a b", "https://{{host}}/"],
    ),
    (
        "$iso",
        ["2030-01-31", "2030-01-31T12:30", "2030-01-31T12:30:00.123Z", "2030-01-31T12:30:00+0100"],
        ["2030-02-30", "2030", "20300131", "2030-01-31 12:30", "2030-01-31T25:00", 1893456000],
    ),
    (
        "$now",
        ["2030-01-31T12:30:00+01:00"],
        ["2030-01-31", "2030-01-31T12:30:00", "2030-13-01Z", 1893456000],
    ),
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
    ("{$in: [a, 1, $absent]}", ["a", 1, ABSENT], ["1", "b", None, True]),
    ("{$in: [{k: 1}, [1]]}", [{"k": 1, "l": 2}, [1]], [{"l": 2}, [1, 2]]),
    ("{$not: a}", ["b", 1, None, ABSENT], ["a"]),
    ("{$not: {$in: [a, b]}}", ["c"], ["a", "b"]),
    ("{$not: {$not: a}}", ["a"], ["b", ABSENT]),
    ("{$all: [$string, {$not: ''}]}", ["a"], ["", 1]),
    ("{$one: [$string, $numeric]}", ["a", 1], ["1", None]),
    ("{$like: 'user_*'}", ["user_", "user_\n1"], ["User_1", "a user_1", 1]),
    ("{$like: 'a?c'}", ["abc", "a\u00e9c", "a.c"], ["ac", "abbc"]),
    ("{$like: 'a.[b]$$'}", ["a.[b]$"], ["ax[b]$", "a.b$"]),
    ("{$starts: ab}", ["ab", "abc"], ["a", "xab", ["ab"]]),
    ("{$ends: ab}", ["ab", "cab"], ["abc", 1]),
    ("{$contains: $word}", ["in spring"], ["Spring", ["spring"], {"spring": 1}]),
    ("{$len: 2}", ["ab", [1, 2], {"a": 1, "b": 2}], ["a", [], 2, 12, None, ABSENT]),
    ("{$len: {$gt: 1}}", ["ab", [1, 2, 3]], ["a", [], {}]),
    ("{$len: $n}", ["abcd"], ["abc"]),
    ("{$each: $int}", [[], [1, 2]], [[1, "2"], {}, "1", None, ABSENT]),
    ("{$has: {a: 1}}", [[{"a": 1}], [2, {"a": 1, "b": 2}]], [[], [{"a": 2}], {"a": 1}]),
    ("{$any-order: [a, $string]}", [["a", "b"], ["b", "a"], ["a", "a"]], [["b", "c"], ["a"], "ab"]),
    ("{$any-order: [$string, a]}", [["a", "b"], ["b", "a"]], [["a", "b", "c"], [], None]),
    ("{$only: {a: 1, b: $absent}}", [{"a": 1}], [{}, {"a": 1, "c": 2}, {"a": 1, "b": 2}, [], None]),
    ("{$only: {a: 1, b: {$in: [$absent, 2]}}}", [{"a": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 3}]),
    ("{$near: 51, $by: 0.5}", [51, Number("50.5"), 51.5], [Number("50.4999999999999999999"), "51"]),
    ("{$near: 1e400, $by: 1}", [Number("1e400")], [Number("1e401"), 1]),
    ("{a: $absent, b: $int}", [{"b": 1}, {"b": 1, "c": 2}], [{"a": None, "b": 1}, {}]),
    ("[1, $string]", [[1, "a"]], [[1], [1, 2], [1, "a", 3]]),
    ("[1, $absent]", [[1]], [[1, None]]),
    ("$money", [{"value": 1, "currency": "EUR"}], [{"value": "1"}]),
    ("$x", [1, None, {}], [ABSENT]),
    ("costs $5", ["costs $5"], ["costs 5"]),
    ("$$5 off", ["$5 off"], ["$$5 off"]),
    ("a ${n} b ${word}", ["a 4 b spring"], ["a 4 b", "a ${n} b ${word}"]),
    ("a $${n} ${x}", ["a ${n} ", "a ${n} z"], ["a 4 z", "a ${n}", 1, ABSENT]),
    ("{$$gt: 0, a$b: 1}", [{"$gt": 0, "a$b": 1}], [{"$$gt": 0, "a$b": 1}]),
    ("/academy/", ["/academy/"], ["academy"]),
]
PAIRS = [(text, actual, True) for text, yes, _ in CASES for actual in yes]
PAIRS += [(text, actual, False) for text, _, no in CASES for actual in no]


@pytest.mark.parametrize(("text", "actual", "match"), PAIRS, ids=map(str, range(len(PAIRS))))
def test_matching_and_mismatching_values(text, actual, match):
    assert matches(parse_expected(text), actual) is match
    assert (not mismatches(parse_expected(text), actual)) is match
    assert (next(unify(parse_expected(text), actual), None) is not None) is match


# An expected value, an actual one, and the solutions as maps of variables.
SOLUTIONS = [
    (X, 1, [{"x": 1}]),
    (X, ABSENT, []),
    (Variable("x", INT), 1, [{"x": 1}]),
    (Variable("x", INT), "1", []),
    ({"a": X, "b": [Y]}, {"a": 1, "b": [2], "c": 3}, [{"x": 1, "y": 2}]),
    ({"a": X, "b": X}, {"a": 1, "b": Number("1.0")}, [{"x": 1}]),
    ({"a": X, "b": X}, {"a": 1, "b": 2}, []),
    ({"a": X, "b": X}, {"a": 1, "b": True}, []),
    ({"a": X, "b": X}, {"a": {"k": [1]}, "b": {"k": [1]}}, [{"x": {"k": [1]}}]),
    ({"a": X, "b": X}, {"a": {"k": 1}, "b": {"k": 1, "l": 2}}, []),
    (TextTemplate("no ", X, "!"), "no 7!", [{"x": "7"}]),
    (TextTemplate("no ", X, "!"), "no 7", []),
    (TextTemplate("aa", X, "a"), "aa", []),
    ([X, TextTemplate("", X, "!")], [7, "7!"], [{"x": 7}]),
    ([X, TextTemplate("", X, "!")], [Number("7.0"), "7!"], []),
    ([X, TextTemplate("", X, "!")], [[7], "7!"], []),
    ([TextTemplate("a", X, ""), TextTemplate("b", X, "")], ["a1", "b1"], [{"x": "1"}]),
    ([TextTemplate("a", X, ""), TextTemplate("b", X, "")], ["a1", "b2"], []),
    (TextTemplate("", Variable("x", INT), " left"), "7 left", [{"x": "7"}]),
    (TextTemplate("", Variable("x", INT), " left"), "x left", []),
    (In((X, Y)), 1, [{"x": 1}, {"y": 1}]),
    (In((X, 1, Y)), 1, [{"x": 1}, {}]),
    (In((X, X)), 1, [{"x": 1}]),
    (One(({"a": X}, {"b": X})), {"b": 2}, [{"x": 2}]),
    (One(({"a": X}, {"b": X})), {"a": 1, "b": 2}, []),
    (All((INT, X)), 1, [{"x": 1}]),
    (Has({"k": X}), [{"k": 1}, {}, {"k": 2}, {"k": Number("1.0")}], [{"x": 1}, {"x": 2}]),
    ([X, Has(X)], [2, [1, 2]], [{"x": 2}]),
    (Each(X), [1, Number("1.0")], [{"x": 1}]),
    (Each(X), [1, 2], []),
    (Only({"a": X}), {"a": 1}, [{"x": 1}]),
    (AnyOrder((X, Y)), [1, 2], [{"x": 1, "y": 2}, {"x": 2, "y": 1}]),
    (AnyOrder((X, 1)), [1, 2], [{"x": 2}]),
    (AnyOrder((X, INT)), [1, 1], [{"x": 1}]),
    (AnyOrder((X, X)), [1, 2], []),
    (AnyOrder(([X, Y], [Y, Z])), [[2, 3], [1, 2]], [{"x": 1, "y": 2, "z": 3}]),
    (Not(INT), "a", [{}]),
]


def same(solutions):
    return [
        {name: equality_key(value) for name, value in solution.items()} for solution in solutions
    ]


@pytest.mark.parametrize(
    ("expected", "actual", "solutions"), SOLUTIONS, ids=map(str, range(len(SOLUTIONS)))
)
def test_solutions_bind_the_variables(expected, actual, solutions):
    assert same(solutions_of(expected, actual)) == same(solutions)


@pytest.mark.parametrize(
    ("expected", "actual", "solutions"), SOLUTIONS, ids=map(str, range(len(SOLUTIONS)))
)
def test_a_value_matches_under_each_of_its_solutions(expected, actual, solutions):
    assert all(mismatches(expected, actual, bindings=solution) == () for solution in solutions)


NAMED = tuple(Variable(f"v{n}") for n in range(12))
SAME = tuple({"k": variable} for variable in NAMED)
# Searches that would never end: without a solution, or through repeated solutions.
ENDLESS: dict[str, tuple[Any, Any]] = {
    "in vain": (
        [AnyOrder((*NAMED, 0)), AnyOrder((*NAMED, 1))],
        [[0, *range(10, 22)], [1, *range(30, 42)]],
    ),
    "inside another": (
        [X, All((AnyOrder((*NAMED, 0)), AnyOrder((*NAMED, X))))],
        [-1, [0, *range(10, 22)]],
    ),
    "the same again": (AnyOrder(SAME), [{"k": 1, "other": n} for n in range(12)]),
    "the same again, inside": (
        In((In((In((AnyOrder(SAME),)),)),)),
        [{"k": 1, "other": n} for n in range(12)],
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_search_yields_heartbeats(name):
    expected, actual = ENDLESS[name]
    assert len(list(islice(unify(expected, actual), 20))) == 20


def test_items_that_are_equal_are_tried_once():
    assert solutions_of(AnyOrder(NAMED), [1] * 12) == [{variable.name: 1 for variable in NAMED}]


def test_solutions_are_lazy():
    expected = AnyOrder(tuple(Variable(f"v{n}") for n in range(60)))
    solutions = unify(expected, list(range(60)))
    assert len(bind(next(solutions)) or ()) == 60


CONSTRAINTS = [
    ([], {}),
    ([Binding("x", 1)], {"x": 1}),
    ([Binding("x", 1), Binding("x", 2)], None),
    ([Binding("x", 1), Binding("y", 2)], {"x": 1, "y": 2}),
    ([Binding("x", "1"), Binding("x", 1)], None),
    ([Binding("x", "1", in_text=True), Binding("x", 1)], {"x": 1}),
    ([Binding("x", "1", in_text=True), Binding("x", "1")], {"x": "1"}),
    ([Binding("x", "true", in_text=True), Binding("x", True)], {"x": True}),
    ([Binding("x", "1", in_text=True)], {"x": "1"}),
    ([Binding("x", "1", in_text=True), Binding("x", "2", in_text=True)], None),
    ([Binding("x", "1.0", in_text=True), Binding("x", 1)], None),
    ([Binding("x", "1", in_text=True), Binding("x", 1), Binding("x", Number("1.0"))], None),
    ([Binding("x", "[1]", in_text=True), Binding("x", [1])], None),
]


@pytest.mark.parametrize(("constraints", "expected"), CONSTRAINTS)
def test_constraints_bind_or_contradict_in_any_order(constraints, expected):
    for order in (constraints, constraints[::-1]):
        bindings = bind(order)
        assert (bindings and repr(sorted(bindings.items()))) == (
            expected and repr(sorted(expected.items()))
        )


def test_the_order_of_constraints_does_not_change_the_spelling_of_a_number():
    constraints = [Binding("x", Number("1.0")), Binding("x", 1)]
    assert repr(bind(constraints)) == repr(bind(constraints[::-1]))


def described(expected, actual, **options):
    return [
        (mismatch.path, str(mismatch.expected), str(mismatch.actual), mismatch.hint)
        for mismatch in mismatches(expected, actual, **options)
    ]


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


def test_a_template_bound_to_a_container_matches_nothing():
    assert not matches(TextTemplate("", X, "!"), None, {"x": [None]})


def test_a_bound_variable_is_described_by_its_value():
    assert described(X, 2, bindings={"x": 1}) == [("", "1 (number)", "2 (number)", "")]
    assert described(TextTemplate("a ", X, ""), "a 2", bindings={"x": 1}) == [
        ("", '"a 1" (string)', '"a 2" (string)', "")
    ]
    assert described(X, {"a": 1, "b": 2}, bindings={"x": {"a": 1}}) != []


def test_a_typed_variable_is_described_with_its_type():
    typed = Variable("x", MATCHERS["$url"].matcher)
    assert str(describe_expected(typed)) == "$x (any URL)"
    assert described(typed, "x") == [("", "any URL", '"x" (string)', "")]


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


@pytest.mark.parametrize(
    ("text", "count"),
    [("$int", 1), ("{$only: {a: 1, b: 2}}", 2), ("{$in: [1, 2]}", 1), ("{a: $int, b: [$x, 1]}", 3)],
)
def test_leaves_of_matchers(text, count):
    assert leaf_count(parse_expected(text)) == count


def test_variable_names_and_is_literal():
    tangled: Expected = {"a": [All((X, INT)), TextTemplate("", Y, "!")], "b": Has({"k": Z})}
    assert variable_names(tangled) == {"x", "y", "z"}
    assert not is_literal(tangled)
    assert is_literal({"a": [1, None, "x"]})


@pytest.mark.parametrize(
    ("fitting", "pairs"),
    [
        ([], {}),
        ([[]], {}),
        ([[0, 1], [0]], {0: 1, 1: 0}),
        ([[0, 1], [0], [1]], {0: 1, 1: 0}),
        ([[0, 1], [0, 2], [0], [2, 3]], {0: 1, 1: 2, 2: 0, 3: 3}),
    ],
)
def test_max_pairs(fitting, pairs):
    matched = max_pairs(fitting)
    assert len(matched) == len(pairs)
    assert len(set(matched.values())) == len(matched)
    assert all(item in fitting[expected] for expected, item in matched.items())


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (1, Number("1.0"), True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, ABSENT, False),
        ({"a": 1, "b": [2]}, {"b": [Number("2e0")], "a": 1}, True),
        ([[1], 2], [[1, 2]], False),
        ({"a": {}}, {"a": []}, False),
        (Number("1e" + "9" * 30), Number("1e" + "9" * 30), True),
    ],
)
def test_equality_keys_are_equal_if_and_only_if_the_values_are(one, other, alike):
    assert (equality_key(one) == equality_key(other)) is alike
    assert not alike or hash(equality_key(one)) == hash(equality_key(other))


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


def test_an_empty_document_is_parsed():
    context = ParseContext(Document("s.yaml", None, {}))
    assert read_value(context, (), None, Names()) is None
