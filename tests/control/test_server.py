"""The control API blocks no client, and leaves nothing behind at its end."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from pixel_emulator.control import verify_handlers
from pixel_emulator.control.server import Control, listen
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.control_client import PIXEL, SEGMENT, client_of, controlled, kind
from tests.wire import TIMEOUT, ask, connect, get

OPENED = "expect:\n  - track: Opened\n"


def pixel_is_answered(emulator: Emulator) -> bool:
    with connect(emulator.port) as client:
        return ask(client, get(PIXEL, "localhost")).is_pixel


def ask_and_do_not_read(control: Control, path: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(TIMEOUT)
    client.connect(("127.0.0.1", control.port))
    extra = f"Authorization: Bearer {control.token}\r\n"
    client.sendall(get(path, f"127.0.0.1:{control.port}", extra=extra))
    assert client.recv(12, socket.MSG_PEEK).startswith(b"HTTP/1.1 200")
    return client


def fill(control: Control, calls: int = 20) -> None:
    """Put some megabytes of calls into the default session."""
    with client_of(control) as client:
        url = f"{SEGMENT}{PIXEL}&properties.x={'x' * 200_000}"
        for _ in range(calls):
            assert client.post("/sessions/default/requests", json={"url": url}).status_code == 201


def test_at_the_end_nothing_is_left():
    before = set(threading.enumerate())
    settings = Settings(port=0)
    with Emulator(settings, Journal(settings)) as emulator:
        tasks = asyncio.run_coroutine_threadsafe(count_tasks(), emulator.loop).result()
        with Control(emulator) as control, client_of(control) as client:
            assert client.get("/emulator").status_code == 200
            idle = connect(control.port)
        assert asyncio.run_coroutine_threadsafe(count_tasks(), emulator.loop).result() == tasks
        with pytest.raises(ConnectionRefusedError):
            connect(control.port)
        with suppress(ConnectionResetError):
            assert idle.recv(1) == b""
        idle.close()
        assert pixel_is_answered(emulator)
    assert set(threading.enumerate()) == before


async def count_tasks() -> int:
    return len(asyncio.all_tasks())


def test_no_answer_waits_for_an_acknowledgement_of_its_head():
    """Nagle's algorithm would cost 40 ms a request; asyncio needs IPPROTO_TCP to avoid it."""
    with (
        controlled() as (emulator, _),
        listen() as ours,
        emulator._master.bind() as theirs,
    ):
        assert ours.proto == theirs.proto == socket.IPPROTO_TCP


def test_it_may_be_started_again():
    settings = Settings(port=0)
    with Emulator(settings, Journal(settings)) as emulator:
        tokens = set()
        for _ in range(3):
            with Control(emulator) as control, client_of(control) as client:
                assert client.get("/emulator").status_code == 200
                tokens.add(control.token)
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)


def test_port_and_token_may_be_chosen_and_had_again_at_once():
    with listen() as free:
        port = free.getsockname()[1]
    settings = Settings(port=0, control_port=port, control_token="mine-0123456789abcdef")
    for _ in range(2):
        with controlled(settings) as (_, control), client_of(control) as client:
            assert (control.port, control.token) == (port, "mine-0123456789abcdef")
            assert client.get("/emulator").status_code == 200


@pytest.mark.parametrize("port", [None, 65536, -1])
def test_a_port_that_cannot_be_had_is_a_mistake_of_the_user(port):
    with listen() as taken:
        port = port or taken.getsockname()[1]
        said = f"control_port: {port} cannot be had: .*; take another one"
        with (
            pytest.raises(InputError, match=said),
            controlled(Settings(port=0, control_port=port)),
        ):
            pass


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("192.0.2.1", "control_host: 192.0.2.1 is no address of this machine"),
        ("no-such-host.invalid", "control_host: cannot listen on no-such-host.invalid: "),
    ],
)
def test_a_host_that_cannot_be_listened_on_is_a_mistake_of_the_user(host, said):
    settings = Settings(port=0, control_host=host)
    with pytest.raises(InputError, match=said), controlled(settings):
        pass


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.0.0.2", "http://127.0.0.2"),
        ("localhost", "http://127.0.0.1"),
        ("0.0.0.0", "http://127.0.0.1"),
        ("::1", "http://[::1]"),
    ],
)
def test_its_url_is_one_that_a_client_of_this_machine_can_use(host, url):
    with controlled(Settings(port=0, control_host=host)) as (_, control):
        assert control.url == f"{url}:{control.port}"
        with client_of(control) as client:
            assert client.get("/emulator").status_code == 200


def test_in_a_network_any_name_is_good_and_the_token_is_needed():
    settings = Settings(port=0, host="0.0.0.0", control_host="0.0.0.0")
    with controlled(settings) as (emulator, control):
        named = {"host": "emulator:9000"}
        with client_of(control, token=False) as nobody:
            assert kind(nobody.get("/emulator", headers=named)) == "no-token"
            assert nobody.get("/health", headers=named).status_code == 200
        with client_of(control) as client:
            assert client.get("/emulator", headers=named).status_code == 200
            page = {**named, "origin": "http://evil.example"}
            assert kind(client.get("/emulator", headers=page)) == "cross-site"
            page = {**named, "origin": "http://emulator:9000"}
            assert client.get("/emulator", headers=page).status_code == 200
        # Nor is it reached through the proxy by an address that only this machine has.
        authority = f"127.0.0.1:{control.port}"
        with connect(emulator.port) as proxy:
            reply = ask(proxy, f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode())
            assert reply.status == 502


