"""Scenarios over the control API: verified at once, or when they are decided."""

import json
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

import httpx
import pytest

from pixel_emulator.control.verify_handlers import accepted
from pixel_emulator.core.endpoint.urls import request_from_url
from tests.control_client import PIXEL, SEGMENT, client_of, kind

OPENED = "expect:\n  - track: Opened\n"
NEVER = "expect:\n  - track: Never\n"
TWICE = "expect:\n  - {track: Opened, times: 2}\nquiet: 0ms\n"


@pytest.fixture
def path(session):
    return f"/sessions/{session['name']}"


@pytest.fixture
def arrive(http, path):
    """Let a call arrive."""

    def arrive(event="Opened"):
        url = f"{SEGMENT}{PIXEL.replace('Opened', event)}"
        assert http.post(f"{path}/requests", json={"url": url}).status_code == 201

    return arrive


@pytest.fixture
def connected(session):
    """Make a call over the wire, so that the evidence has a connection."""
    httpx.get(f"{session['url']}{PIXEL}", trust_env=False)


# -- verify ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
def test_a_verdict_is_returned_as_json(http, path):
    verdict = http.post(f"{path}/verify", content=OPENED).json()
    assert (verdict["status"], verdict["exit_code"]) == ("met", 0)
    verdict = http.post(f"{path}/verify", content=NEVER).json()
    assert (verdict["status"], verdict["exit_code"]) == ("unmet", 1)


def test_silence_alone_is_no_proof(http, path):
    verdict = http.post(f"{path}/verify", content="expect: []\n").json()
    assert (verdict["status"], verdict["exit_code"]) == ("incomplete", 3)


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("text/plain", "text/plain"),
        ("application/xml", "application/xml"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/plain"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        ("application/json;q=0.1, text/plain", "text/plain"),
        ("application/json;q=0, */*", "text/plain"),
        ("TEXT/PLAIN; charset=utf-8", "text/plain"),
        ("", "application/json"),
    ],
)
@pytest.mark.usefixtures("connected")
def test_the_accept_header_selects_the_report(http, path, accept, type):
    answer = http.post(f"{path}/verify", content=NEVER, headers={"accept": accept})
    assert answer.headers["content-type"].startswith(type)
    if type == "text/plain":
        assert answer.text.startswith("FAIL  scenario.yaml")
    elif type == "application/xml":
        assert ET.fromstring(answer.text).get("failures") == "1"
    else:
        assert answer.json()["status"] == "unmet"


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "application/json;q=0", "nonsense", "a/b;q=x"]
)
def test_a_type_that_is_not_available_is_a_problem(http, path, accept):
    answer = http.post(f"{path}/verify", content=OPENED, headers={"accept": accept})
    assert (answer.status_code, kind(answer)) == (406, "not-acceptable")


@pytest.mark.usefixtures("connected")
def test_values_are_given_and_the_file_is_named(http, path):
    scenario = "let: [event]\nexpect:\n  - track: $event\n    event: 1\n"
    given = json.dumps({"event": "Opened"})
    query = {"given": given, "file": "tests/opened.yaml"}
    answer = http.post(f"{path}/verify", params=query, content=scenario)
    assert answer.json()["mistakes"][0]["file"] == "tests/opened.yaml"
    scenario = "let: [event]\nexpect:\n  - track: $event\n"
    answer = http.post(f"{path}/verify", params=query, content=scenario)
    assert answer.json()["scenarios"][0]["file"] == "tests/opened.yaml"
    assert answer.json()["status"] == "met"


@pytest.mark.parametrize("way", ["verify", "wait"])
@pytest.mark.parametrize("key", ["use: [secret]", "plan: secret"])
@pytest.mark.parametrize(
    "content",
    [
        "PASSWORD hunter2",
        '{"hunter2": 1}',
        "- hunter2",
        "a: {hunter2: b\n",
        "rules: {events: [{name: hunter2, rules: {type: hunter2}}]}",
    ],
)
def test_the_content_of_other_files_is_not_shown(http, path, tmp_path, way, key, content):
    """It may be any file of this machine."""
    (tmp_path / "secret").write_text(content)
    params = {"file": str(tmp_path / "mine.yaml")}
    answer = http.post(f"{path}/{way}", params=params, content=f"{key}\nexpect: []\n")
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    assert "hunter2" not in answer.text
    assert answer.json()["mistakes"][0]["file"] == str(tmp_path / "secret")


