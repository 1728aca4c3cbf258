"""Every field of a call and of its request, with a matching and a mismatching pattern."""

from dataclasses import replace

import pytest

from pixel_emulator.core.model import Payload
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import changed, evidence, hit

TIME = "2030-01-31T09:00:12Z"
SAID = {
    "userId": "u1",
    "anonymousId": "a1",
    "previousId": "p1",
    "groupId": "g1",
    "event": "E",
    "name": "N",
    "category": "C",
    "messageId": "m1",
    "channel": "server",
    "version": "2",
    "timestamp": TIME,
    "sentAt": TIME,
    "originalTimestamp": TIME,
    "receivedAt": TIME,
    "properties": {"k": 1},
    "traits": {"k": 1},
    "context": {"k": 1},
    "integrations": {"k": 1},
}
FACTS = {
    "host": "api.segment.io",
    "path": "/v1/pixel/track",
    "form": "base64",
    "alphabet": "url",
    "user_agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
    "referer": "r",
    "padded": False,
    "client": "gmail",
    "fetch": "proxy",
    "http": "HTTP/1.1",
}
WRONG = {"form": "flat", "alphabet": "std", "client": "outlook", "fetch": "head", "padded": True}


def exit_code(item):
    sent_hit = hit(1, "track", SAID)
    headers = (("user-agent", FACTS["user_agent"]), ("referer", "r"))
    sent_hit = changed(sent_hit, request=replace(sent_hit.request, headers=headers), source="shop")
    data: Payload = {"expect": [item], "damaged": "ignore"}
    scenarios = parse(replace(parse_document("{}", "s.yaml"), data=data))
    return verify(scenarios, evidence(sent_hit)).exit_code


FIELDS = sorted({*SAID, "source"} - {"event"})


def test_no_field_is_left_out():
    assert {*FIELDS, "event", "writeKey"} >= {*vocabulary.FIELDS}
    assert {*FACTS} == {*vocabulary.REQUEST}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_the_call(field):
    right = SAID.get(field, "shop")
    wrong = {"k": 2} if isinstance(right, dict) else f"{right}x"
    assert exit_code({"track": "E", field: right}) == 0
    assert exit_code({"track": "E", field: wrong}) == 1


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_of_the_request(fact):
    assert exit_code({"track": "E", "request": {fact: FACTS[fact]}}) == 0
    assert exit_code({"track": "E", "request": {fact: WRONG.get(fact, "other")}}) == 1
