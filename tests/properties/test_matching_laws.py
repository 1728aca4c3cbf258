"""Matching never raises and changes nothing; its functions agree; its solutions match."""

from copy import deepcopy
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.matching.combinators import All, In, Not, One
from pixel_emulator.core.matching.containers import AnyOrder, Each, Has, Len, Only
from pixel_emulator.core.matching.diff import describe_expected, leaf_count, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, Binding, equality_key
from pixel_emulator.core.matching.predicates import (
    PluginMatcher,
    close_to,
    comparison,
    equal_to,
    matches_glob,
    matches_regex,
    not_equal_to,
    starts_with,
)
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import (
    TextTemplate,
    Variable,
    bind,
    unify,
    variable_names,
)
from pixel_emulator.core.text.json_codec import Number, parse
from tests.law_examples import examples

_keys = st.sampled_from(["a", "b", "$a"])
_numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.sampled_from(["1.0", "-0", "1e400", "0.1", "1e" + "9" * 30, "9" * 50]).map(Number),
)
_texts = st.sampled_from(["", "a", "ab", "1", "1.0", "true", "[1]", "2030-01-31", "\ud800", "a 1"])
_scalars = st.one_of(st.none(), st.booleans(), _numbers, _texts, st.text(max_size=5))


def _nested(leaves):
    return st.one_of(st.lists(leaves, max_size=4), st.dictionaries(_keys, leaves, max_size=3))


_values = st.recursive(_scalars, _nested, max_leaves=8)
_checks = st.one_of(
    st.sampled_from([matcher.matcher for matcher in MATCHERS.values()]),
    st.sampled_from(
        [
            matches_regex("a"),
            matches_regex("^1", ignore_case=True),
            matches_glob("a*?"),
            starts_with("a"),
        ]
    ),
    st.sampled_from(
        [
            close_to(1, 2),
            comparison(">", 0),
            comparison("<=", "2030-01-31"),
            PluginMatcher("n", repr),
        ]
    ),
    _values.map(equal_to),
    _values.map(not_equal_to),
)
_variables = st.builds(
    Variable, st.sampled_from("xyz"), st.one_of(st.none(), st.none(), _checks, _scalars)
)
_untyped = st.builds(Variable, st.sampled_from("xy"))
_texts_with = st.builds(TextTemplate, _texts, _variables, _texts)


def _combined(operands):
    some = st.lists(operands, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        _nested(operands),
        *(st.builds(matcher, some) for matcher in (All, In, One, AnyOrder)),
        *(st.builds(matcher, operands) for matcher in (Each, Has, Len)),
        st.builds(Only, st.dictionaries(_keys, operands, max_size=3)),
        operands.filter(lambda expected: not variable_names(expected)).map(Not),
    )


_closed_wants = st.recursive(st.one_of(_scalars, _checks), _combined, max_leaves=6)
_wants = st.recursive(
    st.one_of(_scalars, _checks, _variables, _texts_with), _combined, max_leaves=6
)


def _expected_like(value, names=_variables):
    """Return expected values that often match `value`, with variables and matchers in it."""
    if isinstance(value, dict):
        members = {key: _expected_like(member, names) for key, member in value.items()}
        inner = st.fixed_dictionaries(members)
        return st.one_of(inner, inner.map(Only), names)
    if isinstance(value, list):
        items = st.tuples(*(_expected_like(item, names) for item in value))
        some = items.map(list)
        shuffled = items.flatmap(st.permutations).map(tuple).map(AnyOrder)
        has = [some.map(lambda operands: Has(In(tuple(operands))))] if value else []
        return st.one_of(some, shuffled, *has, names)
    texts = st.builds(TextTemplate, _texts, names, _texts)
    return st.one_of(st.just(value), names, _checks, texts)


_pairs = st.one_of(
    st.tuples(_wants, _values),
    _values.flatmap(lambda value: st.tuples(_expected_like(value), st.just(value))),
)
_law = examples(200)


@_law
@given(_pairs)
def test_matching_never_raises(pair):
    expected, actual = pair
    for value in (actual, ABSENT):
        matches(expected, value)
        mismatches(expected, value, flat=True)
        list(islice(unify(expected, value), 20))
    assert describe_expected(expected).text
    assert leaf_count(expected) >= 0


@_law
@given(_pairs)
def test_comparing_changes_neither_value(pair):
    expected, actual = pair
    before = repr((expected, actual))
    mismatches(expected, actual)
    list(islice(unify(expected, actual), 20))
    assert repr((expected, actual)) == before


@_law
@given(
    st.one_of(
        st.tuples(_closed_wants, _values),
        _pairs.filter(lambda pair: not variable_names(pair[0])),
    )
)
def test_without_variables_matches_unify_and_mismatches_agree(pair):
    expected, actual = pair
    solutions = list(unify(expected, actual))
    assert solutions in ([], [()])
    assert matches(expected, actual) is bool(solutions)
    assert (not mismatches(expected, actual)) is bool(solutions)


