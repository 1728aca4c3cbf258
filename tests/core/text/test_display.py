"""Values in messages: quoted, shortened, printable."""

import pytest

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text.display import abbreviated_key, printable, quoted, shortened
from pixel_emulator.core.text.json_codec import Number

QUOTED: list[tuple[JSON, str]] = [
    ("user_123", '"user_123"'),
    ("", "an empty string"),
    ('say "hi" \\', '"say \\"hi\\" \\\\"'),
    ("café ☕", '"café ☕"'),
    ("a\x1b[31m\n\x7f", '"a\\u001b[31m\\n\\u007f"'),
    ("\ud800", '"\\ud800"'),
    ("\u202e\u200b\xa0", '"\\u202e\\u200b\\u00a0"'),
    ("x" * 60, f'"{"x" * 60}"'),
    ("a" * 50 + "b" * 50, f'"{"a" * 30}…{"b" * 30}"'),
    (None, "null"),
    (True, "true"),
    (5, "the number 5"),
    (Number("1.10"), "the number 1.10"),
    (10**5_000, "a huge number"),
    (Number("9" * 5_000), f"the number {'9' * 30}…{'9' * 30}"),
    ({"a": 1}, "an object"),
    ([], "an array"),
]
MASKED = [
    ("wk_test_000000000000000", '"wk_t…"'),
    ("abcdef", '"ab…"'),
    ("ab", '"…"'),
    ('"\n\x1b"\n\x1b', '"\\"\\n…"'),
]


@pytest.mark.parametrize(("value", "expected"), QUOTED, ids=[shown for _, shown in QUOTED])
def test_a_value_is_shown_short_and_printable(value, expected):
    assert quoted(value) == expected


@pytest.mark.parametrize(("key", "expected"), MASKED)
def test_of_a_write_key_at_most_a_third_and_four_characters_are_shown(key, expected):
    assert abbreviated_key(key) == expected


def test_printable_text_stays_as_it_is():
    assert printable('the "value" is\\ é') == 'the "value" is\\ é'


def test_long_texts_are_cut():
    assert len(shortened("[0]" * 9_000)) == 301
