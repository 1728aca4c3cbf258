"""Refusals of the CA are distinguished from spare connections, on every way to connect."""

import ssl
import struct
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import certifi
import pytest
from mitmproxy.proxy.layers.tls import parse_client_hello

from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.proxy.handshakes import client_hello_info
from pixel_emulator.runtime.gaps import ClientHelloInfo, Refusal
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.programs import CHROMIUM, needs_chromium
from tests.wire import PIXEL, TIMEOUT, ask, connect, get, secured, tunnel

SEGMENT = "api.segment.io"
ONE = get(PIXEL, SEGMENT)
STRANGE = Path(certifi.where())
MADE = pytest.mark.parametrize("made", [with_fast_path, without_fast_path])


def hello(
    *extensions: tuple[int, bytes], suites: tuple[int, ...] = (0x1301, 0xC02F)
) -> ClientHelloInfo:
    """Return the info of a ClientHello with these fields."""
    body = b"".join(struct.pack(">HH", kind, len(data)) + data for kind, data in extensions)
    body = (
        b"\x03\x03" + bytes(32) + b"\x00"
        + struct.pack(f">H{len(suites)}H", 2 * len(suites), *suites)
        + b"\x01\x00" + struct.pack(">H", len(body)) + body
    )  # fmt: skip
    framed = b"\x01" + len(body).to_bytes(3) + body
    parsed = parse_client_hello(b"\x16\x03\x01" + struct.pack(">H", len(framed)) + framed)
    assert parsed
    return client_hello_info(parsed, "", 1)


GROUPS, VERSIONS = (10, b"\x00\x04\x00\x1d\x00\x17"), (43, b"\x04\x03\x04\x03\x03")
TICKET, FORMATS = (35, b""), (11, b"\x01\x00")
PLAIN = hello(GROUPS, VERSIONS, TICKET, FORMATS)
SAME = {
    "in another order": hello(FORMATS, VERSIONS, GROUPS, TICKET),
    "with a session to resume": hello(GROUPS, VERSIONS, TICKET, FORMATS, (41, b"\x00" * 9)),
    "with another ticket": hello(GROUPS, VERSIONS, (35, b"abc"), FORMATS),
    "with padding": hello(GROUPS, VERSIONS, TICKET, FORMATS, (21, bytes(7))),
}
GREASED = {
    "a suite": hello(GROUPS, VERSIONS, TICKET, FORMATS, suites=(0xAAAA, 0x1301, 0xC02F)),
    "an extension": hello(GROUPS, VERSIONS, (0x3A3A, b"\x00"), TICKET, FORMATS),
    "all": hello(
        (0x0A0A, b""),
        (10, b"\x00\x06\x1a\x1a\x00\x1d\x00\x17"),
        (43, b"\x06\xfa\xfa\x03\x04\x03\x03"),
        TICKET,
        FORMATS,
        suites=(0xDADA, 0x1301, 0xC02F),
    ),
}
OTHERS = {
    "another suite": hello(GROUPS, VERSIONS, TICKET, FORMATS, suites=(0x1301, 0xC030)),
    "suites in another order": hello(GROUPS, VERSIONS, TICKET, FORMATS, suites=(0xC02F, 0x1301)),
    "another extension": hello(GROUPS, VERSIONS, TICKET, FORMATS, (23, b"")),
    "another group": hello((10, b"\x00\x02\x00\x1d"), VERSIONS, TICKET, FORMATS),
    "no grease, but like it": hello(GROUPS, VERSIONS, (0x3A4A, b""), TICKET, FORMATS),
}


@pytest.mark.parametrize("info", SAME.values(), ids=SAME)
def test_the_same_client_has_the_same_fingerprint(info: ClientHelloInfo):
    assert (info.fingerprint, info.retries) == (PLAIN.fingerprint, False)


