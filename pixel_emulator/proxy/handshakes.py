"""Follows each TLS handshake to a request, or to its end without a request."""

from itertools import count

from mitmproxy import connection, http, tls

from pixel_emulator.proxy.connections import ClientTls
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.journal_routing import JournalRouting
from pixel_emulator.runtime.gaps import ClientHelloInfo, Refusal, alert_in

_DROPPED = "The client disconnected during the handshake"  # mitmproxy's message

# Extensions (IANA's numbers) that one client sends on some connections only: padding,
# pre_shared_key and early_data when it resumes a session, cookie after a HelloRetryRequest.
_VARYING = {21, 41, 42, 44}
# Extensions whose content is the same on all connections: point formats and ALPN.
_CONSTANT = {11, 16}
# Lists of 16-bit values, GREASE among them, by the bytes of their length: groups, signatures,
# compression of certificates, versions, signatures of certificates.
_LISTS = {10: 2, 13: 2, 27: 1, 43: 1, 50: 2}

_GREASE = frozenset(0x0A0A + 0x1010 * index for index in range(16))  # RFC 8701, 2
_GREASE_BYTES = frozenset(value.to_bytes(2) for value in _GREASE)


class Handshakes:
    """An addon that reports to the journal which clients sent a request, and which refused our CA.

    It must be registered after the egress guard, which decides what is decrypted.
    """

    name = "pixel_emulator_handshakes"

    def __init__(self, guard: EgressGuard, journals: JournalRouting) -> None:
        self._guard = guard
        self._journals = journals
        self._numbers = count(1)
        # By client id.
        self._user_agents: dict[str, str] = {}
        self._client_hellos: dict[str, ClientHelloInfo] = {}
        # After the handshake, before any request: Node and others refuse a certificate only then.
        self._awaiting_request: dict[str, tuple[str, object]] = {}
        self._is_stopped = False

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self.on_request(flow.client_conn, flow.request.headers.get("user-agent", ""))

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        if data.ignore_connection:
            return
        client = data.context.client
        user_agent = self._user_agents.get(client.id, "")
        info = client_hello_info(data.client_hello, user_agent, next(self._numbers))
        self._client_hellos[client.id] = info

    def tls_failed_client(self, data: tls.TlsData) -> None:
        client, host = data.context.client, self._guard.tls_host_of(data.context)
        if not host or self._is_stopped:
            return
        if not data.ssl_conn:  # not readable as TLS
            self._journals.journal_for(client).unread()
            return
        failure = _failure(data.ssl_conn, data.conn.error or "")
        self._report_refusal(client, host, alert=alert_in(failure), failure=failure)

    def tls_established_client(self, data: tls.TlsData) -> None:
        if host := self._guard.tls_host_of(data.context):
            self._awaiting_request[data.context.client.id] = (host, data.ssl_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        """Report a client that sent no request, then forget it."""
        if awaiting := self._awaiting_request.pop(client.id, None):
            host, tls_connection = awaiting
            self._report_refusal(client, host, alert=_alert(tls_connection))
        self._user_agents.pop(client.id, None)
        self._client_hellos.pop(client.id, None)
        self._journals.disconnected(client)

    def on_request(self, client: connection.Client, user_agent: str = "") -> None:
        """Handle a client that has sent a request: through TLS, it accepts our CA.

        `user_agent` is the one in its CONNECT.
        """
        if user_agent:
            self._user_agents[client.id] = user_agent
        if awaiting := self._awaiting_request.pop(client.id, None):
            info = self._client_hellos.get(client.id, ClientHelloInfo())
            self._journals.journal_for(client).reached(awaiting[0], info)

    def stop(self) -> None:
        """Report no refusals from now on: it is the emulator that disconnects."""
        self._is_stopped = True

    def _report_refusal(
        self, client: connection.Client, host: str, *, alert: str, failure: str = ""
    ) -> None:
        if not self._is_stopped:
            info = self._client_hellos.get(client.id, ClientHelloInfo())
            refusal = Refusal(host, info, alert=alert, failure=failure)
            self._journals.journal_for(client).handshake_refused(refusal)


def _failure(tls_connection: object, error: str) -> str:
    """Return OpenSSL's reason for a failed handshake; empty if the client just disconnected."""
    if isinstance(tls_connection, ClientTls):
        return tls_connection.failure
    return "" if error.startswith(_DROPPED) else error


def _alert(tls_connection: object) -> str:
    """Return the alert that came after a handshake."""
    return tls_connection.alert if isinstance(tls_connection, ClientTls) else ""


def client_hello_info(hello: tls.ClientHello, user_agent: str, number: int) -> ClientHelloInfo:
    """Return the fingerprint of a ClientHello. `user_agent` is that of a CONNECT, or empty.

    The fingerprint leaves out GREASE (RFC 8701), which is random by intention, and the order of
    extensions, which browsers shuffle.
    """
    suites, extensions = hello.cipher_suites, hello.extensions
    kinds = [kind for kind, _ in extensions]
    stable = sorted(
        (kind, _constant_content(kind, body))
        for kind, body in extensions
        if kind not in _VARYING and kind not in _GREASE
    )
    offered = tuple(suite for suite in suites if suite not in _GREASE)
    return ClientHelloInfo(
        fingerprint=(user_agent, offered, tuple(stable)),
        retries=not (_GREASE.isdisjoint(suites) and _GREASE.isdisjoint(kinds)),
        number=number,
    )


def _constant_content(kind: int, body: bytes) -> bytes:
    """Return the part of an extension that is the same on all connections of a client."""
    if kind in _CONSTANT:
        return body
    if kind not in _LISTS:
        return b""
    at = _LISTS[kind]
    values = [body[i : i + 2] for i in range(at, len(body), 2)]
    return b"".join(value for value in values if value not in _GREASE_BYTES)
