"""Client connections: how many are open, how mitmproxy reads them to their end, their TLS."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mitmproxy import certs, connection, ctx, http, tls
from mitmproxy.addons import proxyserver, tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy import commands, context, mode_servers, server, server_hooks
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.utils import human
from OpenSSL import SSL

from pixel_emulator.proxy.ca import leaf_certificate
from pixel_emulator.proxy.hosts import normalize_host
from pixel_emulator.runtime.clock import seconds
from pixel_emulator.runtime.gaps import alert_in

_ITERATIONS = 10
"""Iterations of the event loop in which mitmproxy's handlers read what the kernel holds: few are
needed, the rest is margin."""

_DIRECT_ITERATIONS = 3
"""Iterations without activity after which the kernel holds nothing, if mitmproxy has no connection:
one accepts a client, which is activity, one reads and records; the last one is margin."""


class Connections:
    """An addon that counts open connections; it must be registered after those that record."""

    name = "pixel_emulator_connections"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self.activity = 0
        """Number of events after which more may follow: a direct connection was accepted, or a flow
        has advanced."""
        self._servers = servers
        self._connected: set[str] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    def client_connected(self, client: connection.Client) -> None:
        self._connected.add(client.id)
        self._all_closed.clear()

    def client_disconnected(self, client: connection.Client) -> None:
        self._connected.discard(client.id)
        if not self._connected:
            self._all_closed.set()

    def requestheaders(self, _flow: http.HTTPFlow) -> None:
        self.activity += 1

    def request(self, _flow: http.HTTPFlow) -> None:
        self.activity += 1

    @property
    def count(self) -> int:
        """Number of open connections."""
        return len(self._connected)

    async def wait_until_read(self) -> None:
        """Wait until everything that clients have sent is read."""
        idle = 0
        while idle < (_ITERATIONS if self._servers.connections else _DIRECT_ITERATIONS):
            before = self.activity
            await asyncio.sleep(0)
            idle = idle + 1 if self.activity == before else 0

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - False is a result
        """Wait until everything that clients have sent is read, then for all to disconnect.

        The latter takes at most `timeout` seconds. Return True if all have disconnected.
        """
        await self.wait_until_read()
        if self._connected and timeout > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._all_closed.wait()
        return not self._connected


type ModeInstance = mode_servers.ServerInstance[ProxyMode]

_READ_SIZE = 65_536


def read_remaining(transport: asyncio.BaseTransport) -> bytes:
    """Return the bytes that the kernel still holds of a connection that failed.

    asyncio stops reading as soon as it cannot write, although the client may have sent more before
    it reset the connection.
    """
    sock, remaining = transport.get_extra_info("socket"), b""
    with suppress(OSError):  # nothing is left, or the reset itself
        while sock and sock.fileno() >= 0 and (data := os.read(sock.fileno(), _READ_SIZE)):
            remaining += data
    return remaining


class ClientStream(asyncio.StreamReaderProtocol):
    """asyncio's own, but a connection that fails ends like any other: after everything is read."""

    _transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self._transport = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End without the error, on which asyncio's reader would drop its buffer."""
        if exc and self._transport and (remaining := read_remaining(self._transport)):
            self.data_received(remaining)
        super().connection_lost(None)


