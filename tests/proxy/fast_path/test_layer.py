"""The fast path by itself: events in, commands out, no sockets."""

from collections.abc import Sequence

import pytest
from mitmproxy import connection, options
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events, layer, layers, mode_specs
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import taddons, tflow

from pixel_emulator.core.endpoint.routes import GIF, route
from pixel_emulator.core.model import HttpRequest, HttpResponse
from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.convert import serialize_responses
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.layer import FastPathLayer
from pixel_emulator.proxy.fast_path.request_reader import MAX_UNFINISHED_HEAD
from pixel_emulator.proxy.fast_path.select import FastPath
from pixel_emulator.proxy.journal_routing import ClientRequest, JournalResponder, SingleJournal
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL

SETTINGS = Settings()
SEGMENT = ("api.segment.io", 443)
PATH = PIXEL.encode()
GET = b"GET %s HTTP/1.1\r\nHost: api.segment.io\r\n\r\n" % PATH
HEAD = GET.replace(b"GET", b"HEAD", 1)
LAST = b"GET %s HTTP/1.1\r\nHost: api.segment.io\r\nConnection: close\r\n\r\n" % PATH
ABSOLUTE = b"GET http://api.segment.io%s HTTP/1.1\r\nHost: api.segment.io\r\n\r\n" % PATH
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nCache-Control: no-cache, max-age=0\r\n"
    b"Content-Length: 42\r\n\r\n"
)
NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n"
    b"404 page not found\n"
)


@pytest.fixture(scope="module")
def opts():
    """The options that mitmproxy's layers read."""
    with taddons.context(proxyserver.Proxyserver()) as known:
        yield known.options


class Client:
    """Sends events to a fast path layer, and keeps its commands."""

    def __init__(
        self,
        opts: options.Options,
        *,
        address: tuple[str, int] | None = SEGMENT,
        alpn: bytes | None = None,
    ) -> None:
        self.connection = tflow.tclient_conn()
        self.connection.sni, self.connection.alpn = None, alpn
        self.connection.sockname = ("127.0.0.1", 8080)
        self.context = context.Context(self.connection, opts)
        self.context.server.address = address
        self.guard = EgressGuard(SETTINGS, Journal(SETTINGS))
        self.announced: list[connection.Client] = []
        self.batches: list[Sequence[HttpRequest]] = []
        self.commands: list[commands.Command] = []
        self.layer = FastPathLayer(
            self.context,
            guard=self.guard,
            respond=self.respond,
            on_request=lambda client, _agent: self.announced.append(client),
        )
        self.handle(events.Start())

    def respond(self, client_requests: Sequence[ClientRequest]) -> list[HttpResponse]:
        assert all(client is self.connection for client, _ in client_requests)
        requests = [request for _, request in client_requests]
        self.batches.append(requests)
        assert not any(isinstance(command, commands.SendData) for command in self.new)
        return [route(request.method, request.path).response for request in requests]

    def handle(self, event: events.Event) -> "Client":
        self.new: list[commands.Command] = []
        for command in self.layer.handle_event(event):
            self.new.append(command)
        self.commands += self.new
        return self

    def send(self, *parts: bytes) -> "Client":
        for part in parts:
            self.handle(events.DataReceived(self.connection, part))
        return self

    @property
    def sent_bytes(self) -> bytes:
        sent = [command for command in self.commands if isinstance(command, commands.SendData)]
        assert all(command.connection is self.connection for command in sent)
        return b"".join(command.data for command in sent)

    @property
    def requests(self) -> list[HttpRequest]:
        return [request for batch in self.batches for request in batch]

    @property
    def closed(self) -> bool:
        return any(isinstance(command, commands.CloseConnection) for command in self.commands)


def wire(request: HttpRequest) -> tuple[str, str, str]:
    return request.method, request.url, request.http_version


