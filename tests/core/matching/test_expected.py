"""Expected values: equality of literals, and what is a literal."""

import pytest

from pixel_emulator.core.matching.combinators import All
from pixel_emulator.core.matching.expected import ABSENT, equality_key, is_literal
from pixel_emulator.core.text.json_codec import Number
from tests.expected_values import INT, X


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


def test_a_literal_holds_no_matcher_and_no_variable():
    assert is_literal({"a": [1, None, "x"]})
    assert not is_literal({"a": [1, INT]})
    assert not is_literal({"a": [All((1, X))]})
