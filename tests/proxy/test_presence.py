"""One can wait until every client has been heard out."""

import asyncio
import socket
import threading

import pytest

from pixel_emulator.config import Settings
from pixel_emulator.journal import Journal
from pixel_emulator.proxy.emulator import Emulator

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
    loop, busy = emulator._lean.event_loop, threading.Event()
    loop.call_soon_threadsafe(busy.wait)
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(PIXEL)
    waiting = asyncio.run_coroutine_threadsafe(emulator._lean.presence.drain(60), loop)
    busy.set()
    assert waiting.result(60)
    assert len(journal.hits) == 1


def test_a_client_that_stays_is_not_waited_for_longer_than_asked(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)):
        assert not emulator.drain(0.01)
    assert emulator.drain(60)
