"""The write keys of a run, which are masked in all later calls."""

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, HttpRequest
from pixel_emulator.core.recordings.fast_entry import next_entry
from pixel_emulator.core.redaction.known_keys import MAX_KEYS, KnownKeys, is_distinctive
from pixel_emulator.core.redaction.masking import mask
from tests.hits import classified_hit

KEY = "Zq7wKleak9XyTb3RmVn0PdHs5JfGc2Lu"
OTHER = "wk_test_1111111111111111111111cD"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, True),
        ("wk_test_0001", True),
        ("abcdefg1", True),
        ("abcdef1", False),
        ("production", False),
        ("checkout-completed", False),
        ("YOUR_WRITE_KEY", False),
        ("a" * 20, True),
        ("1" * 257, False),
        (mask(KEY), False),
        ("", False),
    ],
)
def test_a_key_is_remembered_unless_it_may_be_a_word(key, expected):
    assert is_distinctive(key) is expected
    keys = KnownKeys()
    keys.add([key])
    assert keys.keys == ((key,) if expected else ())


def test_the_last_keys_are_remembered_and_the_given_ones_always():
    keys = KnownKeys([OTHER, "short"])
    for number in range(MAX_KEYS + 1):
        keys.add([KEY, f"key-{number:028}"])
    assert {KEY, OTHER, "short", f"key-{MAX_KEYS:028}"} <= {*keys.keys}
    assert f"key-{0:028}" not in keys.keys
    assert len(keys.keys) == MAX_KEYS + 2


def test_new_keys_are_announced_once():
    announced: list[str] = []
    keys = KnownKeys([OTHER], announced.extend)
    keys.add([KEY])
    keys.add([KEY, OTHER])
    assert announced == [OTHER, KEY]


def written(keys, target, seq=1):
    request = HttpRequest(target=target.encode())
    return next_entry(classified_hit(seq, request).exchange, keys)


def track(**fields):
    return encode(CallType.TRACK, {"userId": "u", "event": "E", **fields}, base="")


@pytest.mark.parametrize(
    "first",
    [
        track(writeKey=KEY),
        track(writeKey=OTHER, properties={"x": f"analytics.load('{KEY}')"}),
        f"/v1/projects/{KEY}/settings",
        f"/v1/pixel/track?writeKey[]={KEY}",
        f"/v1/pixel/track?userId%3Du%26event%3DE%26writeKey%3D{KEY}",
    ],
)
@pytest.mark.parametrize(
    "later",
    [
        track(writeKey=OTHER, properties={"x": f"a {KEY} b"}),
        track(writeKey=OTHER, userId=KEY),
        f"/v1/pixel/track?userId={KEY}",
        f"/v1/pixel/{KEY}",
    ],
)
def test_a_key_of_one_call_is_masked_in_every_later_one(first, later):
    keys = KnownKeys()
    assert KEY in written(KnownKeys(), later) or "data=" in later
    assert KEY not in written(keys, first)
    text = written(keys, later)
    assert KEY not in text
    assert mask(KEY) in text


def test_a_key_that_is_a_word_is_masked_only_in_its_own_call():
    keys = KnownKeys()
    assert "writeKey: production" not in written(keys, track(writeKey="production"))
    later = written(keys, track(writeKey=OTHER, properties={"stage": "production"}))
    assert "stage: production" in later
