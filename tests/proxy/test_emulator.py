"""The emulator on real sockets: every way to connect, its start and its end."""

import asyncio
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

import certifi
import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Exchange, Hit, HttpRequest, Outcome
from pixel_emulator.proxy import master
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.gaps import Refusal
from pixel_emulator.runtime.history import RecordedExchange
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL, TIMEOUT, Reply, ask, connect, get, read, secured, trap, tunnel

SETTINGS = Settings(port=0)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SETTINGS, Journal(SETTINGS)) as running:
        yield running


def through_https(e: Emulator) -> Reply:
    with secured(tunnel(e.port, "api.segment.io:443"), e.authority.ca) as client:
        return ask(client, get(PIXEL, "api.segment.io"))


def through_https_of_an_odd_name(e: Emulator) -> Reply:
    with secured(tunnel(e.port, "API.Segment.IO.:443"), e.authority.ca) as client:
        return ask(client, get(PIXEL, "API.Segment.IO."))


def through_https_of_an_address(e: Emulator) -> Reply:
    with secured(tunnel(e.port, "192.0.2.1:443"), e.authority.ca) as client:
        return ask(client, get(PIXEL, "192.0.2.1"))


def through_plain_tunnel(e: Emulator) -> Reply:
    with tunnel(e.port, "api.segment.io:80") as client:
        return ask(client, get(PIXEL, "api.segment.io"))


def through_plain_tunnel_to_an_address(e: Emulator) -> Reply:
    with tunnel(e.port, "192.0.2.1:80") as client:
        return ask(client, get(PIXEL, "api.segment.io"))


def through_http(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io"))


def through_http_with_another_host_header(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"http://api.segment.io{PIXEL}", "other.example"))


def through_a_host_header_alone(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"http://192.0.2.1{PIXEL}", "api.segment.io"))


def through_https_proxy(e: Emulator) -> Reply:
    with secured(connect(e.port), e.authority.ca, "localhost") as client:
        return ask(client, get(f"http://api.segment.io{PIXEL}", "api.segment.io"))


def through_dns(e: Emulator) -> Reply:
    with secured(connect(e.port), e.authority.ca) as client:
        return ask(client, get(PIXEL, "api.segment.io"))


def directly(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(PIXEL, f"127.0.0.1:{e.port}"))


def directly_by_an_unknown_name(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(PIXEL, "my-alias.invalid"))


def directly_with_tls(e: Emulator) -> Reply:
    with secured(connect(e.port), e.authority.ca, "127.0.0.1") as client:
        return ask(client, get(PIXEL, f"127.0.0.1:{e.port}"))


def through_itself(e: Emulator) -> Reply:
    with connect(e.port) as client:
        return ask(client, get(f"{e.url}{PIXEL}", f"localhost:{e.port}"))


def through_a_tunnel_to_itself(e: Emulator) -> Reply:
    client = tunnel(e.port, f"localhost:{e.port}")
    with secured(client, e.authority.ca, "localhost") as secure:
        return ask(secure, get(PIXEL, f"localhost:{e.port}"))


