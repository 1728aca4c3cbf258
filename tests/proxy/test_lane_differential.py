"""With the lane and without it, the same bytes get the same answers and leave the same evidence.

`PIXEL_TEST_STREAMS=5000` drives as many streams; `PIXEL_TEST_SEED` makes them others.
"""

import os
import random
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy import ctx

from pixel_emulator.config import Settings
from pixel_emulator.core.calls import Evidence, Outcome
from pixel_emulator.journal import Journal
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.recorder import open_recorder
from tests.lanes import WithLane, WithoutLane
from tests.wire import PIXEL, TIMEOUT, ask, connect, get, read, secured, tunnel

STREAMS = int(os.environ.get("PIXEL_TEST_STREAMS", "300"))
SEED = int(os.environ.get("PIXEL_TEST_SEED", "0"))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SEGMENT = "api.segment.io"


@dataclass(frozen=True, slots=True)
class Stream:
    """What a client says on one connection, read by read, until the server hangs up.

    A client that is `torn` hangs up itself.
    """

    way: str
    parts: tuple[bytes, ...]
    torn: bool = False


def directly(e: Emulator) -> socket.socket:
    return connect(e.port)


def directly_with_tls(e: Emulator) -> socket.socket:
    return secured(connect(e.port), e.authority.ca)


def in_a_tunnel(e: Emulator) -> socket.socket:
    return tunnel(e.port, f"{SEGMENT}:80")


def in_a_tunnel_to_an_address(e: Emulator) -> socket.socket:
    return tunnel(e.port, "127.0.0.1:1")


def in_a_tunnel_with_tls(e: Emulator) -> socket.socket:
    return secured(tunnel(e.port, f"{SEGMENT}:443"), e.authority.ca)


def in_a_tunnel_with_tls_and_alpn(e: Emulator) -> socket.socket:
    return secured(tunnel(e.port, f"{SEGMENT}:443"), e.authority.ca, alpn=("h2", "http/1.1"))


def through_an_https_proxy(e: Emulator) -> socket.socket:
    return secured(connect(e.port), e.authority.ca, "localhost")


WAYS: dict[str, Callable[[Emulator], socket.socket]] = {
    each.__name__: each
    for each in (
        directly,
        directly_with_tls,
        in_a_tunnel,
        in_a_tunnel_to_an_address,
        in_a_tunnel_with_tls,
        in_a_tunnel_with_tls_and_alpn,
        through_an_https_proxy,
    )
}
GUESSED = ("in_a_tunnel", "in_a_tunnel_to_an_address", "in_a_tunnel_with_tls")
"""Ways on which mitmproxy guesses from the first read what is spoken."""

WANTED = {
    "a tunnel without ALPN whose first read ends before the line does: "
    "mitmproxy takes that for raw TCP, and the call is lost": Stream(
        "in_a_tunnel_with_tls",
        (b"GET /v1/pixel/track?last ", b"HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"),
    ),
}
"""The differences that are wanted: why, and what the lane reads."""

_ONE = b"GET /v1/pixel/track?event=Email Opened HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"
SPACED = {
    "": (_ONE, 1),
    "behind another one": (_ONE.replace(b"Email Opened", b"Opened") + _ONE, 2),
}
"""A raw space in the target: mitmproxy answers 400 and tells nobody; the lane answers the same, and
records the call that was meant. What is said, and how many calls it is."""

