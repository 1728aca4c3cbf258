"""A runner in another process marks runs and steps, and waits for its clients."""

import httpx
import pytest

from tests.control_client import PIXEL, SEGMENT, kind
from tests.wire import ask, connect, get

TIME = "2030-01-31T12:00:00.000Z"


def received(http, path, event="Opened"):
    url = f"{SEGMENT}{PIXEL.replace('Opened', event)}&messageId=m1"
    answer = http.post(f"{path}/requests", json={"url": url})
    return answer.json()


@pytest.fixture
def path(session):
    return f"/sessions/{session['name']}"


def test_calls_belong_to_the_step_that_was_begun(http, path):
    assert http.post(f"{path}/step", json={"title": "drip, day 1"}).status_code == 204
    assert received(http, path)["step"] == "drip, day 1"
    assert http.post(f"{path}/step", json={"title": ""}).status_code == 204
    assert "step" not in received(http, path)


def test_a_run_of_its_own_knows_no_earlier_call_and_has_its_clock(http, path):
    assert received(http, path)["calls"][0]["outcome"] == "delivered"
    assert received(http, path)["calls"][0]["outcome"] == "duplicate"
    assert http.post(f"{path}/run", json={"clock": TIME}).status_code == 204
    first = received(http, path)
    assert (first["calls"][0]["outcome"], first["time"]) == ("delivered", TIME)
    assert http.post(f"{path}/run").status_code == 204
    assert received(http, path)["time"] < TIME


def test_what_steps_have_done_is_noted(http, path):
    http.post(f"{path}/run", json={"clock": TIME})
    assert http.post(f"{path}/acted", json={"titles": ["a", "b"]}).status_code == 204
    done = http.get(f"{path}/requests").json()["acted"]
    assert done["a"] == done["b"] == TIME


def test_drain_waits_for_clients(http, emulator):
    httpx.get(f"{emulator.url}{PIXEL}", trust_env=False)
    assert http.post("/drain", params={"timeout": 10}).json() == {"gone": True}
    with connect(emulator.port) as client:
        assert ask(client, get(PIXEL, "localhost")).is_pixel
        assert http.post("/drain", params={"timeout": 0}).json() == {"gone": False}
    assert http.post("/drain", params={"timeout": 10}).json() == {"gone": True}


@pytest.mark.parametrize(
    ("what", "body", "said"),
    [
        ("run", {"clock": "tomorrow"}, "clock: must be a time like"),
        ("run", {"clock": "2030-01-31T12:00:00"}, "clock: must be a time like"),
        ("run", {"clock": "0001-01-01T00:00:00+14:00"}, "outside of the years 1 to 9999"),
        ("run", {"clock": "9999-12-31T23:59:59-14:00"}, "outside of the years 1 to 9999"),
        ("run", {"clock": "9999-01-01T00:00:00Z"}, "the last year in which a clock may begin"),
        ("run", {"clock": "9" * 100_000}, "clock: must be a time like"),
        ("run", {"clok": TIME}, "clok: is unknown; allowed is clock"),
        ("step", {}, "title: must be text, but is missing"),
        ("step", {"title": 1}, "title: must be text"),
        ("step", [], "must be a map"),
        ("acted", {}, "titles: must be a list, but is missing"),
        ("acted", {"titles": "a"}, "titles: must be a list"),
        ("acted", {"titles": [1]}, "titles[0]: must be text"),
    ],
)
def test_mistakes_are_reported(http, path, what, body, said):
    answer = http.post(f"{path}/{what}", json=body)
    assert (answer.status_code, kind(answer)) == (422, "wrong-body")
    assert said in answer.json()["detail"]


def test_a_wait_for_clients_is_short(http):
    assert kind(http.post("/drain", params={"timeout": 11})) == "wrong-query"
