"""One can wait until every client has been heard out."""

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


def test_without_clients_there_is_nothing_to_wait_for(emulator):
    assert emulator.drain(60)


def test_what_clients_sent_before_they_went_is_recorded(emulator, journal):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", emulator.port)) as client:
            client.sendall(PIXEL)
    assert emulator.drain(60)
    assert len(journal.hits) == 50


def test_a_client_counts_that_only_the_kernel_knows_yet(emulator, journal):
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
def test_whether_all_is_answered_is_known_without_the_loop(emulator, then, quiet):
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PLAIN)
        assert client.recv(1000)
        emulator.drain(0)
        with held(emulator):
            then(client)
            assert emulator._master.is_idle() is quiet
    assert emulator.drain(60)


def test_a_client_that_only_the_kernel_knows_may_have_said_something(emulator):
    with (
        held(emulator),
        socket.create_connection(("127.0.0.1", emulator.port)),
    ):
        assert not emulator._master.is_idle()
    assert emulator.drain(60)


def test_of_a_client_that_mitmproxy_has_nothing_is_known(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(b"CONNECT api.segment.io:443 HTTP/1.1\r\n\r\n")
        assert client.recv(1000)
        assert not emulator._master.is_idle()
    assert emulator.drain(60)
    assert emulator._master.is_idle()


@pytest.mark.parametrize("others", [0, 1])
def test_what_is_being_recorded_is_not_answered(emulator, journal, others):
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


def test_who_is_being_taken_in_may_have_said_something(emulator, journal, monkeypatch):
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


def test_however_many_only_the_kernel_knows_they_are_heard_out(emulator, journal):
    with ExitStack() as stack:
        with held(emulator):
            for _ in range(50):
                client = socket.create_connection(("127.0.0.1", emulator.port))
                stack.enter_context(client).sendall(PLAIN)
        assert not emulator.drain(0)
        assert len(journal.hits) == 50


def test_who_resets_the_connection_has_said_what_it_said(emulator, journal):
    with held(emulator), socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PLAIN)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert emulator.drain(60)
    assert len(journal.hits) == 1
    assert journal.failures == ()


@pytest.mark.parametrize("request_", [PLAIN, PIXEL], ids=["directly", "through mitmproxy"])
@pytest.mark.parametrize("others", [0, 1, 30])
def test_what_was_said_just_now_is_waited_for(emulator, journal, others, request_):
    address = ("127.0.0.1", emulator.port)
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(socket.create_connection(address))
        client = stack.enter_context(socket.create_connection(address))
        # Else its kernel keeps what is short until the last one is acknowledged.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for count in range(1, 300):
            client.sendall(request_)
            emulator.drain(0)
            assert len(journal.hits) == count


def test_who_comes_while_there_are_no_more_files_is_taken_in_later(emulator, journal):
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


def test_a_client_that_stays_is_not_waited_for_longer_than_asked(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)):
        assert not emulator.drain(0.01)
    assert emulator.drain(60)
