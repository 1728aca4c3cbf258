"""Who is connected to the proxy, so that one can wait until they have been heard out."""

import asyncio
import os
from contextlib import suppress
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, mode_servers, server, server_hooks
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.utils import human
from OpenSSL import SSL

from pixel_emulator.runtime.clock import seconds
from pixel_emulator.runtime.gaps import alert_in

_TURNS = 10
"""Turns of the event loop in which mitmproxy's handlers read what the kernel holds: few are needed,
the rest is margin."""

_QUIET = 3
"""Turns without news after which the kernel holds nothing: one takes a client in, which is news,
one reads and records; the last one is margin."""


class Connections:
    """An addon that keeps count; it has to stand behind those that record."""

    name = "pixel_emulator_presence"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self.news = 0
        """How often something has happened after which more is to be waited for: a client has come
        that is not mitmproxy's from the beginning, or a flow has got on."""
        self._servers = servers
        self._connected: set[str] = set()
        self._gone = asyncio.Event()
        self._gone.set()

    def client_connected(self, client: connection.Client) -> None:
        self._connected.add(client.id)
        self._gone.clear()

    def client_disconnected(self, client: connection.Client) -> None:
        self._connected.discard(client.id)
        if not self._connected:
            self._gone.set()

    def requestheaders(self, _flow: http.HTTPFlow) -> None:
        self.news += 1

    def request(self, _flow: http.HTTPFlow) -> None:
        self.news += 1

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._connected)

    async def read(self) -> None:
        """Wait until all that clients have sent is read."""
        quiet = 0
        while quiet < (_TURNS if self._servers.connections else _QUIET):
            before = self.news
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.news == before else 0

    async def drain(self, patience: float) -> bool:
        """Wait until all that clients have sent is read, and at most `patience` seconds more for
        all to go. Returns whether they have."""
        await self.read()
        if self._connected and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._gone.wait()
        return not self._connected


type Main = mode_servers.ServerInstance[ProxyMode]

_READ = 65_536


def left_in(transport: asyncio.BaseTransport) -> bytes:
    """Return what the kernel still holds of a connection that failed.

    asyncio stops reading as soon as it cannot write, although the client may have said more before
    it reset the connection.
    """
    end, left = transport.get_extra_info("socket"), b""
    with suppress(OSError):  # nothing more, or the reset itself
        while end and end.fileno() >= 0 and (data := os.read(end.fileno(), _READ)):
            left += data
    return left


class ClientStream(asyncio.StreamReaderProtocol):
    """As asyncio's own, but a connection that fails ends like any other: when all is read."""

    _end: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._end = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; asyncio's reader would forget what it holds when it is told of an error."""
        if exc and self._end and (left := left_in(self._end)):
            self.data_received(left)
        super().connection_lost(None)


class ClientHandler(mode_servers.ProxyConnectionHandler):
    """mitmproxy's own, for a client whose coming may be known, and that is heard out."""

    def __init__(
        self,
        client: connection.Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_known: bool,
    ) -> None:
        # Not that of the class between them, which would make another client.
        server.ConnectionHandler.__init__(self, context.Context(client, ctx.options))
        self.master = ctx.master
        self.log_prefix = f"{human.format_address(client.peername)}: "
        self.transports[client] = server.ConnectionIO(reader=reader, writer=writer)
        self._is_known = is_known

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Call a hook of the addons."""
        if not (self._is_known and isinstance(hook, server_hooks.ClientConnectedHook)):
            await super().handle_hook(hook)

    async def drain_writers(self) -> None:
        """Wait until the other ends take more; a client that takes nothing may have said more."""
        async with self._drain_lock:
            for peer, each in tuple(self.transports.items()):
                if each.writer is None:
                    continue
                try:
                    await each.writer.drain()
                except OSError as error:
                    if peer is not self.client and each.handler:
                        each.handler.cancel(f"Error sending data: {error}")


async def handle(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    main: Main,
    servers: proxyserver.Proxyserver,
    client: connection.Client | None = None,
) -> None:
    """Have mitmproxy handle one client to its end; `client` is what is known of it already."""
    made = client or connection.Client(
        peername=writer.get_extra_info("peername"),
        sockname=writer.get_extra_info("sockname"),
        timestamp_start=seconds(),
        proxy_mode=main.mode,
        state=connection.ConnectionState.OPEN,
    )
    handler = ClientHandler(made, reader, writer, is_known=client is not None)
    handler.layer = main.make_top_layer(handler.layer.context)
    with servers.register_connection(made.id, handler):
        await handler.handle_client()


_HEADER = 5
"""Bytes of the header of a TLS record, the last two of which say how long its content is."""


class ClientTls(SSL.Connection):
    """A server's side of TLS in memory, as mitmproxy's layers use it.

    mitmproxy reads what it can and passes over the rest: a record that is damaged or cut off, and
    an alert after the handshake. Here they are known when the client has gone.
    """

    failure = ""
    """What OpenSSL says of what it could not read; empty as long as it could."""

    _is_established = False
    _start = b""  # of a record's header that is not complete
    _missing = 0  # bytes of a record whose header is

    def bio_write(self, buf: "bytes | bytearray | memoryview[int]") -> int:
        """Take what came from the client, and follow its records."""
        is_whole = len(buf) == _HEADER + int.from_bytes(buf[3:_HEADER])
        if not is_whole or self._missing or self._start:
            self._follow(bytes(buf))
        return super().bio_write(buf)

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises SSL.Error while it is not complete."""
        try:
            super().do_handshake()
        except SSL.Error as error:
            self._remember(error)
            raise
        self._is_established = True

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Return what was said next. Raises SSL.Error as pyOpenSSL does."""
        try:
            return super().recv(bufsiz, flags)
        except SSL.Error as error:
            self._remember(error)
            raise

    def sendall(self, buf: Any, flags: int = 0) -> int:
        """Encrypt for the client; to one whose side has failed nothing can be said any more."""
        try:
            return super().sendall(buf, flags)
        except SSL.Error:
            if not self.failure:
                raise
            return 0

    def get_shutdown(self) -> int:
        """Return who has ended TLS as it should be, in OpenSSL's bits.

        OpenSSL sets the client's after an alert, too, and then mitmproxy would wait for the end of
        a connection that has ended.
        """
        bits: int = super().get_shutdown()
        return bits & ~SSL.RECEIVED_SHUTDOWN if self.failure else bits

    @property
    def alert(self) -> str:
        """The alert that ended it; empty for none."""
        return alert_in(self.failure)

    @property
    def has_unread(self) -> bool:
        """Whether the client sent a record that nobody could read, or a part of one."""
        if not self._is_established or self.alert:
            return False
        if self.failure:
            return True
        is_over = self.get_shutdown() & SSL.RECEIVED_SHUTDOWN
        return not is_over and bool(self._missing or self._start)

    def _remember(self, error: SSL.Error) -> None:
        if not isinstance(error, SSL.WantReadError | SSL.ZeroReturnError):
            self.failure = self.failure or _reason(error)

    def _follow(self, data: bytes) -> None:
        data, at = self._start + data, self._missing
        while len(data) - at >= _HEADER:
            at += _HEADER + int.from_bytes(data[at + 3 : at + _HEADER])
        self._start = data[at:]
        self._missing = max(0, at - len(data))


def _reason(error: SSL.Error) -> str:
    """The last reason of OpenSSL's, as in `[("SSL routines", "", "bad record mac")]`."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else "no reason given"
