"""Matching never raises and changes nothing; its answers agree; its ways really match."""

from copy import deepcopy
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
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
    st.sampled_from([each.matcher for each in MATCHERS.values()]),
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


def _combined(wants):
    some = st.lists(wants, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        _nested(wants),
        *(st.builds(each, some) for each in (All, In, One, AnyOrder)),
        *(st.builds(each, wants) for each in (Each, Has, Len)),
        st.builds(Only, st.dictionaries(_keys, wants, max_size=3)),
        wants.filter(lambda want: not variable_names(want)).map(Not),
    )


_closed_wants = st.recursive(st.one_of(_scalars, _checks), _combined, max_leaves=6)
_wants = st.recursive(
    st.one_of(_scalars, _checks, _variables, _texts_with), _combined, max_leaves=6
)


def _wants_like(value, names=_variables):
    """Wants that often match: a value with variables and matchers in its place."""
    if isinstance(value, dict):
        members = {key: _wants_like(each, names) for key, each in value.items()}
        inner = st.fixed_dictionaries(members)
        return st.one_of(inner, inner.map(Only), names)
    if isinstance(value, list):
        items = st.tuples(*(_wants_like(each, names) for each in value))
        some = items.map(list)
        shuffled = items.flatmap(st.permutations).map(tuple).map(AnyOrder)
        has = [some.map(lambda wants: Has(In(tuple(wants))))] if value else []
        return st.one_of(some, shuffled, *has, names)
    texts = st.builds(TextTemplate, _texts, names, _texts)
    return st.one_of(st.just(value), names, _checks, texts)


_pairs = st.one_of(
    st.tuples(_wants, _values),
    _values.flatmap(lambda value: st.tuples(_wants_like(value), st.just(value))),
)
_law = settings(max_examples=200, deadline=None)


@_law
@given(_pairs)
def test_matching_never_raises(pair):
    want, got = pair
    for each in (got, ABSENT):
        matches(want, each)
        mismatches(want, each, flat=True)
        list(islice(unify(want, each), 20))
    assert describe_expected(want).text
    assert leaf_count(want) >= 0


@_law
@given(_pairs)
def test_comparing_changes_nothing(pair):
    want, got = pair
    before = repr((want, got))
    mismatches(want, got)
    list(islice(unify(want, got), 20))
    assert repr((want, got)) == before


@_law
@given(
    st.one_of(
        st.tuples(_closed_wants, _values),
        _pairs.filter(lambda pair: not variable_names(pair[0])),
    )
)
def test_without_variables_all_three_answers_agree(pair):
    want, got = pair
    ways = list(unify(want, got))
    assert ways in ([], [()])
    assert matches(want, got) is bool(ways)
    assert (not mismatches(want, got)) is bool(ways)


@_law
@given(_pairs)
def test_a_way_is_a_match(pair):
    """With the variables bound as it needs them, nothing differs; unbound all the less."""
    want, got = pair
    for needs in islice(unify(want, got), 20):
        bound = bind(needs)
        if bound is not None:
            assert mismatches(want, got, bindings=bound) == ()
            assert matches(want, got, bound)
            assert matches(want, got)


@_law
@given(_pairs, st.dictionaries(st.sampled_from("xyz"), _values, min_size=3))
def test_bound_answers_agree(pair, bound):
    want, got = pair
    assert matches(want, got, bound) is (not mismatches(want, got, bindings=bound))


@_law
@given(_values.flatmap(lambda value: st.tuples(_wants_like(value, _untyped), st.just(value))))
def test_no_way_is_missed(pair):
    """Where some values of the variables make it match, a way allows them."""
    want, got = pair
    found = [bind(needs) for needs in islice(unify(want, got), 200)]
    pool = [got, *_parts(got)][:4]
    names = sorted(variable_names(want))
    if len(names) > 2 or len(found) == 200:
        return
    for values in _choices(names, pool):
        if matches(want, got, values):
            assert any(_allows(way, values) for way in found if way is not None)


def _parts(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for each in inner for part in (each, *_parts(each))]


def _choices(names, pool):
    if not names:
        return [{}]
    return [{names[0]: each, **rest} for each in pool for rest in _choices(names[1:], pool)]


def _allows(way, values):
    return all(
        name in values
        and (equality_key(values[name]) == equality_key(value) or isinstance(value, str))
        for name, value in way.items()
    )


@_law
@given(_values)
def test_a_plain_value_matches_itself(value):
    copied = deepcopy(value)
    assert "nan" in repr(value) or matches(value, copied)
    assert "nan" in repr(value) or equality_key(value) == equality_key(copied)
    assert "nan" in repr(value) or matches(equal_to(value), copied)


def test_ten_thousand_levels_are_no_recursion():
    deep = parse("[" * 10_000 + "]" * 10_000)
    other = parse("[" * 9_999 + "1" + "]" * 9_999)
    x = Variable("x")
    for want in (
        x,
        equal_to(deep),
        Has(x),
        Only({"a": x}),
        In((1, x)),
        AnyOrder((x,)),
        Len(1),
        [x],
    ):
        got = {"a": deep} if isinstance(want, Only) else deep
        assert [bind(each) is None for each in unify(want, got)] == [False]
        assert mismatches(want, ABSENT)
    assert list(unify([x, x], [deep, other])) == []
    assert mismatches(x, other, bindings={"x": deep}) != ()
    assert mismatches(x, deep, bindings={"x": deep}) == ()
    assert len(list(unify([x, x], [deep, deep]))) == 1


def test_two_hundred_levels_of_wants_are_fine():
    want: Any = Variable("x")
    got: Any = 1
    for _ in range(100):
        want, got = {"a": [want]}, {"a": [got]}
    assert [bind(each) for each in unify(want, got)] == [{"x": 1}]
    assert mismatches(want, got, bindings={"x": 2}) != ()
    assert describe_expected(want).text.endswith("}")


@pytest.mark.parametrize(
    ("wrap", "deeper"),
    [
        (Not, lambda got: got),
        (lambda want: All((want,)), lambda got: got),
        (lambda want: In((want,)), lambda got: got),
        (lambda want: One((want,)), lambda got: got),
        (Each, lambda got: [got]),
        (Has, lambda got: [got]),
        (lambda want: AnyOrder((want,)), lambda got: [got]),
        (lambda want: Only({"a": want}), lambda got: {"a": got}),
    ],
    ids=["not", "all", "in", "one", "each", "has", "any-order", "only"],
)
def test_matchers_nest_without_recursion_errors_or_repeated_work(wrap, deeper):
    """Twice the 40 levels that a file may have; asked twice at each level, it would not end."""
    want: Any = MATCHERS["$int"].matcher
    got: Any = 1
    for _ in range(80):
        want, got = wrap(want), deeper(got)
    assert matches(want, got)
    assert list(unify(want, got)) == [()]
    assert mismatches(want, got) == ()
    assert mismatches(want, got, bindings={"x": 1}) == ()
    assert list(unify([want, Variable("x")], [got, 1])) == [(Binding("x", 1),)]
    assert describe_expected(want).text
