"""JSON text to values and back."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.json_codec import Number, parse_deep

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False).map(str),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text",
    ["1.10", "-0", "1e21", "1E+2", "12345678901234567890", "0.1", "-1.5e-9", "1" * 5_000],
)
def test_numbers_keep_their_digits(text):
    assert json_codec.write(json_codec.parse(f"[{text}]")) == f"[{text}]"


def test_a_number_is_a_float_that_keeps_its_digits():
    number = Number("49.90")
    assert number == 49.9
    assert repr(number) == "49.90"
    assert isinstance(json_codec.parse("7"), int)


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "'a'", "{a:1}", "[1,]", "",
        '{"a":1} x', '\ufeff{"a":1}', '"\n"', '"\\x41"', "[" * 10_001 + "]" * 10_001, "[" * 50_000,
    ],
)  # fmt: skip
def test_what_is_not_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        json_codec.parse(text)


def test_a_deep_value_is_read_and_written_in_a_thread_too():
    """Threads have smaller stacks; neither parsing nor writing may overflow one."""
    text = '{"a": ' * 4_500 + "[" * 4_500 + "]" * 4_500 + "}" * 4_500
    written: list[str] = []
    thread = threading.Thread(
        target=lambda: written.append(json_codec.write(json_codec.parse(text)))
    )
    thread.start()
    thread.join()
    assert written == [text]


@pytest.mark.parametrize("levels", [1_000, 9_990, 9_999, 10_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_ten_thousand_levels_are_read_and_one_more_is_not(levels, opening, closing):
    """The limit is that of Go's encoding/json, and independent of the interpreter's stack."""
    inner = "{}" if closing == "}" else "[]"
    text = opening * (levels - 1) + inner + closing * (levels - 1)
    written = json_codec.write(json_codec.parse(text), separators=(",", ":"))
    assert written == text
    if levels == json_codec.MAX_NESTING:
        with pytest.raises(ValueError, match="nested deeper than 10,000 levels"):
            json_codec.parse(opening + text + closing)


@given(JSON_VALUES, st.integers(0, 200), st.sampled_from('{}[],:" 1\\x'))
def test_the_deep_reader_agrees_with_the_json_module(value, place, change):
    """Texts that are no longer JSON are included."""
    text = json.dumps(value)
    for candidate in (text, text[:place] + change + text[place:], text[:place] + text[place + 1 :]):
        try:
            expected = json.loads(candidate)
        except ValueError:
            with pytest.raises(ValueError):
                parse_deep(candidate, json.JSONDecoder())
        else:
            # NaN is no number that equals itself, so the texts are compared.
            assert json.dumps(parse_deep(candidate, json.JSONDecoder())) == json.dumps(expected)


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ('{"b": 0, "a": 1, "a": 2}', "a"),
        ('{"b": [{"a": 1, "\\u0061": 2}]}', "a"),
        ('{"a": {"a": 1}}', None),
        ('[{"a": 1}, {"a": 2}]', None),
    ],
)
def test_repeated_keys_are_noted_and_the_last_wins(text, repeated):
    value, noted = json_codec.parse_with_repeated_key(text)
    assert noted == repeated
    assert json.dumps(value) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    ("text", "levels"),
    [("1", 0), ("[]", 1), ('{"a[{": [{}]}', 3), ('["\\"[["]', 1), ("[[],[[]]]", 3)],
)
def test_depth_counts_brackets_outside_strings(text, levels):
    assert json_codec.depth(text) == levels


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "object"), ([], "array"), ("", "string"), (True, "boolean"), (None, "null"),
        (1, "number"), (Number("1.0"), "number"), (0.5, "number"),
    ],
)  # fmt: skip
def test_json_type_names_the_json_types(value, name):
    assert json_codec.json_type(value) == name


@given(JSON_VALUES)
def test_write_is_json_and_parse_its_inverse(value):
    for text in (
        json_codec.write(value),
        json_codec.write(value, indent=2),
        json_codec.write(value, separators=(",", ":")),
    ):
        assert text.isascii()
        assert json.loads(text) == value
        assert json_codec.parse(text) == value


def test_the_layouts_are_those_of_the_json_module():
    value = json_codec.parse('{"a": [1, {}, [], {"b": null}], "c": "ü"}')
    assert json_codec.write(value) == json.dumps(value)
    assert json_codec.write(value, indent=2) == json.dumps(value, indent=2)
    assert json_codec.write(value, separators=(",", ":")) == json.dumps(
        value, separators=(",", ":")
    )