class ClientHandler(mode_servers.ProxyConnectionHandler):
    """mitmproxy's own, but it reads a client to its end.

    With `is_announced` the hook `client_connected` has run already, and is not run again.
    """

    def __init__(
        self,
        client: connection.Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_announced: bool,
    ) -> None:
        # Not that of the class between them, which would make another client.
        server.ConnectionHandler.__init__(self, context.Context(client, ctx.options))
        self.master = ctx.master
        self.log_prefix = f"{human.format_address(client.peername)}: "
        self.transports[client] = server.ConnectionIO(reader=reader, writer=writer)
        self._is_announced = is_announced

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Call a hook of the addons."""
        if not (self._is_announced and isinstance(hook, server_hooks.ClientConnectedHook)):
            await super().handle_hook(hook)

    async def drain_writers(self) -> None:
        """Wait until the peers have taken what was sent.

        An error of the client does not cancel its handler: there may be more to read from it.
        """
        async with self._drain_lock:
            for peer, io in tuple(self.transports.items()):
                if io.writer is None:
                    continue
                try:
                    await io.writer.drain()
                except OSError as error:
                    if peer is not self.client and io.handler:
                        io.handler.cancel(f"Error sending data: {error}")


async def serve_client(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    instance: ModeInstance,
    servers: proxyserver.Proxyserver,
    client: connection.Client | None = None,
) -> None:
    """Let mitmproxy handle one connection to its end.

    `client` is given if the connection was accepted, and announced to the addons, before.
    """
    served = client or connection.Client(
        peername=writer.get_extra_info("peername"),
        sockname=writer.get_extra_info("sockname"),
        timestamp_start=seconds(),
        proxy_mode=instance.mode,
        state=connection.ConnectionState.OPEN,
    )
    handler = ClientHandler(served, reader, writer, is_announced=client is not None)
    handler.layer = instance.make_top_layer(handler.layer.context)
    with servers.register_connection(served.id, handler):
        await handler.handle_client()


_RECORD_HEADER = 5
"""Bytes of the header of a TLS record; the last two are the length of its content."""


class ClientTls(SSL.Connection):
    """The server side of TLS in memory, as mitmproxy's layers use it.

    mitmproxy reads what it can and ignores the rest: a damaged or truncated record, and an alert
    after the handshake. This class keeps them until the client has disconnected.
    """

    failure = ""
    """OpenSSL's reason for the first record that it could not read, or an empty string."""

    _is_established = False
    _partial_header = b""  # start of the header of a record
    _missing = 0  # bytes to come of a record whose header is complete

    def bio_write(self, buf: "bytes | bytearray | memoryview[int]") -> int:
        """Take bytes of the client, and track the records in them."""
        is_whole = len(buf) == _RECORD_HEADER + int.from_bytes(buf[3:_RECORD_HEADER])
        if not is_whole or self._missing or self._partial_header:
            self._track_records(bytes(buf))
        return super().bio_write(buf)

    def do_handshake(self) -> None:
        """Continue the handshake. Raises SSL.Error until it is complete."""
        try:
            super().do_handshake()
        except SSL.Error as error:
            self._note_failure(error)
            raise
        self._is_established = True

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Return the next plaintext. Raises SSL.Error as pyOpenSSL does."""
        try:
            return super().recv(bufsiz, flags)
        except SSL.Error as error:
            self._note_failure(error)
            raise

    def sendall(self, buf: Any, flags: int = 0) -> int:
        """Encrypt for the client; after a failure nothing more can be sent, and 0 is returned."""
        try:
            return super().sendall(buf, flags)
        except SSL.Error:
            if not self.failure:
                raise
            return 0

    def get_shutdown(self) -> int:
        """Return which sides have ended TLS properly, in OpenSSL's bits.

        OpenSSL sets the client's bit after an alert, too; mitmproxy would then wait for the end of
        a connection that has ended.
        """
        bits: int = super().get_shutdown()
        return bits & ~SSL.RECEIVED_SHUTDOWN if self.failure else bits

    @property
    def alert(self) -> str:
        """The alert that ended TLS, or an empty string."""
        return alert_in(self.failure)

    @property
    def has_undecrypted(self) -> bool:
        """True if the client sent a record, or a part of one, that could not be decrypted."""
        if not self._is_established or self.alert:
            return False
        if self.failure:
            return True
        is_over = self.get_shutdown() & SSL.RECEIVED_SHUTDOWN
        return not is_over and bool(self._missing or self._partial_header)

    def _note_failure(self, error: SSL.Error) -> None:
        if not isinstance(error, SSL.WantReadError | SSL.ZeroReturnError):
            self.failure = self.failure or _reason(error)

    def _track_records(self, data: bytes) -> None:
        data, at = self._partial_header + data, self._missing
        while len(data) - at >= _RECORD_HEADER:
            at += _RECORD_HEADER + int.from_bytes(data[at + 3 : at + _RECORD_HEADER])
        self._partial_header = data[at:]
        self._missing = max(0, at - len(data))


def _reason(error: SSL.Error) -> str:
    """Return the last reason in OpenSSL's queue: `[("SSL routines", "", "bad record mac")]`."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else "no reason given"