URL = f"http://api.segment.io{PIXEL}"
PLAIN = {
    "get": (GET, [("GET", URL, "HTTP/1.1")], ANSWER + GIF),
    "head": (HEAD, [("HEAD", URL, "HTTP/1.1")], ANSWER),
    "three at once": (GET + HEAD + GET, [("GET", URL, "HTTP/1.1"), ("HEAD", URL, "HTTP/1.1"),
                      ("GET", URL, "HTTP/1.1")], ANSWER + GIF + ANSWER + ANSWER + GIF),
    "absolute": (ABSOLUTE, [("GET", URL, "HTTP/1.1")], ANSWER + GIF),
    "absolute, other scheme": (ABSOLUTE.replace(b"http:", b"HTTPS:"), [("GET", URL, "HTTP/1.1")],
                               ANSWER + GIF),
    "percent-encoded": (b"GET /v1/pixel/%74rack?data=%7B HTTP/1.1\r\nHost: api.segment.io\r\n\r\n",
                        [("GET", "http://api.segment.io/v1/pixel/%74rack?data=%7B", "HTTP/1.1")],
                        ANSWER + GIF),
    "kept alive in HTTP/1.0": (
        b"GET /v1/pixel/page HTTP/1.0\r\nHost: api.segment.io\r\nConnection: keep-alive\r\n\r\n",
        [("GET", "http://api.segment.io/v1/pixel/page", "HTTP/1.0")], ANSWER + GIF),
    "header of odd bytes": (GET.replace(b"\r\n\r\n", b"\r\nX: \xe9\tb\r\nY:\r\n\r\n"),
                            [("GET", URL, "HTTP/1.1")], ANSWER + GIF),
    "no pixel": (b"GET / HTTP/1.1\r\nHost: api.segment.io\r\n\r\n",
                 [("GET", "http://api.segment.io/", "HTTP/1.1")],
                 NOT_FOUND),
}  # fmt: skip


@pytest.mark.parametrize(("data", "requests", "answers"), PLAIN.values(), ids=PLAIN)
def test_a_plain_request_is_answered_without_a_flow(opts, data, requests, answers):
    client = Client(opts).send(data)
    assert [wire(request) for request in client.requests] == requests
    assert client.sent_bytes == answers
    assert client.layer.child is None
    assert not client.closed


@pytest.mark.parametrize("data", [row[0] for row in PLAIN.values()], ids=PLAIN)
def test_it_does_not_matter_how_the_bytes_arrive(opts, data):
    whole = Client(opts).send(data)
    single = Client(opts).send(*(data[at : at + 1] for at in range(len(data))))
    assert (single.requests, single.sent_bytes) == (whole.requests, whole.sent_bytes)
    for at in range(len(data)):
        split = Client(opts).send(data[:at], data[at:]) if at else whole
        assert (split.requests, split.sent_bytes) == (whole.requests, whole.sent_bytes)


def test_the_requests_of_one_read_are_recorded_together_before_any_answer(opts):
    client = Client(opts).send(GET + HEAD + GET[:9], GET[9:])
    assert [len(batch) for batch in client.batches] == [
        2,
        1,
    ]  # `respond` checks that nothing was sent
    assert len(client.commands) == 2


def test_cookies_and_credentials_are_left_out(opts):
    secret = b"\r\nCookie: a\r\nAuthorization: b\r\nProxy-Authorization: c\r\nX: d\r\n\r\n"
    [request] = Client(opts).send(GET.replace(b"\r\n\r\n", secret)).requests
    assert request.headers == (("host", "api.segment.io"), ("x", "d"))
    assert request.client == "127.0.0.1"


def test_repeated_headers_are_kept_once(opts):
    first, second = Client(opts).send(GET, GET).requests
    assert first.headers is second.headers


def test_a_host_of_one_request_is_not_used_for_the_next(opts):
    other = GET.replace(b"Host: api.segment.io", b"Host: Api.Segment.IO:443\r\nX: y")
    first, second, third = Client(opts).send(GET, other, GET).requests
    assert [request.host for request in (first, second, third)] == [
        "api.segment.io", "Api.Segment.IO:443", "api.segment.io",
    ]  # fmt: skip
    assert first == third
    assert second.header("x") == "y"


LAST_ONES = {
    "close": LAST,
    "close among others": LAST.replace(b"close", b"x, close"),
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0, kept alive by no one": LAST.replace(b"1.1", b"1.0").replace(b"close", b"x"),
}


@pytest.mark.parametrize("data", LAST_ONES.values(), ids=LAST_ONES)
def test_the_connection_is_closed_after_the_last_answer(opts, data):
    client = Client(opts).send(data + GET)
    assert client.sent_bytes == ANSWER + GIF
    assert isinstance(client.commands[-1], commands.CloseConnection)
    assert client.layer.unread == GET  # not parsed, and so a gap
    client.send(GET)
    client.handle(events.ConnectionClosed(client.connection))
    assert len(client.requests) == 1


