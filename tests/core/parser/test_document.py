"""Scenario files: what they are parsed to, and every issue with location, path and advice."""

import re
from pathlib import Path

import pytest

from pixel_emulator.core.errors import Document, InputError, Location
from pixel_emulator.core.model import JSON, CallType
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.parse_context import escape
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.core.scenarios.scenario import DEFAULT_LEVELS, Level, Policy
from pixel_emulator.files.yaml_loader import parse_document


def scenario(text):
    (only,) = parse(parse_document(text, "s.yaml"))
    return only


def call(text):
    (only,) = scenario(f"expect:\n  - {text}\n").expectations
    return only


def pattern(text):
    (only,) = call(text).patterns
    return only


def issues(text):
    with pytest.raises(InputError) as caught:
        parse(parse_document(text, "s.yaml"))
    return [str(issue) for issue in caught.value.issues]


# A call, then the type and the fields that it wants.
CALLS = [
    ("track: Email Opened", CallType.TRACK, {"event": "Email Opened"}),
    ("identify: user_123", CallType.IDENTIFY, {"userId": "user_123"}),
    ("page: Landing", CallType.PAGE, {"name": "Landing"}),
    ("screen: Home", CallType.SCREEN, {"name": "Home"}),
    ("group: acme", CallType.GROUP, {"groupId": "acme"}),
    ("alias: new", CallType.ALIAS, {"userId": "new"}),
    ("page:", CallType.PAGE, {}),
    ("track:", CallType.TRACK, {}),
    ("any:", None, {}),
    ("any: group", CallType.GROUP, {}),
    ("{any: , type: group}", CallType.GROUP, {}),
    ("{any: , event: x}", None, {"event": "x"}),
    ('track: ""', CallType.TRACK, {"event": ""}),
    ('track: "404"', CallType.TRACK, {"event": "404"}),
    ("track: /academy/", CallType.TRACK, {"event": "/academy/"}),
    ("track: costs $5", CallType.TRACK, {"event": "costs $5"}),
    ("track: $$5 off", CallType.TRACK, {"event": "$5 off"}),
    ('track: "$${x}"', CallType.TRACK, {"event": "${x}"}),
    ("{track: , name: null}", CallType.TRACK, {"name": None}),
    ("{page: A, category: B}", CallType.PAGE, {"name": "A", "category": "B"}),
    ("{track: A, timestamp: 1700000000}", CallType.TRACK, {"event": "A", "timestamp": 1700000000}),
    ("{any: , source: email-prod}", None, {"source": "email-prod"}),
    (
        "{alias: new, previousId: old, context: {ip: 1}, integrations: {All: false}}",
        CallType.ALIAS,
        {
            "userId": "new",
            "previousId": "old",
            "context": {"ip": 1},
            "integrations": {"All": False},
        },
    ),
    (
        '{track: A, properties: {"$$key": [$$a, 1, {b: $$$$c}], n: null}}',
        CallType.TRACK,
        {"event": "A", "properties": {"$key": ["$a", 1, {"b": "$$c"}], "n": None}},
    ),
]


@pytest.mark.parametrize(("text", "type", "fields"), CALLS)
def test_a_call_has_a_type_and_fields(text, type, fields):
    expectation = call(text)
    assert (expectation.patterns[0].type, expectation.patterns[0].fields, expectation.dropped) == (
        type,
        fields,
        False,
    )


@pytest.mark.parametrize(
    ("text", "type", "code", "fields"),
    [
        ("dropped: no_user_anon_id", None, "no_user_anon_id", {}),
        ("dropped:", None, "", {}),
        ("{dropped: , type: page, userId: 123}", CallType.PAGE, "", {"userId": 123}),
        ("{dropped: , properties: none}", None, "", {"properties": "none"}),
    ],
)
def test_a_dropped_line_may_hold_values_that_segment_refuses(text, type, code, fields):
    expectation = call(text)
    assert (expectation.dropped, expectation.code) == (True, code)
    assert (expectation.patterns[0].type, expectation.patterns[0].fields) == (type, fields)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("track: Email Opened", "track: Email Opened"),
        ("{track: , event: A}", "track: A"),
        ("page:", "page:"),
        ("group: acme", "group: acme"),
        ("{group: , groupId: 7}", "group: 7"),
        ("any:", "any:"),
        ("dropped:", "dropped:"),
        ("dropped: bad_request", "dropped: bad_request"),
        ("{dropped: bad_request, type: page}", "dropped: bad_request (page:)"),
    ],
)
def test_an_expectation_is_one_line(text, line):
    assert call(text).line == line


