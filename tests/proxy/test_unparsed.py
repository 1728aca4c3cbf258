"""Bytes that could not be parsed are counted as gaps; connections without any are not."""

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
    """Return the gaps after all clients have disconnected."""
    assert e.drain(TIMEOUT)
    return e.journal.evidence().gaps


def send_and_close(client: socket.socket, words: bytes) -> None:
    """Send, read the response to its end, and close."""
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
def test_a_request_that_cannot_be_parsed_is_a_gap(emulator: Emulator, words: bytes):
    send_and_close(connect(emulator.port), words)
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
def test_unparsed_bytes_in_a_tunnel_to_an_emulated_host_are_a_gap(emulator: Emulator, words: bytes):
    send_and_close(tunnel(emulator.port, f"{SEGMENT}:443"), words)
    assert gaps(emulator) == ONE


@pytest.mark.parametrize(
    "words",
    [NO_COLON, NO_COLON[:20], b"G", get(PIXEL, SEGMENT, extra=LENGTHS)],
    ids=["no colon", "torn head", "one byte", "two lengths"],
)
def test_inside_tls_unparsed_bytes_show_that_the_client_trusts_our_ca(
    emulator: Emulator, words: bytes
):
    """The only gap is the unparsed request; there is no refusal of our CA."""
    with https(emulator) as client:
        client.sendall(words)
    assert gaps(emulator) == ONE


@pytest.mark.parametrize("words", [TORN_HEAD, TORN_BODY, get(f"{TARGET}\tb", SEGMENT)])
def test_a_parsed_request_does_not_hide_a_later_one(emulator: Emulator, words: bytes):
    client = connect(emulator.port)
    assert ask(client, get(TARGET, SEGMENT)).is_pixel
    send_and_close(client, words)
    assert gaps(emulator) == ONE
    assert len(emulator.journal.hits) == 1


def test_every_unparsed_request_is_counted(emulator: Emulator):
    for words in (TORN_HEAD, TORN_BODY):
        send_and_close(connect(emulator.port), words)
    assert gaps(emulator) == (
        "2 requests could not be read (answered 400, or cut off): their calls are unknown",
    )


@pytest.mark.parametrize("words", [TORN_HEAD, TORN_BODY, NO_COLON[:20]])
def test_unparsed_bytes_at_the_end_are_counted_once(words: bytes):
    with Emulator(SETTINGS, Journal(SETTINGS)) as e:
        client = connect(e.port)
        client.sendall(words)
        with connect(e.port) as other:  # the bytes of the first one have been read
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
    send_and_close(client, b"\r\n")


def a_spare_tunnel(e: Emulator) -> None:
    tunnel(e.port, f"{SEGMENT}:443").close()


def a_spare_tls_connection(e: Emulator) -> None:
    with https(e) as client:
        assert ask(client, get(PIXEL, SEGMENT)).is_pixel
    https(e).close()


def a_pixel_whose_answer_is_not_read(e: Emulator) -> None:
    with connect(e.port) as client:
        client.sendall(get(TARGET, SEGMENT))


def a_last_pixel(e: Emulator) -> None:
    send_and_close(connect(e.port), get(TARGET, SEGMENT, extra="Connection: close\r\n"))


def a_whole_body(e: Emulator) -> None:
    send_and_close(connect(e.port), TORN_BODY + b"cde")


def two_at_once(e: Emulator) -> None:
    with connect(e.port) as client:
        client.sendall(get(TARGET, SEGMENT) * 2)
        for _ in range(2):
            assert ask(client, b"").is_pixel


def http2_and_a_goaway(e: Emulator) -> None:
    send_and_close(https(e, alpn=("h2", "http/1.1")), get(PIXEL, SEGMENT))


def an_incomplete_connect_to_another_host(e: Emulator) -> None:
    with trap() as target:
        send_and_close(tunnel(e.port, f"127.0.0.1:{target.port}"), b"GET / HT")
        send_and_close(tunnel(e.port, f"127.0.0.1:{target.port}"), b"\x16\x03\x01\x01")


def an_incomplete_request_to_another_host(e: Emulator) -> None:
    with trap() as target:
        url = f"http://127.0.0.1:{target.port}/"
        send_and_close(
            connect(e.port), get(url, "other.example", extra="Content-Length: 5\r\n") + b"ab"
        )
        send_and_close(connect(e.port), get(url, "other.example", extra=LENGTHS))


def a_refused_tunnel(e: Emulator) -> None:
    send_and_close(connect(e.port), b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "way",
    [
        nothing,
        a_bare_line,
        a_spare_tunnel,
        a_spare_tls_connection,
        a_pixel_whose_answer_is_not_read,
        a_last_pixel,
        a_whole_body,
        two_at_once,
        http2_and_a_goaway,
        an_incomplete_connect_to_another_host,
        an_incomplete_request_to_another_host,
        a_refused_tunnel,
    ],
)
def test_complete_requests_idle_clients_and_other_hosts_are_no_gap(emulator: Emulator, way):
    way(emulator)
    assert gaps(emulator) == ()


def test_an_incomplete_body_is_counted_in_http2_too():
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