WAYS: dict[Callable[[Emulator], Reply], str] = {
    through_https: "https://api.segment.io",
    through_https_of_an_odd_name: "https://API.Segment.IO.",
    through_https_of_an_address: "https://api.segment.io",
    through_plain_tunnel: "http://api.segment.io",
    through_plain_tunnel_to_an_address: "http://api.segment.io",
    through_http: "http://api.segment.io",
    through_http_with_another_host_header: "http://api.segment.io",
    through_a_host_header_alone: "http://api.segment.io",
    through_https_proxy: "http://api.segment.io",
    through_dns: "https://api.segment.io",
    directly: "http://127.0.0.1:PORT",
    directly_by_an_unknown_name: "http://my-alias.invalid",
    directly_with_tls: "https://127.0.0.1:PORT",
    through_itself: "http://127.0.0.1:PORT",
    through_a_tunnel_to_itself: "https://localhost:PORT",
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_pixel_is_answered_and_recorded_on_every_way(
    emulator: Emulator, way: Callable[[Emulator], Reply]
):
    assert way(emulator).is_pixel
    [hit] = emulator.journal.hits
    assert hit.request.url == WAYS[way].replace("PORT", str(emulator.port)) + PIXEL
    assert hit.outcome is Outcome.DELIVERED
    evidence = emulator.journal.evidence()
    assert (evidence.connections, evidence.gaps) == (1, ())


def test_the_answer_has_segment_s_headers_and_no_others(emulator: Emulator):
    assert through_https(emulator).headers == {
        "content-type": "image/gif",
        "cache-control": "no-cache, max-age=0",
        "content-length": "42",
    }


def test_head_has_the_length_of_the_gif_but_no_body_and_the_connection_lives_on(
    emulator: Emulator,
):
    with secured(tunnel(emulator.port, "api.segment.io:443"), emulator.authority.ca) as client:
        head = ask(client, get(PIXEL, "api.segment.io", method="HEAD"))
        assert (head.status, head.headers["content-length"]) == (200, "42")
        assert ask(client, get(PIXEL, "api.segment.io")).is_pixel
    assert [hit.request.method for hit in emulator.journal.hits] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("GET", "/v1/pixel/unknown", 404, b"404 page not found\n"),
        ("GET", "/", 404, b"404 page not found\n"),
        ("POST", "/v1/pixel/track", 405, b"method not allowed\n"),
        ("POST", "/v1/t", 200, b'{"success": true}'),
        ("OPTIONS", "/v1/batch", 204, b""),
    ],
)
def test_what_is_no_pixel_is_answered_and_recorded_without_its_body(
    emulator: Emulator, method: str, target: str, status: int, body: bytes
):
    sent = get(target, "api.segment.io", method=method, extra="Content-Length: 9\r\n")
    with tunnel(emulator.port, "api.segment.io:80") as client:
        reply = ask(client, sent + b'{"a": 12}')
        assert (reply.status, reply.body) == (status, body)
        assert ("content-length" in reply.headers) is (status != 204)
        assert ask(client, get(PIXEL, "api.segment.io")).is_pixel  # the framing was right
    hit = emulator.journal.hits[0]
    assert (hit.outcome, hit.exchange.status, hit.call) == (Outcome.UNHANDLED, status, None)