def test_the_content_of_the_scenario_itself_is_shown(http, path):
    answer = http.post(f"{path}/verify", content="expct: []\n")
    assert 'expct: no such key here (did you mean "expect"?)' in answer.json()["detail"]


@pytest.mark.usefixtures("connected")
def test_what_a_scenario_uses_is_found_beside_its_file(http, path, tmp_path):
    (tmp_path / "names.yaml").write_text("define: {opened: Opened}\n")
    scenario = "use: [names.yaml]\nexpect:\n  - track: $opened\n"
    query = {"file": str(tmp_path / "scenario.yaml")}
    assert http.post(f"{path}/verify", params=query, content=scenario).json()["status"] == "met"
    answer = http.post(f"{path}/verify", params={"file": "/nowhere/s.yaml"}, content=scenario)
    assert kind(answer) == "wrong-body"


WRONG_SCENARIOS = {
    "expect:\n  - trac: Opened\n": (2, 5, "expect[0].trac", 'did you mean "track"'),
    "expect: [\n": (2, 1, "", "not YAML"),
    "": (0, 0, "", "the file is empty"),
    "expect:\n  - track: 404\n": (2, 5, "expect[0].track", "quote"),
    "expect: []\nexpect: []\n": (2, 1, "", "expect"),
    "x: &a 1\n": (1, 4, "", "anchor"),
    "[" * 300: (1, 201, "", "nested"),
    "expect:\n - track: \x07\n": (2, 11, "", "U+0007"),
    "define: {a: 1}\n": (0, 0, "", "nothing to be met"),
    "pixel_recording: 1\nexchanges: []\n": (1, 1, "", "recording"),
}


@pytest.mark.parametrize("what", ["verify", "wait"])
@pytest.mark.parametrize(
    ("scenario", "wrong"), WRONG_SCENARIOS.items(), ids=list(map(str, range(len(WRONG_SCENARIOS))))
)
def test_a_wrong_scenario_is_refused_with_every_place_and_nothing_is_lost(
    http, path, arrive, scenario, wrong, what
):
    arrive()
    answer = http.post(f"{path}/{what}", content=scenario)
    if not scenario and what == "wait":
        assert kind(answer) == "wrong-query"
        return
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    issue = answer.json()["mistakes"][0]
    place = tuple(issue[key] for key in ("line", "column", "path"))
    assert place == wrong[:3], issue
    assert wrong[3] in issue["message"]
    assert len(http.get(f"{path}/requests").json()["entries"]) == 1


WRONG_QUERIES = {
    "given=x": "given",
    "given=[]": "given",
    "given=%7B": "given",
    "lets=x": "lets",
    "timeout=1": "timeout",
}


@pytest.mark.parametrize(("query", "name"), WRONG_QUERIES.items(), ids=WRONG_QUERIES)
def test_a_mistake_in_the_query_is_reported(http, path, query, name):
    answer = http.post(f"{path}/verify?{query}", content=OPENED)
    assert (answer.status_code, kind(answer)) == (400, "wrong-query")
    assert answer.json()["mistakes"][0]["path"] == name


def test_a_value_that_nobody_declares_is_a_mistake(http, path):
    answer = http.post(f"{path}/verify", params={"given": '{"user": "u"}'}, content=OPENED)
    assert kind(answer) == "wrong-body"
    detail = answer.json()["detail"]
    assert detail.startswith("`user` is given a value, but no file declares it")


# -- wait -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
def test_what_is_met_already_is_met(http, path):
    told = http.post(f"{path}/wait", content=OPENED).json()
    assert (told["result"], told["passed"], told["cursor"]) == ("met", True, 1)
    assert told["verdict"]["status"] == "met"
    assert told["report"].startswith("PASS")


@pytest.mark.usefixtures("connected")
def test_what_would_have_to_act_is_not_waited_for(http, path):
    """Offline, `do` only marks where a step begins: this `verify` reads it as the command does."""
    acting = f"{OPENED}do: {{wait: 0s}}\nname: sends\n"
    answer = http.post(f"{path}/wait", params={"file": "it.yaml"}, content=acting)
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    [issue] = answer.json()["mistakes"]
    assert "sends acts by itself (`do`), which is not done here" in issue["message"]
    assert (issue["file"], issue["line"]) == ("it.yaml", 1)
    assert http.post(f"{path}/verify", content=acting).json()["exit_code"] == 0


