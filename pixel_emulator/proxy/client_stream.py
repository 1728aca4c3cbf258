"""Connections of clients as asyncio streams that lose nothing when a client goes."""

import asyncio
import os
from contextlib import suppress

from mitmproxy import connection, ctx
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, mode_servers, server, server_hooks
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.utils import human

from pixel_emulator.runtime.clock import seconds

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
