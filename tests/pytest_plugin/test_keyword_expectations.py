"""The keywords of `expect`: the words of the scenario language."""

import re
from unittest.mock import ANY

import pytest

from pixel_emulator.core.errors import Location
from pixel_emulator.core.model import CallType
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.pytest_plugin.keyword_expectations import expectation_of

HERE = Location("test_mail.py", 12)


def pattern(**call):
    (expected,) = expectation_of(call, HERE).patterns
    return expected


def test_an_expectation_stands_on_its_line_of_the_test():
    assert expectation_of({"track": "Email Opened"}, HERE).location == HERE


def test_text_is_literal_also_where_it_begins_with_a_dollar_sign():
    expected = pattern(track="$int", properties={"$k": "$$x", "b": "${y}"})
    assert expected.fields == {"event": "$int", "properties": {"$k": "$$x", "b": "${y}"}}


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ({"track": "A"}, "track: A"),
        ({"page": None}, "page:"),
        ({"any": "identify"}, "identify:"),
        ({"any": None}, "any:"),
        ({"dropped": True}, "dropped:"),
        ({"dropped": "bad_request", "type": "track"}, "dropped: bad_request (track:)"),
        ({"one_of": [{"track": "A"}, {"track": "B"}]}, "track: A or track: B"),
        ({"track": re.compile("^A")}, "track: matching /^A/"),
    ],
)
def test_the_call_line_says_which_call(call, line):
    assert expectation_of(call, HERE).line == line


@pytest.mark.parametrize(
    ("times", "wanted"), [(2, Times(2, 2)), (0, Times(0, 0)), ("1..", Times(1, None))]
)
def test_times_are_numbers_or_ranges(times, wanted):
    assert expectation_of({"track": "A", "times": times}, HERE).times == wanted


def test_the_wire_can_be_expected():
    assert pattern(page=None, request={"form": "flat"}).request == {"form": "flat"}
    assert pattern(page=None).type is CallType.PAGE


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"trakc": "A"}, 'trakc: no such key here (did you mean "track"?)'),
        ({"track": "A", "propertis": {}}, "propertis: no such key here"),
        ({"track": 404}, 'track: must be text, but is 404 (number): quote it, "404"'),
        ({"track": "A", "times": -1}, "times: must be like 1, 0, 2..4 or 1..; it is -1 (number)"),
        ({"dropped": "nope"}, "dropped: `nope` is no problem that drops a call"),
        ({"userId": "x"}, "which call? give one of identify, track,"),
        ({}, "which call?"),
        ({"track": "A", "page": "B"}, "one call cannot be both `track` and `page`"),
        ({"track": "A", "after": "x"}, "after: the order of calls is the business of a scenario"),
        ({"track": "A", "within": "5s"}, "within: give `timeout` to `wait_for`"),
        ({"track": "A", "timeout": 2}, "timeout: `expect` looks at once; `wait_for(…, timeout=…)`"),
        (
            {"track": "A", "times": range(1, 3)},
            "times: must be like 1, 0, 2..4 or 1..; it is r",
        ),
        ({"any": ANY, "userId": ANY}, "any: must be one of identify, track, "),
        ({"track": "A", "properties": {"a": b""}}, "properties: b'' can never arrive"),
    ],
)
def test_what_is_no_call_is_refused_in_the_words_of_the_language(call, said):
    with pytest.raises(TypeError) as error:
        expectation_of(call, HERE)
    assert str(error.value).startswith(said)
