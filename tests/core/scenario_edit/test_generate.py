"""`scenario new` as text: what a draft says, and what it leaves out."""

from typing import Any

import pytest

from pixel_emulator.core.model import HttpRequest, Outcome
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, changed, classified_hit, evidence, hit, redact

ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def opened(seq, **fields):
    return hit(seq, "track", {"event": "Email Opened", "userId": "user_1", **fields})


def body(*hits):
    return draft(hits)


def test_a_draft_reads_like_a_scenario_written_by_hand():
    many = [{"sku": "A-1", "count": 1, "title": f"number {n} of several things"} for n in (1, 2)]
    hits = (
        opened(1, properties={"total": 49.9, "list": ["a", 1]}, context={"library": {"name": "x"}}),
        opened(2, properties={"total": 49.9, "list": ["a", 1]}, messageId="m2"),
        hit(3, "page", {"anonymousId": "{{ id }}", "name": "no", "properties": {"things": many}}),
        hit(4, "identify", {"anonymousId": "v", "traits": {"price": "$5", "name": "${x}"}}),
        hit(5, "track", {"event": "Lost"}),
        hit(6, "page", {"userId": "u", "name": "Home", "messageId": "m2"}, repeats=True),
        classified_hit(7, HttpRequest(target=b"/favicon.ico?x=1")),
    )
    assert draft(hits, name="two mails") == (
        """\
# duplicates, of which Segment keeps only the first: page "Home"
# requests that are no pixels: GET https://api.segment.io/favicon.ico
name: two mails
# Segment keeps the damaged calls, although something is wrong with them
damaged: {accept: [template_token]}
expect:
  - track: Email Opened
    times: 2
    userId: user_1
    properties: {total: 49.9, list: [a, 1]}
  # damaged: template_token (anonymousId)
  - page: "no"
    anonymousId: "{{ id }}"
    properties:
      things:
        - {sku: A-1, count: 1, title: number 1 of several things}
        - {sku: A-1, count: 1, title: number 2 of several things}
  # damaged: template_token (traits.name)
  - identify:
    anonymousId: v
    traits: {price: "$$5", name: "$${x}"}
  - dropped: no_user_anon_id
    type: track
    event: Lost
"""
    )


def test_a_recording_without_calls_expects_none():
    assert body() == "expect: []\n"


@pytest.mark.parametrize(
    "fields",
    [
        {name: "2030-01-31T12:00:00Z"}
        for name in ("messageId", "timestamp", "receivedAt", "sentAt", "originalTimestamp")
    ]
    + [{name: "x"} for name in ("channel", "version", "projectId", "writeKey", "_metadata")]
    + [{"context": {"library": {"name": "amp"}}}, {"properties": {}}, {"properties": {"a": {}}}],
)
def test_what_changes_from_run_to_run_is_left_out(fields):
    assert body(opened(1, **fields)) == body(opened(1))


def test_a_field_that_is_no_text_or_map_where_one_must_stand_is_left_out():
    plain = hit(1, "page", {"userId": "u", "name": "Home"})
    odd = {"event": 1, "category": None, "traits": [1], "groupId": {"a": 1}}
    assert body(hit(1, "page", {"userId": "u", "name": "Home", **odd})) == body(plain)


@pytest.mark.parametrize("masked", [False, True])
def test_no_text_with_a_write_key_in_it_is_expected(masked):
    page = {"url": f"https://example.com/?key={KEY}", KEY: 1, "list": [KEY], "title": "Home"}
    sent = hit(1, "track", {"event": "A", "userId": "u", "context": {"page": page}})
    text = body(redact(sent) if masked else sent)
    assert text == ("expect:\n  - track: A\n    userId: u\n    context: {page: {title: Home}}\n")


def test_flat_values_stay_texts():
    flat = hit(1, "track", {"event": "A", "userId": "7", "properties": {"count": "1"}}, form="flat")
    assert 'userId: "7"\n    properties: {count: "1"}' in body(flat)


@pytest.mark.parametrize(
    ("value", "left_out"),
    [
        ("x" * 500, False),
        ("x" * 501, True),
        (10**499, False),
        (10**500, True),
        ([{"a": "x" * 501}], False),  # a map in a list matches as a subset
        (["x" * 501], True),
    ],
)
def test_what_is_too_long_to_read_is_left_out_with_a_comment(value, left_out):
    text = body(opened(1, properties={"a": value}))
    assert ("too long to read: properties.a\n" in text) is left_out


def test_damage_without_a_code_that_is_known_only_warns():
    odd = changed(opened(1), outcome=Outcome.DAMAGED)
    text = body(odd)
    assert "damaged: warn\n" in text
    assert verify(parse(parse_document(text, "s.yaml")), evidence(odd)).exit_code == 0


def marked(*marks):
    return [
        changed(opened(n, properties={"number": n}), step=mark) for n, mark in enumerate(marks, 1)
    ]


def steps(*hits):
    data: Any = parse_document(draft(hits), "s.yaml").data
    listed = data.get("steps", [data])
    return [
        (step.get("name"), [e["properties"]["number"] for e in step["expect"]]) for step in listed
    ]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (["", ""], [(None, [1, 2])]),
        (["f > s > one", "f > s > one", "f > s > two"], [("one", [1, 2]), ("two", [3])]),
        (["f > 1", "f > 2"], [(None, [1]), (None, [2])]),
        (["a > x", "b > x"], [("a > x", [1]), ("b > x", [2])]),
        (["", "f > one", "", "f > two"], [("one", [1, 2, 3]), ("two", [4])]),
        (["f > one", "f > two", "f > one"], [(None, [1, 2, 3])]),
    ],
)
def test_the_marks_of_steps_become_steps(marks, expected):
    arrows = [mark.replace(">", ARROW) for mark in marks]
    names = [(name and name.replace(">", ARROW), calls) for name, calls in expected]
    assert steps(*marked(*arrows)) == names


def test_one_step_without_a_name_is_no_step():
    assert "steps:" not in draft(marked(f"f {ARROW} 1", f"f {ARROW} 1"))
