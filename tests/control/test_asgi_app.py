"""Rejected requests: without the token, for another host, from a web page, through the proxy."""

import socket
import ssl
from contextlib import suppress

import httpx
import pytest

from pixel_emulator.control.routes import ROUTES
from tests.control_client import client_of, kind
from tests.wire import ask, connect, get, secured, tunnel

GUARDED = [route for route in ROUTES if route.needs_token]
PUBLIC = [route for route in ROUTES if not route.needs_token]


def path_of(route):
    return route.path.replace("{session}", "default")


def told(route):
    return f"{route.method} {route.path}"


@pytest.fixture
def nobody(control):
    """A client without the token."""
    with client_of(control, token=False) as client:
        yield client


@pytest.mark.parametrize("route", GUARDED, ids=told)
def test_without_the_token_there_is_no_answer(nobody, route):
    answer = nobody.request(route.method, path_of(route))
    assert kind(answer) == "no-token"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_routes_without_a_token_show_no_calls(nobody):
    assert {route.path for route in PUBLIC} == {"/health", "/openapi.json"}
    for route in PUBLIC:
        assert nobody.get(route.path).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/sessions/nobody", "/docs", "/%2e%2e/etc/passwd"])
def test_nobody_learns_what_there_is_without_the_token(nobody, path):
    assert kind(nobody.get(path)) == "no-token"


WRONG_TOKENS = {
    "empty": "",
    "no scheme": "{token}",
    "basic": "Basic {token}",
    "nothing behind it": "Bearer",
    "a part": "Bearer {part}",
    "more": "Bearer {token}x",
    "upper case": "Bearer {upper}",
    "twice in one": "Bearer {token}, Bearer {token}",
    "no ASCII": "Bearer t\xf6ken",
}


@pytest.mark.parametrize("words", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_a_wrong_token_is_none(nobody, control, words):
    token = control.token
    text = words.format(token=token, part=token[:-1], upper=token.swapcase())
    answer = nobody.get("/emulator", headers={"authorization": text.encode("latin-1")})
    assert kind(answer) == "no-token"


def test_two_tokens_are_none(nobody, control):
    two = [("authorization", f"Bearer {control.token}")] * 2
    assert kind(nobody.get("/emulator", headers=two)) == "no-token"


def test_the_scheme_is_read_in_any_case(nobody, control):
    right = {"authorization": f"bearer {control.token}"}
    assert nobody.get("/emulator", headers=right).status_code == 200


@pytest.mark.parametrize("route", GUARDED, ids=told)
def test_only_downloads_take_the_token_in_the_query(nobody, control, route):
    answer = nobody.request(route.method, path_of(route), params={"token": control.token})
    assert (answer.status_code == 200) is route.token_in_query
    assert route.method == "GET" or not route.token_in_query
    wrong = nobody.request(route.method, path_of(route), params={"token": "wrong"})
    assert kind(wrong) == "no-token"


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_the_token_in_the_query_changes_nothing(nobody, control, method):
    answer = nobody.request(method, "/ca.pem", params={"token": control.token})
    assert kind(answer) == "no-token"


HOSTS = ("evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "",
         "localhost.:{port}", "127.0.0.1:{port}@evil.example", "0.0.0.0:{port}")  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_header_is_refused_even_with_the_token(http, control, host):
    answer = http.get("/health", headers={"host": host.format(port=control.port)})
    assert kind(answer) == "wrong-host"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_names_of_the_loopback_are_good(http, control, name):
    assert http.get("/emulator", headers={"host": f"{name}:{control.port}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "nonsense"},
        {"sec-fetch-site": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("route", ROUTES, ids=told)
def test_a_page_of_another_site_is_refused_even_with_the_token(http, route, headers):
    assert kind(http.request(route.method, path_of(route), headers=headers)) == "cross-site"


def test_a_page_of_our_own_is_not(http, control):
    own = {"sec-fetch-site": "same-origin", "origin": control.url}
    assert http.get("/emulator", headers=own).status_code == 200
    assert http.get("/emulator", headers={"sec-fetch-site": "none"}).status_code == 200


def test_a_preflight_gets_no_leave(http):
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert http.options("/sessions", headers=asked).status_code == 403


def test_no_answer_is_kept_or_guessed_at(http):
    for path in ("/health", "/emulator", "/nothing"):
        headers = http.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_it_listens_on_the_loopback_only(control):
    own = "127.0.0.2"  # without a network; only a listener on all addresses has it
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own, control.port), timeout=5)


NAMES = ("127.0.0.1", "localhost", "localhost.", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]",
         "2130706433", "0x7f.1", "[::]", "[::1]", "127.0.0.2")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["main", "session"])
def test_nobody_is_led_here_through_the_proxy(emulator, control, session, name, way):
    port = emulator.port if way == "main" else int(session["proxy"].rpartition(":")[2])
    extra = f"Authorization: Bearer {control.token}\r\n"
    authority = f"{name}:{control.port}"
    own = f"127.0.0.1:{control.port}"
    with connect(port) as client:
        asked = ask(client, f"CONNECT {authority} HTTP/1.1\r\nHost: {own}\r\n\r\n".encode())
        assert asked.status == 502
    with connect(port) as client:
        reply = ask(client, get(f"http://{authority}/emulator", own, extra=extra))
        assert reply.status == 502
        assert control.token.encode() not in reply.body
        assert b'"version"' not in reply.body


def test_a_host_header_does_not_reach_the_api_through_the_proxy(emulator, control):
    with connect(emulator.port) as client:
        reply = ask(client, get("/emulator", f"127.0.0.1:{control.port}"))
        assert b'"version"' not in reply.body
    client = tunnel(emulator.port, "api.segment.io:443")
    with secured(client, emulator.authority.ca) as secure:
        reply = ask(secure, get("/emulator", f"127.0.0.1:{control.port}"))
        assert b'"version"' not in reply.body


def test_what_is_no_http_harms_nobody(control, http):
    for words in (
        b"\x16\x03\x01\x00\x05hello",
        b"GET\r\n\r\n",
        b"\x00" * 100,
        b"GET / HTTP/9\r\n\r\n",
    ):
        with connect(control.port) as client:
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)
    assert http.get("/health").status_code == 200


def test_there_is_no_tls(control):
    context = ssl._create_unverified_context()
    with connect(control.port) as client, pytest.raises(OSError):
        context.wrap_socket(client)


def test_through_the_proxy_httpx_gets_nothing(emulator, control):
    with httpx.Client(proxy=emulator.proxy, trust_env=False) as client:
        assert client.get(f"{control.url}/health").status_code == 502
