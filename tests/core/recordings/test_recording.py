"""A whole recording, and its entries: plain data and back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pixel_emulator.core.endpoint.pixel.decoder import decode
from pixel_emulator.core.errors import Document, InputError
from pixel_emulator.core.model import Call, CallType, Dialect, Form, HttpRequest, Outcome
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry, read_exchange
from pixel_emulator.core.recordings.recording import End, Head, Redaction
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import changed, hit, redact

HEAD = Head(
    created=datetime(2030, 1, 31, 9, tzinfo=UTC),
    run="r1",
    tool="0.1.0",
    dialect=Dialect.STRICT,
    shard="2/4",
)
DIGEST = "0a" * 32


def hit_of(data):
    [read] = read_exchange(Node(Document("", data, {}), (), data)).hits
    return read


def recorded(seq=1, **changes):
    made = changed(hit(seq, "track", {"event": "Email Opened", "userId": "u"}), digest=DIGEST)
    call = made.call and replace(made.call, problems=())
    return changed(made, **{"call": call} | changes)


def parsed(*hits, torn=False, **changes):
    data = recording.head_data(HEAD) | {"calls": [entry(hit.exchange) for hit in hits]} | changes
    return recording.parse(parse_document_of(data), torn=torn)


def parse_document_of(data):
    return replace(parse_document("", "r.yaml"), data=data)


# -- entries --------------------------------------------------------------------------------


def test_an_entry_begins_with_seq_and_ends_with_the_digest():
    data: Any = entry(recorded(7).exchange)
    assert list(data) == [
        *("seq", "time", "type", "outcome", "form", "alphabet", "padded", "payload"),
        *("problems", "request", "digest"),
    ]
    assert data["seq"] == 7
    assert data["time"] == "2030-01-31T09:00:12.418Z"
    assert data["digest"] == f"sha256:{DIGEST}"
    assert list(data["request"]) == ["method", "url", "http", "client", "headers", "status"]


def test_an_entry_has_its_step_after_its_time():
    data: Any = entry(recorded(step="mail.yaml : 1").exchange)
    assert list(data)[:3] == ["seq", "time", "step"]
    assert data["step"] == "mail.yaml : 1"


def deep(levels):
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def flat(value):
    """Return all that a value holds, in order; comparing 5,000 levels would overflow."""
    parts: list[Any] = []
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict | list):
            parts.append([*part] if isinstance(part, dict) else len(part))
            rest.extend(part.values() if isinstance(part, dict) else part)
        else:
            parts.append(repr(part))
    return parts


def payloads(hit):
    return [flat(judged.call.payload) for judged in hit.exchange.calls]


def without_payloads(hit):
    calls = hit.exchange.calls
    empty = tuple(replace(judged, call=replace(judged.call, payload=None)) for judged in calls)
    return changed(hit, calls=empty)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": "email-prod", "status": 405, "outcome": Outcome.DUPLICATE},
        {"calls": ()},
        {"step": "mail.yaml : the mail is opened"},
        {"call": Call(type=CallType.PAGE, form=Form.FLAT, payload={})},
        {"call": Call(type=CallType.PAGE, form=Form.BASE64, payload=None)},
        {"call": Call(type=CallType.PAGE, form=Form.JSON, payload={"a": deep(98)})},
        {"call": Call(type=CallType.PAGE, form=Form.JSON, payload={"a": deep(5_000)})},
        {"request": HttpRequest(target=b"/v1/t?a=%zz&b#?c://d", method="POST", scheme="http")},
        {"request": HttpRequest(target=b"/", host="", client="::1", http_version="HTTP/2")},
    ],
)
def test_a_hit_is_read_back_as_it_was(changes):
    before = recorded(**changes)
    after = hit_of(entry(before.exchange))
    assert payloads(after) == payloads(before)
    assert without_payloads(after) == without_payloads(before)


def test_payloads_deeper_than_yaml_loaders_go_are_stored_as_json_text():
    call = Call(type=CallType.PAGE, form=Form.JSON, payload={"a": deep(100)})
    assert isinstance(entry(recorded(call=call).exchange)["payload"], str)


def test_only_headers_that_show_the_client_and_its_purpose_are_stored():
    headers = (
        *(("user-agent", "A"), ("cookie", "secret"), ("via", "1.1 a"), ("x-api-key", "secret")),
        *(("authorization", "secret"), ("sec-fetch-dest", "image"), ("via", "1.1 b")),
        *(("set-cookie", "secret"), ("proxy-authorization", "secret")),
    )
    data: Any = entry(recorded(request=HttpRequest(target=b"/", headers=headers)).exchange)
    assert data["request"]["headers"] == {
        "user-agent": "A",
        "via": "1.1 a, 1.1 b",
        "sec-fetch-dest": "image",
    }


def test_times_are_written_in_utc():
    time = datetime(2030, 1, 31, 9, 0, 0, 5_000, tzinfo=timezone(timedelta(hours=2)))
    assert entry(recorded(time=time).exchange)["time"] == "2030-01-31T07:00:00.005Z"


def test_bytes_that_no_url_holds_are_read_back_percent_encoded():
    request = HttpRequest(target=b'/v1/pixel/track?a=" \xff')
    assert hit_of(entry(recorded(request=request).exchange)).request.target == (
        b"/v1/pixel/track?a=%22%20%FF"
    )


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"seq": "1"}, "seq", 'must be a whole number, but is "1"'),
        ({"seq": True}, "seq", "must be a whole number, but is of type boolean"),
        ({"time": "2030-01-31"}, "time", "must be a time like"),
        ({"time": None}, "time", "is missing"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time", "outside of the years 1 to 9999"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "time", "outside of the years 1 to 9999"),
        ({"outcome": "delivred"}, "outcome", 'did you mean "delivered"?'),
        ({"type": 1}, "type", "must be text"),
        ({"payload": []}, "payload", "must be a map, but is of type array"),
        ({"payload": "{"}, "payload", "is not JSON"),
        ({"padded": "no"}, "padded", "must be true or false"),
        ({"step": 1}, "step", "must be text"),
        ({"problems": {}}, "problems", "must be a list"),
        ({"problems": [{}]}, "problems[0].code", "is missing"),
        ({"request": None}, "request", "must be a map, but is missing"),
        ({"request": {"url": "/v1"}}, "request.url", "must be a URL"),
    ],
)
def test_wrong_values_are_named(changes, path, message):
    with pytest.raises(InputError) as caught:
        hit_of(entry(recorded().exchange) | changes)
    (issue,) = caught.value.issues
    assert issue.path == path
    assert message in issue.message


# -- recordings -----------------------------------------------------------------------------


def test_a_recording_has_its_head_hits_and_end():
    read = parsed(recorded(1), recorded(2), end={"connections": 1, "calls": 2, "gaps": ["g"]})
    assert read.head == HEAD
    assert read.hits == (recorded(1), recorded(2))
    assert (read.end.calls, read.end.connections, read.end.gaps) == (2, 1, ("g",))
    assert not read.torn


def test_the_connections_come_last_so_that_a_torn_end_lacks_them():
    acted = {"a step": datetime(2030, 1, 31, 9, tzinfo=UTC)}
    end: Any = recording.end_data(End(calls=2, connections=1, gaps=("g",), acted=acted))["end"]
    assert list(end) == ["calls", "steps", "gaps", "connections"]
    assert end["steps"] == [{"title": "a step", "acted": "2030-01-31T09:00:00.000Z"}]


END = {"calls": 2, "connections": 3}


@pytest.mark.parametrize(
    ("made", "gaps"),
    [
        (lambda: parsed(recorded(1), recorded(2), end=END), []),
        (lambda: parsed(recorded(1), recorded(2)), ["r.yaml has no `end`"]),
        (lambda: parsed(recorded(1), end=END), ["holds 1 calls, but its `end` counts 2"]),
        (lambda: parsed(recorded(1), recorded(3), end=END), ["call 2 should come next"]),
        (lambda: parsed(recorded(1), recorded(2), end=END | {"gaps": ["a", "b"]}), ["a", "b"]),
        (lambda: parsed(recorded(1), torn=True), ["r.yaml is torn: what follows call 1"]),
        (lambda: parsed(recorded(1), recorded(2, digest="0")), ["is torn: what follows call 1"]),
        (lambda: parsed(recorded(1), end=None), ["is torn"]),
        (lambda: parsed(recorded(1), end={"calls": 1}), ["is torn"]),
    ],
)
def test_each_reason_why_calls_may_be_missing_is_a_gap(made, gaps):
    actual = made().evidence().gaps
    assert len(actual) == len(gaps)
    assert all(part in gap for part, gap in zip(gaps, actual, strict=True))


def edited(change, made=None):
    """Return the gaps of a recording whose second entry was edited."""
    data: Any = recording.head_data(HEAD) | {
        "calls": [entry(recorded(1).exchange), entry((made or recorded(2)).exchange)]
    }
    change(data["calls"][1])
    data["calls"].append(entry(recorded(3).exchange))
    end = {"calls": 3, "connections": 1}
    return recording.parse(parse_document_of(data | {"end": end})).evidence().gaps


PAYLOAD_GAP = ("r.yaml: entry 2: its payload is not what its URL says; was it edited?",)
DIGEST_GAP = (
    "r.yaml: entry 2: its digest is not `sha256:` and 64 hexadecimal digits; was it edited?",
)


@pytest.mark.parametrize(
    ("change", "gaps"),
    [
        (lambda _: None, ()),
        (lambda entry: entry["payload"].update(event="Email Closed"), PAYLOAD_GAP),
        (lambda entry: entry["payload"].pop("userId"), PAYLOAD_GAP),
        (lambda entry: entry.update(payload=None), PAYLOAD_GAP),
        (lambda entry: entry.pop("payload"), PAYLOAD_GAP),
        (lambda entry: entry["request"].update(url="https://api.segment.io/"), PAYLOAD_GAP),
        (lambda entry: entry.update(digest="sha256:"), DIGEST_GAP),
        (lambda entry: entry.update(digest=f"sha256:{DIGEST[:-1]}"), DIGEST_GAP),
    ],
)
def test_an_entry_that_was_edited_is_a_gap(change, gaps):
    assert edited(change) == gaps


@pytest.mark.parametrize("redaction", [lambda hit: hit, redact])
@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"data=AAAAAAAAAAA!&writeKey=a",
        b"writeKey=wk_test_000000000000&event=%ff&a.b=1&a=%zz",
        b'data={"a":1.10,"b":[1e400,-0,12345678901234567890,"\\ud800"]}',
        b'data={"a":' + b"[" * 150 + b"]" * 150 + b"}",
        b'data={"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    ],
)
def test_an_entry_that_is_as_it_was_recorded_is_no_gap(query, redaction):
    request = HttpRequest(target=b"/v1/pixel/track?" + query)
    for dialect in Dialect:
        call = decode(CallType.TRACK, request.query, dialect)
        data = recording.head_data(replace(HEAD, dialect=dialect))
        hit = redaction(recorded(request=request, call=call))
        document = parse_document_of(data | {"calls": [entry(hit.exchange)]})
        assert recording.parse(document).edits == ()


def test_an_edit_of_a_payload_that_is_stored_as_json_text_is_a_gap():
    request = HttpRequest(target=b'/v1/pixel/track?data={"a":' + b"[" * 150 + b"]" * 150 + b"}")
    made = recorded(2, request=request, call=decode(CallType.TRACK, request.query, HEAD.dialect))
    documented = decode(CallType.TRACK, request.query, Dialect.DOCUMENTED)
    assert edited(lambda _: None, made) == ()
    assert edited(
        lambda entry: entry.update(payload='{"a":1}'), changed(made, call=documented)
    ) == (PAYLOAD_GAP)


@pytest.mark.parametrize(
    ("hits", "torn", "complete"), [([1], False, True), ([], False, True), ([1], True, False)]
)
def test_an_open_recording_may_be_allowed_and_a_torn_one_may_not(hits, torn, complete):
    read = parsed(*map(recorded, hits), torn=torn)
    assert (read.evidence(allow_open=True).gaps == ()) is complete


def test_evidence_has_the_time_at_which_each_step_had_acted():
    steps = [{"title": "a", "acted": "2030-01-31T09:00:00.000Z"}]
    evidence = parsed(recorded(1), end=END | {"steps": steps}).evidence()
    assert evidence.acted == {"a": datetime(2030, 1, 31, 9, tzinfo=UTC)}
    assert parsed(recorded(1), end=END).evidence().acted == {}
    assert parsed(recorded(1)).evidence().acted == {}


def test_evidence_counts_connections_and_is_masked_as_the_head_has_it():
    assert parsed(recorded(1), end=END).evidence().connections == 3
    assert parsed(recorded(1)).evidence().connections == 1
    assert parsed().evidence().connections == 0
    assert parsed().evidence().masked
    assert not parsed(redaction=Redaction.NONE.value).evidence().masked


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "is empty; a recording begins with `pixel_recording: 1`"),
        ([], "is of type array"),
        ("text", "is of type string"),
        ({"expect": []}, "is a scenario; a recording begins with"),
        ({"log": {}}, "is a HAR"),
        ({"a": 1}, "is something else: its first key is `a`"),
        ({"pixel_recording": 2}, "was written by a newer version (format 2; this one reads 1)"),
        ({"pixel_recording": 0}, "must be 1"),
        ({"pixel_recording": "1"}, "must be a whole number"),
        ({"pixel_recording": 1}, "is cut off before its `calls:`"),
        ({"pixel_recording": 1, "calls": []}, "created: must be a time"),
        ({"pixel_recording": 1, "calls": 1}, "calls: must be a list"),
        ({**recording.head_data(HEAD), "calls": [], "redaction": "all"}, '"all" is none of'),
        ({**recording.head_data(HEAD), "calls": [], "end": []}, "end: must be a map"),
        ({**recording.head_data(HEAD), "calls": [1], "end": END}, "calls[0]: must be a map"),
        (
            {**recording.head_data(HEAD), "calls": [], "end": END | {"steps": [{"title": "a"}]}},
            "end.steps[0].acted: must be a time",
        ),
    ],
)
def test_what_is_no_recording_is_refused(data, message):
    with pytest.raises(InputError) as caught:
        recording.parse(parse_document_of(data))
    assert message in str(caught.value)
