"""Opening and closing sessions over the control API."""

import httpx
import pytest

from tests.control_client import PIXEL, kind


def opened(http, **body):
    answer = http.post("/sessions", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/sessions/{answer.json()['name']}"
    return answer.json()


def test_a_session_has_its_addresses(emulator, http):
    told = opened(http, name="where")
    session = emulator.sessions.get("where")
    assert told["proxy"] == session.proxy
    assert told["url"] == session.url == f"{emulator.url}/s/where"
    assert told["ca"] == str(emulator.authority.ca)
    assert told["spki"] == emulator.authority.spki
    assert told["hosts"] == list(emulator.settings.hosts)
    assert http.get("/sessions/where").json() == told


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"# nothing\n"])
def test_without_a_name_it_gets_one(http, content):
    told = http.post("/sessions", content=content)
    assert told.status_code == 201
    assert told.json()["name"] in http.get("/sessions").json()["sessions"]


def test_a_name_is_used_once(http):
    opened(http, name="once")
    assert kind(http.post("/sessions", json={"name": "once"})) == "name-taken"
    http.delete("/sessions/once")
    assert kind(http.post("/sessions", json={"name": "once"})) == "name-taken"
    assert kind(http.post("/sessions", json={"name": "default"})) == "name-taken"


def test_a_closed_session_is_gone_and_late_calls_are_counted(http):
    told = opened(http, name="gone")
    assert http.delete("/sessions/gone").status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/requests"), ("POST", "/clear")):
        assert kind(http.request(method, f"/sessions/gone{path}")) == "unknown-session"
    assert "gone" not in http.get("/sessions").json()["sessions"]
    assert httpx.get(f"{told['url']}{PIXEL}", trust_env=False).status_code == 200
    [stray] = [
        sentence for sentence in http.get("/emulator").json()["strays"] if '"gone"' in sentence
    ]
    assert "was closed" in stray


def test_the_default_session_is_there_and_stays(emulator, http):
    assert http.get("/sessions").json()["sessions"][0] == "default"
    assert http.get("/sessions/default").json()["proxy"] == emulator.proxy
    assert kind(http.delete("/sessions/default")) == "default-stays"


def test_a_session_may_have_its_own_dialect_and_sources(http):
    opened(http, name="strict", dialect="strict", source=["shop=wk_test_shop"])
    path = "/sessions/strict/requests"
    raw = 'https://api.segment.io/v1/pixel/track?data={"userId":"u","event":"e"}'
    assert http.post(path, json={"url": raw}).json()["calls"][0]["outcome"] == "dropped"
    named = "https://api.segment.io/v1/pixel/track?writeKey=wk_test_shop&userId=u&event=e"
    assert http.post(path, json={"url": named}).json()["calls"][0]["source"] == "shop"


def test_write_keys_are_kept_only_on_request(http):
    for keep in (True, False):
        name = opened(http, keep_write_keys=keep)["name"]
        http.post(f"/sessions/{name}/requests", json={"url": f"https://api.segment.io{PIXEL}"})
        text = http.get(f"/sessions/{name}/recording").text
        assert ("wk_test_0000" in text) is keep


WRONG = {
    '{"name": "a b"}': ("name", 'must be 1 to 64 letters, digits, `-` or `_`, but is "a b"'),
    '{"name": ""}': ("name", "1 to 64"),
    '{"name": 5}': ("name", "must be text"),
    '{"name": "../x"}': ("name", "1 to 64"),
    '{"nam": "a"}': ("nam", 'did you mean "name"'),
    '{"dialect": "strickt"}': ("dialect", 'did you mean "strict"'),
    '{"source": "a=b"}': ("source", "must be a list"),
    '{"source": ["a"]}': ("source", "is not NAME=KEY"),
    '{"source": [1]}': ("source[0]", "must be text"),
    '{"keep_write_keys": "yes"}': ("keep_write_keys", "true or false"),
    '{"record": "/tmp/x.yaml"}': ("record", "is unknown"),
    "[]": ("", "must be a map"),
    "name": ("", "must be a map"),
    "{": ("", ""),
}


@pytest.mark.parametrize(("body", "wrong"), WRONG.items(), ids=WRONG)
def test_a_wrong_body_opens_nothing(http, body, wrong):
    before = http.get("/sessions").json()
    answer = http.post("/sessions", content=body)
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    [issue] = answer.json()["mistakes"]
    assert issue["path"] == wrong[0]
    assert wrong[1] in issue["message"]
    assert (issue["file"], issue["line"]) == ("body", 2 if body == "{" else 1)
    assert http.get("/sessions").json() == before


@pytest.mark.parametrize("what", ["", "/default/requests", "/default/step"])
def test_a_body_sent_as_json_that_is_not_json_is_refused(http, what):
    headers = {"content-type": "application/json; charset=utf-8"}
    for sent, said in ((headers, "not JSON: "), ({}, "not YAML")):
        answer = http.post(
            f"/sessions{what}", content='{"name": "a",\n "dialect" "x"}', headers=sent
        )
        assert (answer.status_code, kind(answer)) == (422, "wrong-body")
        [issue] = answer.json()["mistakes"]
        assert issue["message"].startswith(said)
        assert (issue["file"], issue["line"]) == ("body", 2)


def test_all_mistakes_are_reported_at_once(http):
    answer = http.post("/sessions", content='{"name": "a b",\n"dialect": "x",\n"y": 1}')
    places = {(issue["path"], issue["line"]) for issue in answer.json()["mistakes"]}
    assert places == {("name", 1), ("dialect", 2), ("y", 3)}


@pytest.mark.parametrize("name", ["nobody", "a%20b", "a%2Fb", "%00", "x" * 5000, "..%2f..%2fetc"])
def test_an_unknown_session_is_a_problem(http, name):
    answer = http.get(f"/sessions/{name}")
    assert answer.status_code == 404
    assert kind(answer) in ("unknown-session", "unknown-path")


@pytest.mark.parametrize(
    "path", ["/", "/sessions/", "/nothing", "/sessions/default/nothing", "//health"]
)
def test_an_unknown_path_is_a_problem(http, path):
    assert (
        kind(http.get(http.base_url.join(path) if path[:2] != "//" else f"{http.base_url}{path}"))
        == "unknown-path"
    )
