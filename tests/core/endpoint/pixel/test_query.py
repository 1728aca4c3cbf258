"""The query string and the flat form."""

import pytest

from pixel_emulator.core.endpoint.pixel.query import decode_utf8, expand, flatten, parse_query
from pixel_emulator.core.model import Payload


@pytest.mark.parametrize(
    ("query", "pairs", "malformed"),
    [
        (b"", (), ()),
        (b"a=1&b=2", ((b"a", b"1"), (b"b", b"2")), ()),
        (b"a+b=c+d&%41=%2B", ((b"a b", b"c d"), (b"A", b"+")), ()),
        (b"a=%zz&b=1&%=2&c=%4", ((b"b", b"1"),), (b"a=%zz", b"%=2", b"c=%4")),
        (b"a&=b&&c=d=e", ((b"a", b""), (b"", b"b"), (b"c", b"d=e")), ()),
        (b"a=\xff&b=\xc3\xbc", ((b"a", b"\xff"), (b"b", b"\xc3\xbc")), ()),
    ],
)
def test_pairs_are_read_as_go_reads_them(query, pairs, malformed):
    read = parse_query(query)
    assert (read.pairs, read.malformed) == (pairs, malformed)


def test_the_first_value_counts():
    assert parse_query(b"data=1&data=2").first(b"data") == b"1"
    assert parse_query(b"x=1").first(b"data") is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xe2\x82\xac", "€"),
        (b"\xe2\x82", "\ufffd\ufffd"),
        (b"a\xf0\x9f\x98b", "a\ufffd\ufffd\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xff", "\ufffd"),
    ],
)
def test_each_byte_that_is_not_utf8_becomes_one_replacement(raw, text):
    assert decode_utf8(raw) == text


@pytest.mark.parametrize(
    ("query", "payload"),
    [
        (b"properties.value=1", {"properties": {"value": "1"}}),
        (b"traits.user=a&traits.user=b", {"traits": {"user": ["a", "b"]}}),
        (b"..foo=baz&event=event", {"event": "event"}),
        (b"foo. b=baz", {"foo": {"b": "baz"}}),
        (b"foo. .=1&.=1&a.=1", {}),
        (b"+x=1&x+=2&=3&+=4", {" x": "1", "x ": "2"}),
        (b"a.\xc2\xa0b.c=1", {"a": {"b": {"c": "1"}}}),
        (b"properties[subject]=1", {"properties[subject]": "1"}),
        (b"data=", {"data": ""}),
    ],
)
def test_flat_keys_unfold(query, payload):
    assert expand(parse_query(query).pairs) == (payload, ())


@pytest.mark.parametrize(
    ("query", "payload", "paths"),
    [
        (b"properties=x&properties.a=b", {"properties": "x"}, ("properties.a",)),
        (b"properties.a=b&properties=x", {"properties": {"a": "b"}}, ("properties",)),
        (b"a.b=1&a. b=2", {"a": {"b": "1"}}, ("a.b",)),
    ],
)
def test_keys_that_contradict_each_other_are_reported(query, payload, paths):
    assert expand(parse_query(query).pairs) == (payload, paths)


@pytest.mark.parametrize(
    "payload",
    [
        {"a": 1},
        {"a": {}},
        {"a": []},
        {"a": ["x"]},
        {"a.b": "x"},
        {" a": "x"},
        {"": "x"},
        {"data": "x"},
        {"data": ["x", ""]},
    ],
)
def test_what_the_flat_form_cannot_hold_is_refused(payload):
    with pytest.raises(ValueError):
        flatten(payload)


def test_flatten_is_the_inverse_of_expand():
    payload: Payload = {"event": "a & b", "properties": {"x": ["1", "2"], "y": {"z": "ü+"}}}
    assert expand(parse_query(flatten(payload).encode()).pairs) == (payload, ())
