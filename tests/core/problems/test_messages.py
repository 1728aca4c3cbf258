"""The examples of the problem codes: each is decoded and classified, and has its code."""

import pytest

from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.model import Dialect, RuleSource, Severity
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.problems.classify import MessageIds, classify_url
from pixel_emulator.core.problems.messages import MESSAGES, Example
from pixel_emulator.runtime.settings import Settings
from tests.hits import changed, classified_hit

# Codes that an example has beside its own, because no call can have that one alone.
COMPANIONS = {
    "duplicate_message_id": {"baked_message_id"},  # a repeated messageId is a messageId
    "message_id_too_long": {"baked_message_id"},  # so is a long one
    "misplaced_id": {"no_user_anon_id"},  # an id elsewhere matters if there is no other
    "too_many_properties": {"long_url"},  # 10,001 names take more than 2,000 characters
}


def codes_of(example):
    """Return the codes of the last request of an example."""
    url = example.whole_url()
    classification = classify_url(url, Dialect.DOCUMENTED, hosts=Settings().hosts)
    hit = changed(
        classified_hit(1, request_from_url(url)),
        problems=classification.problems,
        outcome=classification.outcome,
    )
    message_ids = MessageIds()
    checked = [message_ids.check(hit.exchange) for _ in range(example.requests)]
    return [problem.code for problem in checked[-1].calls[0].problems]


@pytest.mark.parametrize("code", RULES)
def test_an_example_has_its_code_and_no_other(code):
    codes = codes_of(RULES[code].example)
    assert sorted(codes) == sorted({code} | COMPANIONS.get(code, set()))


def test_every_severity_and_source_has_its_messages():
    assert {severity for severity, _ in MESSAGES} == set(Severity)
    assert {source for _, source in MESSAGES} == set(RuleSource)


def test_no_code_stands_in_two_tables():
    assert sum(map(len, MESSAGES.values())) == len(RULES)


def test_a_repeated_part_is_numbered_from_0():
    assert Example("u?", part="a{n}&", times=3).whole_url() == "u?a0&a1&a2&"
    assert Example("u?").whole_url() == "u?"
