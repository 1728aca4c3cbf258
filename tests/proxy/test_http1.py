"""Heads and body frames without an end are refused in bounded memory, and are gaps."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.proxy.http1 import MAX_HEAD_BYTES
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.connection_ends import (
    SEGMENT,
    RawConnection,
    directly,
    directly_with_tls,
    in_a_tunnel,
    in_a_tunnel_with_tls,
)
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.wire import PIXEL, TIMEOUT, get

HEAD = f"GET {PIXEL} HTTP/1.1\r\nHost: {SEGMENT}\r\n".encode()
TOO_LARGE = "1 request had too large a head (answered 431): its call is unknown"
CUT_OFF = "1 request could not be read (answered 400, or cut off): its call is unknown"
MIB = bytes(b"x" * 1_048_576)


WAYS = (directly, directly_with_tls, in_a_tunnel, in_a_tunnel_with_tls)
ENDLESS = {
    "a header": HEAD + b"X: ",
    "headers": HEAD + b"X: y\r\n" * 1000 + b"Y: ",
    "a target": b"GET /v1/pixel/track?event=",
    "a target in absolute form": f"GET http://{SEGMENT}/v1/pixel/track?event=".encode(),
    "a CONNECT": f"CONNECT {SEGMENT}:443 HTTP/1.1\r\nX: ".encode(),
    "a header of a POST": f"POST /v1/t HTTP/1.1\r\nHost: {SEGMENT}\r\nX: ".encode(),
    "behind another one": get(PIXEL, SEGMENT) + HEAD + b"X: ",
}
MADE = pytest.mark.parametrize("made", [with_fast_path, without_fast_path])


def send_without_end(connection: RawConnection, start: bytes, mebibytes: int) -> bytes:
    """Send `start` and so many MiB of one word; return the response."""
    connection.send(start)
    for _ in range(mebibytes):
        connection.send(MIB)
    connection.shutdown()
    return connection.receive_all()


@MADE
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS)
def test_a_head_without_an_end_is_answered_431_and_is_a_gap(
    made: Callable[..., Settings], way: Callable[[Emulator], RawConnection], start: bytes
):
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        heard = send_without_end(way(e), start, 3)
        assert b"HTTP/1.1 431 Request Header Fields Too Large\r\n" in heard
        assert b"more than 1,048,576 bytes came" in heard
        assert e.drain(TIMEOUT)
        assert e.journal.gaps == (TOO_LARGE,)
        assert len(e.journal.hits) == start.startswith(get(PIXEL, SEGMENT))
        assert e.journal.failures == ()


@MADE
@pytest.mark.parametrize("way", WAYS)
def test_a_body_frame_without_an_end_is_answered_413_and_is_a_gap(
    made: Callable[..., Settings], way: Callable[[Emulator], RawConnection]
):
    settings = made(port=0)
    chunked = f"POST /v1/t HTTP/1.1\r\nHost: {SEGMENT}\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    with Emulator(settings, Journal(settings)) as e:
        assert b"HTTP/1.1 413 " in send_without_end(way(e), chunked.encode(), 3)
        assert e.drain(TIMEOUT)
        assert e.journal.gaps == (CUT_OFF,)


@MADE
def test_a_large_head_that_ends_is_read(made: Callable[..., Settings]):
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        connection = directly(e)
        connection.send(HEAD + b"X: " + b"x" * (MAX_HEAD_BYTES - 1000) + b"\r\n\r\n")
        connection.shutdown()
        assert connection.receive_all().startswith(b"HTTP/1.1 200 OK\r\n")
        assert e.drain(TIMEOUT)
        assert len(e.journal.hits) == 1
        assert e.journal.gaps == ()


@MADE
@pytest.mark.parametrize("way", WAYS)
def test_memory_stays_within_bounds(
    made: Callable[..., Settings], way: Callable[[Emulator], RawConnection]
):
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        connection = way(e)
        before = most_memory(forget=True)
        assert b"HTTP/1.1 431 " in send_without_end(connection, HEAD + b"X: ", 200)
        assert most_memory() - before < 40
        assert e.drain(TIMEOUT)
        assert e.journal.gaps == (TOO_LARGE,)


def most_memory(*, forget: bool = False) -> float:
    """Return the peak memory of this process in MiB, since the last reset (Linux)."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")  # see proc_pid_clear_refs(5)
    high_water = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert high_water
    return int(high_water[1]) / 1024
