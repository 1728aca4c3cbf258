"""What could not be read is counted, and what was never said is not."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL, TIMEOUT, ask, connect, get, secured, trap, tunnel

SETTINGS = Settings(port=0)
SEGMENT = "api.segment.io"
ONE = ("1 request could not be read (answered 400, or cut off): its call is unknown",)
TARGET = f"http://{SEGMENT}{PIXEL}"
NO_COLON = get(f"{PIXEL}", SEGMENT, extra="X\r\n")
LENGTHS = "Content-Length: 0\r\nContent-Length: 1\r\n"
TORN_HEAD = f"GET {TARGET} HTTP/1.1\r\nHo".encode()
TORN_BODY = get(TARGET, SEGMENT, extra="Content-Length: 5\r\n") + b"ab"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SETTINGS, Journal(SETTINGS)) as running:
        yield running


def gaps(e: Emulator) -> tuple[str, ...]:
    """The gaps when all clients have gone."""
    assert e.drain(TIMEOUT)
    return e.journal.evidence().gaps


def say(client: socket.socket, words: bytes) -> None:
    """Say it, and hang up when all is read that comes back."""
    with client:
        client.sendall(words)
        if not isinstance(client, ssl.SSLSocket):
            client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            client.recv(65536)


def https(e: Emulator, *, alpn: tuple[str, ...] = ()) -> ssl.SSLSocket:
    return secured(tunnel(e.port, f"{SEGMENT}:443"), e.authority.ca, alpn=alpn)


UNREADABLE = {
    "no colon": get(f"{TARGET}", SEGMENT, extra="X\r\n"),
    "no colon, directly": NO_COLON,
    "no host": f"GET {PIXEL} HTTP/1.0\r\n\r\n".encode(),
    "two lengths": get(TARGET, SEGMENT, extra=LENGTHS),
    "two lengths, directly": get(PIXEL, SEGMENT, extra=LENGTHS),
    "two lengths, directly, other host": get(PIXEL, "my-alias.invalid", extra=LENGTHS),
    "a length and chunks": get(
        TARGET, SEGMENT, extra="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"
    ),
    "broken chunks": get(TARGET, SEGMENT, extra="Transfer-Encoding: chunked\r\n") + b"zz\r\n",
    "torn head": TORN_HEAD,
    "torn head, directly": b"GET /v1/pix",
    "torn method": b"G",
    "torn body": TORN_BODY,
    "torn body, directly": get(PIXEL, "127.0.0.1", extra="Content-Length: 5\r\n"),
    "no HTTP": b"\x00\x01\x02\x03",
    "half a greeting": b"\x16\x03\x01\x01",
}


@pytest.mark.parametrize("words", UNREADABLE.values(), ids=UNREADABLE)
def test_a_request_that_cannot_be_read_is_a_gap(emulator: Emulator, words: bytes):
    say(connect(emulator.port), words)
    assert gaps(emulator) == ONE
    assert emulator.journal.hits == ()


BEHIND_A_CONNECT = {
    "no HTTP": b"garbage!!!\r\n\r\n",
    "no letters": b"\x00\x01\x02\x03",
    "two bytes": b"GE",
    "no TLS": b"\x16\x03\x01\x00\x05garbage",
    "half a greeting": b"\x16\x03\x01\x01\x00\x01",
    "no colon": NO_COLON,
    "torn head": NO_COLON[:20],
    "torn body": get(PIXEL, SEGMENT, extra="Content-Length: 5\r\n") + b"ab",
}


@pytest.mark.parametrize("words", BEHIND_A_CONNECT.values(), ids=BEHIND_A_CONNECT)
def test_so_is_what_comes_through_a_tunnel_to_an_emulated_host(emulator: Emulator, words: bytes):
    say(tunnel(emulator.port, f"{SEGMENT}:443"), words)
    assert gaps(emulator) == ONE


@pytest.mark.parametrize(
    "words",
    [NO_COLON, NO_COLON[:20], b"G", get(PIXEL, SEGMENT, extra=LENGTHS)],
    ids=["no colon", "torn head", "one byte", "two lengths"],
)
def test_inside_tls_it_says_nothing_about_trust(emulator: Emulator, words: bytes):
    """The only gap is the unread request, and not our CA."""
    with https(emulator) as client:
        client.sendall(words)
    assert gaps(emulator) == ONE


@pytest.mark.parametrize("words", [TORN_HEAD, TORN_BODY, get(f"{TARGET}\tb", SEGMENT)])
def test_a_request_that_was_read_does_not_hide_a_later_one(emulator: Emulator, words: bytes):
    client = connect(emulator.port)
    assert ask(client, get(TARGET, SEGMENT)).is_pixel
    say(client, words)
    assert gaps(emulator) == ONE
    assert len(emulator.journal.hits) == 1


def test_every_one_is_counted(emulator: Emulator):
    for words in (TORN_HEAD, TORN_BODY):
        say(connect(emulator.port), words)
    assert gaps(emulator) == (
        "2 requests could not be read (answered 400, or cut off): their calls are unknown",
    )


@pytest.mark.parametrize("words", [TORN_HEAD, TORN_BODY, NO_COLON[:20]])
def test_what_is_unread_at_the_end_counts_too_and_once(words: bytes):
    with Emulator(SETTINGS, Journal(SETTINGS)) as e:
        client = connect(e.port)
        client.sendall(words)
        with connect(e.port) as other:  # so the first one's bytes have been read
            assert ask(other, get(TARGET, SEGMENT)).is_pixel
    client.close()
    assert e.journal.evidence().gaps == ONE


def test_idle_clients_at_the_end_are_no_gap():
    with Emulator(SETTINGS, Journal(SETTINGS)) as e:
        clients = [connect(e.port), connect(e.port), tunnel(e.port, f"{SEGMENT}:443"), https(e)]
        assert ask(clients[0], get(TARGET, SEGMENT)).is_pixel
        assert ask(clients[3], get(PIXEL, SEGMENT)).is_pixel
    for client in clients:
        client.close()
    assert e.journal.evidence().gaps == ()


def nothing(e: Emulator) -> None:
    connect(e.port).close()


def a_bare_line(e: Emulator) -> None:
    """RFC 9112, 2.2: to be ignored."""
    client = connect(e.port)
    ask(client, get(TARGET, SEGMENT))
    say(client, b"\r\n")


def a_spare_tunnel(e: Emulator) -> None:
    tunnel(e.port, f"{SEGMENT}:443").close()


def a_spare_tls_connection(e: Emulator) -> None:
    with https(e) as client:
        assert ask(client, get(PIXEL, SEGMENT)).is_pixel
    https(e).close()


def a_pixel_and_no_wait_for_the_answer(e: Emulator) -> None:
    with connect(e.port) as client:
        client.sendall(get(TARGET, SEGMENT))


def a_last_pixel(e: Emulator) -> None:
    say(connect(e.port), get(TARGET, SEGMENT, extra="Connection: close\r\n"))


def a_whole_body(e: Emulator) -> None:
    say(connect(e.port), TORN_BODY + b"cde")


def two_at_once(e: Emulator) -> None:
    with connect(e.port) as client:
        client.sendall(get(TARGET, SEGMENT) * 2)
        for _ in range(2):
            assert ask(client, b"").is_pixel


def http2_and_a_goodbye(e: Emulator) -> None:
    say(https(e, alpn=("h2", "http/1.1")), get(PIXEL, SEGMENT))


def a_torn_tunnel_to_another_host(e: Emulator) -> None:
    with trap() as target:
        say(tunnel(e.port, f"127.0.0.1:{target.port}"), b"GET / HT")
        say(tunnel(e.port, f"127.0.0.1:{target.port}"), b"\x16\x03\x01\x01")


def a_torn_request_to_another_host(e: Emulator) -> None:
    with trap() as target:
        url = f"http://127.0.0.1:{target.port}/"
        say(connect(e.port), get(url, "other.example", extra="Content-Length: 5\r\n") + b"ab")
        say(connect(e.port), get(url, "other.example", extra=LENGTHS))


def a_refused_tunnel(e: Emulator) -> None:
    say(connect(e.port), b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "way",
    [
        nothing,
        a_bare_line,
        a_spare_tunnel,
        a_spare_tls_connection,
        a_pixel_and_no_wait_for_the_answer,
        a_last_pixel,
        a_whole_body,
        two_at_once,
        http2_and_a_goodbye,
        a_torn_tunnel_to_another_host,
        a_torn_request_to_another_host,
        a_refused_tunnel,
    ],
)
def test_whoever_said_all_or_nothing_or_means_another_host_is_innocent(emulator: Emulator, way):
    way(emulator)
    assert gaps(emulator) == ()


def test_a_torn_body_is_counted_in_http2_too():
    h2 = pytest.importorskip("h2.connection")
    settings = Settings(port=0, http2=True)
    with Emulator(settings, Journal(settings)) as e:
        with https(e, alpn=("h2",)) as client:
            http = h2.H2Connection()
            http.initiate_connection()
            head = {":method": "POST", ":scheme": "https", ":authority": SEGMENT, ":path": PIXEL}
            http.send_headers(1, list(head.items()))
            client.sendall(http.data_to_send())
            while not http.remote_settings.max_concurrent_streams < 2**31:
                http.receive_data(client.recv(65536))
        assert gaps(e) == ONE