def test_the_connection_of_a_client_that_closes_is_closed(opts):
    client = Client(opts).send(GET[:10])
    client.handle(events.ConnectionClosed(client.connection))
    assert client.closed
    assert client.layer.unread == GET[:10]


POST = b"POST /v1/pixel/track HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"


def with_field(field: bytes) -> bytes:
    return GET.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n")


NOT_PLAIN = {
    "POST": POST,
    "lower-case method": GET.lower(),
    "length": with_field(b"Content-Length: 1"),
    "no length": with_field(b"Content-Length: 0"),
    "chunks": with_field(b"Transfer-Encoding: chunked"),
    "expectation": with_field(b"Expect: 100-continue"),
    "upgrade": with_field(b"Connection: Upgrade\r\nUpgrade: websocket"),
    "upgrade to h2": with_field(b"Upgrade: h2c"),
    "folded": with_field(b"X: a\r\n b"),
    "folded from the first": GET.replace(b"Host", b" X: y\r\nHost"),
    "bare LF": GET.replace(b"\r\n", b"\n"),
    "one bare LF": with_field(b"X: a\nY: b"),
    "bare LF at the end": GET[:-4] + b"\n\r\n",
    "bare CR": with_field(b"X: a\rb"),
    "NUL": with_field(b"X: a\0b"),
    "NUL in the target": GET.replace(b"u1", b"\0"),
    "control in the target": GET.replace(b"u1", b"\x7f"),
    "tab in the line": GET.replace(b"GET ", b"GET\t"),
    "two spaces": GET.replace(b"GET ", b"GET  "),
    "space before the colon": with_field(b"X : a"),
    "no colon": with_field(b"X"),
    "no name": with_field(b": a"),
    "odd name": with_field(b"X\xe9: a"),
    "no host": GET.replace(b"Host: api.segment.io\r\n", b""),
    "two hosts": with_field(b"host: api.segment.io"),
    "HTTP/0.9": GET.replace(b" HTTP/1.1", b""),
    "HTTP/2": GET.replace(b"1.1", b"2.0"),
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "asterisk": GET.replace(PATH, b"*"),
    "relative target": GET.replace(b"/v1", b"v1"),
    "other scheme": ABSOLUTE.replace(b"http:", b"ftp:"),
    "credentials in the URL": ABSOLUTE.replace(b"//", b"//a:b@"),
    "absolute, no path": ABSOLUTE.replace(b"/v1", b"?v1"),
    "absolute, not ASCII": ABSOLUTE.replace(b"u1", b"\xff"),
    "empty line before": b"\r\n" + GET,
    "CONNECT in a tunnel": b"CONNECT api.segment.io:443 HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x00\x01\x02\x03",
    "TLS": b"\x16\x03\x01\x00\x05hello",
    "oversized": b"GET /" + b"a" * MAX_UNFINISHED_HEAD,
}


def test_a_space_in_the_target_is_answered_400_and_ends_the_connection(opts):
    client = Client(opts).send(GET.replace(b"u1", b"a b") + GET)
    [request] = client.requests
    assert b"userId=a b" in request.target
    assert isinstance(client.new[-1], commands.CloseConnection)


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_everything_else_is_handed_over(opts, data):
    client = Client(opts).send(data)
    assert client.requests == []
    assert isinstance(client.layer.child, layers.HttpLayer)
    assert client.context.layers == [client.layer.child]
    assert client.layer.unread == b""


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_plain_requests_before_a_handover_are_answered(opts, data):
    client = Client(opts).send(GET + data)
    assert len(client.requests) == 1
    assert client.sent_bytes.startswith(ANSWER + GIF)
    assert isinstance(client.layer.child, layers.HttpLayer)


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_it_is_handed_over_in_small_parts_too(opts, data):
    step = 1 if len(data) < MAX_UNFINISHED_HEAD else 999
    client = Client(opts).send(*(data[at : at + step] for at in range(0, len(data), step)))
    assert client.requests == []
    assert isinstance(client.layer.child, layers.HttpLayer)


