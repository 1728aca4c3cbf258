"""Stands first on every port, and calls mitmproxy only for what is not a plain request.

A handler of mitmproxy's, with its stream, tasks, layers and hooks, costs several times what a
pixel call does. So a client that asks directly, as contract tests and browsers under `route()`
do, is answered by the protocol of its transport.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from mitmproxy import connection, ctx
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, mode_servers, mode_specs, server, server_hooks
from mitmproxy.utils import human

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.lane.addon import Lane
from pixel_emulator.proxy.lane.reader import Batch, Next, Place, Reader
from pixel_emulator.proxy.presence import Presence

type Main = mode_servers.ServerInstance[mode_specs.ProxyMode]
type Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_HERE = ("127.0.0.1", "::1")
"""Peers that no option of mitmproxy's turns away; it decides about all others."""


class Entrance:
    """Makes the protocol of each connection, and leads to mitmproxy.

    `visitors` are the clients that were not led there.
    """

    def __init__(
        self,
        lane: Lane,
        emulator: PixelEmulator,
        presence: Presence,
        servers: proxyserver.Proxyserver,
        main: Main,
    ) -> None:
        self._turn = lane.turn
        self._known = lane.known
        self._emulator = emulator
        self._presence = presence
        self._servers = servers
        self._main = main
        self.visitors: set[Visitor] = set()
        self._nowhere = connection.Server(address=None)  # where a direct request leads

    def __call__(self) -> "Visitor":
        """The protocol of a new connection."""
        return Visitor(self)

    def welcome(self, visitor: "Visitor", peer: tuple[str, int]) -> None:
        """Count a client, or leave it to mitmproxy from the beginning."""
        if peer[0] not in _HERE:
            lead(visitor.transport, self._main.handle_stream)
            return
        visitor.client = client = connection.Client(
            peername=peer,
            sockname=visitor.transport.get_extra_info("sockname"),
            timestamp_start=time.time(),
            proxy_mode=self._main.mode,
            state=connection.ConnectionState.OPEN,
        )
        self.visitors.add(visitor)
        self._presence.news += 1
        self._emulator.client_connected(client)
        self._presence.client_connected(client)

    def take(self, visitor: "Visitor", batch: Batch) -> None:
        """Answer requests; at once if nobody else is there, and so nobody to be waited for."""
        self._presence.news += 1
        self._turn.take(visitor, batch, alone=self._presence.count == 1)

    def reader(self, client: connection.Client, start: bytes) -> Reader:
        """What reads the requests of a client that begins so."""
        self._emulator.locks.begins(client, start)
        return Reader(Place(client, self._nowhere), self._emulator.locks, self._known)

    def lead_on(self, visitor: "Visitor", said: bytes) -> asyncio.Protocol:
        """Have mitmproxy go on with a client, as if it had just come and had said this."""
        self.visitors.discard(visitor)
        return lead(visitor.transport, partial(self._handle, visitor.client), said)

    def gone(self, visitor: "Visitor") -> None:
        """A client has left; nothing that it said is unread."""
        self.visitors.discard(visitor)
        self._emulator.journals.disconnected(visitor.client)
        self._emulator.locks.client_disconnected(visitor.client)
        self._presence.client_disconnected(visitor.client)

    def close(self) -> None:
        """Hang up."""
        for each in self.visitors:
            each.transport.close()

    async def _handle(
        self,
        client: connection.Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        handler = _Handler(client, reader, writer)
        handler.layer = self._main.make_top_layer(handler.layer.context)
        with self._servers.register_connection(client.id, handler):
            await handler.handle_client()


class Visitor(asyncio.Protocol):
    """A client that has said nothing but whole plain requests so far."""

    client: connection.Client
    transport: asyncio.Transport

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._reader: Reader | None = None
        self._rest = b""
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self.transport = cast("asyncio.Transport", transport)
        self._entrance.welcome(self, transport.get_extra_info("peername"))

    def data_received(self, data: bytes) -> None:
        """Have what is plain answered; mitmproxy gets the rest, and all that follows."""
        if self._reader is None:
            self._reader = self._entrance.reader(self.client, data)
        batch = self._reader.read(data)
        self._rest = batch.rest
        if batch.requests:
            self._entrance.take(self, batch)
        else:
            self.go_on(batch.next)

    def send(self, data: bytes) -> None:
        """Send this to the client."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def go_on(self, then: Next) -> None:
        """All that was taken is answered."""
        if self.transport.is_closing():
            return
        if then is Next.CLOSE:
            self.transport.close()
        elif then is Next.HAND_OVER or self._rest:
            stream = self._entrance.lead_on(self, self._rest)
            if self._is_full:
                stream.pause_writing()
                self.transport.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """It has gone."""
        self._entrance.gone(self)

    def pause_writing(self) -> None:
        """A client that does not take its answers is not read from."""
        self._is_full = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It has taken them."""
        self._is_full = False
        self.transport.resume_reading()


class _Handler(mode_servers.ProxyConnectionHandler):
    """mitmproxy's own, for a client whose coming is known."""

    def __init__(
        self,
        client: connection.Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        # Not that of the class between them, which would make another client.
        server.ConnectionHandler.__init__(self, context.Context(client, ctx.options))
        self.master = ctx.master
        self.log_prefix = f"{human.format_address(client.peername)}: "
        self.transports[client] = server.ConnectionIO(reader=reader, writer=writer)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if not isinstance(hook, server_hooks.ClientConnectedHook):
            await super().handle_hook(hook)


def lead(transport: asyncio.Transport, handle: Handle, said: bytes = b"") -> asyncio.Protocol:
    """Let `handle` go on with a connection on which this was said."""
    stream = streams(handle, said)
    transport.set_protocol(stream)
    stream.connection_made(transport)
    return stream


def streams(handle: Handle, said: bytes = b"") -> asyncio.Protocol:
    """The protocol that `asyncio.start_server` makes for a connection."""
    reader = asyncio.StreamReader()
    reader.feed_data(said)
    return asyncio.StreamReaderProtocol(reader, handle)
