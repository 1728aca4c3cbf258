"""The emulator's own ports tell what a machine needs that reaches nothing else of it."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from pixel_emulator.core.model import Outcome
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.wire import PIXEL, TIMEOUT, Reply, ask, connect, get, secured, tunnel

PAGES = ("/health", "/ca.pem", "/bundle.pem")


@pytest.fixture(params=[with_fast_path, without_fast_path], ids=["fast_path", "flows"])
def emulator(request) -> Iterator[Emulator]:
    settings = request.param(port=0)
    with Emulator(settings, Journal(settings)) as running:
        yield running


def fetch(e: Emulator, path: str, host: str = "", *, method: str = "GET", port: int = 0) -> Reply:
    with connect(port or e.port) as client:
        return ask(client, get(path, host or f"127.0.0.1:{e.port}", method=method))


def test_health_and_certificates_are_there_and_are_no_calls(emulator: Emulator):
    health, ca, bundle = (fetch(emulator, path) for path in PAGES)
    assert (health.status, health.body) == (200, b'{"status":"ok"}')
    assert health.headers["content-type"] == "application/json"
    assert ca.body == emulator.authority.ca.read_bytes()
    assert bundle.body == emulator.authority.bundle.read_bytes()
    assert ca.headers["content-type"] == bundle.headers["content-type"] == "application/x-pem-file"
    assert emulator.journal.hits == ()
    assert emulator.drain(TIMEOUT)
    assert emulator.journal.gaps == ()


def through_tls(e: Emulator, path: str) -> Reply:
    with secured(connect(e.port), e.authority.ca, "localhost") as client:
        return ask(client, get(path, f"localhost:{e.port}"))


def by_the_proxy_itself(e: Emulator, path: str) -> Reply:
    """As curl does with http_proxy set and without NO_PROXY."""
    return fetch(e, f"{e.url}{path}")


def by_another_name(e: Emulator, path: str) -> Reply:
    return fetch(e, path, "emulator:8080")


def at_the_port_of_a_session(e: Emulator, path: str) -> Reply:
    port = int(e.sessions.open().proxy.rpartition(":")[2])
    return fetch(e, path, f"127.0.0.1:{port}", port=port)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "way", [through_tls, by_the_proxy_itself, by_another_name, at_the_port_of_a_session]
)
def test_they_are_there_on_every_direct_way(
    emulator: Emulator, way: Callable[[Emulator, str], Reply], path: str
):
    assert way(emulator, path).body == fetch(emulator, path).body
    assert emulator.journal.hits == ()


def test_a_head_request_gets_no_body(emulator: Emulator):
    reply = fetch(emulator, "/ca.pem", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) == emulator.authority.ca.stat().st_size


@pytest.mark.parametrize(
    "path", ["/emulator", "/sessions", "/spki", "/proxy.pac", "/env", "/openapi.json", "/health/"]
)
def test_nothing_else_of_the_control_api_is_there(emulator: Emulator, path: str):
    assert fetch(emulator, path).status == 404
    [hit] = emulator.journal.hits
    assert hit.outcome is Outcome.UNHANDLED


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_only_get_and_head_are_answered_so(emulator: Emulator, method: str):
    fetch(emulator, "/health", method=method)
    [hit] = emulator.journal.hits
    assert hit.outcome is Outcome.UNHANDLED


@pytest.mark.parametrize("path", PAGES)
def test_at_an_emulated_host_they_are_unknown_paths(emulator: Emulator, path: str):
    with secured(tunnel(emulator.port, "api.segment.io:443"), emulator.authority.ca) as client:
        assert ask(client, get(path, "api.segment.io")).status == 404
    assert fetch(emulator, path, "api.segment.io").status == 404
    assert [hit.outcome for hit in emulator.journal.hits] == [Outcome.UNHANDLED] * 2


def test_a_health_check_is_no_evidence_that_a_client_reached_us(emulator: Emulator):
    """Else silence would pass: the check's connection counts as one of the command's clients."""
    for _ in range(3):
        fetch(emulator, "/health")
    assert emulator.journal.evidence().connections == 0
    with connect(emulator.port) as client:
        for path in ("/health", PIXEL, "/health", PIXEL):
            ask(client, get(path, f"127.0.0.1:{emulator.port}"))
    assert emulator.journal.evidence().connections == 1
    assert len(emulator.journal.hits) == 2


def test_a_check_after_a_clear_does_not_make_up_a_client(emulator: Emulator):
    session = emulator.sessions.default
    with closing(connect(emulator.port)) as client:
        ask(client, get(PIXEL, "api.segment.io"))
        session.clear()
        ask(client, get("/health", f"127.0.0.1:{emulator.port}"))
        assert (session.connections, session.evidence().connections) == (0, 0)
    with connect(emulator.port) as client:
        assert emulator.drain(0) is False  # its connection is counted
        session.clear()
        ask(client, get("/health", f"127.0.0.1:{emulator.port}"))
        assert (session.connections, session.evidence().connections) == (0, 0)


def test_a_bundle_that_cannot_be_made_is_an_answer_and_no_gap(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    def unreadable(_authority: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/ssl/certs")

    monkeypatch.setattr(type(emulator.authority), "bundle", property(unreadable))
    reply = fetch(emulator, "/bundle.pem")
    assert reply.status == 500
    assert b"Permission denied" in reply.body
    assert emulator.journal.gaps == ()