@pytest.mark.parametrize(
    ("listening", "asked", "told"),
    [
        ("0.0.0.0", "emulator:9000", "emulator"),
        ("::", "[2001:db8::7]:9000", "[2001:db8::7]"),
        ("0.0.0.0", "localhost:9000", "127.0.0.1"),
        ("127.0.0.1", "emulator:9000", "127.0.0.1"),
    ],
)
def test_addresses_are_told_as_the_client_can_reach_them(listening, asked, told):
    settings = Settings(port=0, host=listening, control_host="0.0.0.0")
    with controlled(settings) as (emulator, control), client_of(control) as client:
        client.headers["host"] = asked
        session = client.post("/sessions", json={"name": "one"}).json()
        assert session["url"] == f"http://{told}:{emulator.port}/s/one"
        port = session["proxy"].rpartition(":")[2]
        assert session["proxy"] == f"http://{told}:{port}"
        about = client.get("/emulator").json()
        assert about["proxy"] == about["url"] == f"http://{told}:{emulator.port}"
        assert f"PROXY {told}:{port}" in client.get("/proxy.pac?session=one").text
        env = client.get("/env?session=one").text
        assert f"export HTTPS_PROXY='http://{told}:{port}'".replace("'", "") in env.replace("'", "")


@pytest.mark.parametrize("token", ["short", "with a space in it", "umlaut-äöüäöüäöüäöü", "=" * 20])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_a_mistake_of_the_user(token):
    with pytest.raises(InputError, match="control_token: must be 16 or more"):
        Settings(control_token=token)


@pytest.mark.parametrize("content", ["", OPENED])
def test_a_request_that_waits_at_the_end_gets_a_problem(content):
    with ThreadPoolExecutor(1) as pool:
        with controlled() as (emulator, control):
            client = client_of(control)
            session, asked = emulator.sessions.default, threading.Event()
            subscribe = session.subscribe

            def noticed(tell):
                asked.set()
                return subscribe(tell)

            session.subscribe = noticed  # type: ignore[method-assign] # to know when it waits
            path = "/sessions/default/wait?timeout=600&cursor=0"
            waiting = pool.submit(client.post, path, content=content)
            assert asked.wait(TIMEOUT)
        answer = waiting.result(TIMEOUT)
        client.close()
    assert (answer.status_code, kind(answer)) == (503, "stopping")


@pytest.mark.thorough
def test_a_client_that_does_not_read_holds_up_nobody_and_no_end():
    with controlled() as (emulator, control):
        fill(control)
        slow = [ask_and_do_not_read(control, "/sessions/default/requests") for _ in range(10)]
        with client_of(control) as client:
            assert client.get("/health").status_code == 200
            assert pixel_is_answered(emulator)
            assert len(client.get("/sessions/default/requests").json()["entries"]) == 21
    for connection in slow:
        connection.close()


def test_a_client_that_does_not_send_holds_up_nobody_and_no_end():
    with controlled() as (emulator, control):
        head = f"POST /sessions HTTP/1.1\r\nHost: 127.0.0.1:{control.port}\r\n"
        slow = [connect(control.port) for _ in range(10)]
        for number, connection in enumerate(slow):
            token = f"Authorization: Bearer {control.token}\r\nContent-Length: 9\r\n\r\n"
            connection.sendall((head + (token if number % 2 else "")).encode())
        with client_of(control) as client:
            assert client.get("/emulator").status_code == 200
        assert pixel_is_answered(emulator)
    for connection in slow:
        connection.close()


def test_a_long_search_holds_up_nobody(monkeypatch):
    searching, enough = threading.Event(), threading.Event()

    def long(*arguments, **options):
        searching.set()
        assert enough.wait(TIMEOUT)
        return verify(*arguments, **options)

    monkeypatch.setattr(verify_handlers, "verify_hits", long)
    with (
        controlled() as (emulator, control),
        ThreadPoolExecutor(1) as pool,
        client_of(control) as client,
        client_of(control) as other,
    ):
        judged = pool.submit(client.post, "/sessions/default/verify", content=OPENED)
        assert searching.wait(TIMEOUT)
        assert other.get("/emulator").status_code == 200
        assert pixel_is_answered(emulator)
        enough.set()
        assert judged.result().status_code == 200


def test_a_failure_of_ours_is_a_problem_and_not_the_end(monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("out of order")

    with controlled() as (emulator, control), client_of(control) as client:
        monkeypatch.setattr(verify_handlers, "verify_hits", broken)
        answer = client.post("/sessions/default/verify", content=OPENED)
        assert (answer.status_code, kind(answer)) == (500, "failed")
        assert "out of order" in answer.json()["detail"]
        assert client.get("/emulator").status_code == 200
        assert pixel_is_answered(emulator)


@pytest.mark.thorough
def test_many_clients_with_sessions_of_their_own_see_only_their_calls():
    """Open, call over the wire, wait, verify and close a session: in eight threads, forty times."""

    def one(number: int) -> str:
        with client_of(control) as client:
            told = client.post("/sessions", json={"name": f"t{number}"}).json()
            path = f"/sessions/{told['name']}"
            url = PIXEL.replace("Opened", f"e{number}")
            if number % 2:
                httpx.get(f"{told['url']}{url}", trust_env=False)
            else:
                with httpx.Client(proxy=told["proxy"], trust_env=False) as caller:
                    caller.get(f"http://api.segment.io{url}")
            scenario = f"expect:\n  - track: e{number}\nquiet: 0ms\n"
            waited = client.post(f"{path}/wait", content=scenario).json()
            client.delete(path)
            return "" if waited["passed"] else f"{number}: {waited['report']}"

    with controlled() as (emulator, control), ThreadPoolExecutor(8) as pool:
        assert [problem for problem in pool.map(one, range(40)) if problem] == []
        assert emulator.journal.hits == ()
        assert emulator.sessions.unrouted() == ()
