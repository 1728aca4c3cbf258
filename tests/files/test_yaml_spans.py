"""Spans of the values of a YAML text."""

import pytest
from hypothesis import given

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.scenario_edit.source import Edit, apply_edits, moved_lines
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.yaml_loader import load
from pixel_emulator.files.yaml_spans import read_source
from tests.core.text.test_yaml_writer import VALUES

TEXT = """\
# a comment
name: a b   # behind it
expect:   # a list
- track: 'it''s'   # single
  properties:
    a: "q\\n"   # double
    map: {x: [1, {y: 2}], z: }   # braces
    block: |
      one

      two

  # between
- page:
- identify: over
    two lines
empty:
last: 😀
"""


def texts(text):
    source = read_source(text, "s.yaml")
    return {at: text[span.start : span.end] for at, span in source.spans.items()}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (("name",), "a b"),
        (("expect", 0, "track"), "'it''s'"),
        (("expect", 0, "properties", "a"), '"q\\n"'),
        (("expect", 0, "properties", "map"), "{x: [1, {y: 2}], z: }"),
        (("expect", 0, "properties", "map", "x"), "[1, {y: 2}]"),
        (("expect", 0, "properties", "map", "x", 1, "y"), "2"),
        (("expect", 0, "properties", "map", "z"), ""),
        (("expect", 0, "properties", "block"), "|\n      one\n\n      two"),
        (("expect", 1), "page:"),
        (("expect", 1, "page"), ""),
        (("expect", 2, "identify"), "over\n    two lines"),
        (("empty",), ""),
        (("last",), "😀"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_value_stands_where_its_text_is(at, expected, newline):
    text = texts(TEXT.replace("\n", newline))[at]
    # The end of a page without a name is that of its key, or of the colon.
    assert text.removesuffix(":") == expected.replace("\n", newline).removesuffix(":")


def test_a_block_ends_with_its_last_value_and_not_with_the_comment_behind_it():
    assert texts(TEXT)["expect", 0].endswith("two")
    assert texts(TEXT)["expect",].endswith("two lines")


@given(VALUES)
def test_every_span_holds_its_value(value):
    source = read_source(yaml_writer.write(value), "s.yaml")
    assert source.spans.keys() == {(), *source.document.positions}
    for at, span in source.spans.items():
        text = source.text[span.start : span.end]
        assert load(" " * span.column + text, "s.yaml") == source.value(at)


@pytest.mark.parametrize("text", ["a: [", "a: &b c", "- a\n\tb", "a: 1\na: 2"])
def test_what_is_wrong_is_refused_as_everywhere(text):
    with pytest.raises(InputError):
        read_source(text, "s.yaml")


def test_edits_are_made_in_their_places_and_equal_ones_once():
    edits = [Edit(4, 5, "X"), Edit(0, 1, ""), Edit(4, 5, "X"), Edit(2, 2, "\n")]
    assert apply_edits("abcdef", edits) == "b\ncdXf"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], {3}),
        ([Edit(0, 0, "x\n")], {4}),
        ([Edit(0, 2, "")], {2}),
        ([Edit(4, 5, "\n\n")], {3}),
        ([Edit(1, 3, "")], {2}),
        ([Edit(3, 5, "")], set()),
    ],
)
def test_lines_move_with_what_is_written_before_them(edits, expected):
    assert moved_lines("a\nb\nc\n", {3}, edits) == expected
