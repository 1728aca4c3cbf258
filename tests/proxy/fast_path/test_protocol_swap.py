"""A connection with only plain requests bypasses mitmproxy until something else comes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import pytest
from mitmproxy import ctx
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.proxy.fast_path.protocol_swap import PlainProtocol
from pixel_emulator.proxy.master import LeanMaster
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.fast_path_settings import with_fast_path
from tests.wire import PIXEL, TIMEOUT, ask, connect, get, read, secured, trap, tunnel

SEGMENT = "api.segment.io"
PLAIN = get(PIXEL, SEGMENT)
POST = b"POST /v1/t HTTP/1.1\r\nHost: api.segment.io\r\nContent-Length: 2\r\n\r\n{}"
LAST = get(PIXEL, SEGMENT, extra="Connection: close\r\n")


def through_tls(e: Emulator) -> socket.socket:
    return secured(tunnel(e.port, f"{SEGMENT}:443"), e.authority.ca)


WAYS: dict[str, Callable[[Emulator], socket.socket]] = {
    "directly": lambda e: connect(e.port),
    "directly with TLS": lambda e: secured(connect(e.port), e.authority.ca),
    "in a tunnel": lambda e: tunnel(e.port, f"{SEGMENT}:80"),
    "in a tunnel with TLS": through_tls,
}


@pytest.fixture
def e() -> Iterator[Emulator]:
    """An emulator that must have no failure at the end."""
    settings = with_fast_path(port=0)
    with Emulator(settings, Journal(settings)) as emulator:
        yield emulator
        assert emulator.journal.failures == ()


def handlers() -> list[ProxyConnectionHandler]:
    """Return mitmproxy's handlers of open connections."""
    servers: Proxyserver = ctx.master.addons.get("proxyserver")
    return [*servers.connections.values()]


def in_the_loop[T](look: Callable[[LeanMaster], T]) -> T:
    """Return what `look` sees in the emulator's loop, between two events."""
    master = cast("LeanMaster", ctx.master)

    async def seen() -> T:
        await master.connections.wait_until_read()
        return look(master)

    return asyncio.run_coroutine_threadsafe(seen(), master.event_loop).result(TIMEOUT)


def swapped() -> list[asyncio.Transport]:
    """Return the transports whose protocol was swapped."""
    writers = [end.writer for handler in handlers() for end in handler.transports.values()]
    ends = [writer.transport for writer in writers if isinstance(writer, asyncio.StreamWriter)]
    return [
        cast("asyncio.Transport", e) for e in ends if isinstance(e.get_protocol(), PlainProtocol)
    ]


def ends(master: LeanMaster) -> list[socket.socket]:
    """Return the sockets of direct connections."""
    return [direct.sock for direct in master.acceptor.direct_connections] if master.acceptor else []


def direct_connections() -> int:
    """Return the number of direct connections."""
    return len(in_the_loop(ends))


def bypassing() -> int:
    """Return the number of connections that bypass mitmproxy."""
    return direct_connections() + in_the_loop(lambda _: len(swapped()))


@pytest.fixture(params=WAYS.values(), ids=[*WAYS])
def client(request: pytest.FixtureRequest, e: Emulator) -> Iterator[socket.socket]:
    """A client with one answered request."""
    with request.param(e) as made:
        assert ask(made, PLAIN).is_pixel
        yield made
    assert e.drain(TIMEOUT)


def test_after_its_first_answer_a_connection_bypasses_mitmproxy(client: socket.socket):
    assert bypassing() == 1
    for _ in range(3):
        assert ask(client, PLAIN).is_pixel
    assert ask(client, get(PIXEL, SEGMENT, method="HEAD")).status == 200
    assert bypassing() == 1


def test_before_its_first_answer_no_connection_bypasses_mitmproxy(e: Emulator):
    with connect(e.port) as client:
        client.sendall(PLAIN[:20])
        assert bypassing() == 0


def test_every_request_is_recorded_once(client: socket.socket, e: Emulator):
    before = len(e.journal.hits)
    client.sendall(PLAIN * 5)
    for _ in range(5):
        assert read(client).is_pixel
    assert len(e.journal.hits) == before + 5


@pytest.mark.parametrize("size", [1, 7, len(PLAIN) - 1])
def test_reads_can_end_anywhere(client: socket.socket, size: int):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(PLAIN), size):
        client.sendall(PLAIN[at : at + size])
    assert read(client).is_pixel
    assert bypassing() == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (POST, 200),
        (b"PUT /v1/pixel/track HTTP/1.1\r\nHost: api.segment.io\r\nContent-Length: 0\r\n\r\n", 405),
    ],
)
@pytest.mark.parametrize("before", [b"", PLAIN])
def test_what_is_not_plain_is_a_flow(
    client: socket.socket, data: bytes, status: int, before: bytes
):
    client.sendall(before + data)
    if before:
        assert read(client).is_pixel
    assert read(client).status == status
    assert bypassing() == 0
    assert ask(client, PLAIN).is_pixel


