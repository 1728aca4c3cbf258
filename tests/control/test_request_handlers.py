"""Routes that list, add and clear the requests of a session."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.errors import Document
from pixel_emulator.core.model import CallType, Form, Outcome, hits_of
from pixel_emulator.core.recordings.entry import read_exchange
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.files.read_write import read_recording
from tests.control_client import PIXEL, SEGMENT, kind
from tests.hits import redact

KEY = "wk_test_0000"


def url(type, **payload):
    return encode(CallType(type), {"writeKey": KEY, **payload})


CALLS = [
    url("track", userId="u1", event="Opened"),
    url("track", userId="u2", event="Opened"),
    url("track", userId="u1", event="Closed"),
    url("page", userId="u1", name="Home"),
    url("track", event="Opened"),
    f"{SEGMENT}/favicon.ico",
]


@pytest.fixture
def filled(http, session):
    """Return the path of a session in which all kinds of requests arrived."""
    path = f"/sessions/{session['name']}"
    for url in CALLS:
        assert http.post(f"{path}/requests", json={"url": url}).status_code == 201
    return path


def numbers(answer):
    assert answer.status_code == 200
    return [entry["seq"] for entry in answer.json()["entries"]]


def test_what_arrives_is_listed(http, session):
    httpx.get(f"{session['url']}{PIXEL}", trust_env=False)
    with httpx.Client(proxy=session["proxy"], trust_env=False) as client:
        client.get(f"http://api.segment.io{PIXEL}")
    page = http.get(f"/sessions/{session['name']}/requests").json()
    assert [entry["seq"] for entry in page["entries"]] == [1, 2]
    assert page["connections"] == 2
    assert (page["cursor"], page["more"], page["cleared"], page["gaps"]) == (2, False, 0, [])


FILTERS = {
    "": [1, 2, 3, 4, 5, 6],
    "type=track": [1, 2, 3, 5],
    "type=page": [4],
    "type=alias": [],
    "event=Opened": [1, 2, 5],
    "event=": [],
    "userId=u1": [1, 3, 4],
    "userId=u1&event=Opened": [1],
    "outcome=delivered": [1, 2, 3, 4],
    "outcome=dropped": [5],
    "outcome=unhandled": [6],
    "since=4": [5, 6],
    "since=6": [],
    "since=600": [],
    "limit=2": [1, 2],
    "since=1&limit=2&userId=u1": [3],
}


@pytest.mark.parametrize(("query", "expected"), FILTERS.items(), ids=FILTERS)
def test_filters_leave_out_the_rest(http, filled, query, expected):
    assert numbers(http.get(f"{filled}/requests?{query}")) == expected
    assert numbers(http.get(f"{filled}/calls?{query}")) == [seq for seq in expected if seq != 6]


def test_a_cursor_goes_on_where_the_page_ended(http, filled):
    seen, cursor, more = [], 0, True
    while more:
        answer = http.get(
            f"{filled}/requests", params={"since": cursor, "limit": 4, "type": "track"}
        )
        seen += numbers(answer)
        cursor, more = answer.json()["cursor"], answer.json()["more"]
    assert (seen, cursor) == ([1, 2, 3, 5], 6)


def test_a_call_has_its_outcome(http, filled):
    for query, key in (
        ("", mask(KEY)),
        ("&write_keys=masked", mask(KEY)),
        ("&write_keys=whole", KEY),
    ):
        [call] = http.get(f"{filled}/calls?outcome=dropped{query}").json()["entries"]
        assert call["payload"] == {"writeKey": key, "event": "Opened"}
        assert [problem["code"] for problem in call["problems"]] == ["no_user_anon_id"]


def test_an_entry_is_one_of_a_recording(emulator, http, session, filled):
    hits = emulator.sessions.get(session["name"]).evidence().hits
    for query, expected in (("?write_keys=whole", hits), ("", tuple(map(redact, hits)))):
        answer = http.get(f"{filled}/requests{query}")
        entries = answer.json()["entries"]
        hits = hits_of(read_exchange(Node(Document("api", {}, {}), (), entry)) for entry in entries)
        assert hits == expected
    assert KEY not in answer.text


def test_no_response_shows_a_key_that_was_not_requested(http, session):
    key = "Zq7wKleak9XyTb3RmVn0PdHs5JfGc2Lu"
    path = f"/sessions/{session['name']}"
    url = f"https://api.segment.io/v1/projects/{key}/settings"
    scenario = f"expect: [{{track: E, writeKey: {key}}}, {{page: {key}}}]\n"
    yaml = {"content-type": "application/yaml"}
    for answer in (
        http.post(f"{path}/requests", json={"url": url}),
        http.get(f"{path}/requests"),
        http.get(f"{path}/recording"),
        http.post(f"{path}/wait?timeout=0.01", content=scenario, headers=yaml),
        http.post(f"{path}/wait", content=scenario.replace("track", key), headers=yaml),
        http.post(f"{path}/requests", json={"url": f"writeKey={key}", "x": 1}),
        http.get(f"{path}/requests?writeKey={key}&type={key}"),
        http.get(f"/v1/projects/{key}/settings"),
    ):
        assert key not in answer.text, answer.text
    whole = http.post(f"{path}/requests?write_keys=whole", json={"url": url})
    assert whole.json()["request"]["url"] == url


WRONG_QUERIES = {
    "evnt=x": ("evnt", 'did you mean "event"'),
    "type=trac": ("type", 'did you mean "track"'),
    "outcome=lost": ("outcome", "is none of delivered"),
    "since=-1": ("since", "whole number"),
    "since=1.5": ("since", "whole number"),
    "since=x": ("since", "whole number"),
    "since=": ("since", "whole number"),
    "since=%D9%A1": ("since", "whole number"),
    f"since={'9' * 5000}": ("since", "whole number"),
    "limit=0": ("limit", "from 1 to 10000"),
    "limit=10001": ("limit", "from 1 to 10000"),
    "since=1&since=2": ("since", "more than once"),
    "token=x": ("token", "is unknown"),
}


@pytest.mark.parametrize(("query", "wrong"), WRONG_QUERIES.items(), ids=list(map(str, range(13))))
def test_a_mistake_in_the_query_is_reported_with_its_name(http, filled, query, wrong):
    for what in ("requests", "calls"):
        answer = http.get(f"{filled}/{what}?{query}")
        assert (answer.status_code, kind(answer)) == (400, "wrong-query")
        [issue] = answer.json()["mistakes"]
        assert (issue["path"], wrong[1] in issue["message"]) == (wrong[0], True)


def test_all_mistakes_of_a_query_are_reported(http, filled):
    answer = http.get(f"{filled}/requests?since=x&limit=0&nix=1")
    assert {issue["path"] for issue in answer.json()["mistakes"]} == {"since", "limit", "nix"}


def test_what_is_received_is_as_what_arrived(http, session):
    answer = http.post(
        f"/sessions/{session['name']}/requests",
        json={
            "url": CALLS[0],
            "headers": {"User-Agent": "a mail client", "Cookie": "secret=1"},
            "client": "192.0.2.1",
        },
    )
    entry = answer.json()
    assert entry["request"]["headers"] == {"user-agent": "a mail client"}
    assert entry["request"]["client"] == "192.0.2.1"
    assert "secret" not in json.dumps(entry)
    [call] = entry["calls"]
    assert call["outcome"] == Outcome.DELIVERED
    assert call["form"] == Form.BASE64


WRONG_REQUESTS = {
    "": (0, "must be a map, but is missing"),
    "[]": (1, "a map"),
    "{}": (1, "url: must be text"),
    '{"url": 5}': (1, "url: must be text"),
    '{"url": "/v1/pixel/track"}': (1, "url: must be a URL"),
    '{"url": "http://x/",\n "headers": []}': (2, "headers: must be a map"),
    '{"url": "http://x/",\n "headers": {"a": 1}}': (2, "headers.a: must be text"),
    '{"url": "http://x/",\n "verb": "GET"}': (2, "verb: is unknown"),
    '{"url": "http://x/",\n "url": "http://y/"}': (2, "url"),
    '{"url": ': (2, ""),
    "[" * 5000: (1, "nested"),
    "\x00": (1, "U+0000"),
    "a: &x 1": (1, "anchor"),
}


@pytest.mark.parametrize(
    ("body", "wrong"), WRONG_REQUESTS.items(), ids=list(map(str, range(len(WRONG_REQUESTS))))
)
def test_a_wrong_request_is_refused_with_its_place_and_nothing_is_lost(http, filled, body, wrong):
    answer = http.post(f"{filled}/requests", content=body)
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    assert wrong[1] in answer.json()["detail"]
    assert answer.json()["mistakes"][0]["line"] == wrong[0]
    assert len(numbers(http.get(f"{filled}/requests"))) == len(CALLS)


def test_a_body_that_is_not_utf8_is_refused_with_its_place(http, filled):
    answer = http.post(f"{filled}/requests", content=b'{"url":\n "\xff"}')
    [issue] = answer.json()["mistakes"]
    assert (issue["line"], issue["column"]) == (2, 3)
    assert "0xFF" in issue["message"]


@pytest.mark.parametrize("what", ["requests", "verify", "wait"])
def test_a_body_that_is_too_large_is_refused(http, filled, what):
    answer = http.post(f"{filled}/{what}", content=b" " * (1024 * 1024 + 1))
    assert (answer.status_code, kind(answer)) == (413, "too-large")

    def endless():
        for _ in range(64):
            yield b"x" * 65536

    with suppress(httpx.WriteError):  # the rest is not read
        assert http.post(f"{filled}/{what}", content=endless()).status_code == 413
    assert len(numbers(http.get(f"{filled}/requests"))) == len(CALLS)


def test_clear_forgets_and_the_cursor_goes_on(http, filled):
    assert http.post(f"{filled}/clear").status_code == 204
    page = http.get(f"{filled}/requests").json()
    assert (page["entries"], page["cursor"], page["cleared"]) == ([], 6, 6)
    http.post(f"{filled}/requests", json={"url": CALLS[0]})
    assert numbers(http.get(f"{filled}/requests")) == [7]


def test_a_recording_is_one(http, filled, tmp_path):
    answer = http.get(f"{filled}/recording")
    assert answer.headers["content-type"].startswith("application/yaml")
    (tmp_path / "out.yaml").write_bytes(answer.content)
    saved = read_recording(tmp_path / "out.yaml")
    assert len(saved.hits) == len(CALLS)
    assert saved.evidence().gaps == ()
    assert KEY not in answer.text


def test_a_deep_payload_is_returned(http, session):
    deep = "[" * 9000 + "]" * 9000
    data = f'{{"writeKey":"{KEY}","userId":"u","event":"e","properties":{{"x":{deep}}}}}'
    http.post(
        f"/sessions/{session['name']}/requests",
        json={"url": f"{SEGMENT}/v1/pixel/track?data={data}"},
    )
    for what in ("requests", "calls"):
        assert numbers(http.get(f"/sessions/{session['name']}/{what}")) == [1]


@pytest.mark.usefixtures("filled")
def test_sessions_do_not_see_each_other(http):
    other = http.post("/sessions").json()
    assert numbers(http.get(f"/sessions/{other['name']}/requests")) == []
    assert numbers(http.get("/sessions/default/requests")) == []


def test_many_clients_add_at_once_and_nothing_is_lost(http, session):
    path = f"/sessions/{session['name']}/requests"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.post(path, json={"url": CALLS[0]}), range(80)))
    assert sorted(answer.json()["seq"] for answer in answers) == list(range(1, 81))
