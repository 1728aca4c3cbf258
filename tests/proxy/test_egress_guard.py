"""No byte reaches an emulated host, whatever fails; other hosts get every byte."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from mitmproxy import connection, ctx, http
from mitmproxy.proxy import mode_specs, server_hooks
from mitmproxy.test import tflow

from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.fast_path_settings import without_fast_path
from tests.wire import PIXEL, Trap, ask, connect, get, read, secured, trap, tunnel

SETTINGS = Settings(port=0)
EMULATED_LOCALHOST = without_fast_path(port=0, hosts=("localhost",))


@pytest.fixture
def target() -> Iterator[Trap]:
    with trap() as listening:
        yield listening


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SETTINGS, Journal(SETTINGS)) as running:
        yield running


@pytest.fixture
def localhost_emulator() -> Iterator[Emulator]:
    """An emulator of a host that exists and that the test can observe."""
    with Emulator(EMULATED_LOCALHOST, Journal(EMULATED_LOCALHOST)) as running:
        yield running


def eager() -> None:
    ctx.options.update(connection_strategy="eager")


def without(monkeypatch: pytest.MonkeyPatch, *hooks: str) -> None:
    guard = ctx.master.addons.get("pixel_emulator_egress_guard")
    for hook in hooks:
        monkeypatch.setattr(guard, hook, lambda _data: None)


def knock(e: Emulator, authority: str) -> int:
    """Request a pixel in a tunnel; return the status of the last response."""
    with connect(e.port) as client:
        status = ask(client, f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode()).status
        return ask(client, get(PIXEL, authority)).status if status == 200 else status


HOOKS = ("http_connect", "server_connect")


@pytest.mark.parametrize(
    ("lock", "seen"),
    [
        ("lazy", (200, 0)),
        ("http_connect", (200, 0)),
        ("server_connect", (502, 0)),
        ("none", (200, 1)),  # the trap counts connections
    ],
)
def test_each_hook_alone_keeps_everything_on_this_machine(
    localhost_emulator: Emulator,
    target: Trap,
    monkeypatch: pytest.MonkeyPatch,
    lock: str,
    seen: tuple[int, int],
):
    without(monkeypatch, *(hook for hook in HOOKS if hook != lock))
    if lock != "lazy":
        eager()
    status = knock(localhost_emulator, f"localhost:{target.port}")
    assert (status, target.connections()) == seen


@pytest.mark.parametrize("locked", [True, False])
def test_when_our_hook_raises_server_connect_still_refuses(
    localhost_emulator: Emulator, target: Trap, monkeypatch: pytest.MonkeyPatch, locked: bool
):
    def broken(_flow: http.HTTPFlow) -> None:
        raise RuntimeError("broken hook")

    monkeypatch.setattr(ctx.master.addons.get("pixel_emulator"), "request", broken)
    if not locked:
        without(monkeypatch, "server_connect")
    with connect(localhost_emulator.port) as client:
        client.sendall(get(f"http://localhost:{target.port}{PIXEL}", "localhost"))
        if not locked:
            with target.accept() as server:
                server.sendall(b"HTTP/1.1 502 It got out\r\n\r\n")
        assert read(client).status == 502
    assert target.connections() == 0
    assert "broken hook" in localhost_emulator.journal.failures[0]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_a_tunnel_to_another_name_terminates_if_its_sni_is_emulated(
    emulator: Emulator, target: Trap, name: str, strategy: str
):
    ctx.options.update(connection_strategy=strategy)
    with secured(tunnel(emulator.port, f"{name}:{target.port}"), emulator.authority.ca) as client:
        assert ask(client, get(PIXEL, name)).is_pixel
    assert target.connections() == 0


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_bytes_that_are_not_http_reach_no_emulated_host(
    localhost_emulator: Emulator, target: Trap, strategy: str
):
    ctx.options.update(connection_strategy=strategy)
    with tunnel(localhost_emulator.port, f"localhost:{target.port}") as client:
        client.sendall(b"\x00\x01 something else\r\n")
        assert client.recv(1) == b""
    assert target.connections() == 0


def client_hello_info(name: str) -> bytes:
    """Return a ClientHello."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "sent",
    [
        client_hello_info("other.example"),
        client_hello_info("localhost"),
        b"SSH-2.0-client\r\n",
        b"\x00\xff\x16\x03",
        b"GET /  HTTP/1.1\r\nhOST:  other.example \r\nX : y\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["TLS", "TLS to localhost", "SSH", "few bytes", "HTTP", "HTTP/2"],
)
def test_a_tunnel_to_another_host_carries_every_byte_unchanged(
    emulator: Emulator, target: Trap, sent: bytes
):
    with tunnel(emulator.port, f"127.0.0.1:{target.port}") as client:
        client.sendall(sent)
        server = target.accept()
        with server:
            assert server.recv(65536) == sent
            server.sendall(b"\x00answer\xff")
            assert client.recv(65536) == b"\x00answer\xff"
    assert emulator.journal.hits == ()


