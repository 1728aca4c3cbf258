"""`drain` waits until everything that clients have sent is recorded."""

import asyncio
import os
import resource
import socket
import struct
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

PLAIN = b"GET /v1/pixel/page?writeKey=wk_test_0000&userId=u HTTP/1.1\r\nHost: localhost\r\n\r\n"
PIXEL = b"GET http://api.segment.io/v1/pixel/page?writeKey=wk_test_0000&userId=u HTTP/1.1\r\n\r\n"


@pytest.fixture
def journal():
    """The journal of the emulator."""
    return Journal(Settings())


@pytest.fixture
def emulator(journal):
    """A running emulator."""
    with Emulator(Settings(port=0), journal) as running:
        yield running


def test_drain_returns_at_once_without_clients(emulator):
    assert emulator.drain(60)


def test_requests_of_disconnected_clients_are_recorded(emulator, journal):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", emulator.port)) as client:
            client.sendall(PIXEL)
    assert emulator.drain(60)
    assert len(journal.hits) == 50


def test_a_client_counts_that_is_not_accepted_yet(emulator, journal):
    loop, busy = emulator._master.event_loop, threading.Event()
    loop.call_soon_threadsafe(busy.wait)
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PIXEL)
    waiting = asyncio.run_coroutine_threadsafe(emulator._master.connections.drain(60), loop)
    busy.set()
    assert waiting.result(60)
    assert len(journal.hits) == 1


@contextmanager
def held(emulator):
    """Keep the emulator from doing anything."""
    go_on = threading.Event()
    emulator.loop.call_soon_threadsafe(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


def nothing(_client):
    pass


def closed(client):
    client.close()


def half_closed(client):
    client.shutdown(socket.SHUT_WR)


def a_word(client):
    client.sendall(b"G")


def a_pixel_and_closed(client):
    client.sendall(PLAIN)
    client.close()


@pytest.mark.parametrize(
    ("then", "quiet"),
    [
        (nothing, True),
        (closed, True),
        (half_closed, True),
        (a_word, False),
        (a_pixel_and_closed, False),
    ],
)
def test_is_idle_needs_no_loop(emulator, then, quiet):
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PLAIN)
        assert client.recv(1000)
        emulator.drain(0)
        with held(emulator):
            then(client)
            assert emulator._master.is_idle() is quiet
    assert emulator.drain(60)


def test_it_is_not_idle_while_a_client_is_not_accepted(emulator):
    with (
        held(emulator),
        socket.create_connection(("127.0.0.1", emulator.port)),
    ):
        assert not emulator._master.is_idle()
    assert emulator.drain(60)


def test_it_is_not_idle_while_mitmproxy_serves_a_client(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(b"CONNECT api.segment.io:443 HTTP/1.1\r\n\r\n")
        assert client.recv(1000)
        assert not emulator._master.is_idle()
    assert emulator.drain(60)
    assert emulator._master.is_idle()


@pytest.mark.parametrize("others", [0, 1])
def test_it_is_not_idle_while_a_call_is_being_recorded(emulator, journal, others):
    recording, go_on = threading.Event(), threading.Event()

    def hold(_):
        recording.set()
        go_on.wait()

    end = journal.subscribe(hold)
    with ExitStack() as stack:
        address = ("127.0.0.1", emulator.port)
        for _ in range(others):
            stack.enter_context(socket.create_connection(address))
        stack.enter_context(socket.create_connection(address)).sendall(PLAIN)
        assert recording.wait(60)
        assert not emulator._master.is_idle()
        end()
        go_on.set()
        assert not emulator.drain(0)
        assert emulator._master.is_idle()


def test_it_is_not_idle_while_a_client_is_being_accepted(emulator, journal, monkeypatch):
    counting, go_on = threading.Event(), threading.Event()

    def count():
        counting.set()
        go_on.wait()

    monkeypatch.setattr(journal, "connected", count)
    with socket.create_connection(("127.0.0.1", emulator.port)):
        assert counting.wait(60)
        assert not emulator._master.is_idle()
        go_on.set()
    assert emulator.drain(60)


def test_all_clients_that_are_not_accepted_yet_are_drained(emulator, journal):
    with ExitStack() as stack:
        with held(emulator):
            for _ in range(50):
                client = socket.create_connection(("127.0.0.1", emulator.port))
                stack.enter_context(client).sendall(PLAIN)
        assert not emulator.drain(0)
        assert len(journal.hits) == 50


def test_requests_before_a_reset_are_recorded(emulator, journal):
    with held(emulator), socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PLAIN)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert emulator.drain(60)
    assert len(journal.hits) == 1
    assert journal.failures == ()


@pytest.mark.parametrize("request_", [PLAIN, PIXEL], ids=["directly", "through mitmproxy"])
@pytest.mark.parametrize("others", [0, 1, 30])
def test_requests_sent_just_before_are_drained(emulator, journal, others, request_):
    address = ("127.0.0.1", emulator.port)
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(socket.create_connection(address))
        client = stack.enter_context(socket.create_connection(address))
        # Without it the kernel delays short segments until the last is acknowledged.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for count in range(1, 300):
            client.sendall(request_)
            emulator.drain(0)
            assert len(journal.hits) == count


def test_a_client_is_accepted_once_file_descriptors_are_free_again(emulator, journal):
    spare = socket.socket()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 1, hard))
    try:
        full = []
        with suppress(OSError):
            while True:
                full.append(os.dup(0))
        spare.connect(("127.0.0.1", emulator.port))
        spare.sendall(PLAIN)
        emulator.drain(0)
        [failure] = journal.failures
        assert "Too many open files" in failure
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in full:
            os.close(descriptor)
    assert spare.recv(1000).startswith(b"HTTP/1.1 200")
    spare.close()


def test_drain_waits_for_a_connected_client_no_longer_than_its_timeout(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)):
        assert not emulator.drain(0.01)
    assert emulator.drain(60)