def test_a_handover_is_final(opts):
    client = Client(opts).send(POST)
    [hook] = [command for command in client.commands if isinstance(command, commands.StartHook)]
    assert hook.name == "requestheaders"
    client.send(GET)
    assert client.requests == []


@pytest.mark.parametrize(
    ("address", "mode"), [(SEGMENT, HTTPMode.transparent), (None, HTTPMode.regular)]
)
def test_after_a_handover_mitmproxy_chooses_the_layer_as_usual(opts, address, mode):
    child = Client(opts, address=address).send(b"\0").layer.child
    assert isinstance(child, layers.HttpLayer)
    assert child.mode is mode


def test_http2_is_handed_over_at_the_start(opts):
    assert isinstance(Client(opts, alpn=b"h2").layer.child, layers.HttpLayer)


def test_server_events_are_handed_over(opts):
    client = Client(opts)
    client.handle(events.ConnectionClosed(client.context.server))
    assert isinstance(client.layer.child, layers.HttpLayer)


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (ABSOLUTE, True),
        (ABSOLUTE.replace(b"Host: api.segment.io", b"Host: other.example"), True),
        (ABSOLUTE.replace(b"//api.segment.io", b"//192.0.2.1"), True),
        (GET, True),
        (GET.replace(b"api.segment.io", b"API.Segment.IO."), True),
        (GET.replace(b"api.segment.io", b"localhost:8080"), True),
        (GET.replace(b"api.segment.io", b"localhost:8081"), False),
        (GET.replace(b"api.segment.io", b"x.api.segment.io"), False),
        (GET.replace(b"api.segment.io", b"a b"), False),
        (GET.replace(b"api.segment.io", b""), False),
        (ABSOLUTE.replace(b"api.segment.io", b"other.example"), False),
        (ABSOLUTE.replace(b"//api.segment.io", b"//api.segment.io:x"), False),
    ],
)
def test_only_requests_for_an_emulated_host_are_answered(opts, data, ours):
    client = Client(opts, address=None).send(data)
    assert (len(client.requests), client.layer.child is None) == (int(ours), ours)


@pytest.mark.parametrize(("port", "tls"), [(80, False), (443, True)])
def test_a_host_header_without_a_port_has_the_port_of_the_scheme(opts, port, tls):
    client = Client(opts, address=None)
    client.connection.sockname, client.connection.tls = ("127.0.0.1", port), tls
    client.connection.timestamp_tls_setup = 1 if tls else None
    [request] = client.send(GET.replace(b"api.segment.io", b"localhost")).requests
    assert request.url == f"{'https' if tls else 'http'}://localhost{PIXEL}"


CONNECT = b"CONNECT api.segment.io:443 HTTP/1.1\r\nHost: api.segment.io:443\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        (CONNECT, b""),
        (CONNECT.replace(b"Host: api.segment.io:443\r\n", b""), b""),
        (CONNECT.replace(b"1.1", b"1.0"), b""),
        (CONNECT.replace(b"api.segment.io", b"API.segment.io."), b""),
        (CONNECT.replace(b"api.segment.io:443", b"localhost:8080"), b""),
        (CONNECT + b"\r\nGET", b"GET"),
        (GET + CONNECT + b"\x16\x03", b"\x16\x03"),
    ],
)
def test_a_tunnel_to_an_emulated_host_is_answered_without_a_flow(opts, data, rest):
    client = Client(opts, address=None).send(data)
    assert client.sent_bytes.endswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert isinstance(client.layer.child, layer.NextLayer)
    assert client.layer.child.data_client() == rest
    assert client.context.server.address is not None
    assert client.announced
    hooks = {command.name for command in client.commands if isinstance(command, commands.StartHook)}
    assert hooks <= {"next_layer"}


@pytest.mark.parametrize(
    "data",
    [
        CONNECT.replace(b"api.segment.io", b"other.example"),
        CONNECT.replace(b":443", b""),
        CONNECT.replace(b":443", b":0"),
        CONNECT.replace(b":443 ", b":443/x "),
        CONNECT.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
        CONNECT.replace(b"\r\n", b"\n"),
        CONNECT.replace(b"CONNECT ", b"CONNECT  "),
    ],
)
def test_any_other_tunnel_is_handed_over(opts, data):
    client = Client(opts, address=None).send(data)
    assert isinstance(client.layer.child, layers.HttpLayer)
    assert client.context.server.address is None
    assert b"200" not in client.sent_bytes


