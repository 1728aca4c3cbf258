"""Classification: each code with calls that have the problem, and with near misses."""

import os
import tracemalloc
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pixel_emulator.core.endpoint.pixel.decoder import decode
from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import JSON, CallType, Dialect, Outcome, Problem, Severity
from pixel_emulator.core.problems import classify
from pixel_emulator.core.problems.catalog import RULES, problem
from pixel_emulator.core.problems.drops import outcome_of, validate

CASES_FOLDER = Path(__file__).parents[2] / "cases"
MESSAGES = CASES_FOLDER / "messages.txt"
KEY = "wk_test_000000000000000"
ABSENT = object()
UUID = "5782774b-1462-4de0-a0b3-87d92139c0b9"
NIL = "00000000-0000-0000-0000-000000000000"
API = "https://api.segment.io/v1/pixel"


def call(call_type: CallType, **fields: Any) -> str:
    """Return the URL of a sound call of this type, with `fields` changed."""
    sound = {"writeKey": KEY, "userId": "user_123"}
    sound |= {
        CallType.TRACK: {"event": "Order Completed"},
        CallType.GROUP: {"groupId": "group_1"},
        CallType.ALIAS: {"previousId": "user_0"},
    }.get(call_type, {})
    payload = {key: value for key, value in (sound | fields).items() if value is not ABSENT}
    return encode(call_type, payload)


def identify(**fields: Any) -> str:
    return call(CallType.IDENTIFY, **fields)


def track(**fields: Any) -> str:
    return call(CallType.TRACK, **fields)


def page(**fields: Any) -> str:
    return call(CallType.PAGE, **fields)


def screen(**fields: Any) -> str:
    return call(CallType.SCREEN, **fields)


def group(**fields: Any) -> str:
    return call(CallType.GROUP, **fields)


def alias(**fields: Any) -> str:
    return call(CallType.ALIAS, **fields)


def value(text: str) -> str:
    """A track call with a property of this text."""
    return track(properties={"x": text})


def flat(query: str) -> str:
    return f"{API}/track?writeKey={KEY}&userId=user_123&event=Order%20Completed&{query}"