@pytest.mark.parametrize(
    ("text", "times", "written"),
    [
        ("1", Times(1, 1), "1"),
        ("0", Times(0, 0), "0"),
        ("3", Times(3, 3), "3"),
        ('"3"', Times(3, 3), "3"),
        ("2..4", Times(2, 4), "2..4"),
        ("0..1", Times(0, 1), "0..1"),
        ("1..", Times(1, None), "1.."),
        ("0..", Times(0, None), "0.."),
        ("2..2", Times(2, 2), "2"),
    ],
)
def test_times_are_a_number_or_a_range(text, times, written):
    assert call(f"{{page: , times: {text}}}").times == times
    assert str(times) == written


def test_times_defaults_to_once():
    assert call("page:").times == Times(1, 1)


def test_an_expectation_has_id_note_and_location():
    (_, expectation) = scenario(
        "expect:\n  - page:\n  - track: A\n    id: a\n    note: why\n"
    ).expectations
    assert (expectation.id, expectation.note, expectation.location) == (
        "a",
        "why",
        Location("s.yaml", 3, 5),
    )


def test_a_scenario_has_a_name_tags_and_the_default_policies():
    parsed = scenario("name: costs $$5\ntags: [mail, slow]\nexpect: []\n")
    assert parsed.name == "costs $5"
    assert parsed.title == "s.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} costs $5"
    assert parsed.tags == ("mail", "slow")
    assert parsed.expectations == ()
    assert parsed.levels == DEFAULT_LEVELS
    assert (parsed.same_event, parsed.accepted) == (False, frozenset())


def test_the_defaults_fail_all_but_duplicates_and_unhandled_requests():
    strict = {policy for policy, level in DEFAULT_LEVELS.items() if level is Level.FAIL}
    assert strict == {Policy.UNEXPECTED, Policy.DROPPED, Policy.DAMAGED}


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("level", Level)
def test_each_policy_is_fail_warn_or_ignore(policy, level):
    parsed = scenario(f"{policy}: {level}\nexpect: [{{page: }}]\n")
    assert parsed.levels == {**DEFAULT_LEVELS, policy: level}


def test_unexpected_may_be_narrowed_to_the_same_event():
    parsed = scenario("unexpected: same-event\nexpect: [{page: }]\n")
    assert parsed.same_event
    assert parsed.levels[Policy.UNEXPECTED] is Level.FAIL


def test_damage_may_be_accepted_by_code():
    parsed = scenario("damaged: {accept: [raw_json, constant_id]}\nexpect: []\n")
    assert parsed.accepted == {"raw_json", "constant_id"}
    assert parsed.levels[Policy.DAMAGED] is Level.FAIL


def test_silence_requires_that_unexpected_calls_fail():
    assert scenario("unexpected: fail\nexpect: []").expectations == ()


def test_calls_may_be_expected_with_unexpected_calls_tolerated():
    assert scenario("unexpected: ignore\nexpect: [{page: , times: 0}]").expectations


@pytest.mark.parametrize(
    "special",
    ["$order", "$/^Day/x", "drip ${n} opens", "${order}", "$$${x}", "$5 off", "$", "$gt", "$/^Day"],
)
def test_a_dollar_sign_is_special(special):
    """Undeclared names and incomplete regexes are no texts; escaped, they are."""
    (issue,) = issues(f"expect:\n  - track: '{special}'\n")
    assert issue.startswith("s.yaml:2:5: expect[0].track: ")
    assert pattern(f"track: '{escape(special)}'").fields == {"event": special}


@pytest.mark.parametrize(
    "place",
    [
        "name: $x\nexpect: []",
        "tags: [$x]\nexpect: []",
        "expect: [{page: , id: $x}]",
        "expect: [{page: , note: $x}]",
        "expect: [{page: , userId: $x}]",
        "expect: [{page: , properties: $x}]",
        "expect: [{page: , properties: {a: [$x]}}]",
        "expect: [{page: , properties: {$x: 1}}]",
        "expect: [{page: , context: $x}]",
        "expect: [{dropped: $x}]",
        "expect: [{dropped: , userId: $x}]",
        "expect: [{page: , request: {host: $x}}]",
        "expect: [{one-of: [{page: $x}]}]",
        "never: [{page: $x}]",
        "state: {u: {traits: {a: $x}}}",
        "state: {$x: {}}",
        "deny: [{contains: $x}]",
        "deny: [{contains: a, in: $x}]",
        "do: {open: $x}\nexpect: []",
        "do: {send: {page: $x}}\nexpect: []",
        "plan: $x\nexpect: []",
        "client: $x\nexpect: []",
        "define: {a: $x}\nexpect: [{page: $a}]",
    ],
)
def test_an_undeclared_name_is_refused_everywhere(place):
    (issue,) = issues(place)
    assert re.search(r"`\$x` is no matcher|\$x: no such operator", issue)


