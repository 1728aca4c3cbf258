"""For every way to end a connection: complete requests are recorded, an incomplete one is a gap."""

from collections.abc import Callable

import pytest

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.connection_ends import LOSING, PLAIN_ENDS, TLS_ENDS, End, RawConnection, through_proxy
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.wire import PIXEL, TIMEOUT, connect, get, tunnel

SEGMENT = "api.segment.io"
ONE = get(PIXEL, SEGMENT)
POST = b"POST /v1/t HTTP/1.1\r\nHost: api.segment.io\r\nContent-Length: 2\r\n\r\n{}"
LAST = get(PIXEL, SEGMENT, extra="Connection: close\r\n")
OLD = ONE.replace(b"HTTP/1.1", b"HTTP/1.0")
HALF, HALF_A_BODY = ONE[:30], POST[:-1]


def in_tls(client: Callable[[Emulator], RawConnection]) -> Callable[[Emulator], RawConnection]:
    return lambda e: client(e).start_tls(e.authority.ca)


def directly(e: Emulator) -> RawConnection:
    return RawConnection(connect(e.port))


def in_a_tunnel(e: Emulator) -> RawConnection:
    return RawConnection(tunnel(e.port, f"{SEGMENT}:443"))


def in_a_tunnel_of_an_https_proxy(e: Emulator) -> RawConnection:
    return through_proxy(directly(e).start_tls(e.authority.ca, "localhost"), f"{SEGMENT}:443")


WAYS = {
    "directly": directly,
    "in a tunnel": in_a_tunnel,
    "directly with TLS": in_tls(directly),
    "in a tunnel with TLS": in_tls(in_a_tunnel),
    "in a tunnel of an HTTPS proxy": in_a_tunnel_of_an_https_proxy,
    "in a tunnel of an HTTPS proxy with TLS": in_tls(in_a_tunnel_of_an_https_proxy),
}
WAYS_AND_ENDS = [
    pytest.param(way, end, id=f"{name}, {end.__name__}")
    for name, way in WAYS.items()
    for end in (TLS_ENDS if "with TLS" in name else PLAIN_ENDS)
]
SENT = {  # the bytes, the number of calls in them, True if they end with an incomplete request
    "nothing": (b"", 0, False),
    "one": (ONE, 1, False),
    "a flow": (POST, 1, False),
    "two": (ONE * 2, 2, False),
    "one and a flow": (ONE + POST, 2, False),
    "a flow and one": (POST + ONE, 2, False),
    "half a one": (HALF, 0, True),
    "one and a half": (ONE + HALF, 1, True),
    "half a flow": (HALF_A_BODY, 0, True),
    "one behind the last": (LAST + ONE, 1, True),
    "an old one": (OLD, 1, False),
    "one and an old one": (ONE + OLD, 2, False),
    "one behind an old one": (OLD + ONE, 1, True),
}


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("made", [with_fast_path, without_fast_path])
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize(("way", "end"), WAYS_AND_ENDS)
def test_complete_requests_before_the_end_are_recorded_and_an_incomplete_one_is_a_gap(
    way: Callable[[Emulator], RawConnection], end: End, before: int, made: Callable[..., Settings]
):
    """`before` requests were answered already: after one, the protocol is swapped."""
    settings = made(port=0)
    with Emulator(settings, Journal(settings)) as e:
        for data, calls, is_cut in SENT.values():
            start, known = len(e.journal.hits), len(e.journal.gaps)
            unread = int(e.journal.gaps[0].split()[0]) if known else 0
            connection = way(e)
            for _ in range(before):
                connection.send(ONE)
                heard = b""
                while b"GIF89a" not in heard:
                    heard += connection.receive()
            end(e, connection, data)
            assert e.drain(TIMEOUT)
            assert len(e.journal.hits) == start + before + calls
            messages = [gap for gap in e.journal.gaps if "could not be read" in gap]
            # Half a head and a lost record are one gap, but the flow of half a body is another.
            lost = is_cut + (end in LOSING) if data == HALF_A_BODY else is_cut or end in LOSING
            assert (int(messages[0].split()[0]) if messages else 0) == unread + lost
        assert e.journal.failures == ()
