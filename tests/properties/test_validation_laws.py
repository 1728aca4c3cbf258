"""Laws of validation that hold for every payload."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Form,
    HttpRequest,
    Outcome,
    Payload,
    Severity,
)
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.problems.drops import outcome_of, validate
from pixel_emulator.core.text.json_codec import Number
from tests.law_examples import examples

KEY = "wk_test_000000000000000"
REQUEST = HttpRequest(target=b"/v1/pixel/track?data=e30")
# Texts that rules look for, broken and whole, and lone surrogates among any others.
TEXTS = st.text(st.characters(), max_size=20) | st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "${",
            "}",
            "%%",
            "*|",
            "|*",
            "<%",
            "%>",
            "[[",
            "]]",
            "[%",
            "%7B%7B",
            "a",
            " ",
            "null",
            "0000",
            "-1",
            "jane@example.com",
            "2030-01-31T12:30:00Z",
            "+",
            "12345",
            "\ud800",
        ]
    ),
    max_size=6,
).map("".join)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**3_000, Number("1e999")])
FIELDS = st.sampled_from(
    [
        "writeKey",
        "userId",
        "anonymousId",
        "groupId",
        "previousId",
        "event",
        "name",
        "category",
        "properties",
        "traits",
        "context",
        "integrations",
        "messageId",
        "timestamp",
        "sentAt",
        "user_id",
        "subject",
        "email",
        "revenue",
        "data",
        "Event",
    ]
)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | TEXTS, inner, max_size=4),
    max_leaves=12,
)
PAYLOADS: st.SearchStrategy[Payload] = st.dictionaries(FIELDS | TEXTS, VALUES, max_size=8)
CALLS = st.builds(
    Call,
    type=st.sampled_from(CallType),
    form=st.sampled_from(Form),
    payload=st.none() | PAYLOADS,
    problems=st.just(()),
)
REQUESTS = st.builds(
    HttpRequest,
    target=st.binary(max_size=60) | TEXTS.map(lambda text: text.encode(errors="replace")),
    scheme=st.sampled_from(["http", "https"]),
    host=TEXTS,
)


@given(CALLS, REQUESTS, st.dictionaries(TEXTS, TEXTS, max_size=2))
@examples(200)
def test_any_call_is_judged_by_the_catalogue_and_worst_first(call, request, sources):
    problems = validate(call, request, sources)
    assert {problem.code for problem in problems} <= set(RULES)
    ranks = [list(Severity).index(problem.severity) for problem in problems]
    assert ranks == sorted(ranks)
    assert problems == validate(call, request, sources)


@given(CALLS, REQUESTS)
@examples(200)
def test_every_message_is_short_and_printable(call, request):
    for problem in validate(call, request):
        assert problem.message.isprintable()
        assert len(problem.message) < 900
        assert problem.message.endswith(".")


@given(PAYLOADS, st.sampled_from(CallType), st.booleans())
@examples(100)
def test_no_message_tells_a_good_write_key(payload, call_type, known):
    call = Call(type=call_type, form=Form.BASE64, payload=payload | {"writeKey": KEY})
    problems = validate(call, REQUEST, {KEY: "a"} if known else {"another": "b"})
    assert not any(KEY[:5] in problem.message for problem in problems)
    assert ("unknown_source" in [problem.code for problem in problems]) is not known


@given(PAYLOADS, st.sampled_from(CallType))
@examples(100)
def test_a_call_without_an_id_is_dropped_whatever_else_it_holds(payload, call_type):
    without = payload | {"writeKey": KEY, "userId": None, "anonymousId": None}
    call = Call(type=call_type, form=Form.FLAT, payload=without)
    assert outcome_of(validate(call, REQUEST)) is Outcome.DROPPED


@pytest.mark.parametrize(
    "wrap", [lambda inner: [inner], lambda inner: {"x": inner}], ids=["array", "object"]
)
def test_nine_thousand_levels_are_walked_without_recursion(wrap):
    value: Any = "{{ deep }}"
    for _ in range(9_000):
        value = wrap(value)
    call = Call(
        type=CallType.TRACK,
        form=Form.BASE64,
        payload={"writeKey": KEY, "userId": "u", "event": "E", "properties": {"x": value}},
    )
    (deep,) = validate(call, REQUEST)
    assert deep.code == "template_token"
    assert len(deep.message) < 900


@given(CALLS)
@examples(500)
def test_with_the_text_of_the_payload_the_problems_are_the_same(call):
    """The text only tells it where it need not look."""
    text = "\n".join(["", *strings(call.payload)])
    assert validate(call, REQUEST, text=text) == validate(call, REQUEST)


def strings(value: JSON) -> Iterator[str]:
    """All texts in a value, keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for member in value for text in strings(member))
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for member in pair for text in strings(member))


OPENINGS = """
    { {{ {{a ${ ${a $ *| *|a % %% %%a %%= <% <%= <%a &lt;%= %3C%= [[ [[a [% [%a %recipient
    @ . a@ a. 1 0 0- aa- - 2030-01-31T # undefined _
"""
PIECES = [*OPENINGS.split(), "a ", "{{ a}", "%%a ", "[[ "]


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_of_32_kilobytes_takes_longer_than_its_length_deserves(piece):
    """A regular expression that backtracks over all of it would hang here."""
    text = piece * (32_768 // len(piece)) + "\n"
    fields = ["writeKey", "userId", "anonymousId", "event", "messageId", "timestamp", "name", "x"]
    for form in Form:
        payload: Payload = dict.fromkeys(fields, text)
        payload |= {"properties": {"revenue": text, text: text}}
        call = Call(type=CallType.TRACK, form=form, payload=payload)
        request = HttpRequest(target=text.encode(), host=text)
        assert isinstance(validate(call, request), tuple)