@pytest.mark.usefixtures("connected")
def test_only_calls_after_the_cursor_are_verified(http, path, arrive):
    arrive("Later")
    later = "expect:\n  - track: Later\n"
    told = http.post(f"{path}/wait?timeout=0&quiet=0", content=later).json()
    assert (told["passed"], told["cursor"]) == (False, 2)  # the first call is unexpected
    told = http.post(f"{path}/wait?timeout=0&quiet=0&since=1", content=later).json()
    assert (told["result"], told["passed"], told["cursor"]) == ("met", True, 2)
    told = http.post(f"{path}/wait?timeout=0&quiet=0&since=2", content=later).json()
    assert (told["passed"], told["cursor"]) == (False, 2)


@pytest.mark.usefixtures("connected")
def test_it_is_met_by_the_call_that_comes(control, path, arrive):
    with ThreadPoolExecutor(1) as pool, client_of(control) as other:
        waiting = pool.submit(other.post, f"{path}/wait", content=TWICE)
        arrive()
        told = waiting.result().json()
    assert (told["result"], told["passed"], told["cursor"]) == ("met", True, 2)


@pytest.mark.usefixtures("connected")
def test_it_ends_as_soon_as_it_is_impossible(http, path, arrive):
    arrive()
    told = http.post(f"{path}/wait?timeout=600", content=OPENED).json()
    assert (told["result"], told["passed"]) == ("impossible", False)
    assert told["report"].startswith("FAIL")


@pytest.mark.usefixtures("connected")
def test_it_ends_when_the_time_is_over(http, path):
    told = http.post(f"{path}/wait?timeout=0.05", content=TWICE).json()
    assert (told["result"], told["passed"]) == ("timeout", False)


@pytest.mark.usefixtures("connected")
def test_the_scenario_sets_the_timeout(http, path):
    told = http.post(f"{path}/wait", content=f"within: 50ms\n{TWICE}").json()
    assert told["result"] == "timeout"


@pytest.fixture
def arrive_at(http, path, arrive):
    """Let a call arrive at a time of day."""

    def arrive_at(time, event):
        assert http.post(f"{path}/run", json={"clock": f"2030-01-31T{time}Z"}).status_code == 204
        arrive(event)

    return arrive_at


ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
TITLE = f"scenario.yaml {ARROW} soon {ARROW} 1"
SOON = "name: soon\nwithin: 1s\nexpect:\n  - track: Early\n  - track: Late\n"


@pytest.mark.usefixtures("connected")
def test_within_counts_from_the_wait(http, path, arrive_at):
    arrive_at("12:00:00", "Early")
    arrive_at("12:01:00", "Late")
    told = http.post(f"{path}/wait?since=1", content=SOON).json()
    assert (told["result"], told["passed"]) == ("met", True), told["report"]


@pytest.mark.usefixtures("connected")
def test_within_counts_from_the_end_of_the_actions(http, path, arrive_at):
    arrive_at("12:00:00", "Early")
    http.post(f"{path}/acted", json={"titles": [TITLE]})
    arrive_at("12:01:00", "Late")
    told = http.post(f"{path}/wait?since=1&timeout=0", content=SOON).json()
    assert (told["result"], told["passed"]) == ("impossible", False)
    assert "too late" in told["report"]


@pytest.mark.usefixtures("connected")
def test_no_wait_is_met_with_a_verdict_that_is_not(http, path, arrive_at):
    """One of several steps counts from its first call, whenever the wait begins."""
    arrive_at("12:00:00", "Early")
    arrive_at("12:01:00", "Late")
    steps = "steps:\n  - within: 1s\n    expect: [{track: Early}, {track: Late}]\n  - expect: []\n"
    told = http.post(f"{path}/wait?since=1&timeout=0&quiet=0", content=steps).json()
    assert (told["result"], told["verdict"]["status"]) == ("timeout", "unmet")


def test_met_without_proof_is_not_passed(http, path):
    told = http.post(f"{path}/wait?quiet=0", content="expect: []\n").json()
    assert (told["result"], told["passed"]) == ("met", False)
    assert told["verdict"]["status"] == "incomplete"


@pytest.mark.usefixtures("connected")
def test_what_breaks_the_quiet_counts(control, path, arrive):
    with ThreadPoolExecutor(1) as pool, client_of(control) as other:
        waiting = pool.submit(other.post, f"{path}/wait?quiet=600", content=OPENED)
        arrive()
        assert waiting.result().json()["result"] == "impossible"