def test_all_requests_in_a_terminated_tunnel_are_for_us_until_another_connect():
    guard, client = EgressGuard(SETTINGS, Journal(SETTINGS)), tflow.tclient_conn()
    flow = tflow.tflow()
    flow.client_conn = client
    for host, expected in (("api.segment.io", "address"), ("other.example", None)):
        client.sni = None
        assert guard.terminate_tunnel(client, host, 443) is bool(expected)
        assert guard.host_of(flow) == expected


@pytest.mark.parametrize(
    ("alpn", "start", "chosen"),
    [
        (b"http/1.1", b"GE?", True),
        (b"http/1.1", b"\x00\x01\x02", True),
        (None, b"GET /", True),
        (b"", b"HEAD /", True),
        (None, b"GET", False),
        (None, b"POST / HTTP/1.1", False),
        (None, b"SSH-2.0", False),
        (b"h2", b"PRI * HTTP/2.0", False),
        (b"other", b"GET /", False),
    ],
)
def test_in_a_tunnel_the_fast_path_is_chosen_only_where_mitmproxy_would_choose_http1(
    opts, alpn, start, chosen
):
    assert isinstance(choose(opts, SEGMENT, alpn, start), FastPathLayer) is chosen


def test_a_tunnel_for_dns_is_left_to_mitmproxy(opts):
    assert choose(opts, ("api.segment.io", 53), None, b"GET /") is None


def test_without_a_tunnel_the_fast_path_follows_the_handshake(opts):
    assert isinstance(choose(opts, None, None, b"GET "), FastPathLayer)
    secure = choose(opts, None, None, b"\x16\x03\x01")
    assert isinstance(secure, layers.ClientTLSLayer)
    assert isinstance(secure.child_layer, FastPathLayer)
    assert secure.context.layers[1:] == [secure, secure.child_layer]


@pytest.mark.parametrize("mode", ["reverse:http://127.0.0.1:1", "upstream:http://127.0.0.1:1"])
def test_in_other_modes_there_is_no_fast_path(opts, mode):
    assert choose(opts, SEGMENT, b"http/1.1", b"GET /", mode=mode) is None


def choose(opts, address, alpn, start, *, mode="regular") -> layer.Layer | None:
    client = tflow.tclient_conn()
    client.alpn, client.proxy_mode = alpn, mode_specs.ProxyMode.parse(mode)
    place = context.Context(client, opts)
    modes.HttpProxy(place)
    place.server.address = address
    data = layer.NextLayer(place)
    data.events.append(events.DataReceived(client, start))
    FastPath(PixelEmulator(SETTINGS, Journal(SETTINGS))).next_layer(data)
    return data.layer


def test_a_layer_that_another_addon_chose_is_kept(opts):
    client = tflow.tclient_conn()
    data = layer.NextLayer(context.Context(client, opts))
    data.layer = theirs = layers.TCPLayer(data.context)
    FastPath(PixelEmulator(SETTINGS, Journal(SETTINGS))).next_layer(data)
    assert data.layer is theirs


class HalfBrokenJournal(Journal):
    """Raises for requests with a HEAD among them."""

    def record_all(self, requests, time=None):
        if any(request.method == "HEAD" for request in requests):
            raise RuntimeError("no room")
        return super().record_all(requests, time)


def test_after_a_failure_all_requests_are_answered_and_those_of_other_reads_recorded(caplog):
    journal = HalfBrokenJournal(SETTINGS)
    respond, client = JournalResponder(SingleJournal(journal)), tflow.tclient_conn()
    for methods in (["GET"], ["GET", "HEAD"], ["GET", "GET"]):
        client_requests = [(client, HttpRequest(target=PATH, method=method)) for method in methods]
        assert [response.body for response in respond(client_requests)] == [GIF] * len(methods)
    assert len(journal.hits) == 3
    assert "Addon error: no room" in caplog.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_the_header_content_length_is_added(method):
    request = HttpRequest(target=PATH, method=method)
    sent = serialize_responses([request], [HttpResponse(200, (("A", "b"),), b"body")])
    head = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\n\r\n"
    assert sent == head + (b"body" if method == "GET" else b"")
