"""Expected values of the tests of matchers: written as YAML, with some names defined."""

from typing import Any

import pytest

from pixel_emulator.core.matching.diff import matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import Variable, bind, unify
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.parser.values import read_value
from pixel_emulator.files.yaml_loader import parse_document

X, Y, Z = Variable("x"), Variable("y"), Variable("z")
INT = MATCHERS["$int"].matcher


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


def check_example(name, row):
    """The example of a row matches what the row says, and nothing is said of a match."""
    assert name in row.example
    assert solutions_of(parse_expected(row.example), data(row.match)) == [{}]
    assert solutions_of(parse_expected(row.example), data(row.mismatch)) == []
    assert mismatches(parse_expected(row.example), data(row.match)) == ()
    assert mismatches(parse_expected(row.example), data(row.mismatch)) != ()


type Case = tuple[str, list[Any], list[Any]]
"""An expected value as YAML, then values that match it, then some that do not."""


def matching_and_mismatching(cases: list[Case]) -> pytest.MarkDecorator:
    """Return a parametrization: expected value, actual value, and True if they match."""
    pairs = [
        (text, actual, match)
        for text, *both in cases
        for actuals, match in zip(both, (True, False), strict=True)
        for actual in actuals
    ]
    return pytest.mark.parametrize(
        ("text", "actual", "match"), pairs, ids=map(str, range(len(pairs)))
    )


def check_match(text, actual, match):
    """All ways to ask if a value matches give the same answer."""
    assert matches(parse_expected(text), actual) is match
    assert (not mismatches(parse_expected(text), actual)) is match
    assert (next(unify(parse_expected(text), actual), None) is not None) is match


def described(expected, actual, **options):
    return [
        (mismatch.path, str(mismatch.expected), str(mismatch.actual), mismatch.hint)
        for mismatch in mismatches(expected, actual, **options)
    ]
