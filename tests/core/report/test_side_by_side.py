"""Wanted and got: what differs is seen, whatever the lengths and the width."""

from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.matching.diff import Mismatch, mismatches
from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.side_by_side import cut_middle, mismatch_lines


def lines(want, got, width=100, **more):
    return list(mismatch_lines(Page(width), mismatches(want, got, **more), 0))


def test_short_values_stand_side_by_side_in_columns():
    assert lines({"a": 1, "b": {"cc": "Paid"}, "d": 3}, {"a": "x", "b": {"cc": "X"}}) == [
        'a      want 1 (number)        got "x" (string)',
        'b.cc   want "Paid" (string)   got "X" (string)',
        "d      want 3 (number)        got absent",
    ]


def test_a_hint_stands_behind_or_below():
    assert lines({"a": 1}, {"a": "1"}, width=80) == [
        'a   want 1 (number)   got "1" (string)   the sender quotes the number'
    ]
    assert lines({"a": 1}, {"a": "1"}, width=60) == [
        'a   want 1 (number)   got "1" (string)',
        "    the sender quotes the number",
    ]


def test_long_values_stand_below_each_other_and_a_caret_points_at_the_difference():
    url = "https://shop.example.com/mail/click?id=A-"
    head, want, got, caret = lines({"link": url + "17"}, {"link": url + "18"}, width=80)
    assert (head, want) == ("link", f'  want "{url}17" (string)')
    assert got == f'  got  "{url}18" (string)'
    assert caret == " " * got.index('8"') + "^"


def test_a_caret_points_at_a_difference_between_long_texts_side_by_side():
    line, caret = lines({"id": "order-2030-0017-a"}, {"id": "order-2030-0O17-a"})
    assert caret == " " * line.index("O17") + "^"


@pytest.mark.parametrize(
    ("want", "got"),
    [
        ("short", "shore"),
        ("0123456789abcdef", "X123456789abcdef"),
        ("Grüße aus Köln am Rhein", "Grüße aus Köln am Main"),
        ("0123456789abcdef", 123456789012345678),
        ("Some Longer Text", "some longer text"),
    ],
)
def test_no_caret_where_it_would_not_help(want, got):
    assert not any(line.strip() == "^" for line in lines({"a": want}, {"a": got}))


@given(
    front=st.text(ascii_letters, max_size=600),
    want=st.text(ascii_letters, min_size=1, max_size=600),
    got=st.text(ascii_letters, min_size=1, max_size=600),
    width=st.integers(60, 200),
)
def test_the_first_difference_is_always_shown(front, want, got, width):
    one, other = f"{front}<{want}", f"{front}>{got}"
    shown = lines({"a": one}, {"a": other}, width)
    assert any(f"<{want[:3]}" in line for line in shown)
    assert any(f">{got[:3]}" in line for line in shown)
    assert all(len(line) <= width for line in shown)


@given(text=st.text(max_size=40), room=st.integers(1, 50))
def test_a_cut_text_fits_and_keeps_both_ends(text, room):
    short = cut_middle(text, room)
    assert len(short) <= max(room, 1)
    if len(text) <= room:
        assert short == text
    else:
        front, _, back = short.partition("…")
        assert text.startswith(front)
        assert text.endswith(back)


def test_a_path_from_the_wire_is_printable():
    mismatch = Mismatch(path="\x1b[31m", expected=describe_value(1), actual=describe_value(2))
    assert next(mismatch_lines(Page(), [mismatch])).strip().startswith("\\u001b[31m")
