"""Follows each TLS handshake to a request, or to its end without one."""

from itertools import count

from mitmproxy import connection, http, tls

from pixel_emulator.proxy.connections import ClientTls
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.journal_routing import JournalRouting
from pixel_emulator.runtime.gaps import ClientHelloInfo, Refusal, alert_in

_DROPPED = "The client disconnected during the handshake"  # so mitmproxy words it

# Extensions (IANA's numbers) that the same client has on some connections only: padding,
# pre_shared_key and early_data where it resumes a session, cookie where it is asked again.
_NOW_AND_THEN = {21, 41, 42, 44}
# And those whose content is the same on all: formats of points and ALPN; and lists of 16 bits each,
# behind so many bytes of length, with GREASE among them: groups, signatures, compression of
# certificates, versions, signatures of certificates.
_CONSTANT = {11, 16}
_LISTS = {10: 2, 13: 2, 27: 1, 43: 1, 50: 2}

_GREASE = frozenset(0x0A0A + 0x1010 * each for each in range(16))  # RFC 8701, 2
_GREASE_BYTES = frozenset(each.to_bytes(2) for each in _GREASE)


class Handshakes:
    """An addon that tells the journal who got a request through, and who refused our CA.

    It has to stand behind the locks, which say what is decrypted.
    """

    name = "pixel_emulator_handshakes"

    def __init__(self, locks: EgressGuard, journals: JournalRouting) -> None:
        self._locks = locks
        self._journals = journals
        self._numbers = count(1)
        self._agents: dict[str, str] = {}  # by the ids of clients, as all of these
        self._greetings: dict[str, ClientHelloInfo] = {}
        # After their handshake, before any request. Node and others refuse a certificate only then.
        self._silent: dict[str, tuple[str, object]] = {}
        self._is_ended = False

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self.heard(flow.client_conn, flow.request.headers.get("user-agent", ""))

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        if data.ignore_connection:
            return
        client = data.context.client
        agent = self._agents.get(client.id, "")
        self._greetings[client.id] = greeting(data.client_hello, agent, next(self._numbers))

    def tls_failed_client(self, data: tls.TlsData) -> None:
        client, host = data.context.client, self._locks.tls_host_of(data.context)
        if not host or self._is_ended:
            return
        if not data.ssl_conn:  # it was no TLS that we could read
            self._journals.journal_for(client).unread()
            return
        failure = _failure(data.ssl_conn, data.conn.error or "")
        self._refused(client, host, alert=alert_in(failure), failure=failure)

    def tls_established_client(self, data: tls.TlsData) -> None:
        if host := self._locks.tls_host_of(data.context):
            self._silent[data.context.client.id] = (host, data.ssl_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        """Tell of a client that said nothing, and forget it: nobody asks about it any more."""
        if silent := self._silent.pop(client.id, None):
            host, ended = silent
            self._refused(client, host, alert=_alert(ended))
        self._agents.pop(client.id, None)
        self._greetings.pop(client.id, None)
        self._journals.disconnected(client)

    def heard(self, client: connection.Client, agent: str = "") -> None:
        """A client has said what it wants: it accepts our CA, if it came through TLS.

        `agent` is what it calls itself in a CONNECT.
        """
        if agent:
            self._agents[client.id] = agent
        if silent := self._silent.pop(client.id, None):
            known = self._greetings.get(client.id, ClientHelloInfo())
            self._journals.journal_for(client).reached(silent[0], known)

    def end(self) -> None:
        """From now on it is us who hang up."""
        self._is_ended = True

    def _refused(
        self, client: connection.Client, host: str, *, alert: str, failure: str = ""
    ) -> None:
        if not self._is_ended:
            known = self._greetings.get(client.id, ClientHelloInfo())
            refused = Refusal(host, known, alert=alert, failure=failure)
            self._journals.journal_for(client).handshake_refused(refused)


def _failure(ended: object, error: str) -> str:
    """Return what OpenSSL says of a handshake; empty where the client just left."""
    if isinstance(ended, ClientTls):
        return ended.failure
    return "" if error.startswith(_DROPPED) else error


def _alert(ended: object) -> str:
    """Return the alert that came after a handshake."""
    return ended.alert if isinstance(ended, ClientTls) else ""


def greeting(hello: tls.ClientHello, agent: str, number: int) -> ClientHelloInfo:
    """Return what a ClientHello says of its client, which calls itself `agent` (or nothing).

    GREASE (RFC 8701), random by intention, is left out of the fingerprint, and so is the order of
    extensions, which browsers shuffle.
    """
    suites, extensions = hello.cipher_suites, hello.extensions
    kinds = [kind for kind, _ in extensions]
    kept = sorted(
        (kind, _constant(kind, body))
        for kind, body in extensions
        if kind not in _NOW_AND_THEN and kind not in _GREASE
    )
    offered = tuple(each for each in suites if each not in _GREASE)
    return ClientHelloInfo(
        fingerprint=(agent, offered, tuple(kept)),
        retries=not (_GREASE.isdisjoint(suites) and _GREASE.isdisjoint(kinds)),
        number=number,
    )


def _constant(kind: int, body: bytes) -> bytes:
    if kind in _CONSTANT:
        return body
    if kind not in _LISTS:
        return b""
    at = _LISTS[kind]
    values = [body[i : i + 2] for i in range(at, len(body), 2)]
    return b"".join(each for each in values if each not in _GREASE_BYTES)