def test_a_direct_request_may_come_in_single_bytes(emulator: Emulator):
    with connect(emulator.port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(PIXEL, "my-alias.invalid"):
            client.sendall(bytes([byte]))
        assert read(client).is_pixel


def test_after_a_direct_request_a_client_may_still_open_a_tunnel(
    emulator: Emulator,
):
    with trap() as target, connect(emulator.port) as client:
        assert ask(client, get(PIXEL, "my-alias.invalid")).is_pixel
        connecting = f"CONNECT 127.0.0.1:{target.port} HTTP/1.1\r\n\r\n".encode()
        assert ask(client, connecting).status == 200
        client.sendall(get("/", "other.example"))
        with target.accept() as server:
            assert server.recv(65536).startswith(b"GET / HTTP/1.1\r\n")
    assert len(emulator.journal.hits) == 1


def test_its_own_address_has_a_certificate_that_clients_accept():
    """127.0.0.2 represents the address of this machine in its network."""
    settings = replace(SETTINGS, host="127.0.0.2")
    with Emulator(settings, Journal(settings)) as e:
        client = socket.create_connection(("127.0.0.2", e.port), timeout=TIMEOUT)
        with secured(client, e.authority.ca, "127.0.0.2") as secure:
            assert ask(secure, get(PIXEL, f"127.0.0.2:{e.port}")).is_pixel


def test_a_direct_request_for_anything_else_is_answered_404(emulator: Emulator):
    with connect(emulator.port) as client:
        assert ask(client, get("/favicon.ico", f"127.0.0.1:{emulator.port}")).status == 404


def test_the_target_is_kept_byte_for_byte(emulator: Emulator):
    odd = b"/v1//pixel/%74rack/?a=+%zz&\xff;{{x}}&&data=#frag"
    with tunnel(emulator.port, "api.segment.io:80") as client:
        ask(client, b"GET " + odd + b" HTTP/1.1\r\nHost: api.segment.io\r\n\r\n")
    assert emulator.journal.hits[0].request.target == odd


def test_cookies_and_credentials_are_left_out(emulator: Emulator):
    extra = "Cookie: a\r\nAuthorization: b\r\nProxy-Authorization: c\r\nX-Odd: \xe9\r\n"
    with connect(emulator.port) as client:
        target = f"http://api.segment.io{PIXEL}"
        ask(client, get(target, "api.segment.io", extra=extra))
    names = [name for name, _ in emulator.journal.hits[0].request.headers]
    assert names == ["host", "x-odd"]


@pytest.mark.parametrize(("http2", "chosen"), [(False, "http/1.1"), (True, "h2")])
def test_http2_is_offered_only_with_the_setting(http2: bool, chosen: str):
    settings = replace(SETTINGS, http2=http2)
    with Emulator(settings, Journal(settings)) as e:
        client = tunnel(e.port, "api.segment.io:443")
        with secured(client, e.authority.ca, alpn=("h2", "http/1.1")) as secure:
            assert secure.selected_alpn_protocol() == chosen


def test_a_client_hello_may_come_in_single_bytes(emulator: Emulator):
    context = ssl.create_default_context(cafile=str(emulator.authority.ca))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="api.segment.io")
    with tunnel(emulator.port, "api.segment.io:443") as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    client.sendall(bytes([byte]))
                incoming.write(client.recv(65536))
    assert tls.version() == "TLSv1.3"


class ObservingRecorder:
    """Notes whether the client had anything to read when its call was recorded."""

    def __init__(self) -> None:
        self.client: socket.socket | None = None
        self.readable: list[bool] = []

    masks = False
    put_back = False

    def abandon(self) -> None:
        raise AssertionError("nothing failed")

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        raise AssertionError(f"nobody asked for {start} to {end}")

    def append(self, *_exchanges: Exchange) -> None:
        assert self.client is not None
        self.readable.append(bool(select.select([self.client], [], [], 0)[0]))

    def close(self, _end: object) -> None:
        pass


def test_the_answer_is_sent_only_after_the_call_is_recorded():
    recorder = ObservingRecorder()
    with (
        Emulator(SETTINGS, Journal(SETTINGS, sink=recorder)) as e,
        connect(e.port) as recorder.client,
    ):
        # From the second request on, the protocol of the connection is swapped.
        replies = [ask(recorder.client, get(PIXEL, f"127.0.0.1:{e.port}")) for _ in range(3)]
    assert all(reply.is_pixel for reply in replies)
    assert recorder.readable == [False] * 3


class BrokenJournal(Journal):
    """Raises an unexpected exception."""

    def record_all(
        self, requests: Sequence[HttpRequest], time: datetime | None = None
    ) -> list[RecordedExchange]:
        raise RuntimeError(f"no room for {requests[0]!r:.20} at {time}")


def test_an_exception_of_ours_still_answers_the_gif_and_is_a_failure(
    caplog: pytest.LogCaptureFixture,
):
    journal = BrokenJournal(SETTINGS)
    with Emulator(SETTINGS, journal) as e:
        assert through_https(e).is_pixel
    [failure] = journal.failures
    assert "no room for HttpRequest" in failure
    assert caplog.records == []  # the log of the user's process is not ours


