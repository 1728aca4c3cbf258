"""The same bytes get the same answers and leave the same evidence with the fast path and without.

`PIXEL_TEST_STREAMS=5000` drives as many streams; `PIXEL_TEST_SEED` makes them others.
"""

import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy import ctx

from pixel_emulator.core.endpoint.routes import GIF
from pixel_emulator.core.model import Evidence, Outcome
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.connection_ends import (
    PLAIN_ENDS,
    SEGMENT,
    TLS_ENDS,
    End,
    RawConnection,
    damages_a_record,
    directly,
    directly_with_tls,
    half_closes,
    in_a_tunnel,
    in_a_tunnel_with_tls,
    waits_for_close,
)
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.wire import PIXEL, TIMEOUT, get, tunnel

pytestmark = pytest.mark.thorough

STREAMS = int(os.environ.get("PIXEL_TEST_STREAMS", "300"))
SEED = int(os.environ.get("PIXEL_TEST_SEED", "0"))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes that a client sends on one connection, in parts, and how it ends: the last is sent
    together with the end."""

    way: str
    parts: tuple[bytes, ...]
    end: End = waits_for_close


def in_a_tunnel_to_an_address(e: Emulator) -> RawConnection:
    return RawConnection(tunnel(e.port, "127.0.0.1:1"))


def in_a_tunnel_with_tls_and_alpn(e: Emulator) -> RawConnection:
    made = RawConnection(tunnel(e.port, f"{SEGMENT}:443"))
    return made.start_tls(e.authority.ca, alpn=("h2", "http/1.1"))


def through_an_https_proxy(e: Emulator) -> RawConnection:
    return directly(e).start_tls(e.authority.ca, "localhost")


WAYS: dict[str, Callable[[Emulator], RawConnection]] = {
    opener.__name__: opener
    for opener in (
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
"""Ways on which mitmproxy guesses the protocol from the first read."""

POST = b"POST /v1/t HTTP/1.1\r\nHost: api.segment.io\r\nContent-Length: 2\r\n\r\n{}"

CUT_LINE = Stream(
    "in_a_tunnel_with_tls",
    (b"GET /v1/pixel/track?last ", b"HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"),
    half_closes,
)
"""A tunnel without ALPN whose first read ends before the line: for mitmproxy that is raw TCP."""


def _ends_during_a_request_to_another_host(stream: Stream) -> bool:
    is_led_on = stream.way == "in_a_tunnel_to_an_address" and stream.end is not waits_for_close
    return is_led_on and re.search(rb"\nHost: \S+\r\nHost: ", b"".join(stream.parts)) is not None


UNCOMPARED = {
    "mitmproxy gives up a request to another host when it learns that its client has ended, which "
    "may be before or after that host could not be reached": _ends_during_a_request_to_another_host,
}
"""Streams whose answers may differ, and why; their calls may not."""


def _damages_a_record_after_others(stream: Stream, _missing: bytes) -> bool:
    return stream.end is damages_a_record and len(stream.parts) > 1


def _ends_after_a_refused_request(stream: Stream, missing: bytes) -> bool:
    return stream.end is not waits_for_close and missing.startswith(b"HTTP/1.1 400 ")


CUT_SHORT = {
    "nothing can be sent through TLS after a damaged record, so what was read together with "
    "it is recorded without an answer; how much that is, the kernel decides": (
        _damages_a_record_after_others
    ),
    "mitmproxy refuses a request whose frame is ambiguous (both Content-Length and "
    "Transfer-Encoding) with 400, unless it has read the end of its client before": (
        _ends_after_a_refused_request
    ),
}
"""Streams of which one may get fewer answers than the other, and why."""


def _missing(fast_path: bytes, flow: bytes) -> bytes:
    """Return the bytes that only one of two got at its end; empty if they differ elsewhere."""
    short, long = sorted((fast_path, flow), key=len)
    return long[len(short) :] if long.startswith(short) else b""


_ONE = b"GET /v1/pixel/track?event=Email Opened HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"
_OTHER = _ONE.replace(b"Email Opened", b"Opened")
SPACED = {
    "": (_ONE, 1),
    "in absolute form": (_ONE.replace(b"/v1", b"http://api.segment.io/v1"), 1),
    "beside other bytes": (
        _ONE.replace(b"/v1", b"HTTP://api.segment.io/v1").replace(b"Email", b"\xffmail"),
        1,
    ),
    "behind another one": (_OTHER + _ONE, 2),
    "behind one that is a flow": (POST + _ONE, 2),
}
"""A raw space in the target: mitmproxy answers 400 and calls no hook. The request, and the
number of calls in it."""

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
FRAMED = [  # after these mitmproxy keeps the connection
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
ENDING = [  # after these it closes
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
    """Return the streams; the same ones for the same seed."""
    dice = random.Random(SEED)
    return [_stream(dice) for _ in range(STREAMS)]


def _stream(dice: random.Random) -> Stream:
    way = dice.choice(list(WAYS))
    host = dice.choice(HOSTS)
    text = "".join(_request(dice) for _ in range(dice.randrange(5)))
    end: End = waits_for_close
    if dice.random() < 0.5:
        end = dice.choice(TLS_ENDS if "tls" in way or "https" in way else PLAIN_ENDS)
        text += dice.choice(["", "", "", LAST, *TORN, *ENDING])
    else:
        text += dice.choice(ENDING) if dice.random() < 0.3 else LAST
    data = text.replace("HOST", host).encode("latin-1")
    head = re.match(rb"(?s).*?\n\r?\n", data)
    first = head.end() if head and way in GUESSED else 0
    places = range(first, len(data) + 1)
    cuts = sorted(dice.sample(places, min(dice.randrange(4), len(places))))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return Stream(way, tuple(filter(None, parts)), end)


def _request(dice: random.Random) -> str:
    if dice.random() < 0.15:
        return dice.choice(FRAMED)
    method = dice.choice(["GET", "GET", "GET", "HEAD"])
    target = dice.choice(TARGETS)
    if target.isascii() and dice.random() < 0.3:
        target = f"{dice.choice(['http', 'HTTP'])}://HOST{target}"
    fields = dice.sample(FIELDS, dice.randrange(4))
    fields.insert(dice.randrange(len(fields) + 1), "Host: HOST")
    if sum(field.startswith("Connection") for field in fields) > 1:
        fields = [field for field in fields if not field.startswith("Connection")]
    return "\r\n".join((f"{method} {target} HTTP/1.1", *fields, "", ""))


def say(e: Emulator, stream: Stream) -> bytes:
    """Send a stream, and end; return the response if the end reads one."""
    connection = WAYS[stream.way](e)
    *parts, last = stream.parts or (b"",)
    for part in parts:
        connection.send(part)
    return stream.end(e, connection, last)


@dataclass(frozen=True, slots=True)
class Ran:
    """Results of one emulator for all streams."""

    answers: list[bytes]
    evidence: Evidence
    recording: str


def run(settings: Settings, file: Path) -> Ran:
    settings = replace(settings, port=0, record=str(file))
    recorder = open_recording(settings, created=MOMENT, seed="same")
    journal = Journal(settings, sink=recorder, now=lambda: MOMENT)
    with Emulator(settings, journal) as e:
        answers = []
        for stream in streams():
            answers.append(say(e, stream))
            assert e.drain(TIMEOUT)
        evidence = journal.evidence()
    journal.close()
    return Ran(answers, evidence, file.read_text())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran]:
    folder = tmp_path_factory.mktemp("recordings")
    return run(with_fast_path(), folder / "fast_path.yaml"), run(
        without_fast_path(), folder / "flow.yaml"
    )


def test_the_answers_are_the_same_byte_for_byte(both: tuple[Ran, Ran]):
    unlisted = []
    for stream, fast_path, flow in zip(streams(), both[0].answers, both[1].answers, strict=True):
        if fast_path != flow and not any(listed(stream) for listed in UNCOMPARED.values()):
            missing = _missing(fast_path, flow)
            if not missing or not any(may(stream, missing) for may in CUT_SHORT.values()):
                unlisted.append((stream, fast_path, flow))
    assert not unlisted


def test_the_hits_are_the_same(both: tuple[Ran, Ran]):
    fast_path, flow = (ran.evidence.hits for ran in both)
    for mine, other in zip(fast_path, flow, strict=False):
        assert mine == other
    assert len(fast_path) == len(flow)


def test_all_other_evidence_is_the_same(both: tuple[Ran, Ran]):
    fast_path, flow = (replace(ran.evidence, hits=()) for ran in both)
    assert fast_path == flow
    assert fast_path.connections == STREAMS


def test_the_recordings_are_the_same(both: tuple[Ran, Ran]):
    assert both[0].recording == both[1].recording


def test_the_streams_have_answers_of_all_kinds(both: tuple[Ran, Ran]):
    """Answers of all kinds, and most of them given on the fast path."""
    answers = b"".join(both[0].answers)
    statuses = {answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]}
    assert {b"200", b"404", b"405", b"400", b"100", b"204"} <= statuses
    assert len(both[0].evidence.hits) > STREAMS
    assert {stream.end for stream in streams()} == {waits_for_close, *TLS_ENDS}
    uncompared = [
        stream for stream in streams() if any(test(stream) for test in UNCOMPARED.values())
    ]
    assert len(uncompared) < STREAMS / 20


@pytest.mark.parametrize("made", [with_fast_path, without_fast_path])
@pytest.mark.parametrize("way", ["in_a_tunnel", "in_a_tunnel_with_tls"])
def test_a_line_that_comes_in_two_reads_is_read(made: Callable[..., Settings], way: str):
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        assert say(e, replace(CUT_LINE, way=way)).endswith(GIF)
        assert len(e.journal.hits) == 1
        assert e.journal.gaps == ()


@pytest.mark.parametrize("made", [with_fast_path, without_fast_path])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("head", "calls"), SPACED.values(), ids=SPACED)
def test_a_call_with_a_raw_space_is_refused_and_recorded(
    made: Callable[..., Settings], way: str, head: bytes, calls: int
):
    if way == "in_a_tunnel_to_an_address" and b" http://" in head.lower()[:11]:
        way = "in_a_tunnel"  # there an absolute form means the other host, with a space or without
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        heard = say(e, Stream(way, (head,)))
        assert e.drain(TIMEOUT)
        hits = e.journal.hits
        assert len(hits) == calls
        assert e.journal.gaps == ()
        assert (hits[-1].exchange.status, hits[-1].outcome) == (400, Outcome.DROPPED)
        assert hits[-1].problems[0].code == "bad_request"
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200"] * (calls - 1) + [b"400"]


@pytest.mark.parametrize("way", WAYS)
def test_with_the_fast_path_no_pixel_is_a_flow(way: str, monkeypatch: pytest.MonkeyPatch):
    settings = with_fast_path(port=0)
    with Emulator(settings, Journal(settings)) as e:
        monkeypatch.setattr(ctx.master.addons.get("pixel_emulator"), "request", None)
        connection = WAYS[way](e)
        connection.send(get(PIXEL, SEGMENT))
        assert connection.receive().endswith(GIF)
        connection.send(get(f"http://{SEGMENT}{PIXEL}", SEGMENT, method="HEAD"))
        assert connection.receive().startswith(b"HTTP/1.1 200 ")
        connection.close()
    assert len(e.journal.hits) == 2
    assert e.journal.failures == ()