def problems_of(url: str, sources: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Return the problems of a URL, which must be the same without the text of the payload.

    With the text, checks that cannot find a problem are skipped.
    """
    request = request_from_url(url)
    call_type = CallType(request.path.decode().rpartition("/")[2])
    decoded = decode(call_type, request.query, Dialect.DOCUMENTED)
    [judged] = classify.classify(request, Dialect.DOCUMENTED, sources).calls
    problems = judged.problems
    assert problems == validate(decoded, request, sources or {})
    return problems


def codes_at(url: str) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in problems_of(url)]


TOKENS = [
    "{{ user.id }}",
    "{{user.id}}",
    "{{{user.id}}}",
    "{{${user_id}}}",
    "{{%20user.id%20}}",
    "%7B%7B%20user.id%20%7D%7D",
    "{{#if x}}yes{{/if}}",
    "Hello {{ name",
    "{{",
    "{% if x %}",
    "{%%20if%20x%20%}",
    "*|UNIQID|*",
    "*|MC:SUBJECT|*",
    "%%subscriberid%%",
    "%%First Name%%",
    "%%=v(@id)=%%",
    "${user.id}",
    "${ user }",
    "<%= user.id %>",
    "<% user %>",
    "<%- x",
    "&lt;%= x %&gt;",
    "%3C%=%20x%20%%3E",
    "[[user]]",
    "[[ user.id ]]",
    "[[First Name]]",
    "<%",
    "<% if user",
    "[%user%]",
    "%recipient.id%",
    "<span class=eloquaemail>EmailAddress1</span>",
    "*|NAME|Friend|*",
    "*|A|B|C|*",
    "%%!message_id%%",
    "%FIRSTNAME%",
    "%DATE%",
    "Hi %CONTACT-1%!",
    "%AB_1% %CD%",
    "[firstname,fallback=]",
    "[first name, fallback=you there]",
    "{!Contact.Id}",
    "{! $User.Id}",
]
NO_TOKENS = [
    "%%",
    "50% off %% code",
    "50%% off and 20%% more",
    "100%%sure and 100%%safe",
    '{"a":{"b":{"c":1}}}',
    "{}",
    "{{}}",
    "}}",
    "a } } b",
    "$5",
    "$5 {net}",
    "${5}",
    "cost: $ {x}",
    "5 <% 6",
    "a < b % c > d",
    "[[1,2],[3]]",
    "[[true]]",
    "[[null]]",
    "[[1st]]",
    "[x]",
    "*|",
    "**|bold|",
    "a * b | c * d",
    "%recipient",
    "100%25",
    "%7B%22a%22%3A1%7D",
    "<span class=mail>",
    "%C3%BCBER%20UNS",
    "%E2%82%ACUSD%20",
    "100%OFF% today",
    "%Y%M%D",
    "%shoes%",
    "%%",
    "[a, fallback]",
    "[1,fallback=]",
    "{!}",
    "{! important }!",
    "*|x| bold *",
]
CONSTANTS = ["anonymous", "Anonymous", "aaaa", "AAAA", "-1", "0", "0000", "-", NIL]
NO_CONSTANTS = ["aaa", "aaab", "1111", "-2", "10", "anonymous1", "abc123", UUID, "annnna"]
PLACEHOLDERS = [
    "undefined",
    "null",
    "None",
    "NaN",
    "[object Object]",
    "YOUR_WRITE_KEY",
    "<no value>",
]
NO_PLACEHOLDERS = ["undefined_1", "Nancy", "nullable", "none of it", "your write keyboard"]
INVALID_TIMES: list[JSON] = [
    "2030-01-31",
    "2030-01-31T12:30:00",
    "2030-13-31T12:30:00Z",
    "now",
    "",
    True,
    [],
]
VALID_TIMES = ["2030-01-31T12:30:00Z", "2030-01-31T12:30:00.123456+02:00", "2030-01-31T12:30+0200"]
DATA_NAMES = ["Order 12345 Completed", "Order #7", "Opened by jane@example.com", f"Viewed {UUID}"]
PLAIN_NAMES = ["Level 10 Reached", "Black Friday 2030", "Step 1 @ Home", "Signed Up", "A/B: v2"]

WRONG_OBJECTS: list[JSON] = ["", "x", 0, []]
WRONG_NAMES: list[JSON] = ["", 5, [], {}]
WRONG_EVENTS: list[JSON] = [5, 0, False, [], {}, ["Email Opened"]]
WRONG_IDS: list[JSON] = ["", 5, 0, False, [], {}, ["a", "b"]]

# code: (path, URLs that have the problem, URLs that nearly have it)
CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "bad_request": (
        "",
        [f"{API}/track?data=%21", f"{API}/track?data=bnVsbA", f"{API}/page?data=eyJ4Ijo+fQ=="],
        [f"{API}/track?data=", track()],
    ),
    "unknown_source": (
        "writeKey",
        [track(writeKey=key) for key in (ABSENT, None, "", 5, True, {}, [KEY])],
        [track(), track(writeKey="x")],
    ),
    "no_user_anon_id": (
        "",
        [
            track(userId=ABSENT),
            track(userId=None, anonymousId=None),
            alias(userId=ABSENT),
            group(userId=ABSENT),
            identify(userId=ABSENT, traits={"userId": "u"}),
            page(userId=ABSENT, user_id="u"),
        ],
        [track(), track(userId=ABSENT, anonymousId="a"), track(userId=""), track(anonymousId=None)],
    ),
    "id_not_string": (
        "userId",
        [
            *(track(userId=user_id) for user_id in WRONG_IDS),
            alias(userId=""),
            track(userId="", anonymousId="a"),
            flat("userId=again"),
        ],
        [track(), track(userId=" "), track(userId=None, anonymousId="a"), track(userId="5")],
    ),
    "event_not_defined": (
        "event",
        [track(event=ABSENT), track(event=None), track(event="")],
        [track(), track(event=5), page(), identify(event="")],
    ),
    "event_not_string": (
        "event",
        [track(event=event) for event in WRONG_EVENTS],
        [track(), track(event=""), track(event=None), page(event=5), track(event="5")],
    ),
    "properties_not_object": (
        "properties",
        [make(properties=value) for make in (track, page, screen) for value in WRONG_OBJECTS],
        [
            track(properties={}),
            track(properties=None),
            identify(properties=5),
            flat("properties.a=1"),
        ],
    ),
    "traits_not_object": (
        "traits",
        [make(traits=value) for make in (identify, group) for value in WRONG_OBJECTS],
        [identify(traits={}), identify(traits=None), track(traits=5), alias(traits=5)],
    ),
    "name_not_string": (
        "name",
        [make(name=value) for make in (page, screen) for value in WRONG_NAMES],
        [page(), page(name=None), page(name="Home"), track(name=5), identify(name="")],
    ),
    "category_not_string": (
        "category",
        [make(category=value) for make in (page, screen) for value in WRONG_NAMES],
        [page(), page(category=None), page(category="Docs"), track(category=5), group(category="")],
    ),
    "constant_id": (
        "userId",
        [identify(userId=value) for value in CONSTANTS],
        [*(identify(userId=value) for value in NO_CONSTANTS), track(properties={"id": "0000"})],
    ),
    "template_token": (
        "properties.x",
        [
            *map(value, TOKENS),
            flat("properties.x=%7B%7Buser%7D%7D"),
            flat("properties.x=$%7Bx%7D"),
        ],
        [*map(value, NO_TOKENS), flat("properties.x=%25%25"), track()],
    ),
    "literal_placeholder": (
        "userId",
        [
            *(track(userId=value) for value in (*PLACEHOLDERS, " null ", "\x1cNone\x85")),
            flat("x=1").replace("user_123", "NaN"),
        ],
        [
            *(track(userId=value) for value in NO_PLACEHOLDERS),
            *map(value, PLACEHOLDERS),
            page(event="null"),
        ],
    ),
    "group_id_missing": (
        "groupId",
        [group(groupId=value) for value in (ABSENT, None, *WRONG_NAMES)],
        [group(), track(groupId=""), identify()],
    ),
    "previous_id_missing": (
        "previousId",
        [alias(previousId=value) for value in (ABSENT, None, *WRONG_NAMES)],
        [alias(), identify(), track(previousId="")],
    ),
    "user_id_missing": (
        "userId",
        [alias(userId=ABSENT, anonymousId="a"), alias(userId=None, anonymousId="a")],
        [alias(), alias(userId=""), identify(userId=ABSENT, anonymousId="a")],
    ),
    "raw_json": (
        "",
        [f'{API}/identify?data={{"writeKey":"{KEY}","userId":"user_123"}}'],
        [identify(), flat("traits.x={}")],
    ),
    "flat_key_conflict": ("properties", [flat("properties.a=1&properties=x")], [flat("p=1&p=2")]),
    "amp_parameter": (
        "",
        [flat("amp;properties.a=1")],
        [flat("properties.a=amp;b"), flat("amp=1")],
    ),
    "baked_message_id": (
        "messageId",
        [track(messageId="m-1")],
        [track(), track(messageId=None), track(messageId=""), track(messageId="{{ uuid }}")],
    ),
    "message_id_too_long": (
        "messageId",
        [track(messageId="m" * 101)],
        [track(messageId="m" * 100), track(messageId="{{x}}" * 30)],
    ),
    "timestamp_invalid": (
        "timestamp",
        [
            *(track(timestamp=value) for value in INVALID_TIMES),
            flat("timestamp=2030-01-31T12:30+02"),
        ],
        [
            *(track(timestamp=value) for value in (*VALID_TIMES, None, "{{ now }}", 1893456000)),
            flat("timestamp=2030-01-31T12:30%2B02"),
        ],
    ),
    "epoch_timestamp": (
        "timestamp",
        [track(timestamp=value) for value in (1893456000, 1893456000123, 1.5, "1893456000")],
        [track(timestamp=value) for value in (*VALID_TIMES, True, "2030", "12345678")],
    ),
    "baked_timestamp": (
        "timestamp",
        [track(timestamp=value) for value in VALID_TIMES],
        [track(sentAt=VALID_TIMES[0]), track(originalTimestamp=VALID_TIMES[0]), track()],
    ),
    "too_many_properties": (
        "properties",
        [flat("&".join(f"properties.{n}=" for n in range(10_001)))],
        [flat("&".join(f"properties.{n}=" for n in range(10_000)))],
    ),
    "double_encoded": (
        "properties.x",
        [
            *map(value, ("Spring%20sale", "jane%40example.com", "Gr%c3%bc%C3%9Fe", "%20", "a%2Cb")),
            flat("properties.x=Article%2520Read"),
        ],
        [
            *map(value, ("50% off", "100%", "5%ab", "%%20", "a b%20c", "%E4", "%2", "%zz")),
            *map(value, ("/docs/a%20b", "https://x.example/a%20b", "?q=a%20b")),
            *map(value, ("*|%20|*", "%recipient.face%", "%%FACE%%")),
            flat("properties.x=Article%20Read"),
            flat("properties.x=50%25+off"),
            track(writeKey="wk%20x"),
        ],
    ),
    "email_as_user_id": (
        "userId",
        [track(userId="jane@example.com"), track(userId="j.d+x@mail.example.co.uk")],
        [track(anonymousId="jane@example.com"), track(userId="@jane"), track(userId="jane@home")],
    ),
    "email_event_name": (
        "event",
        [
            track(event=value)
            for value in ("Email opened", "email_opened", "EmailOpened", "unsubscribed")
        ],
        [track(event=value) for value in ("Email Opened", "Unsubscribed", "Mail Opened", "Email")],
    ),
    "email_properties": (
        "properties.subject",
        [track(event="Email Opened", properties={"subject": "Hi"})],
        [
            track(event="Email Opened", properties={"subject": "Hi", "email_subject": "Hi"}),
            track(event="Email Opened"),
            track(properties={"subject": "Hi"}),
        ],
    ),
    "ignored_parameters": ("", [track() + "&cb=1&event=x"], [track(), flat("cb=1")]),
    "malformed_parameter": ("", [flat("properties.x=%zz")], [flat("properties.x=%25zz")]),
    "empty_data": ("", [flat("data="), flat("data=&data=e30")], [flat("date="), track()]),
    "repeated_data": ("", [track() + "&data=e30", flat("data=&data=e30")], [track()]),
    "semicolon": (
        "",
        [flat("properties.a=1;b=2"), track() + ";b=2"],
        [flat("properties.a=1%3Bb"), flat("amp;a=1")],
    ),
    "invalid_utf8": (
        "",
        [f"{API}/identify?data=eyJ1c2VySWQiOiL_In0", flat("properties.a=%FF")],
        [identify(userId="\ufffd"), identify(userId="é"), flat("properties.a=%C3%BC")],
    ),
    "lone_surrogate": ("", [identify(userId="\ud83d")], [identify(userId="🎉")]),
    "duplicate_json_key": (
        "",
        [f'{API}/identify?data={{"userId":"a","userId":"b"}}'],
        [identify(traits={"userId": "a"})],
    ),
    "context_not_object": (
        "context",
        [track(context=value) for value in WRONG_OBJECTS],
        [track(context={}), track(context=None)],
    ),
    "integrations_not_object": (
        "integrations",
        [track(integrations=value) for value in WRONG_OBJECTS],
        [track(integrations={"All": False}), track(integrations=None)],
    ),
    "event_on_page": (
        "event",
        [page(event="Repo Visited"), screen(event=5)],
        [page(name="Repo"), page(event=None), track(), identify(event="x")],
    ),
    "flat_numbers": (
        "properties.revenue",
        [flat("properties.revenue=39.95"), flat("properties.revenue=-1")],
        [
            track(properties={"revenue": "39.95"}),
            flat("properties.revenue=free"),
            flat("properties.order_id=12345"),
            flat("properties.revenue=1&properties.revenue=2"),
        ],
    ),
    "misspelt_field": (
        "user_id",
        [track(userId=ABSENT, user_id="u"), track(userId=ABSENT, anonymousId="a", user_id="u")],
        [
            track(user_id="u"),
            track(properties={"user_id": "u"}),
            track(user="u"),
            track(userIds=[]),
        ],
    ),
    "misplaced_id": (
        "properties.userId",
        [
            track(userId=ABSENT, properties={"userId": "u"}),
            track(userId=None, properties={"userId": 5}),
        ],
        [
            track(properties={"userId": "u"}),
            track(userId=ABSENT, anonymousId="a", properties={"userId": "u"}),
            track(userId=ABSENT, properties={"user": {"userId": "u"}, "id": 5}),
        ],
    ),
    "data_in_event_name": (
        "event",
        [track(event=value) for value in DATA_NAMES],
        [
            *(track(event=value) for value in (*PLAIN_NAMES, "{{ order_12345 }}")),
            page(event="#12345"),
        ],
    ),
    "long_url": ("", [value("x" * 1_500)], [value("x" * 1_000)]),
    "insecure_url": (
        "",
        [track().replace("https:", "http:")],
        [
            track(),
            track().replace("https://api.segment.io", "http://127.0.0.1:8080"),
            track().replace("https://api.segment.io", "http://localhost"),
            track().replace("https://api.segment.io", "http://[::1]:8080"),
        ],
    ),
}
# The journal finds the first, `judge_url` the others: no request has them by itself.
OF_THE_JOURNAL = {
    "duplicate_message_id",
    "fragment",
    "folded_url",
    "invalid_host",
    "misspelt_host",
}

FIRING = [(code, path, url) for code, (path, urls, _) in CASES.items() for url in urls]
SILENT = [(code, url) for code, (_, _, urls) in CASES.items() for url in urls]
# The same rules at other fields.
ELSEWHERE = [
    ("id_not_string", "anonymousId", track(anonymousId="")),
    ("id_not_string", "anonymousId", track(userId=ABSENT, anonymousId=5)),
    *(
        ("literal_placeholder", f, track(**{f: "None"}))
        for f in ("writeKey", "anonymousId", "event")
    ),
    ("literal_placeholder", "writeKey", track(writeKey="<YOUR_WRITE_KEY>")),
    ("literal_placeholder", "writeKey", track(writeKey="your-write-key")),
    ("literal_placeholder", "groupId", group(groupId="undefined")),
    ("literal_placeholder", "previousId", alias(previousId="null")),
    ("constant_id", "anonymousId", page(anonymousId="aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")),
    ("constant_id", "groupId", group(groupId="0")),
    ("constant_id", "previousId", alias(previousId="anonymous")),
    ("template_token", "writeKey", track(writeKey="{{ key }}")),
    ("template_token", "event", track(event="{{ name }} Opened")),
    ("template_token", 'properties["{{ key }}"]', track(properties={"{{ key }}": 1})),
    ("template_token", "context.a[1].b", track(context={"a": [1, {"b": "*|X|*"}]})),
    ("template_token", "", track() + "&cb=%%RANDOM%%"),
    ("template_token", "", track() + "&cb=%2A%7CRANDOM%7C%2A"),
    ("template_token", "", track() + "&cb=[[random]]"),
    ("template_token", "userId", track(userId="#{user.id}")),
    ("template_token", "", track() + "&cb=<span+class=eloqua>"),
    ("template_token", "", f"{API}/track?data={{{{ data }}}}"),
    ("template_token", "", f"{API}/track?data=%7B%7B%20data%20%7D%7D"),
    ("template_token", "", flat("properties.x=%%name%%")),
    ("template_token", "", flat("properties.x=%%eaddr%%")),
    ("template_token", "", flat("properties.x=%3C%=%20x%20%%3E")),
    *(("timestamp_invalid", f, track(**{f: "soon"})) for f in ("sentAt", "originalTimestamp")),
    ("epoch_timestamp", "sentAt", track(sentAt=1893456000)),
    ("too_many_properties", "traits", flat("&".join(f"traits.{n}=" for n in range(10_001)))),
    ("misspelt_field", "timeStamp", track(timeStamp="x")),
    ("misspelt_field", "writekey", track(writeKey=ABSENT, writekey=KEY)),
    ("misspelt_field", "anonymous-id", track(**{"anonymous-id": "x"})),
    ("misspelt_field", "userID", track(userId=ABSENT, userID="x")),
    ("misspelt_field", '["user Id"]', track(userId=ABSENT, **{"user Id": "x"})),
    ("misplaced_id", "traits.user_id", identify(userId=ABSENT, traits={"user_id": "u"})),
    ("misplaced_id", "context.anonymousId", track(userId=ABSENT, context={"anonymousId": "u"})),
    (
        "misplaced_id",
        "context.traits.userID",
        track(userId=ABSENT, context={"traits": {"userID": "u"}}),
    ),
    ("double_encoded", "event", track(event="Email%20Opened")),
    ("double_encoded", "userId", flat("x=1").replace("user_123", "user%25201")),
    ("double_encoded", "properties.tags[1]", track(properties={"tags": ["a", "b%20c"]})),
    (
        "email_properties",
        "properties.email",
        track(event="Unsubscribed", properties={"email": "x"}),
    ),
]
SOUND = [
    identify(traits={"email": "jane@example.com", "plan": "pro"}),
    track(
        event="Email Opened", properties={"email_subject": "Hi"}, context={"traits": {"email": "x"}}
    ),
    page(name="Home", category="Docs", properties={"url": "https://example.com/?a={b}"}),
    screen(),
    group(traits={"name": "Example"}),
    alias(),
    track(userId=ABSENT, anonymousId=UUID, integrations={"All": True}),
    f"{API}/track?writeKey={KEY}&anonymousId={UUID}&event=PR+viewed&properties.prId={UUID}",
]


# The codes that a person would want for each line of pixel_urls.tsv.
VERDICTS = [
    *[""] * 11,
    "constant_id",
    "event_on_page",
    "literal_placeholder email_properties email_properties",
    "unknown_source no_user_anon_id event_not_defined empty_data",
    "event_not_defined insecure_url",
    "unknown_source no_user_anon_id event_not_defined insecure_url",
    *["unknown_source no_user_anon_id insecure_url"] * 4,
    "unknown_source flat_numbers insecure_url",
    "id_not_string email_properties insecure_url",
]
REAL_URLS = [
    (line.partition("\t")[0], verdict)
    for line, verdict in zip(
        (CASES_FOLDER / "pixel_urls.tsv").read_text(encoding="utf-8").splitlines(),
        VERDICTS,
        strict=True,
    )
]


def numbered(cases: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"{code}-{n}" for n, (code, *_) in enumerate(cases)]


FOUND = pytest.mark.parametrize(
    ("code", "path", "url"), [*FIRING, *ELSEWHERE], ids=numbered([*FIRING, *ELSEWHERE])
)


def test_every_code_has_cases():
    assert set(CASES) | OF_THE_JOURNAL == set(RULES)


@FOUND
def test_a_problem_is_found_at_its_path(code, path, url):
    assert (code, path) in codes_at(url)


@pytest.mark.parametrize(("code", "url"), SILENT, ids=numbered(SILENT))
def test_a_near_miss_is_not_reported(code, url):
    assert code not in [name for name, _ in codes_at(url)]


@pytest.mark.parametrize("url", SOUND, ids=range(len(SOUND)))
def test_a_sound_call_has_no_problem(url):
    assert problems_of(url) == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (track(), Outcome.DELIVERED),
        (track(messageId="m"), Outcome.DELIVERED),
        (track(messageId="m", userId="-1"), Outcome.DAMAGED),
        (track(messageId="m", userId="-1", event=""), Outcome.DROPPED),
        (f"{API}/track?data=%21", Outcome.DROPPED),
    ],
    ids=["sound", "note", "damage", "drop", "undecodable"],
)
def test_the_worst_problem_decides_the_outcome(url, expected):
    assert outcome_of(problems_of(url)) is expected


@pytest.mark.parametrize(("url", "expected"), REAL_URLS, ids=range(len(REAL_URLS)))
def test_real_pixels_are_classified_as_a_person_would(url, expected):
    assert [code for code, _ in codes_at(url)] == expected.split()


def test_no_problems_mean_delivered():
    assert outcome_of(()) is Outcome.DELIVERED


def test_with_sources_given_every_other_key_is_unknown():
    assert problems_of(track(), {KEY: "email-prod"}) == ()
    (unknown,) = problems_of(track(), {"another": "email-prod"})
    assert (unknown.code, unknown.path) == ("unknown_source", "writeKey")
    assert '"wk_t…", which is none of the given sources' in unknown.message


def test_problems_come_worst_first():
    url = group(groupId="", userId=ABSENT, messageId="m") + "&cb=1"
    names = [code for code, _ in codes_at(url)]
    assert names == [
        "no_user_anon_id",
        "group_id_missing",
        "ignored_parameters",
        "baked_message_id",
    ]


@pytest.mark.parametrize("call_type", CallType)
def test_of_an_undecodable_call_only_the_wire_and_the_url_are_checked(call_type):
    url = f"http://api.segment.io/v1/pixel/{call_type}?data={{{{{'x' * 2_000}}}}}"
    names = [code for code, _ in codes_at(url)]
    assert names == ["bad_request", "template_token", "long_url", "insecure_url"]


def test_a_token_of_the_flat_form_is_reported_once():
    assert codes_at(flat("properties.x={{ x }}")) == [("template_token", "properties.x")]


def test_a_token_inside_base64_does_not_hide_one_in_the_url():
    url = value("{{ x }}") + "&cb=*|RANDOM|*"
    assert codes_at(url)[:2] == [("template_token", "properties.x"), ("template_token", "")]


@pytest.mark.parametrize("escaped", [r"\u007b\u007b x }}", r"<\u0025 x", r"\u002a|X|*"])
def test_a_token_that_json_escapes_is_found(escaped):
    text = f'{{"writeKey":"{KEY}","userId":"u","event":"e","properties":{{"x":"{escaped}"}}}}'
    url = f"{API}/track?data={urlsafe_b64encode(text.encode()).decode()}"
    assert codes_at(url) == [("template_token", "properties.x")]


@pytest.mark.parametrize("blanks", [1, 100, 30_000])
def test_a_misspelt_field_is_found_however_long(blanks):
    url = track(**{f"anonymous{'_' * blanks}id": "a"})
    assert codes_at(url)[0][0] == "misspelt_field"


def test_long_names_are_not_cached():
    problems_of(track(**{"x" * 30_000: 1}))
    tracemalloc.start()
    try:
        for letter in "abcdefghij":
            problems_of(track(**{letter * 30_000: 1}))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * 30_000


def test_at_most_twenty_tokens_are_named():
    problems = problems_of(track(properties={"x": ["{{ x }}"] * 1_000}))
    assert [problem.code for problem in problems if problem.severity is Severity.DAMAGE] == [
        "template_token"
    ] * 20


def test_a_repeated_flat_parameter_is_explained():
    (twice,) = problems_of(flat("userId=again"))
    assert "userId is an array." in twice.message
    assert "more than once" in twice.message
    (array,) = problems_of(track(userId=["user_123", "again"]))
    assert "more than once" not in array.message


def test_a_plus_that_became_a_space_is_explained():
    (wrong,) = problems_of(flat("timestamp=2030-01-31T12:30:00+02:00"))
    assert wrong.message.endswith("A raw + in a URL means a space; write it as %2B.")


@pytest.mark.parametrize(
    "url",
    [
        track(writeKey="${secret}"),
        track(writeKey="secret-key-of-a-source"),
        track(writeKey="YOUR_secret".upper()),
        flat("x=1").replace(KEY, "%7B%7Bsecret%7D%7D"),
    ],
    ids=["in-a-token", "unknown", "placeholder", "flat"],
)
def test_no_message_contains_the_write_key(url):
    problems = problems_of(url, {KEY: "email-prod"})
    assert problems
    assert not any("secret" in problem.message.lower() for problem in problems)


def example(code: str) -> Problem:
    """Return the problem with this code of its first example."""
    if code in OF_THE_JOURNAL:
        if code == "misspelt_host":
            return problem(code, value="api.segmnet.io", meant="api.segment.io")
        return problem(code, "messageId", value="my shop" if code == "invalid_host" else None)
    _, urls, _ = CASES[code]
    return next(problem for problem in problems_of(urls[0]) if problem.code == code)


def test_the_messages_read_as_they_were_approved():
    """PIXEL_GOLDEN=update rewrites the file; read the difference as a person would."""
    examples = map(example, RULES)
    lines = [
        f"{problem.code} ({problem.severity}, {problem.source})\n    {problem.message}\n"
        for problem in examples
    ]
    text = "\n".join(lines)
    if os.environ.get("PIXEL_GOLDEN") == "update":
        MESSAGES.write_text(text, encoding="utf-8")
    assert text == MESSAGES.read_text(encoding="utf-8")
