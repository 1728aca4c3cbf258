"""The operators of the scenario language, as their table describes them."""

import pytest

from pixel_emulator.core.errors import Document
from pixel_emulator.core.parser.operators import OPERATORS
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.parser.values import read_value
from tests.expected_values import Names, check_example


@pytest.mark.parametrize("name", OPERATORS)
def test_the_examples_of_the_table_are_right(name):
    check_example(name, OPERATORS[name])


def test_an_empty_document_is_parsed():
    context = ParseContext(Document("s.yaml", None, {}))
    assert read_value(context, (), None, Names()) is None
