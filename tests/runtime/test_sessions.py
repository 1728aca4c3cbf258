"""A request of one session never reaches another, whatever its route and however late it is."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Hit, Outcome
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.session import LocalSession
from pixel_emulator.runtime.settings import Settings
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.programs import needs_curl
from tests.wire import PIXEL, TIMEOUT, Reply, ask, connect, get, secured, tunnel

SEGMENT = "api.segment.io"


@pytest.fixture(params=[with_fast_path, without_fast_path], ids=["fast_path", "flows"])
def emulator(request) -> Iterator[Emulator]:
    settings = request.param(port=0)
    with Emulator(settings, Journal(settings)) as running:
        yield running


def port_of(session: LocalSession) -> int:
    return int(session.proxy.rpartition(":")[2])


def pixel(event: str) -> str:
    return f"/v1/pixel/track?writeKey=wk_test_0000&userId=u1&event={event}"


def events(session: LocalSession) -> list[object]:
    return [
        hit.call.payload["event"]
        for hit in session.evidence().hits
        if hit.call and hit.call.payload
    ]


# -- every way in ---------------------------------------------------------------------------


def over_https(_e: Emulator, s: LocalSession) -> Reply:
    with secured(tunnel(port_of(s), f"{SEGMENT}:443"), s.ca) as client:
        return ask(client, get(PIXEL, SEGMENT))


def over_http(_e: Emulator, s: LocalSession) -> Reply:
    with connect(port_of(s)) as client:
        return ask(client, get(f"http://{SEGMENT}{PIXEL}", SEGMENT))


def at_its_port(_e: Emulator, s: LocalSession) -> Reply:
    with connect(port_of(s)) as client:
        return ask(client, get(PIXEL, f"127.0.0.1:{port_of(s)}"))


def through_its_port_to_the_main_one(e: Emulator, s: LocalSession) -> Reply:
    with connect(port_of(s)) as client:
        return ask(client, get(f"{e.url}{PIXEL}", f"127.0.0.1:{e.port}"))


def through_its_port_by_its_path(e: Emulator, s: LocalSession) -> Reply:
    with connect(port_of(s)) as client:
        return ask(client, get(f"{s.url}{PIXEL}", f"127.0.0.1:{e.port}"))


def by_its_path(e: Emulator, s: LocalSession) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"/s/{s.name}{PIXEL}", f"127.0.0.1:{e.port}"))


def by_its_path_with_tls(e: Emulator, s: LocalSession) -> Reply:
    with secured(connect(e.port), s.ca, "localhost") as client:
        return ask(client, get(f"/s/{s.name}{PIXEL}", f"localhost:{e.port}"))


def by_its_path_under_another_name(e: Emulator, s: LocalSession) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"/s/{s.name}{PIXEL}", "my-alias.invalid"))


def by_its_path_with_a_body(e: Emulator, s: LocalSession) -> Reply:
    head = get(f"/s/{s.name}{PIXEL}", "localhost", extra="Content-Length: 2\r\n")
    with connect(e.port) as client:
        return ask(client, head + b"{}")


WAYS = (
    over_https,
    over_http,
    at_its_port,
    through_its_port_to_the_main_one,
    through_its_port_by_its_path,
    by_its_path,
    by_its_path_with_tls,
    by_its_path_under_another_name,
    by_its_path_with_a_body,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_call_is_recorded_only_in_its_session(emulator, way):
    mine, other = emulator.sessions.open("mine"), emulator.sessions.open("other")
    assert way(emulator, mine).is_pixel
    [hit] = mine.evidence().hits
    assert hit.outcome is Outcome.DELIVERED
    assert hit.request.target == PIXEL.encode()
    assert mine.evidence().connections == 1
    assert other.evidence().hits == emulator.journal.hits == ()
    assert other.evidence().connections == 0
    assert emulator.sessions.unrouted() == ()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_call_for_a_closed_session_is_answered_and_not_recorded(emulator, way):
    closed, other = emulator.sessions.open("closed"), emulator.sessions.open("other")
    assert way(emulator, closed).is_pixel
    closed.close()
    assert way(emulator, closed).is_pixel
    assert len(closed.evidence().hits) == 1
    assert other.evidence().hits == emulator.journal.hits == ()
    [stray] = emulator.sessions.unrouted()
    assert stray == '1 request for session "closed", which was closed: not recorded'


def test_a_client_connected_past_the_end_is_not_recorded(emulator):
    session = emulator.sessions.open()
    with secured(tunnel(port_of(session), f"{SEGMENT}:443"), session.ca) as client:
        assert ask(client, get(PIXEL, SEGMENT)).is_pixel
        session.close()
        assert ask(client, get(PIXEL, SEGMENT)).is_pixel
    assert len(session.evidence().hits) == 1
    assert len(emulator.sessions.unrouted()) == 1


def test_one_connection_may_speak_to_several_sessions(emulator):
    names = ["a", "b", "a"]
    opened = {name: emulator.sessions.open(name) for name in set(names)}
    with connect(emulator.port) as client:
        for name in names:
            assert ask(client, get(f"/s/{name}{pixel(name)}", "localhost")).is_pixel
    assert events(opened["a"]) == ["a", "a"]
    assert events(opened["b"]) == ["b"]
    assert opened["a"].evidence().connections == opened["b"].evidence().connections == 1


def test_requests_for_a_session_never_opened_are_counted(emulator):
    with connect(emulator.port) as client:
        assert ask(client, get(f"/s/mispelt{PIXEL}", "localhost")).is_pixel
        assert ask(client, get(f"/s/mispelt{PIXEL}", "localhost")).is_pixel
    assert emulator.journal.hits == ()
    assert emulator.sessions.unrouted() == (
        '2 requests for session "mispelt", which was never opened: not recorded',
    )


def test_the_default_session_has_the_main_port_and_a_path_too(emulator):
    default = emulator.sessions.default
    assert (default.proxy, default.url) == (emulator.proxy, emulator.url)
    with connect(emulator.port) as client:
        assert ask(client, get(PIXEL, "localhost")).is_pixel
        assert ask(client, get(f"/s/default{PIXEL}", "localhost")).is_pixel
    assert len(default.evidence().hits) == 2
    assert default.evidence().connections == 1
    default.close()
    assert emulator.sessions.get("default") is default


@pytest.mark.parametrize(
    ("target", "recorded"),
    [
        ("/s/a", b"/"),
        ("/s/a/", b"/"),
        ("/s/a?x=1", b"/?x=1"),
        ("/s/a/s/a/", b"/s/a/"),
        ("/s/a/v1/pixel/track", b"/v1/pixel/track"),
    ],
)
def test_the_target_is_recorded_without_its_prefix(emulator, target, recorded):
    session = emulator.sessions.open("a")
    with connect(emulator.port) as client:
        ask(client, get(target, "localhost"))
    assert [hit.request.target for hit in session.evidence().hits] == [recorded]


@pytest.mark.parametrize(
    "target", ["/s/", "/s/a b/x".replace(" ", "%20"), "/sa/", "/S/a/", "//s/a/"]
)
def test_what_is_no_prefix_is_a_path_as_any_other(emulator, target):
    emulator.sessions.open("a")
    with connect(emulator.port) as client:
        ask(client, get(target, "localhost"))
    assert [hit.request.target for hit in emulator.journal.hits] == [target.encode()]


@pytest.mark.parametrize("host", [SEGMENT, f"{SEGMENT}:80", "API.Segment.io."])
def test_at_an_emulated_host_the_session_path_is_unknown(emulator, host):
    session = emulator.sessions.open("a")
    with connect(emulator.port) as client:
        assert not ask(client, get(f"http://{host}/s/a{PIXEL}", host)).is_pixel
    assert session.evidence().hits == ()
    assert [hit.outcome for hit in emulator.journal.hits] == [Outcome.UNHANDLED]


# -- names and ports ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "a/b", "ä", "a" * 65, "a\n", "."])
def test_a_name_that_no_path_could_hold_is_refused(emulator, name):
    with pytest.raises(InputError, match="letters, digits"):
        emulator.sessions.open(name)


def test_a_name_is_never_used_again(emulator):
    emulator.sessions.open("a")
    with pytest.raises(InputError, match="already"):
        emulator.sessions.open("a")
    emulator.sessions.get("a").close()
    with pytest.raises(InputError, match="already"):
        emulator.sessions.open("a")
    with pytest.raises(InputError, match="already"):
        emulator.sessions.open("default")


def test_a_session_without_a_name_gets_one_that_is_free(emulator):
    emulator.sessions.open("session-2")
    names = {emulator.sessions.open().name for _ in range(5)}
    assert len(names | {"session-2"}) == 6


def test_a_port_is_never_used_again(emulator, monkeypatch):
    monkeypatch.setattr("pixel_emulator.runtime.sessions._MAX_CLOSING_PORTS", 0)
    ports = []
    for _ in range(50):
        session = emulator.sessions.open()
        ports.append(port_of(session))
        session.close()
    assert len(set(ports)) == 50


def test_of_many_closed_sessions_the_oldest_ports_are_shut(emulator, monkeypatch):
    monkeypatch.setattr("pixel_emulator.runtime.sessions._MAX_CLOSING_PORTS", 1)
    sessions = [emulator.sessions.open() for _ in range(3)]
    ports = [port_of(session) for session in sessions]
    for session in sessions:
        session.close()
    told = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), emulator.loop)
    told.result(TIMEOUT)  # the loop has done what it was told before
    with pytest.raises(ConnectionRefusedError):
        connect(ports[0])
    connect(ports[2]).close()


def test_a_session_that_is_closed_gets_no_port_any_more(emulator):
    session = emulator.sessions.open()
    session.close()
    with pytest.raises(InputError, match="is closed"):
        _ = session.proxy


def test_all_ports_are_shut_when_the_emulator_ends():
    settings = Settings(port=0)
    with Emulator(settings, Journal(settings)) as e:
        session, closed = e.sessions.open(), e.sessions.open()
        ports = [port_of(session), port_of(closed)]
        closed.close()
        client = connect(ports[0])
        assert ask(client, get(PIXEL, "localhost")).is_pixel
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            connect(port)
    assert client.recv(1) == b""
    client.close()
    session.close()  # which is no error


# -- evidence -------------------------------------------------------------------------------


def test_a_refused_handshake_is_a_gap_of_its_session_only(emulator):
    mine, other = emulator.sessions.open(), emulator.sessions.open()
    client = tunnel(port_of(mine), f"{SEGMENT}:443")
    with client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(client, server_hostname=SEGMENT)
    assert emulator.drain(TIMEOUT)
    assert "1 TLS handshake for api.segment.io refused" in mine.evidence().gaps[0]
    assert other.evidence().gaps == emulator.journal.evidence().gaps == ()


def test_what_happens_at_the_port_of_a_closed_session_is_in_no_evidence(emulator):
    session = emulator.sessions.open()
    port = port_of(session)
    session.close()
    client = tunnel(port, f"{SEGMENT}:443")
    with client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(client, server_hostname=SEGMENT)
    assert emulator.drain(TIMEOUT)
    for evidence in (session.evidence(), emulator.journal.evidence()):
        assert (evidence.gaps, evidence.connections) == ((), 0)


@pytest.mark.parametrize("by_path", [True, False])
def test_an_unreadable_request_is_a_gap_of_its_session_only(emulator, by_path):
    mine, other = emulator.sessions.open("mine"), emulator.sessions.open("other")
    port, prefix = (emulator.port, "/s/mine") if by_path else (port_of(mine), "")
    with connect(port) as client:
        client.sendall(get(f"{prefix}{PIXEL}", "localhost", extra="X\r\n"))
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            client.recv(65536)
    assert emulator.drain(TIMEOUT)
    assert "1 request could not be read" in mine.evidence().gaps[0]
    assert other.evidence().gaps == emulator.journal.evidence().gaps == ()


def test_an_unreadable_request_behind_a_good_one_is_a_gap_of_the_same_session(emulator):
    mine = emulator.sessions.open("mine")
    with connect(emulator.port) as client:
        assert ask(client, get(f"/s/mine{PIXEL}", "localhost")).is_pixel
        client.sendall(b"GET /s/mine/v1/pix")
    assert emulator.drain(TIMEOUT)
    assert "1 request could not be read" in mine.evidence().gaps[0]


def test_a_failure_of_the_emulator_is_one_of_every_open_session(emulator):
    mine, closed = emulator.sessions.open(), emulator.sessions.open()
    closed.close()
    emulator.sessions.fail("out of order")
    assert mine.evidence().gaps == emulator.journal.failures == ("out of order",)
    assert closed.evidence().gaps == ()


def test_a_session_may_have_its_own_dialect_and_sources(emulator):
    raw = (
        "/v1/pixel/track?data=%7B%22writeKey%22:%22k%22,%22userId%22:%22u%22,%22event%22:%22e%22%7D"
    )
    strict = emulator.sessions.open(settings=Settings(dialect="strict"))
    usual = emulator.sessions.open()
    for session in (strict, usual):
        session.receive(request_from_url(f"https://{SEGMENT}{raw}"))
    assert [hit.outcome for hit in strict.evidence().hits] == [Outcome.DROPPED]
    assert [hit.outcome for hit in usual.evidence().hits] == [Outcome.DAMAGED]


def test_a_message_id_is_a_duplicate_only_within_its_session(emulator):
    url = f"https://{SEGMENT}{PIXEL}&messageId=m1"
    for session in (emulator.sessions.open(), emulator.sessions.open()):
        assert session.receive(request_from_url(url)).outcomes[0] is Outcome.DELIVERED
        assert session.receive(request_from_url(url)).outcomes[0] is Outcome.DUPLICATE
        session.clear()
        assert session.receive(request_from_url(url)).outcomes[0] is Outcome.DELIVERED


# -- what a test does with it ---------------------------------------------------------------


def test_receive_notifies_waiters_and_subscribers(emulator):
    session = emulator.sessions.open()
    told: list[Hit] = []
    leave = session.subscribe(told.append)
    assert not session.wait(0, 0)
    [hit] = session.receive(request_from_url(f"https://{SEGMENT}{PIXEL}")).hits
    assert session.wait(0, 0)
    assert not session.wait(1, 0)
    leave()
    session.receive(request_from_url(f"https://{SEGMENT}{PIXEL}"))
    assert told == [hit]


def test_a_wait_ends_when_the_call_is_there(emulator):
    session = emulator.sessions.open()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.wait, 0, TIMEOUT)
        assert over_http(emulator, session).is_pixel
        assert waiting.result()


def test_clear_forgets_calls_and_connections(emulator):
    session = emulator.sessions.open()
    over_http(emulator, session)
    session.clear()
    assert session.evidence().hits == ()
    assert session.evidence().connections == 0
    assert not session.wait(0, 0)
    over_http(emulator, session)
    assert session.wait(0, 0)
    assert [hit.seq for hit in session.evidence().hits] == [2]


def test_save_writes_a_recording_of_what_there_is(emulator, tmp_path: Path):
    session = emulator.sessions.open()
    over_http(emulator, session)
    session.clear()
    for _ in range(2):
        over_https(emulator, session)
    session.save(tmp_path / "out.yaml")
    recording = read_recording(tmp_path / "out.yaml")
    assert [hit.seq for hit in recording.hits] == [1, 2]
    assert recording.evidence().gaps == ()
    assert recording.evidence().connections == 2
    assert len(session.evidence().hits) == 2


@pytest.mark.parametrize("path", ["no/such/folder/out.yaml", "."])
def test_save_raises_if_the_file_cannot_be_written(emulator, path):
    with pytest.raises(InputError):
        emulator.sessions.open().save(Path(path))


def test_a_session_may_record_as_it_goes_and_clear_loses_nothing(emulator, tmp_path: Path):
    settings = Settings(record=str(tmp_path / "out.yaml"))
    session = emulator.sessions.open(sink=open_recording(settings))
    over_http(emulator, session)
    session.clear()
    over_http(emulator, session)
    session.close()
    recording = read_recording(tmp_path / "out.yaml")
    assert len(recording.hits) == 2
    assert recording.evidence().gaps == ()


@needs_curl
def test_curl_through_a_session_and_by_its_path(emulator):
    session = emulator.sessions.open()
    curl = ["curl", "-sS", "--fail", "-o", "/dev/null"]
    through = ["--proxy", session.proxy, "--cacert", str(session.ca), f"https://{SEGMENT}{PIXEL}"]
    for arguments in (through, [f"{session.url}{PIXEL}"]):
        subprocess.run([*curl, *arguments], check=True, env={})
    assert len(session.evidence().hits) == 2


# -- many at once ---------------------------------------------------------------------------


def test_many_sessions_in_threads_have_all_their_calls_and_no_other(emulator):
    """Each thread opens a session, calls over three routes, closes it and calls again."""
    failures: list[str] = []

    def one(number: int) -> None:
        session = emulator.sessions.open(f"t{number}")
        wanted = [f"e{number}-{index}" for index in range(6)]
        for index, event in enumerate(wanted):
            port = emulator.port if index % 2 else port_of(session)
            prefix = f"/s/{session.name}" if index % 2 else ""
            with connect(port) as client:
                assert ask(client, get(prefix + pixel(event), "localhost")).is_pixel
        if events(session) != wanted:
            failures.append(f"{number}: {events(session)}")
        session.close()
        with connect(port_of(session)) as client:
            assert ask(client, get(pixel(f"late{number}"), "localhost")).is_pixel
        if events(session) != wanted:
            failures.append(f"{number}: late")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert failures == []
    assert emulator.journal.hits == ()
    assert len(emulator.sessions.unrouted()) == 40


def test_nothing_is_left_behind():
    settings = Settings(port=0)
    before = set(threading.enumerate())
    with Emulator(settings, Journal(settings)) as e:
        for _ in range(20):
            over_https(e, e.sessions.open())
        folder = e.directory
    assert set(threading.enumerate()) == before
    assert not folder.exists()