def test_plain_http_of_another_host_is_streamed(emulator: Emulator, target: Trap):
    """The first event arrives although the answer never ends."""
    with connect(emulator.port) as client:
        client.sendall(get(f"http://127.0.0.1:{target.port}/events", "other.example"))
        with target.accept() as server:
            assert server.recv(65536).startswith(b"GET /events HTTP/1.1\r\nHost: other.example\r\n")
            server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            with client.makefile("rb") as stream:
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                while stream.readline() != b"5\r\n":
                    pass
                assert stream.readline() == b"first\r\n"


def test_a_web_socket_of_another_host_works(emulator: Emulator, target: Trap):
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    with connect(emulator.port) as client:
        client.sendall(get(f"http://127.0.0.1:{target.port}/", "other.example", extra=upgrade))
        with target.accept() as server:
            server.recv(65536)
            server.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\n\r\n\x81\x02hi"
            )
            assert read(client).status == 101
            assert client.recv(65536) == b"\x81\x02hi"


OFF_LIMITS = [
    "169.254.169.254",
    "2852039166",  # the same as one number
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[::a9fe:a9fe]",
]


@pytest.mark.parametrize("host", OFF_LIMITS)
def test_credentials_of_the_machine_are_never_reached(emulator: Emulator, host: str):
    with connect(emulator.port) as client:
        reply = ask(client, f"CONNECT {host}:80 HTTP/1.1\r\n\r\n".encode())
    assert reply.status == 502
    assert b"is link-local or a cloud's metadata service" in reply.body
    with connect(emulator.port) as client:
        reply = ask(client, get(f"http://{host}/latest/meta-data", host))
    assert reply.status == 502
    assert b"is link-local or a cloud" in reply.body
    assert emulator.journal.refused_hosts == (host.strip("[]"),)


OFFLINE = replace(SETTINGS, offline=True)
LOOPBACK = ["127.0.0.1", "localhost", "LOCALHOST.", "app.localhost"]
MAPPED = "[::ffff:127.0.0.1]"
ELSEWHERE = [
    "192.0.2.1",
    "other.example",
    "localhost.example",
    "0.0.0.0",
    "127.1",  # a resolver decides what such a text means
    "2130706433",
    "[64:ff9b::7f00:1]",  # a gateway translates these two, on any machine
    "[2002:7f00:1::1]",
    "[::127.0.0.1]",
    "[fe80::1]",
]


def offline_statuses(settings: Settings, host: str, port: int) -> tuple[int, int]:
    """Return the statuses of a CONNECT and of a plain request; a trap at the port answers 200."""
    with Emulator(settings, Journal(settings)) as e:
        with connect(e.port) as client:
            tunnelled = ask(client, f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode()).status
        with connect(e.port) as client:
            client.sendall(get(f"http://{host}:{port}/", "page.example"))
            plain = read(client).status
        with connect(e.port) as client:
            assert ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io")).is_pixel
    assert e.journal.refused_hosts == (() if plain == 200 else (host.strip("[]"),))
    return tunnelled, plain


@pytest.mark.parametrize("host", [*LOOPBACK, MAPPED])
def test_offline_a_page_on_this_machine_is_reached(host: str):
    """Playwright and Chromium also request the page under test through the proxy."""
    with page() as port:
        assert offline_statuses(OFFLINE, host, port) == (200, 200)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_offline_every_other_host_is_refused_and_listed(target: Trap, host: str):
    assert offline_statuses(OFFLINE, host, target.port) == (502, 502)
    assert target.connections() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_offline_nothing_is_reached_if_other_machines_can_connect(target: Trap, host: str):
    settings = replace(OFFLINE, host="0.0.0.0")
    assert offline_statuses(settings, host, target.port) == (502, 502)
    assert target.connections() == 0


