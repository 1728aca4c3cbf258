"""Masks of write keys in a text."""

import base64
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixel_emulator.core.redaction.masking import hide, mask

KEY = "wk_test_0000000000000000000000aB"
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
PLAIN_KEYS = st.from_regex(r"[A-Za-z0-9_-]{8,40}", fullmatch=True)


def test_a_mask_shows_the_first_third_and_a_fingerprint():
    assert mask(KEY) == "wk_test_00-___-*--**-_--**_**-_*"
    assert mask("") == ""


def test_keys_that_begin_alike_have_different_masks():
    assert mask(KEY) != mask(KEY[:-1] + "C")


@given(KEYS)
def test_a_mask_is_as_long_and_needs_no_escaping(key):
    assert len(mask(key)) == len(key)
    assert re.fullmatch(r"[A-Za-z0-9._~*!-]*", mask(key))


@given(KEYS)
def test_after_the_first_third_no_character_is_that_of_the_key(key):
    shown = len(key) // 3
    assert all(a != b for a, b in zip(mask(key)[shown:], key[shown:], strict=True))


@pytest.mark.parametrize("key", ["\ud800" * 9, "****----____!!!!", "é" * 9, '"\\\n&=+%# ' * 2])
def test_odd_keys_have_masks_too(key):
    assert hide(key, [key]) == mask(key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {KEY}, again {KEY}", f"key {mask(KEY)}, again {mask(KEY)}"),
        (KEY[:-1], KEY[:-1]),
        ("", ""),
    ],
)
def test_every_occurrence_is_hidden_and_nothing_else(text, expected):
    assert hide(text, [KEY]) == expected


def test_a_key_is_hidden_as_json_too():
    assert hide(r"a \"quoted\" key", ['"quoted"']) == f"a {mask('"quoted"')} key"


@given(PLAIN_KEYS, st.binary(max_size=5), st.binary(max_size=5), st.booleans(), st.booleans())
def test_a_key_inside_base64_is_hidden_at_every_offset(key, before, after, url, padded):
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    text = encode(before + key.encode() + after).decode()
    assume(key not in text)
    text = text if padded else text.rstrip("=")
    hidden = hide(f"x?a={text}&b=1", [key])
    encoded = hidden.removeprefix("x?a=").removesuffix("&b=1")
    assert len(encoded) == len(text)
    decode = base64.urlsafe_b64decode if url else base64.b64decode
    assert decode(encoded + "=" * (-len(encoded) % 4)) == before + mask(key).encode() + after


@pytest.mark.parametrize("front", ["", '"', "A "])
def test_a_key_in_base64_that_lost_its_beginning_is_hidden(front):
    core = base64.b64encode(b"x" + KEY.encode()).decode()[2:]
    assert hide(f"{front}{core}", [KEY]) == front + "*" * len(core)


@given(PLAIN_KEYS, st.text())
def test_hiding_leaves_nothing_to_hide(key, text):
    assert key not in hide(f"{text}{key}{key}{text}", [key])
