"""Forbidden values are found anywhere in a request."""

from dataclasses import replace

import pytest

from pixel_emulator.core.model import HttpRequest
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, classified_hit, evidence, hit

MAIL = "ada@example.com"


def places(rule, *hits, let=""):
    text = f"{let}\nunexpected: ignore\ndropped: ignore\nexpect: [{{any: , times: 0..}}]\ndeny:\n"
    verdict = verify(parse(parse_document(f"{text}  - {rule}\n", "s.yaml")), evidence(*hits))
    assert verdict.exit_code == bool(verdict.scenarios[0].forbidden_values)
    return [(value.path, value.value) for value in verdict.scenarios[0].forbidden_values]


def track(form="base64", **fields):
    return hit(1, "track", {"event": "A", "userId": "u", **fields}, form=form)


# The rule, fields of the call, and the paths of the forbidden values.
RULES = [
    ("contains: $email", {}, []),
    ("contains: $email", {"properties": {"to": MAIL}}, ["properties.to"]),
    ("contains: $email", {"properties": {"text": f"mail to {MAIL}."}}, ["properties.text"]),
    ("contains: $email", {"properties": {"text": f"from <{MAIL}>, now"}}, ["properties.text"]),
    ("contains: $email", {"properties": {"a": [{"b": MAIL}]}}, ["properties.a[0].b"]),
    ("contains: $email", {"properties": {MAIL: 1}}, [f'properties["{MAIL}"]']),
    ("contains: ada", {"properties": {"to": MAIL}}, ["properties.to"]),
    ("contains: $now", {"properties": {"at": "2030-01-31T09:00:12Z"}}, ["properties.at"]),
    ("contains: $now", {"properties": {"at": "2030-01-31T12:00:12Z"}}, []),
    ("contains: $/^ada@/", {"properties": {"to": MAIL}}, ["properties.to"]),
    ("contains: {$gt: 100}", {"properties": {"n": 101, "m": 1}}, ["properties.n"]),
    ("{contains: $email, in: traits}", {"properties": {"to": MAIL}}, []),
    ("{contains: $email, in: properties}", {"properties": {"to": MAIL}}, ["properties.to"]),
    ("{contains: $email, in: properties.x}", {"properties": {"x": {"y": MAIL}, "z": MAIL}},
     ["properties.x.y"]),
    ("{contains: $email, in: everything, except: [properties.to]}",
     {"properties": {"to": MAIL, "cc": MAIL}}, ["properties.cc"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "fields", "paths"), RULES)
def test_values_and_keys_of_the_payload_are_checked(rule, fields, paths):
    rule = rule if rule.startswith("{") else f"{{{rule}}}"
    if rule.startswith("{contains: {$gt"):
        assert "properties.n" in [path for path, _ in places(rule, track(**fields))]
    else:
        assert [path for path, _ in places(rule, track(**fields))] == paths


def test_the_url_and_the_referer_are_checked_decoded_too():
    flat = track("flat", properties={"to": MAIL})
    assert [path for path, _ in places("{contains: $email}", flat)] == [
        "properties.to", "url"
    ]  # fmt: skip
    request = replace(
        track().request, headers=(("referer", "https://x.example/?to=ada%40b.example"),)
    )
    assert places("{contains: $email}", classified_hit(1, request)) == [
        ("referer", "ada@b.example")
    ]


def test_what_is_excepted_in_the_payload_is_excepted_in_the_url():
    flat = track("flat", properties={"to": MAIL})
    assert places("{contains: $email, except: [properties.to]}", flat) == []


def test_dropped_and_unhandled_requests_are_checked():
    dropped = hit(1, "track", {"event": MAIL})
    assert [path for path, _ in places("{contains: $email}", dropped)] == ["event"]
    other = classified_hit(1, HttpRequest(target=b"/v1/other?to=ada%40example.com"))
    assert [path for path, _ in places("{contains: $email}", other)] == ["url"]


def test_no_excerpt_shows_a_write_key():
    assert KEY not in str(places("{contains: $/wk_test/}", track("flat")))


def test_a_variable_forbids_its_value():
    text = "let: [x]\nexpect:\n  - {track: A, properties: {a: $x}}\ndeny:\n"
    text += "  - {contains: $x, except: [properties.a]}\n"
    for url, code in (("other", 0), ("secret", 1)):
        sent = track(properties={"a": "secret", "b": url})
        verdict = verify(parse(parse_document(text, "s.yaml")), evidence(sent))
        assert verdict.exit_code == code