TARGETS = [
    "/v1/pixel/track?writeKey=wk_test_0000&userId=u1&event=Opened",
    "/v1/pixel/track?data=eyJ1c2VySWQiOiJ1MSIsImV2ZW50IjoiYSIsIndyaXRlS2V5Ijoid2tfdGVzdF8wMDAwIn0",
    "/v1/pixel/page?writeKey=wk_test_0000&userId=u1&messageId=m1",
    "/V1/Pixel/%69dentify/?userId={{id}}",
    "/v1/pixel/screen?data=+%zz&&;=",
    "//v1/pixel/track?a=\xff\xe9#x",
    "/v1/pixel/nothing",
    "/",
    "/v1/pixel/group?" + "x" * 3000,
]
HOSTS = [
    SEGMENT,
    SEGMENT,
    SEGMENT,
    "API.segment.io.",
    "api.segment.io:443",
    "events.eu1.segmentapis.com",
]
FIELDS = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: image/*,*/*;q=0.8",
    "Referer: https://mail.example.com/?a=b",
    "Cookie: a=b",
    "X-Odd:\t \xe9 b \t",
    "X-Empty:",
    "Connection: keep-alive",
    "Connection: Keep-Alive",
    "Proxy-Connection: keep-alive",
    "Connection: x, y",
]
FRAMED = [  # mitmproxy keeps the connection behind these
    'POST /v1/t HTTP/1.1\r\nHost: HOST\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    "OPTIONS /v1/batch HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "PUT /v1/pixel/track HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n",
    "GET /v1/pixel/track HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc",
    "GET /v1/i HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "POST /v1/i HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "GET /v1/pixel/page?folded HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n",
    "GET /v1/pixel/page?newlines HTTP/1.1\nHost: HOST\n\n",
    "GET  /v1/pixel/page?blanks HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "GET /v1/pixel/page?h2c HTTP/1.1\r\nHost: HOST\r\nUpgrade: h2c\r\n\r\n",
    "get /v1/pixel/page HTTP/1.1\r\nHost: HOST\r\n\r\n",
]
ENDING = [  # behind these it hangs up
    "GET /v1/pixel/track HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET /v1/pixel/track HTTP/1.1\r\nHost : HOST\r\n\r\n",
    "GET /v1/pixel/track HTTP/1.1\r\nX\r\n\r\n",
    "GET /v1/pixel/track\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    "GET /v1/pixel/track HTTP/1.0\r\nHost: HOST\r\n\r\n",
    "HEAD /v1/pixel/track HTTP/1.0\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    "GET http://HOST:x/v1/pixel/track HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "GET ftp://HOST/v1/pixel/track HTTP/1.1\r\nHost: HOST\r\n\r\n",
]
TORN = [
    "",
    "G",
    "GET /v1/pix",
    "GET /v1/pixel/track HTTP/1.1\r\nHost: HOST\r\n",
    "POST /v1/t HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9\r\n\r\nabc",
    "HEAD /v1/pixel/track HTTP/1.1\r\nHost: HOST\r\n\r",
]
LAST = "GET /v1/pixel/track?last HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"


def streams() -> list[Stream]:
    """The same ones for the same seed."""
    dice = random.Random(SEED)
    return [_stream(dice) for _ in range(STREAMS)]


def _stream(dice: random.Random) -> Stream:
    way = dice.choice(list(WAYS))
    host = dice.choice(HOSTS)
    torn = dice.random() < 0.15
    if torn:  # nothing before it: a client that leaves does not wait for answers
        said = dice.choice(TORN)
    else:
        said = "".join(_request(dice) for _ in range(dice.randrange(5)))
        said += dice.choice(ENDING) if dice.random() < 0.3 else LAST
    data = said.replace("HOST", host).encode("latin-1")
    head = re.match(rb"(?s).*?\n\r?\n", data)
    first = head.end() if head and way in GUESSED else 0
    places = range(first, len(data) + 1)
    cuts = sorted(dice.sample(places, min(dice.randrange(4), len(places))))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return Stream(way, tuple(filter(None, parts)), torn)


def _request(dice: random.Random) -> str:
    if dice.random() < 0.15:
        return dice.choice(FRAMED)
    method = dice.choice(["GET", "GET", "GET", "HEAD"])
    target = dice.choice(TARGETS)
    if target.isascii() and dice.random() < 0.3:
        target = f"{dice.choice(['http', 'HTTP'])}://HOST{target}"
    fields = dice.sample(FIELDS, dice.randrange(4))
    fields.insert(dice.randrange(len(fields) + 1), "Host: HOST")
    if sum(each.startswith("Connection") for each in fields) > 1:
        fields = [each for each in fields if not each.startswith("Connection")]
    return "\r\n".join((f"{method} {target} HTTP/1.1", *fields, "", ""))


def say(e: Emulator, stream: Stream) -> bytes:
    """Say it; all that comes back until the end."""
    client = WAYS[stream.way](e)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    heard = b""
    with client, suppress(ConnectionError):
        for part in stream.parts:
            client.sendall(part)
        if stream.torn:
            if isinstance(client, ssl.SSLSocket):
                return heard
            with suppress(OSError):  # it may have hung up already
                client.shutdown(socket.SHUT_WR)
        while data := client.recv(65536):
            heard += data
    return heard


