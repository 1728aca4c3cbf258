"""Variables and text templates: the bindings under which values match."""

from itertools import islice
from typing import Any

import pytest

from pixel_emulator.core.matching.combinators import All, In, Not, One
from pixel_emulator.core.matching.containers import AnyOrder, Each, Has, Only
from pixel_emulator.core.matching.diff import describe_expected, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, Binding, Expected, equality_key
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import (
    TextTemplate,
    Variable,
    bind,
    unify,
    variable_names,
)
from pixel_emulator.core.text.json_codec import Number
from tests.expected_values import (
    INT,
    Case,
    X,
    Y,
    Z,
    check_match,
    described,
    matching_and_mismatching,
    solutions_of,
)

CASES: list[Case] = [
    ("$money", [{"value": 1, "currency": "EUR"}], [{"value": "1"}]),
    ("$x", [1, None, {}], [ABSENT]),
    ("costs $5", ["costs $5"], ["costs 5"]),
    ("$$5 off", ["$5 off"], ["$$5 off"]),
    ("a ${n} b ${word}", ["a 4 b spring"], ["a 4 b", "a ${n} b ${word}"]),
    ("a $${n} ${x}", ["a ${n} ", "a ${n} z"], ["a 4 z", "a ${n}", 1, ABSENT]),
    ("{$$gt: 0, a$b: 1}", [{"$gt": 0, "a$b": 1}], [{"$$gt": 0, "a$b": 1}]),
    ("/academy/", ["/academy/"], ["academy"]),
]


@matching_and_mismatching(CASES)
def test_matching_and_mismatching_values(text, actual, match):
    check_match(text, actual, match)


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


def test_the_variables_of_a_value_are_found_in_all_its_matchers():
    tangled: Expected = {"a": [All((X, INT)), TextTemplate("", Y, "!")], "b": Has({"k": Z})}
    assert variable_names(tangled) == {"x", "y", "z"}