def test_what_opens_it_again_is_waited_for(control, emulator, session, path):
    """Met, open, met, and then impossible, which ends the wait."""
    identify = f"{SEGMENT}/v1/pixel/identify?writeKey=wk_test_0000&userId=u1&traits.plan="
    scenario = "expect: [{identify: u1, times: 1..9}]\nstate: {u1: {traits: {plan: pro}}}\n"
    journal = emulator.sessions.get(session["name"])
    journal.receive(request_from_url(f"{identify}pro"))
    with ThreadPoolExecutor(1) as pool, client_of(control) as other:
        query = {"quiet": 600, "timeout": 600}
        waiting = pool.submit(other.post, f"{path}/wait", params=query, content=scenario)
        with pytest.raises(FutureTimeoutError):
            waiting.result(0.3)  # it is met, and keeps watching
        for plan in ("free", "pro"):
            journal.receive(request_from_url(f"{identify}{plan}"))
            with pytest.raises(FutureTimeoutError):
                waiting.result(0.1)
        journal.receive(request_from_url(f"{SEGMENT}{PIXEL}"))
        assert waiting.result().json()["result"] == "impossible"


def test_without_a_scenario_it_waits_for_more(control, http, path, arrive):
    assert http.post(f"{path}/wait?cursor=0&timeout=0").json() == {"result": "timeout", "cursor": 0}
    arrive()
    assert http.post(f"{path}/wait?cursor=0").json() == {"result": "more", "cursor": 1}
    with ThreadPoolExecutor(1) as pool, client_of(control) as other:
        waiting = pool.submit(other.post, f"{path}/wait?cursor=2")
        arrive()
        arrive()
        assert waiting.result().json() == {"result": "more", "cursor": 3}


def test_a_cursor_goes_past_what_was_cleared(http, path, arrive):
    arrive()
    http.post(f"{path}/clear")
    told = http.post(f"{path}/wait?cursor=1&timeout=0").json()
    assert told == {"result": "timeout", "cursor": 1}
    arrive()
    assert http.post(f"{path}/wait?cursor=1").json() == {"result": "more", "cursor": 2}


@pytest.mark.parametrize(
    "query", ["", "timeout=-1", "timeout=601", "timeout=nan", "timeout=inf", "cursor=x", "quiet=x"]
)
def test_a_mistake_in_the_query_of_a_wait_is_reported(http, path, query):
    answer = http.post(f"{path}/wait?{query}")
    assert (answer.status_code, kind(answer)) == (400, "wrong-query")


def test_a_wait_ends_when_the_session_is_closed(control, http, path):
    with ThreadPoolExecutor(2) as pool, client_of(control) as other:
        waiting = [
            pool.submit(other.post, f"{path}/wait?cursor=0&timeout=600"),
            pool.submit(other.post, f"{path}/wait?timeout=600", content=OPENED),
        ]
        http.post(f"{path}/wait?cursor=0&timeout=0.1")  # the others have come in by now
        http.delete(path)
        assert {kind(future.result()) for future in waiting} <= {
            "session-closed",
            "unknown-session",
        }


@pytest.mark.thorough
@pytest.mark.usefixtures("connected")
def test_fifty_waits_hold_up_nobody(control, http, path, arrive):
    clients = [client_of(control) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        waiting = [
            pool.submit(client.post, f"{path}/wait?timeout=600", content=TWICE)
            for client in clients
        ]
        for _ in range(5):
            assert http.get("/health").status_code == 200
        arrive()
        assert [future.result().json()["result"] for future in waiting] == ["met"] * 50
    for client in clients:
        client.close()


def test_a_client_that_hangs_up_is_not_waited_for(emulator, control, path):
    session = emulator.sessions.get(path.rpartition("/")[2])
    asked = threading.Event()
    subscribe, left = session.subscribe, threading.Event()

    def noticed(tell):
        leave = subscribe(tell)
        asked.set()

        def ended():
            leave()
            left.set()

        return ended

    session.subscribe = noticed
    with client_of(control) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, f"{path}/wait?cursor=0&timeout=600", timeout=0.3)
        assert asked.wait(10)
        with pytest.raises(httpx.ReadTimeout):
            waiting.result()
    assert left.wait(10)


@pytest.mark.parametrize("header", ["", "*/*", "application/json"])
def test_a_client_that_accepts_everything_gets_the_first(header):
    from starlette.datastructures import Headers

    assert (
        accepted(Headers({"accept": header}), ["application/json", "text/plain"])
        == "application/json"
    )
