"""A whole recording, and its entries: plain data and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pixel_emulator.core.endpoint import routes
from pixel_emulator.core.endpoint.decoder import DecodedCall
from pixel_emulator.core.endpoint.pixel.decoder import decode
from pixel_emulator.core.errors import Document, InputError
from pixel_emulator.core.model import Call, CallType, Dialect, Form, HttpRequest, Outcome
from pixel_emulator.core.problems.classify import classify
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry, read_exchange
from pixel_emulator.core.recordings.fast_entry import entry_text
from pixel_emulator.core.recordings.recording import End, Head, Redaction
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.redaction.key_finder import basic_credentials
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.redaction.redact import redact as redact_exchange
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, changed, hit, redact
from tests.toy_decoder import ToyDecoder

HEAD = Head(
    created=datetime(2030, 1, 31, 9, tzinfo=UTC),
    run="r1",
    tool="0.1.0",
    dialect=Dialect.STRICT,
    shard="2/4",
)
DIGEST = "0a" * 32


REQUEST: Any = {"url": "https://api.segment.io/", "headers": {}}


def hit_of(data):
    return read_exchange(Node(Document("", data, {}), (), data)).hits[0]


def recorded(seq=1, **changes):
    made = changed(hit(seq, "track", {"event": "Email Opened", "userId": "u"}), digest=DIGEST)
    call = made.call and replace(made.call, problems=())
    return changed(made, **{"call": call} | changes)


def several(seq=1, **changes):
    """Return the first hit of an exchange with two calls."""
    made = recorded(seq)
    second = replace(made.judged, outcome=Outcome.DUPLICATE, source="app")
    return changed(made, **{"calls": (made.judged, second)} | changes)


def parsed(*hits, torn=False, **changes):
    data = (
        recording.head_data(HEAD) | {"exchanges": [entry(hit.exchange) for hit in hits]} | changes
    )
    return recording.parse(parse_document_of(data), torn=torn)


def parse_document_of(data):
    return replace(parse_document("", "r.yaml"), data=data)


# -- entries --------------------------------------------------------------------------------


def test_an_entry_begins_with_seq_and_ends_with_the_digest():
    data: Any = entry(recorded(7).exchange)
    assert list(data) == ["seq", "time", "calls", "request", "digest"]
    assert list(data["calls"][0]) == [
        *("type", "outcome", "form", "alphabet", "padded", "payload", "problems"),
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
        {"calls": several().exchange.calls},
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
    data: Any = entry(recorded(call=call).exchange)
    assert isinstance(data["calls"][0]["payload"], str)


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
        ({"step": 1}, "step", "must be text"),
        ({"calls": None}, "calls", "must be a list, but is missing"),
        ({"calls": {}}, "calls", "must be a list"),
        ({"calls": [1]}, "calls[0]", "must be a map"),
        ({"request": None}, "request", "must be a map, but is missing"),
        ({"request": {"url": "/v1"}}, "request.url", "must be a URL"),
        ({"request": REQUEST | {"body": 1}}, "request.body", "must be text"),
        ({"request": REQUEST | {"body_base64": "?"}}, "request.body_base64", "must be base64"),
    ],
)
def test_wrong_values_are_named(changes, path, message):
    with pytest.raises(InputError) as caught:
        hit_of(entry(recorded().exchange) | changes)
    (issue,) = caught.value.issues
    assert issue.path == path
    assert message in issue.message


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"outcome": "delivred"}, "outcome", 'did you mean "delivered"?'),
        ({"type": 1}, "type", "must be text"),
        ({"type": None}, "type", "must be text, but is missing"),
        ({"payload": []}, "payload", "must be a map, but is of type array"),
        ({"payload": "{"}, "payload", "is not JSON"),
        ({"padded": "no"}, "padded", "must be true or false"),
        ({"problems": {}}, "problems", "must be a list"),
        ({"problems": [{}]}, "problems[0].code", "is missing"),
    ],
)
def test_wrong_values_of_a_call_are_named(changes, path, message):
    data: Any = entry(several().exchange)
    data["calls"][1] |= changes
    with pytest.raises(InputError) as caught:
        hit_of(data)
    (issue,) = caught.value.issues
    assert issue.path == f"calls[1].{path}"
    assert message in issue.message


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b"", {}),
        (b'{"a": "\xc3\xa4"}', {"body": '{"a": "\u00e4"}'}),
        (b"\xff", {"body_base64": "/w=="}),
        ("\ud800".encode(errors="surrogatepass"), {"body_base64": "7aCA"}),
    ],
)
def test_a_body_is_stored_once_as_text_if_it_is_utf8(body, stored):
    request = HttpRequest(target=b"/v1/batch", method="POST", body=body)
    made = several(request=request)
    data: Any = entry(made.exchange)
    assert {key: data["request"][key] for key in data["request"] if "body" in key} == stored
    assert list(data["request"])[-1] == "status"
    assert hit_of(data).exchange == made.exchange


def test_authorization_is_not_stored():
    request = HttpRequest(target=b"/v1/batch", authorization="Basic d2tfdGVzdF8wMDAwOg==")
    data: Any = entry(several(request=request).exchange)
    assert "d2tfdGVzdF8wMDAwOg" not in str(data)
    assert hit_of(data).request.authorization == ""


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
        "exchanges": [entry(recorded(1).exchange), entry((made or recorded(2)).exchange)]
    }
    change(data["exchanges"][1])
    data["exchanges"].append(entry(recorded(3).exchange))
    end = {"calls": 3, "connections": 1}
    return recording.parse(parse_document_of(data | {"end": end})).evidence().gaps


PAYLOAD_GAP = ("r.yaml: entry 2: its payload is not what its URL says; was it edited?",)
CALLS_GAP = ("r.yaml: entry 2: its calls are not those that its request carries; was it edited?",)
DIGEST_GAP = (
    "r.yaml: entry 2: its digest is not `sha256:` and 64 hexadecimal digits; was it edited?",
)


@pytest.mark.parametrize(
    ("change", "gaps"),
    [
        (lambda _: None, ()),
        (lambda entry: entry["calls"][0]["payload"].update(event="Email Closed"), PAYLOAD_GAP),
        (lambda entry: entry["calls"][0]["payload"].pop("userId"), PAYLOAD_GAP),
        (lambda entry: entry["calls"][0].update(payload=None), PAYLOAD_GAP),
        (lambda entry: entry["calls"][0].pop("payload"), PAYLOAD_GAP),
        (lambda entry: entry["calls"].clear(), CALLS_GAP),
        (lambda entry: entry["calls"][0].update(type="page"), CALLS_GAP),
        (lambda entry: entry["request"].update(url="https://api.segment.io/"), CALLS_GAP),
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
        document = parse_document_of(data | {"exchanges": [entry(hit.exchange)]})
        assert recording.parse(document).edits == ()


def test_an_edit_of_a_payload_that_is_stored_as_json_text_is_a_gap():
    request = HttpRequest(target=b'/v1/pixel/track?data={"a":' + b"[" * 150 + b"]" * 150 + b"}")
    made = recorded(2, request=request, call=decode(CallType.TRACK, request.query, HEAD.dialect))
    documented = decode(CallType.TRACK, request.query, Dialect.DOCUMENTED)
    assert edited(lambda _: None, made) == ()
    assert edited(
        lambda entry: entry["calls"][0].update(payload='{"a":1}'), changed(made, call=documented)
    ) == (PAYLOAD_GAP)


class BatchDecoder:
    """A decoder of JSON bodies with several calls."""

    wants_body = True
    wants_authorization = False

    def decode(self, request, dialect):
        """See `Decoder`."""
        assert dialect in Dialect
        made = json.loads(request.body)["batch"]
        return [
            DecodedCall(Call(type=CallType(data["type"]), form=Form.JSON, payload=data))
            for data in made
        ]


@pytest.fixture
def batch(monkeypatch):
    """An exchange with three calls in its body; the endpoint has a decoder for it."""
    route = routes.Route(BatchDecoder(), routes.route("POST", b"/v1/batch").response)
    monkeypatch.setitem(routes._ROUTES, ("/v1/batch", "POST"), route)
    routes._cached_route.cache_clear()
    calls = [{"type": "track", "event": KEY}, {"type": "page"}, {"type": "track", "event": "E"}]
    body = json.dumps({"batch": calls, "writeKey": KEY}).encode()
    request = HttpRequest(target=b"/v1/batch", method="POST", body=body)
    judged = classify(request, Dialect.DOCUMENTED).calls
    yield replace(recorded().exchange, request=request, calls=judged)
    routes._cached_route.cache_clear()


def gaps_of(exchange, change=lambda _: None, seq=4):
    """Return the gaps of a recording of the exchange and a call, after a change of its entry."""
    data: Any = {"exchanges": [entry(exchange), entry(recorded(seq).exchange)]}
    change(data["exchanges"][0])
    document = parse_document_of(recording.head_data(HEAD) | data | {"end": END | {"calls": 4}})
    return recording.parse(document).evidence().gaps


@pytest.mark.parametrize("redaction", [lambda exchange: exchange, redact_exchange])
def test_an_exchange_with_several_calls_is_as_its_body_says(batch, redaction):
    assert len(batch.calls) == 3
    assert gaps_of(redaction(batch)) == ()
    assert entry_text(batch, masks=False) == yaml_writer.write([entry(batch)])


def test_the_payloads_of_an_exchange_are_those_of_its_masked_body(batch):
    first, *others = redact_exchange(batch).calls
    assert first.call.payload == {"type": "track", "event": mask(KEY)}
    assert [judged.call.payload for judged in others] == [
        {"type": "page"},
        {"type": "track", "event": "E"},
    ]
    assert KEY not in entry_text(batch)
    assert entry_text(batch).count("      body: ") == 0
    assert entry_text(batch).count("    body: ") == 1


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        (
            lambda entry: entry["calls"][1]["payload"].update(name="N"),
            "entry 1: the payload of its call 2 is not what its body says; was it edited?",
        ),
        (
            lambda entry: entry["calls"].reverse(),
            "entry 1: the payload of its call 1 is not what its body says; was it edited?",
        ),
        (
            lambda entry: entry["calls"].insert(0, entry["calls"].pop(1)),
            "entry 1: its calls are not those that its request carries; was it edited?",
        ),
        (
            lambda entry: entry["calls"].pop(),
            "call 3 should come next, but call 4 does",
        ),
    ],
)
def test_an_edit_of_one_of_several_calls_is_a_gap(batch, change, gap):
    assert any(gap in found for found in gaps_of(batch, change))


def test_the_next_entry_is_numbered_after_all_calls(batch):
    (gap,) = gaps_of(batch, seq=2)
    assert gap == "r.yaml: call 4 should come next, but call 2 does"


@pytest.mark.parametrize("redaction", [lambda exchange: exchange, redact_exchange])
def test_calls_whose_key_is_in_the_credentials_are_as_their_request_says(monkeypatch, redaction):
    route = routes.Route(ToyDecoder(), routes.route("POST", b"/v1/batch").response)
    monkeypatch.setitem(routes._ROUTES, ("/v1/batch", "POST"), route)
    routes._cached_route.cache_clear()
    body = json.dumps([{"type": "track", "event": "E"}, {"type": "page"}, {"type": "page"}])
    request = HttpRequest(
        target=b"/v1/batch",
        method="POST",
        body=body.encode(),
        authorization=basic_credentials(KEY),
    )
    judged = classify(request, Dialect.DOCUMENTED).calls
    made = redaction(replace(recorded().exchange, request=request, calls=judged))
    (*_, last) = made.calls
    key = KEY if redaction is not redact_exchange else mask(KEY)
    assert last.call.payload == {"writeKey": key}
    assert gaps_of(made) == ()
    assert any("payload of its call 1" in gap for gap in gaps_of(made, rename))
    routes._cached_route.cache_clear()


def rename(entry):
    """Edit the first call of an entry."""
    entry["calls"][0]["payload"]["event"] = "F"


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
        ({"pixel_recording": 1}, "is cut off before its `exchanges:`"),
        ({"pixel_recording": 1, "calls": []}, "`pixel-emulator recording migrate FILE`"),
        ({"pixel_recording": 1, "exchanges": []}, "created: must be a time"),
        ({"pixel_recording": 1, "exchanges": 1}, "exchanges: must be a list"),
        ({**recording.head_data(HEAD), "exchanges": [], "redaction": "all"}, '"all" is none of'),
        ({**recording.head_data(HEAD), "exchanges": [], "end": []}, "end: must be a map"),
        ({**recording.head_data(HEAD), "exchanges": [1], "end": END}, "exchanges[0]: must be a"),
        (
            {
                **recording.head_data(HEAD),
                "exchanges": [],
                "end": END | {"steps": [{"title": "a"}]},
            },
            "end.steps[0].acted: must be a time",
        ),
    ],
)
def test_what_is_no_recording_is_refused(data, message):
    with pytest.raises(InputError) as caught:
        recording.parse(parse_document_of(data))
    assert message in str(caught.value)