@pytest.mark.parametrize("info", GREASED.values(), ids=GREASED)
def test_grease_is_left_out_and_means_a_browser(info: ClientHelloInfo):
    assert (info.fingerprint, info.retries) == (PLAIN.fingerprint, True)


@pytest.mark.parametrize("info", OTHERS.values(), ids=OTHERS)
def test_another_client_has_another_fingerprint(info: ClientHelloInfo):
    assert info.fingerprint != PLAIN.fingerprint
    assert not info.retries


class NotifyingJournal(Journal):
    """Lets a test wait for refusals."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.refusals: SimpleQueue[Refusal] = SimpleQueue()

    def handshake_refused(self, refused: Refusal) -> None:
        super().handshake_refused(refused)
        self.refusals.put(refused)


def refuse(port: int, agent: str = "") -> None:
    """Connect as a client that does not trust the CA, and send an alert."""
    line = f"CONNECT {SEGMENT}:443 HTTP/1.1\r\n{agent}\r\n"
    with connect(port) as client:
        assert ask(client, line.encode()).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            secured(client, STRANGE)


def drop(e: Emulator, agent: str = "", suites: str = "") -> None:
    """Connect as a client that disconnects after the handshake."""
    with _open(e, agent, suites):
        pass


def send_request(e: Emulator, agent: str = "", suites: str = "") -> None:
    with _open(e, agent, suites) as client:
        assert ask(client, ONE).is_pixel


def _open(e: Emulator, agent: str, suites: str) -> ssl.SSLSocket:
    client = connect(e.port)
    line = f"CONNECT {SEGMENT}:443 HTTP/1.1\r\n{agent}\r\n"
    assert ask(client, line.encode()).status == 200
    context = ssl.create_default_context(cafile=str(e.authority.ca))
    if suites:
        context.set_ciphers(suites)
    return context.wrap_socket(client, server_hostname=SEGMENT)


CURL, WGET = "User-Agent: curl/8\r\n", "User-Agent: Wget/1.21\r\n"


@MADE
@pytest.mark.parametrize(
    ("first", "second", "forgiven"),
    [
        (("", ""), ("", ""), True),
        ((CURL, ""), (CURL, ""), True),
        ((CURL, ""), (WGET, ""), False),
        ((CURL, ""), ("", ""), False),
        (("", "ECDHE+AESGCM"), ("", "ECDHE+CHACHA20"), False),
    ],
)
@pytest.mark.parametrize("drops_first", [True, False])
def test_a_dropped_connection_is_no_gap_if_the_same_client_sends_a_request(
    made: Callable[..., Settings],
    first: tuple[str, str],
    second: tuple[str, str],
    forgiven: bool,
    drops_first: bool,
):
    settings = made(port=0)
    with Emulator(settings, NotifyingJournal(settings)) as e:
        if drops_first:
            drop(e, *first)
            send_request(e, *second)
        else:
            send_request(e, *first)
            drop(e, *second)
        assert e.drain(TIMEOUT)
        assert (e.journal.gaps == ()) == forgiven
        assert forgiven or "refused by the client without an alert" in e.journal.gaps[0]


@MADE
@pytest.mark.parametrize("agent", ["", CURL])
def test_a_refusal_with_an_alert_stays_a_gap(made: Callable[..., Settings], agent: str):
    settings = made(port=0)
    with Emulator(settings, NotifyingJournal(settings)) as e:
        send_request(e, agent)
        refuse(e.port, agent)
        send_request(e, agent)
        assert e.drain(TIMEOUT)
        [gap] = e.journal.gaps
        assert "2 calls, 1 TLS handshake for api.segment.io refused by the client with" in gap
        assert "the alert unknown_ca: it does not trust the CA of the emulator" in gap


@MADE
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("through", ["a tunnel", "the port itself"])
def test_an_alert_is_noticed_in_every_version_and_on_every_way(
    made: Callable[..., Settings], version: ssl.TLSVersion, through: str
):
    settings = made(port=0)
    with Emulator(settings, journal := NotifyingJournal(settings)) as e:
        context = ssl.create_default_context(cafile=str(STRANGE))
        context.maximum_version = version
        client = tunnel(e.port, f"{SEGMENT}:443") if through == "a tunnel" else connect(e.port)
        with client, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(client, server_hostname=SEGMENT)
        assert e.drain(TIMEOUT)
        assert journal.refusals.get(timeout=TIMEOUT).alert == "unknown_ca"


@MADE
def test_an_alert_after_the_handshake_is_a_refusal(made: Callable[..., Settings]):
    """As sent by Firefox on Android, which checks the certificate then."""
    settings = made(port=0)
    with Emulator(settings, journal := NotifyingJournal(settings)) as e:
        context = ssl.create_default_context(cafile=str(e.authority.ca))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=SEGMENT)
        with tunnel(e.port, f"{SEGMENT}:443") as client:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    client.sendall(outgoing.read())
                    incoming.write(client.recv(65_536))
            # A record that is not allowed here: its TLS sends an alert.
            incoming.write(b"\x63\x03\x03\x00\x01\x00")
            with suppress(ssl.SSLError):
                tls.read()
            client.sendall(outgoing.read())
        assert e.drain(TIMEOUT)
        assert journal.refusals.get(timeout=TIMEOUT).alert  # its name depends on the OpenSSL


@MADE
def test_a_failed_negotiation_is_reported_with_openssl_s_reason(made: Callable[..., Settings]):
    settings = made(port=0)
    with Emulator(settings, NotifyingJournal(settings)) as e:
        context = ssl.create_default_context(cafile=str(e.authority.ca))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA256")
        with tunnel(e.port, f"{SEGMENT}:443") as client, pytest.raises(ssl.SSLError):
            context.wrap_socket(client, server_hostname=SEGMENT)
        assert e.drain(TIMEOUT)
        [gap] = e.journal.gaps
        assert gap.endswith("failed, as OpenSSL says: no shared cipher")


PAGE = "".join(f'<img src="https://{SEGMENT}{PIXEL}&n={n}">' for n in range(6))


def browse(e: Emulator, folder: Path, *flags: str) -> None:
    page = folder / "page.html"
    page.write_text(PAGE)
    command = [CHROMIUM, "--no-sandbox", f"--proxy-server=127.0.0.1:{e.port}"]
    profile = f"--user-data-dir={folder / 'profile'}"
    subprocess.run(
        [*command, profile, *flags, "--dump-dom", page.as_uri()], capture_output=True, check=True
    )


@needs_chromium
@MADE
def test_spare_connections_of_chromium_are_no_gap(made: Callable[..., Settings], tmp_path: Path):
    settings = made(port=0)
    with Emulator(settings, NotifyingJournal(settings)) as e:
        trust = f"--ignore-certificate-errors-spki-list={e.authority.spki}"
        browse(e, tmp_path, trust)
        assert e.drain(TIMEOUT)
        assert len(e.journal.hits) == 6
        drop(e)  # a gap for any other client, but not for this one
        assert e.drain(TIMEOUT)
        assert len(e.journal.gaps) == 1


@needs_chromium
@MADE
def test_a_retry_of_chromium_is_no_gap(made: Callable[..., Settings], tmp_path: Path):
    settings = made(port=0)
    with Emulator(settings, journal := NotifyingJournal(settings)) as e:
        browse(e, tmp_path)
        assert e.drain(TIMEOUT)
        [gap] = e.journal.gaps
        assert "refused by the client with the alert certificate_unknown: it does not trust" in gap
        assert journal.refusals.get(timeout=TIMEOUT).client_hello.retries
        browse(e, tmp_path, f"--ignore-certificate-errors-spki-list={e.authority.spki}")
        assert e.drain(TIMEOUT)
        assert len(e.journal.hits) == 6
        assert e.journal.gaps == ()
