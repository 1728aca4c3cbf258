"""The data model: parts of a request, paths, and counts of hits."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pixel_emulator.core.model import (
    KEPT,
    NAME_FIELDS,
    Call,
    CallType,
    Evidence,
    Exchange,
    Form,
    HttpRequest,
    JudgedCall,
    Outcome,
    count_calls,
    count_hits,
    count_outcomes,
    exchanges_of,
    path_text,
)
from tests.hits import hit


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/v1/pixel/track", b"/v1/pixel/track", b""),
        (b"/v1/pixel/track?", b"/v1/pixel/track", b""),
        (b"/v1/pixel/track?a=1?b", b"/v1/pixel/track", b"a=1?b"),
    ],
)
def test_a_target_is_split_at_its_first_question_mark(target, path, query):
    request = HttpRequest(target=target, method="HEAD")
    assert (request.path, request.query) == (path, query)
    assert request.request_line == b"HEAD " + target + b" HTTP/1.1"


def test_a_url_holds_no_character_that_a_url_must_not_hold():
    request = HttpRequest(
        target='/a "b"?c=\u00e9%20<d>'.encode(), scheme="http", host="h.example:8"
    )
    assert request.url == "http://h.example:8/a%20%22b%22?c=%C3%A9%20%3Cd%3E"


def test_a_header_is_the_first_of_its_name():
    request = HttpRequest(target=b"/", headers=(("a", "1"), ("b", "2"), ("b", "3")))
    assert [request.header(name) for name in "abc"] == ["1", "2", None]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b", 0, "c"), "a.b[0].c"),
        ((1, "a"), "[1].a"),
        (("properties", "a.b"), 'properties["a.b"]'),
        (("",), '[""]'),
        (('a"\\',), '["a\\"\\\\"]'),
        (("user-id", "\u00e4"), "user-id.\u00e4"),
    ],
)
def test_a_path_is_written_in_one_notation(at, text):
    assert path_text(at) == text


def test_hits_that_stand_for_others_are_counted_with_them():
    hits = (hit(1, "page"), replace(hit(2, "page"), alike=3))
    assert count_hits(hits) == Evidence(hits=hits).total == 5
    assert count_outcomes(hits).total() == 5


def test_an_unhandled_request_is_no_call():
    outcomes = Counter({Outcome.DELIVERED: 2, Outcome.UNHANDLED: 3})
    assert count_calls(outcomes) == 2


def test_each_call_type_has_a_name_field():
    assert NAME_FIELDS.keys() == set(CallType)


def test_segment_keeps_what_is_delivered_or_damaged():
    assert {Outcome.DELIVERED, Outcome.DAMAGED} == KEPT


def test_hits_of_one_exchange_that_was_decoded_twice_have_one_exchange():
    judged = JudgedCall(
        call=Call(type=CallType.PAGE, form=Form.FLAT, payload={}), outcome=Outcome.DELIVERED
    )
    made = Exchange(
        seq=1,
        time=datetime(2030, 1, 1, tzinfo=UTC),
        request=HttpRequest(target=b"/"),
        status=200,
        calls=(judged, judged),
    )
    again = replace(made)
    assert [*exchanges_of((made.hits[0], again.hits[1]))] == [made]
    other = replace(made, seq=3)
    assert [*exchanges_of((*made.hits, *other.hits))] == [made, other]
    assert [*exchanges_of((made.hits[0], again.hits[0]))] == [made, made]