class NotingJournal(Journal):
    """Lets a test wait for refused handshakes."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.refusals: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def handshake_refused(self, refused: Refusal) -> None:
        super().handshake_refused(refused)
        self.refusals.put((refused.host, refused.alert))


@pytest.fixture
def journal() -> NotingJournal:
    return NotingJournal()


@pytest.fixture
def noting(journal: NotingJournal) -> Iterator[Emulator]:
    with Emulator(SETTINGS, journal) as running:
        yield running


def refuse(e: Emulator) -> None:
    """Connect as a client that does not trust our CA."""
    with pytest.raises(ssl.SSLCertVerificationError):
        secured(tunnel(e.port, "api.segment.io:443"), Path(certifi.where()))


def test_a_client_that_refuses_our_ca_is_a_gap(noting: Emulator, journal: NotingJournal):
    refuse(noting)
    assert journal.refusals.get(timeout=TIMEOUT) == ("api.segment.io", "unknown_ca")
    assert len(journal.evidence().gaps) == 1


def test_a_refusal_is_a_gap_even_if_another_client_trusts_our_ca(
    noting: Emulator, journal: NotingJournal
):
    refuse(noting)
    journal.refusals.get(timeout=TIMEOUT)
    assert through_https(noting).is_pixel
    [gap] = journal.evidence().gaps
    assert "refused by the client with the alert unknown_ca: it does not trust the CA" in gap


def test_a_request_without_tls_does_not_show_trust(noting: Emulator, journal: NotingJournal):
    refuse(noting)
    journal.refusals.get(timeout=TIMEOUT)
    assert through_http(noting).is_pixel
    assert len(journal.evidence().gaps) == 1


def test_a_client_that_disconnects_during_the_handshake_is_a_gap(
    noting: Emulator, journal: NotingJournal
):
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="api.segment.io"
    )
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with tunnel(noting.port, "api.segment.io:443") as client:
        client.sendall(outgoing.read())
        client.recv(1)
    assert journal.refusals.get(timeout=TIMEOUT) == ("api.segment.io", "")
    assert len(journal.evidence().gaps) == 1


def test_a_client_that_disconnects_after_the_handshake_is_a_gap(
    noting: Emulator, journal: NotingJournal
):
    """Node checks the certificate only after the handshake."""
    secured(tunnel(noting.port, "api.segment.io:443"), noting.authority.ca).close()
    assert journal.refusals.get(timeout=TIMEOUT) == ("api.segment.io", "")
    assert len(journal.evidence().gaps) == 1


def test_a_spare_connection_of_a_client_that_trusts_us_is_no_gap(
    noting: Emulator, journal: NotingJournal
):
    assert through_https(noting).is_pixel
    secured(tunnel(noting.port, "api.segment.io:443"), noting.authority.ca).close()
    assert journal.refusals.get(timeout=TIMEOUT) == ("api.segment.io", "")
    assert journal.evidence().gaps == ()


def test_a_client_of_the_https_proxy_that_requests_only_other_hosts_is_no_gap(
    noting: Emulator, journal: NotingJournal
):
    with secured(connect(noting.port), noting.authority.ca, "localhost") as client:
        assert ask(client, b"CONNECT 169.254.0.1:443 HTTP/1.1\r\n\r\n").status == 502
    refuse(noting)  # and so the first client's end has been seen, too
    assert journal.refusals.get(timeout=TIMEOUT) == ("api.segment.io", "unknown_ca")


def test_connections_closed_by_the_emulator_are_no_refusals(journal: NotingJournal):
    with Emulator(SETTINGS, journal) as e:
        amid = tunnel(e.port, "api.segment.io:443")
        after = secured(tunnel(e.port, "api.segment.io:443"), e.authority.ca)
    with amid, after:
        assert amid.recv(1) == b""
        assert after.recv(1) == b""
    assert journal.refusals.empty()


def test_no_client_accepts_our_ca_for_another_host(emulator: Emulator):
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        secured(tunnel(emulator.port, "api.segment.io:443"), emulator.authority.ca, "other.example")


def test_a_port_in_use_is_named():
    with trap() as other:
        taken = replace(SETTINGS, port=other.port)
        with (
            pytest.raises(InputError, match=f"port: {other.port} is in use"),
            Emulator(taken, Journal(taken)),
        ):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, host="192.0.2.1"),
        replace(SETTINGS, host="no..name"),
        replace(SETTINGS, port=70_000),
    ],
)
def test_an_address_that_is_not_ours_is_named(settings: Settings):
    with (
        pytest.raises(InputError, match=f"cannot listen on {settings.host}"),
        Emulator(settings, Journal(settings)),
    ):
        pass


def test_a_second_emulator_in_one_process_is_refused(emulator: Emulator):
    with (
        pytest.raises(RuntimeError, match="an emulator is running in this process"),
        Emulator(SETTINGS, Journal(SETTINGS)),
    ):
        pass
    assert directly(emulator).is_pixel


def test_a_failed_start_leaves_nothing_behind():
    with pytest.raises(InputError), Emulator(replace(SETTINGS, hosts=("",)), Journal(SETTINGS)):
        pass
    with Emulator(SETTINGS, Journal(SETTINGS)) as e:
        assert directly(e).is_pixel


def test_the_end_closes_the_port_the_thread_and_the_directory():
    with Emulator(SETTINGS, Journal(SETTINGS)) as e, connect(e.port):
        assert e.directory.stat().st_mode & 0o777 == 0o700
    assert not e.directory.exists()
    assert "pixel-emulator" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError):
        connect(e.port)


def test_it_can_start_again_on_the_same_port(emulator: Emulator):
    pass_on = replace(SETTINGS, port=emulator.port)
    emulator.__exit__(None, None, None)
    with Emulator(pass_on, Journal(pass_on)) as again:
        assert directly(again).is_pixel


def test_it_can_be_used_inside_a_running_loop():
    async def main() -> Reply:
        with Emulator(SETTINGS, Journal(SETTINGS)) as e:
            return await asyncio.to_thread(through_https, e)

    assert asyncio.run(main()).is_pixel


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("localhost", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
        ("192.0.2.1", "http://192.0.2.1:8080"),
    ],
)
def test_the_url_is_one_that_clients_reach(host: str, url: str):
    e = Emulator(Settings(host=host), Journal(SETTINGS))
    assert (e.url, e.proxy) == (url, url)


SCRIPT = """
import logging, sys
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.runtime.history import RecordedExchange
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.proxy.emulator import Emulator
from tests.wire import PIXEL, ask, get, secured, tunnel