@pytest.mark.parametrize("key", ["$x: 1\nexpect: []", "expect: [{page: , $x: 1}]"])
def test_a_key_of_the_language_has_no_dollar_sign(key):
    (issue,) = issues(key)
    assert "$x: no such key here" in issue


@pytest.mark.parametrize("text", ["", "$", "$$", "$$$", "$x", "a$b", "a$$b", "a${b}", "$${", "x"])
def test_an_escaped_text_means_itself(text):
    assert pattern(f"track: '{escape(text)}'").fields == {"event": text}


@pytest.mark.parametrize("text", ["", "x", "a$b", "costs $5", "US$"])
def test_text_that_needs_no_escape_is_unchanged(text):
    assert escape(text) == text


MISTAKES = Path(__file__).parents[2] / "cases" / "scenario_mistakes.txt"


@pytest.mark.parametrize("block", MISTAKES.read_text().split("----\n"))
def test_an_issue_has_location_message_and_advice(block):
    """Each block of the file is a scenario, then its issues after `=>`."""
    lines = block.splitlines()
    text = "\n".join(line for line in lines if not line.startswith("=> "))
    expected = [line.removeprefix("=> ") for line in lines if line.startswith("=> ")]
    assert [message.removeprefix("s.yaml:").lstrip() for message in issues(text)] == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('">=2"', ": write 2.."),
        ('">2"', ": write 3.."),
        ("<=2", ": write 0..2"),
        ("< 2", ": write 0..1"),
        ("<0", ": write 0..0"),
        ("twice", ""),
        ("..3", ": write 0..3"),
        ('".. 3"', ": write 0..3"),
        ("..", ""),
        ("-1", ""),
        ("1.5", ""),
        ("2.0", ""),
        ("true", ""),
        ("", ""),
        ("[1]", ""),
    ],
)
def test_invalid_times_are_refused_with_the_intended_range(text, advice):
    (issue,) = issues(f"expect: [{{page: , times: {text}}}]")
    assert issue.startswith("s.yaml:1:19: expect[0].times: must be like 1, 0, 2..4 or 1..; it is")
    assert issue.partition("it is")[2].partition(": ")[2] == advice.removeprefix(": ")


def test_all_issues_of_a_file_are_reported_in_file_order():
    text = """\
nam: x
expect:
  - track: 404
    userId: 123
    properties: {total: {$gtt: 0}}
  - trak: A
unexpected: maybe
"""
    places = [message.partition(": ")[0] for message in issues(text)]
    assert places == [f"s.yaml:{at}" for at in ("1:1", "3:5", "4:5", "5:26", "6:5", "7:1")]


def test_the_nesting_of_values_is_limited():
    """The limit holds for documents that do not come from a file, too."""
    value: JSON = 1
    for _ in range(50_000):
        value = {"a": value}
    documents: list[JSON] = [
        {"expect": [{"page": None, "context": value}]},
        {"expect": [], "given": {"profiles": value}},
        {"expect": [], "let": {"a": value}},
        {"state": value},
    ]
    for data in documents:
        with pytest.raises(InputError, match="nested deeper than 200 levels"):
            parse(Document("s.yaml", data, {}))


@pytest.mark.parametrize(
    "text",
    [
        "expect: []\n" + "".join(f"expetc{n}: 1\n" for n in range(5_000)),
        "expect: []\n" + "".join(f"expetc{n}:\n" for n in range(5_000)),
        "expect:\n" + "  - {page: , usreId: 1}\n" * 5_000,
        "expect:\n" + "  - {page: , userId: $unmber}\n" * 5_000,
        "expect:\n" + "".join(f"  - {{page: , id: i{n}, after: ii{n}}}\n" for n in range(5_000)),
    ],
    ids=["keys", "null", "fields", "matchers", "after"],
)
def test_suggestions_have_a_budget(text):
    """Thousands of suggestions would take too long; all issues are reported all the same."""
    messages = issues(text)
    assert len(messages) == 5_000
    guesses = ["did you mean" in message for message in messages]
    assert all(guesses[:3])
    assert not any(guesses[-3:])
    assert sum(map(len, messages)) < 2_000_000


def test_suggestions_are_the_same_for_every_row():
    rows = "".join(f"  - {{a: '{n}'}}\n" for n in range(1_500))
    wrong = "userId: $unmber, anonymousId: $unmber, messageId: $unmber"
    messages = issues(f"let: [a]\ncases:\n{rows}expect: [{{page: $a, {wrong}}}]\n")
    assert len(messages) == 3