@dataclass(frozen=True, slots=True)
class Ran:
    """What one emulator made of all streams."""

    answers: list[bytes]
    evidence: Evidence
    recording: str


def run(settings: Settings, file: Path) -> Ran:
    settings = replace(settings, port=0, record=str(file))
    recorder = open_recorder(settings, created=MOMENT, seed="same")
    journal = Journal(settings, recorder=recorder, now=lambda: MOMENT)
    with Emulator(settings, journal) as e:
        answers = []
        for stream in streams():
            answers.append(say(e, stream))
            if stream.torn:
                assert e.drain(TIMEOUT)
        assert e.drain(TIMEOUT)
        evidence = journal.evidence()
    journal.close()
    return Ran(answers, evidence, file.read_text())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran]:
    folder = tmp_path_factory.mktemp("recordings")
    return run(WithLane(), folder / "lane.yaml"), run(WithoutLane(), folder / "flow.yaml")


def test_the_answers_are_the_same_byte_for_byte(both: tuple[Ran, Ran]):
    for stream, lane, flow in zip(streams(), both[0].answers, both[1].answers, strict=True):
        assert lane == flow, stream


def test_so_are_the_hits(both: tuple[Ran, Ran]):
    lane, flow = (ran.evidence.hits for ran in both)
    for mine, other in zip(lane, flow, strict=False):
        assert mine == other
    assert len(lane) == len(flow)


def test_so_is_all_other_evidence(both: tuple[Ran, Ran]):
    lane, flow = (replace(ran.evidence, hits=()) for ran in both)
    assert lane == flow
    assert lane.connections == STREAMS


def test_so_are_the_recordings(both: tuple[Ran, Ran]):
    assert both[0].recording == both[1].recording


def test_there_is_something_to_compare(both: tuple[Ran, Ran]):
    """Answers of all kinds, and most of them given in the lane."""
    answers = b"".join(both[0].answers)
    statuses = {each[:3] for each in answers.split(b"HTTP/1.1 ")[1:]}
    assert {b"200", b"404", b"405", b"400", b"100", b"204"} <= statuses
    assert len(both[0].evidence.hits) > STREAMS


@pytest.mark.parametrize("stream", WANTED.values(), ids=WANTED)
def test_where_a_difference_is_wanted_the_lane_records_the_call(stream: Stream):
    settings = WithLane(port=0)
    with Emulator(settings, Journal(settings)) as e, WAYS[stream.way](e) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in stream.parts:
            client.sendall(part)
        assert read(client).is_pixel
        assert len(e.journal.hits) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("said", "calls"), SPACED.values(), ids=SPACED)
def test_a_call_with_a_raw_space_is_refused_and_recorded(way: str, said: bytes, calls: int):
    heard = []
    for made in (WithLane, WithoutLane):
        settings = made(port=0)
        with Emulator(settings, Journal(settings)) as e:
            heard.append(say(e, Stream(way, (said,))))
            assert e.drain(TIMEOUT)
            hits = e.journal.hits
            assert len(hits) == (calls if settings.lane else calls - 1)
            if settings.lane:
                assert e.journal.gaps == ()
                assert (hits[-1].status, hits[-1].outcome) == (400, Outcome.DROPPED)
                assert hits[-1].problems[0].code == "bad_request"
    statuses = [re.findall(rb"HTTP/1.1 (\d+)", each) for each in heard]
    assert statuses[0] == statuses[1] == [b"200"] * (calls - 1) + [b"400"]


@pytest.mark.parametrize("way", WAYS)
def test_with_the_lane_no_pixel_is_a_flow(way: str, monkeypatch: pytest.MonkeyPatch):
    settings = WithLane(port=0)
    with Emulator(settings, Journal(settings)) as e:
        monkeypatch.setattr(ctx.master.addons.get("pixel_emulator"), "request", None)
        with WAYS[way](e) as client:
            assert ask(client, get(PIXEL, SEGMENT)).is_pixel
            assert (
                ask(client, get(f"http://{SEGMENT}{PIXEL}", SEGMENT, method="HEAD")).status == 200
            )
    assert len(e.journal.hits) == 2
    assert e.journal.failures == ()