# On a busy machine, asyncio's debug mode reports callbacks that took long.
logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing %s"))
settings = Settings(port=0, host=sys.argv[1])
with Emulator(settings, Journal(settings)) as e:
    with secured(tunnel(e.port, "api.segment.io:443"), e.authority.ca) as client:
        assert ask(client, get(PIXEL, "api.segment.io")).is_pixel
assert len(e.journal.hits) == 1 and not e.journal.evidence().gaps
"""


def run_script(home: Path, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-W", "error", "-X", "dev", "-c", SCRIPT, "127.0.0.1"],
        env={**os.environ, "HOME": str(home)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_prints_nothing_warns_of_nothing_and_writes_nothing_to_the_home(tmp_path: Path):
    done = run_script(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_network_at_all(tmp_path: Path):
    alone = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace here: {error}")
    done = run_script(tmp_path, *alone)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_free_port_that_is_taken_meanwhile_is_replaced_by_another(monkeypatch):
    with trap() as other:
        monkeypatch.setattr(master, "get_free_port", lambda: other.port)
        with Emulator(SETTINGS, Journal(SETTINGS)) as e:
            assert e.port != other.port
            assert directly(e).is_pixel


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_of_a_machine_have_the_same_port():
    settings = Settings(port=0, host="")
    with Emulator(settings, Journal(settings)) as e:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, e.port), TIMEOUT) as client:
                assert ask(client, get(PIXEL, "api.segment.io")).is_pixel
