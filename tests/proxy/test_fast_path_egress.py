"""The egress guard on the fast path: it opens nothing, nor does what takes over from it."""

import ssl
from collections.abc import Iterator

import pytest
from mitmproxy import ctx, http

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from tests.fast_path_settings import with_fast_path
from tests.wire import PIXEL, Trap, ask, connect, get, read, secured, trap, tunnel

SETTINGS = with_fast_path(port=0, hosts=("localhost",))
POST = get(PIXEL, "localhost", method="POST", extra="Content-Length: 0\r\n")


@pytest.fixture
def target() -> Iterator[Trap]:
    with trap() as listening:
        yield listening


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator of a host that exists and that the test can observe."""
    with Emulator(SETTINGS, Journal(SETTINGS)) as running:
        yield running


def without_guard(monkeypatch: pytest.MonkeyPatch, *hooks: str) -> None:
    guard = ctx.master.addons.get("pixel_emulator_egress_guard")
    for hook in hooks:
        monkeypatch.setattr(guard, hook, lambda _data: None)


def broken(_flow: http.HTTPFlow) -> None:
    raise RuntimeError("broken hook")


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_the_fast_path_opens_nothing_even_without_the_guard(
    emulator: Emulator, target: Trap, monkeypatch: pytest.MonkeyPatch, strategy: str
):
    ctx.options.update(connection_strategy=strategy)
    without_guard(monkeypatch, "http_connect", "server_connect")
    host = f"localhost:{target.port}"
    with tunnel(emulator.port, host) as client:
        assert ask(client, get(PIXEL, host)).is_pixel
    with connect(emulator.port) as client:
        assert ask(client, get(f"http://{host}{PIXEL}", host)).is_pixel
    assert len(emulator.journal.hits) == 2
    assert target.connections() == 0


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_the_handshake_opens_nothing(emulator: Emulator, target: Trap, strategy: str):
    ctx.options.update(connection_strategy=strategy)
    client = tunnel(emulator.port, f"localhost:{target.port}")
    with secured(client, emulator.authority.ca, "localhost") as secure:
        assert ask(secure, get(PIXEL, "localhost")).is_pixel
    assert target.connections() == 0


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
@pytest.mark.parametrize("locked", [True, False])
def test_when_our_hook_raises_after_the_fast_path_server_connect_still_refuses(
    emulator: Emulator,
    target: Trap,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    locked: bool,
):
    ctx.options.update(connection_strategy=strategy)
    monkeypatch.setattr(ctx.master.addons.get("pixel_emulator"), "request", broken)
    if not locked:
        without_guard(monkeypatch, "server_connect")
    with tunnel(emulator.port, f"localhost:{target.port}") as client:
        assert ask(client, get(PIXEL, "localhost")).is_pixel
        client.sendall(POST)
        if not locked:  # the trap counts connections
            target.accept().close()
        assert read(client).status == 502
    assert target.connections() == 0
    assert "broken hook" in emulator.journal.failures[0]


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_bytes_that_are_not_http_reach_no_emulated_host(
    emulator: Emulator, target: Trap, strategy: str
):
    ctx.options.update(connection_strategy=strategy)
    with tunnel(emulator.port, f"localhost:{target.port}") as client:
        client.sendall(b"\x00\x01 something else\r\n")
        assert client.recv(1) == b""
    assert target.connections() == 0


def test_after_a_pixel_another_host_gets_its_request(emulator: Emulator, target: Trap):
    with connect(emulator.port) as client:
        assert ask(client, get(f"http://localhost{PIXEL}", "localhost")).is_pixel
        client.sendall(get(f"http://127.0.0.1:{target.port}/x", "other.example"))
        with target.accept() as server:
            assert server.recv(65536).startswith(b"GET /x HTTP/1.1\r\nHost: other.example\r\n")


class BrokenJournal(Journal):
    """Raises an unexpected exception."""

    def record_all(self, requests, time=None):
        raise RuntimeError(f"no room for {requests[0]!r:.20} at {time}")


def test_an_exception_of_ours_still_answers_the_gif_and_is_a_failure():
    journal = BrokenJournal(SETTINGS)
    with Emulator(SETTINGS, journal) as e, connect(e.port) as client:
        assert ask(client, get(PIXEL, "localhost")).is_pixel
    [failure] = journal.failures
    assert "no room for HttpRequest" in failure


@pytest.mark.parametrize("torn", [b"G", b"GET /v1/pix", get(PIXEL, "localhost")[:-2]])
@pytest.mark.parametrize("before", [b"", get(PIXEL, "localhost")])
def test_an_incomplete_head_directly_inside_tls_is_a_gap(
    emulator: Emulator, before: bytes, torn: bytes
):
    """No next_layer hook runs for the layer that holds it."""
    with secured(connect(emulator.port), emulator.authority.ca, "localhost") as client:
        if before:
            assert ask(client, before).is_pixel
        client.sendall(torn)
    assert emulator.drain(10)
    assert len(emulator.journal.evidence().gaps) == 1


def test_a_client_with_a_request_on_the_fast_path_accepts_our_ca(emulator: Emulator):
    for is_sent in (True, False):
        client = tunnel(emulator.port, "localhost:443")
        with secured(client, emulator.authority.ca, "localhost") as secure:
            if is_sent:
                assert ask(secure, get(PIXEL, "localhost")).is_pixel
    assert emulator.drain(10)
    assert emulator.journal.evidence().gaps == ()


def test_a_client_with_only_a_handshake_does_not_accept_our_ca(emulator: Emulator):
    client = tunnel(emulator.port, "localhost:443")
    secured(client, emulator.authority.ca, "localhost").close()
    assert emulator.drain(10)
    assert len(emulator.journal.evidence().gaps) == 1


def test_http2_is_chosen_over_the_fast_path_with_the_setting():
    settings = with_fast_path(port=0, hosts=("localhost",), http2=True)
    with Emulator(settings, Journal(settings)) as e:
        client = tunnel(e.port, "localhost:443")
        with secured(client, e.authority.ca, "localhost", alpn=("h2", "http/1.1")) as secure:
            assert isinstance(secure, ssl.SSLSocket)
            assert secure.selected_alpn_protocol() == "h2"
            secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            assert secure.recv(9)[3:4] == b"\x04"  # its settings