@pytest.mark.parametrize("name", ["localhost", "app.localhost"])
def test_offline_a_name_that_resolves_to_another_machine_is_refused(
    target: Trap, monkeypatch: pytest.MonkeyPatch, name: str
):
    async def elsewhere(_host: str) -> list[str]:
        return ["127.0.0.1", "192.0.2.1"]

    monkeypatch.setattr("pixel_emulator.proxy.egress_guard.resolve", elsewhere)
    assert offline_statuses(OFFLINE, name, target.port) == (502, 502)
    assert target.connections() == 0


@pytest.mark.parametrize("mode", ["upstream:http://127.0.0.1:3128", "reverse:http://127.0.0.1:1"])
def test_offline_no_upstream_proxy_is_reached(mode: str):
    data = hook_data("127.0.0.1")
    data.client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    asyncio.run(EgressGuard(OFFLINE, Journal(OFFLINE)).server_connect(data))
    assert "--offline refuses all other hosts" in (data.server.error or "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_offline_an_emulated_host_on_this_machine_is_never_reached(target: Trap, host: str):
    settings = replace(OFFLINE, hosts=(host,))
    with Emulator(settings, Journal(settings)) as e:
        assert knock(e, f"{host}:{target.port}") == 200
    assert target.connections() == 0


@contextmanager
def page() -> Iterator[int]:
    """A server on 127.0.0.1 that answers everything with an empty page; yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "2130706433"])
@pytest.mark.parametrize(("listening", "status"), [("127.0.0.1", 200), ("0.0.0.0", 502)])
def test_this_machine_is_reached_only_if_no_other_machine_can_connect(
    target: Trap, host: str, listening: str, status: int
):
    settings = replace(SETTINGS, host=listening)
    with Emulator(settings, Journal(settings)) as e, connect(e.port) as client:
        connecting = f"CONNECT {host}:{target.port} HTTP/1.1\r\n\r\n".encode()
        assert ask(client, connecting).status == status
    assert target.connections() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]"])
def test_a_request_for_the_emulator_itself_does_not_loop(emulator: Emulator, host: str):
    own = f"{host}:{emulator.port}"
    with connect(emulator.port) as client:
        assert ask(client, get(f"http://{own}/", own)).status in (404, 502)
    assert emulator.journal.evidence().connections == 1


def hook_data(
    host: str, *, sni: str | None = None, client_sni: str | None = None
) -> server_hooks.ServerConnectionHookData:
    client = tflow.tclient_conn()
    client.sni = client_sni
    server = connection.Server(address=(host, 443))
    server.sni = sni
    return server_hooks.ServerConnectionHookData(server=server, client=client)


@pytest.mark.parametrize(
    "data",
    [
        hook_data("api.segment.io"),
        hook_data("API.SEGMENT.IO."),
        hook_data("192.0.2.1", sni="api.segment.io"),
        hook_data("192.0.2.1", client_sni="api.segment.io"),
    ],
)
def test_server_connect_recognizes_an_emulated_host_by_any_name(
    data: server_hooks.ServerConnectionHookData,
):
    asyncio.run(EgressGuard(SETTINGS, Journal(SETTINGS)).server_connect(data))
    assert data.server.error == "pixel_emulator emulates this host: nothing is ever sent to it"


def test_another_addon_s_refusal_stands():
    data = hook_data("127.0.0.1")
    data.server.error = "refused by another addon"
    asyncio.run(EgressGuard(SETTINGS, Journal(SETTINGS)).server_connect(data))
    assert data.server.error == "refused by another addon"


def test_a_check_that_raises_refuses(monkeypatch: pytest.MonkeyPatch):
    def broken(_host: str) -> bool:
        raise RuntimeError("broken check")

    monkeypatch.setattr("pixel_emulator.proxy.egress_guard.is_blocked_address", broken)
    data = hook_data("127.0.0.1")
    with pytest.raises(RuntimeError):
        asyncio.run(EgressGuard(SETTINGS, Journal(SETTINGS)).server_connect(data))
    assert data.server.error == "pixel_emulator could not check this connection"