@_law
@given(_pairs)
def test_a_solution_is_a_match(pair):
    """With the variables bound as a solution requires, nothing differs; nor does it unbound."""
    expected, actual = pair
    for constraints in islice(unify(expected, actual), 20):
        bindings = bind(constraints)
        if bindings is not None:
            assert mismatches(expected, actual, bindings=bindings) == ()
            assert matches(expected, actual, bindings)
            assert matches(expected, actual)


@_law
@given(_pairs, st.dictionaries(st.sampled_from("xyz"), _values, min_size=3))
def test_matches_and_mismatches_agree_under_bindings(pair, bindings):
    expected, actual = pair
    assert matches(expected, actual, bindings) is (
        not mismatches(expected, actual, bindings=bindings)
    )


@_law
@given(_values.flatmap(lambda value: st.tuples(_expected_like(value, _untyped), st.just(value))))
def test_no_solution_is_missed(pair):
    """If some values of the variables make it match, a solution allows them."""
    expected, actual = pair
    solutions = [bind(constraints) for constraints in islice(unify(expected, actual), 200)]
    pool = [actual, *_parts(actual)][:4]
    names = sorted(variable_names(expected))
    if len(names) > 2 or len(solutions) == 200:
        return
    for values in _choices(names, pool):
        if matches(expected, actual, values):
            assert any(_allows(solution, values) for solution in solutions if solution is not None)


def _parts(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for nested in inner for part in (nested, *_parts(nested))]


def _choices(names, pool):
    if not names:
        return [{}]
    return [{names[0]: value, **rest} for value in pool for rest in _choices(names[1:], pool)]


def _allows(solution, values):
    return all(
        name in values
        and (equality_key(values[name]) == equality_key(value) or isinstance(value, str))
        for name, value in solution.items()
    )


@_law
@given(_values)
def test_a_literal_matches_itself(value):
    copied = deepcopy(value)
    assert "nan" in repr(value) or matches(value, copied)
    assert "nan" in repr(value) or equality_key(value) == equality_key(copied)
    assert "nan" in repr(value) or matches(equal_to(value), copied)


def test_ten_thousand_levels_are_no_recursion():
    deep = parse("[" * 10_000 + "]" * 10_000)
    other = parse("[" * 9_999 + "1" + "]" * 9_999)
    x = Variable("x")
    for expected in (
        x,
        equal_to(deep),
        Has(x),
        Only({"a": x}),
        In((1, x)),
        AnyOrder((x,)),
        Len(1),
        [x],
    ):
        actual = {"a": deep} if isinstance(expected, Only) else deep
        assert [bind(solution) is None for solution in unify(expected, actual)] == [False]
        assert mismatches(expected, ABSENT)
    assert list(unify([x, x], [deep, other])) == []
    assert mismatches(x, other, bindings={"x": deep}) != ()
    assert mismatches(x, deep, bindings={"x": deep}) == ()
    assert len(list(unify([x, x], [deep, deep]))) == 1


def test_two_hundred_levels_of_operands_are_allowed():
    expected: Any = Variable("x")
    actual: Any = 1
    for _ in range(100):
        expected, actual = {"a": [expected]}, {"a": [actual]}
    assert [bind(solution) for solution in unify(expected, actual)] == [{"x": 1}]
    assert mismatches(expected, actual, bindings={"x": 2}) != ()
    assert describe_expected(expected).text.endswith("}")


@pytest.mark.parametrize(
    ("wrap", "deeper"),
    [
        (Not, lambda actual: actual),
        (lambda expected: All((expected,)), lambda actual: actual),
        (lambda expected: In((expected,)), lambda actual: actual),
        (lambda expected: One((expected,)), lambda actual: actual),
        (Each, lambda actual: [actual]),
        (Has, lambda actual: [actual]),
        (lambda expected: AnyOrder((expected,)), lambda actual: [actual]),
        (lambda expected: Only({"a": expected}), lambda actual: {"a": actual}),
    ],
    ids=["not", "all", "in", "one", "each", "has", "any-order", "only"],
)
def test_matchers_nest_without_recursion_errors_or_repeated_work(wrap, deeper):
    """Twice the 40 levels that a file may have; doubling the work per level would not end."""
    expected: Any = MATCHERS["$int"].matcher
    actual: Any = 1
    for _ in range(80):
        expected, actual = wrap(expected), deeper(actual)
    assert matches(expected, actual)
    assert list(unify(expected, actual)) == [()]
    assert mismatches(expected, actual) == ()
    assert mismatches(expected, actual, bindings={"x": 1}) == ()
    assert list(unify([expected, Variable("x")], [actual, 1])) == [(Binding("x", 1),)]
    assert describe_expected(expected).text