_MAX_CONTEXTS = 256
"""TLS contexts that are kept, as many as mitmproxy keeps certificates."""


class TlsContexts(tlsconfig.TlsConfig):
    """mitmproxy's TlsConfig, with one TLS context for each name.

    TlsConfig has one context for all names and gives each connection its certificate and key, which
    OpenSSL then parses again. Sessions are resumed by their context, here as there.
    """

    name = "tlsconfig"

    def __init__(self, own: Mapping[str, certs.CertStoreEntry]) -> None:
        """Start; `own` are certificates of the user by normalized host."""
        super().__init__()
        self._own = own
        self._contexts: dict[tuple[str, str | None], SSL.Context] = {}

    def tls_start_client(self, tls_start: tls.TlsData) -> None:
        client, server = tls_start.conn, tls_start.context.server
        if tls_start.ssl_conn is not None or tls_start.is_dtls or client.cipher_list:
            super().tls_start_client(tls_start)
            return
        name = client.sni or client.sockname[0] if client.sockname else ""
        address = server.address[0] if server.address else None
        tls_context = self._contexts.get((name, address))
        if tls_context is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                self._contexts.clear()
            tls_context = self._contexts[name, address] = self._context(tls_start.context)
        outer = tls_start.context.layers
        # No HTTP/2 for a CONNECT: mitmproxy does not support it.
        is_https_proxy = len(outer) == 2 and isinstance(outer[0], modes.HttpProxy)
        tls_start.ssl_conn = ClientTls(tls_context)
        tls_start.ssl_conn.set_app_data(
            tlsconfig.AppData(
                client_alpn=b"http/1.1" if is_https_proxy else client.alpn,
                server_alpn=server.alpn,
                http2=ctx.options.http2,
            )
        )
        tls_start.ssl_conn.set_accept_state()

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:
        """Return the user's own certificate for a host, or one of our CA for the client's names.

        mitmproxy's has a common name, which keeps an IPv4 address from being permitted by a CA
        that Firefox and rustls can read, and is valid for a year, longer than our CA.
        """
        client, server, store = conn_context.client, conn_context.server, self.certstore
        names = [client.sni or client.sockname[0], *(server.address or ())[:1]]
        if own := self._own.get(normalize_host(client.sni or names[-1])):
            return own
        leaf = leaf_certificate(store.default_ca.to_cryptography(), store.default_privatekey, names)
        return certs.CertStoreEntry(
            certs.Cert(leaf),
            store.default_privatekey,
            store.default_chain_file,
            store.default_chain_certs,
        )

    def _context(self, conn_context: context.Context) -> SSL.Context:
        entry = self.get_cert(conn_context)
        lowest = net_tls.Version[ctx.options.tls_version_client_min]
        # Without its cache: a cached context is shared, and cannot be changed after use.
        tls_context: SSL.Context = net_tls.create_client_proxy_context.__wrapped__(
            method=net_tls.Method.TLS_SERVER_METHOD,
            min_version=lowest,
            max_version=net_tls.Version[ctx.options.tls_version_client_max],
            cipher_list=tlsconfig._default_ciphers(lowest),  # noqa: SLF001 - TlsConfig's own
            ecdh_curve=net_tls.get_curve(ctx.options.tls_ecdh_curve_client),
            chain_file=entry.chain_file,
            request_client_cert=ctx.options.request_client_cert,
            alpn_select_callback=tlsconfig.alpn_select_callback,
            extra_chain_certs=() if entry.chain_file else tuple(entry.chain_certs),
            dhparams=self.certstore.dhparams,
        )
        tls_context.use_certificate(entry.cert.to_cryptography())
        tls_context.use_privatekey(entry.privatekey)
        return tls_context