@pytest.mark.parametrize("before", [b"", PLAIN])
def test_the_last_request_closes_the_connection(client: socket.socket, before: bytes):
    client.sendall(before + LAST)
    for _ in range(2 if before else 1):
        assert read(client).is_pixel
    assert client.recv(1) == b""


def test_a_close_notify_is_read(e: Emulator):
    with through_tls(e) as client:
        assert ask(client, PLAIN).is_pixel
        assert bypassing() == 1
        assert isinstance(client, ssl.SSLSocket)
        with suppress(ssl.SSLEOFError):  # mitmproxy closes without a close_notify
            client.unwrap()
    assert e.drain(TIMEOUT)
    assert bypassing() == 0


def test_after_a_half_close_the_answers_still_come(e: Emulator):
    with connect(e.port) as client:
        assert ask(client, PLAIN).is_pixel
        client.sendall(PLAIN)
        client.shutdown(socket.SHUT_WR)
        assert read(client).is_pixel
        assert client.recv(1) == b""


def test_another_host_is_reached_afterwards(e: Emulator):
    with trap() as target, connect(e.port) as client:
        assert ask(client, get(f"http://{SEGMENT}{PIXEL}", SEGMENT)).is_pixel
        assert bypassing() == 1
        client.sendall(get(f"http://127.0.0.1:{target.port}/x", f"127.0.0.1:{target.port}"))
        with target.accept() as server:
            assert server.recv(65536).startswith(b"GET /x HTTP/1.1\r\n")


def test_inside_an_http_layer_the_protocol_is_not_swapped(e: Emulator):
    """A tunnel to ourselves by a name that is not emulated is a flow."""
    with tunnel(e.port, "127.0.0.1:1") as client:
        assert ask(client, PLAIN).is_pixel
        assert bypassing() == 0
        assert ask(client, PLAIN).is_pixel


@contextmanager
def held(e: Emulator) -> Iterator[None]:
    """Let the emulator read everything that clients send here at once."""
    go_on = threading.Event()
    e.loop.call_soon_threadsafe(go_on.wait)
    yield
    go_on.set()


MANY = 400  # requests that are read at once, whose answers exceed the buffers


def narrowed(client: socket.socket, ours: socket.socket) -> None:
    """Make the socket buffers of a connection small."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)


@pytest.fixture(params=["in a tunnel", "in a tunnel with TLS"])
def narrow(request: pytest.FixtureRequest, e: Emulator) -> Iterator[socket.socket]:
    """A client whose protocol is swapped, with small socket buffers."""
    with WAYS[request.param](e) as client:
        assert ask(client, PLAIN).is_pixel
        [end] = in_the_loop(lambda _: swapped())
        narrowed(client, end.get_extra_info("socket"))
        e.loop.call_soon_threadsafe(end.set_write_buffer_limits, 0)
        yield client


def test_a_client_that_reads_no_answers_is_not_read_from(narrow: socket.socket, e: Emulator):
    """Otherwise the answers would fill the memory."""
    with held(e):
        narrow.sendall(PLAIN * MANY)
    assert e.journal.wait(MANY, TIMEOUT)
    [end] = in_the_loop(lambda _: swapped())
    assert not end.is_reading()
    for _ in range(MANY):
        assert read(narrow).is_pixel
    assert ask(narrow, PLAIN).is_pixel
    assert in_the_loop(lambda _: swapped())[0].is_reading()


def test_it_is_not_read_from_after_a_handover_either(narrow: socket.socket, e: Emulator):
    with held(e):
        narrow.sendall(PLAIN * MANY + POST)
    for _ in range(MANY):
        assert read(narrow).is_pixel
    assert read(narrow).status == 200
    assert ask(narrow, PLAIN).is_pixel


@pytest.mark.parametrize("more", [b"", POST, PLAIN[:30], LAST, LAST + POST])
def test_a_direct_connection_that_reads_no_answers_is_handed_over(e: Emulator, more: bytes):
    with connect(e.port) as client:
        assert ask(client, PLAIN).is_pixel
        [end] = in_the_loop(ends)
        narrowed(client, end)
        with held(e):
            client.sendall(PLAIN * MANY + more)
        assert e.journal.wait(MANY, TIMEOUT)
        assert direct_connections() == 0
        assert len(handlers()) == 1
        for _ in range(MANY):
            assert read(client).is_pixel
        if LAST in more:
            assert read(client).is_pixel
            assert client.recv(1) == b""
        else:
            if more == POST:
                assert read(client).status == 200
            assert ask(client, PLAIN[30:] if more == PLAIN[:30] else PLAIN).is_pixel
        assert e.journal.evidence().connections == 1
    assert e.drain(TIMEOUT)
    assert len(e.journal.evidence().gaps) == (more == LAST + POST)
    assert len(e.journal.hits) == 1 + MANY + {b"": 1, POST: 2}.get(more, 1)


@pytest.mark.parametrize("more", [b"", POST, PLAIN[:30]])
@pytest.mark.parametrize("when", ["before it is read", "behind the first answers"])
def test_requests_of_a_client_that_reads_no_answers_are_recorded(
    narrow: socket.socket, e: Emulator, more: bytes, when: str
):
    """A close with unread answers is a reset."""
    with held(e):
        narrow.sendall(PLAIN * MANY + more)
        if when == "before it is read":
            narrow.close()
    if when != "before it is read":
        assert e.journal.wait(MANY, TIMEOUT)
        narrow.close()
    assert e.drain(TIMEOUT)
    assert len(e.journal.hits) == 1 + MANY + (more == POST)
    assert len(e.journal.gaps) == (more == PLAIN[:30])


def test_many_records_in_one_read(e: Emulator):
    """TLS in pieces: one write of the client is many records, and the other way round."""
    with through_tls(e) as client:
        assert ask(client, PLAIN).is_pixel
        for piece in (PLAIN[:1], PLAIN[1:3], PLAIN[3:] + PLAIN, PLAIN * 40):
            client.sendall(piece)
        for _ in range(42):
            assert read(client).is_pixel
        assert bypassing() == 1


@pytest.mark.parametrize("way", ["in a tunnel", "in a tunnel with TLS"])
def test_bytes_from_before_the_swap_keep_their_order(e: Emulator, way: str):
    """More than mitmproxy's handler reads at once: the handler reads the rest first."""
    count = 1500
    with WAYS[way](e) as client:
        with held(e):
            client.sendall(b"".join(get(f"{PIXEL}{n}", SEGMENT) for n in range(count)))
        for _ in range(count):
            assert read(client).is_pixel
    assert e.drain(TIMEOUT)
    events = [(hit.call.payload or {})["event"] for hit in e.journal.hits if hit.call]
    assert events == [f"Opened{n}" for n in range(count)]
    assert e.journal.gaps == ()


@pytest.mark.parametrize("host", [SEGMENT, "my-alias.invalid", "localhost:80"])
def test_a_direct_connection_is_not_handled_by_mitmproxy_and_counts_once(e: Emulator, host: str):
    with connect(e.port) as client:
        assert ask(client, get(PIXEL, host)).is_pixel
        assert handlers() == []
        assert ask(client, POST).status == 200
        assert len(handlers()) == 1
        assert e.journal.evidence().connections == 1
    assert e.drain(TIMEOUT)
    assert handlers() == []


def test_nothing_is_kept_of_a_client_that_has_disconnected(e: Emulator):
    session = e.sessions.open()
    with connect(e.port) as client:
        assert ask(client, get(f"/s/{session.name}{PIXEL}", "localhost")).is_pixel
        assert e.sessions._named_sessions
        assert e._master.guard._terminated
    assert e.drain(TIMEOUT)
    assert not e.sessions._named_sessions
    assert not e._master.guard._terminated


def test_a_connection_from_another_address_is_handed_over_at_once(e: Emulator):
    with connect(e.port, source="127.0.0.2") as client:
        assert ask(client, PLAIN).is_pixel
        assert len(handlers()) == 1
        assert e.journal.evidence().connections == 1


def test_idle_connections_are_closed_at_the_end():
    settings = with_fast_path(port=0)
    with Emulator(settings, Journal(settings)) as e:
        spoken, silent = connect(e.port), connect(e.port)
        assert ask(spoken, PLAIN).is_pixel
        assert bypassing() == 2
    for client in (spoken, silent):
        assert client.recv(1) == b""
        client.close()


class BrokenJournal(Journal):
    """Raises after the first request."""

    def record_all(self, requests, time=None):
        if len(self.hits):
            raise RuntimeError("no room")
        return super().record_all(requests, time)


def test_an_exception_still_answers_the_gif_and_is_a_failure():
    settings = Settings(port=0)
    journal = BrokenJournal(settings)
    with Emulator(settings, journal) as e, through_tls(e) as client:
        assert ask(client, PLAIN).is_pixel
        assert bypassing() == 1
        assert ask(client, PLAIN).is_pixel
    assert len(journal.hits) == 1
    [failure] = journal.failures
    assert "no room" in failure


@pytest.mark.parametrize("torn", [b"G", PLAIN[:30], PLAIN[:-2]])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_incomplete_head_is_a_gap(way: Callable[[Emulator], socket.socket], torn: bytes):
    settings = with_fast_path(port=0)
    with Emulator(settings, Journal(settings)) as e:
        with way(e) as client:
            assert ask(client, PLAIN).is_pixel
            assert bypassing() == 1
            client.sendall(torn)
        assert e.drain(TIMEOUT)
        [gap] = e.journal.evidence().gaps
        assert "1 request could not be read" in gap
