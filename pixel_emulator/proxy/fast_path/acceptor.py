"""Accepts connections, and hands over to mitmproxy only those with more than plain requests.

A mitmproxy handler, with its stream, tasks, layers and hooks, costs several times what a pixel call
does, and an asyncio transport as much as one call. A client without CONNECT, such as a contract
test or a browser under `route()`, is therefore answered directly on its socket.
"""

import asyncio
import errno
import select
import selectors
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from mitmproxy import connection
from mitmproxy.addons import proxyserver
from mitmproxy.utils import asyncio_utils

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.connections import ClientStream, Connections, ModeInstance, serve_client
from pixel_emulator.proxy.fast_path.direct_connection import DirectConnection
from pixel_emulator.proxy.fast_path.request_reader import (
    ConnectionContext,
    ReadResult,
    RequestReader,
)
from pixel_emulator.proxy.fast_path.select import FastPath
from pixel_emulator.runtime.clock import seconds

_LOOPBACK = ("127.0.0.1", "::1")
"""Peers that no option of mitmproxy blocks; mitmproxy decides about all others."""

_BACKLOG = 100  # connections that the kernel queues; asyncio's default
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RETRY_AFTER = 1.0  # seconds until accepting again after such an error, as in asyncio
_MAX_PEEKED = 20  # connections that `is_idle` checks one by one for unread data

type StreamHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Acceptor:
    """Accepts connections; `direct_connections` are those not handed over to mitmproxy."""

    def __init__(
        self,
        fast_path: FastPath,
        emulator: PixelEmulator,
        connections: Connections,
        servers: proxyserver.Proxyserver,
        instance: ModeInstance,
    ) -> None:
        self.direct_connections: set[DirectConnection] = set()
        self._batch = fast_path.batch
        self._templates = fast_path.templates
        self._emulator = emulator
        self._connections = connections
        self._instance = instance
        self._serve = partial(serve_client, instance=instance, servers=servers)
        self._no_server = connection.Server(address=None)  # of a request without CONNECT
        self._listening: set[socket.socket] = set()
        # The loop watches this selector only, so all sockets that are readable share one batch.
        self._selector = selectors.DefaultSelector()
        self._is_busy = False

    def listen(self, bound: socket.socket) -> None:
        """Accept connections on this socket."""
        bound.setblocking(False)
        bound.listen(_BACKLOG)
        self._listening.add(bound)
        self._watch(bound)
        # Adding it again for another socket changes nothing.
        asyncio.get_running_loop().add_reader(self._selector, self._read_ready)

    def stop(self, bound: socket.socket) -> None:
        """Stop accepting connections on this socket, and close it."""
        self._listening.discard(bound)
        self._unwatch(bound)
        bound.close()

    def close(self) -> None:
        """Close all direct connections."""
        for direct in tuple(self.direct_connections):
            self.closed(direct)
        asyncio.get_running_loop().remove_reader(self._selector)
        self._selector.close()

    def is_idle(self) -> bool:
        """Return True if every byte received is answered; False does not mean the opposite.

        May be called from any thread: that costs a hundredth of waiting for the loop's own.
        """
        pending = select.poll()
        for bound in tuple(self._listening):
            pending.register(bound, select.POLLIN)
        if pending.poll(0) or self._is_busy:
            return False
        connections = tuple(self.direct_connections)
        if len(connections) > _MAX_PEEKED or self._connections.count > len(connections):
            return False
        if any(direct.has_unread_data() for direct in connections):
            return False
        # A connection that was read or handed over meanwhile has received nothing more, either.
        is_unchanged = connections == tuple(self.direct_connections)
        return not (self._is_busy or self._batch.is_pending) and is_unchanged

    def submit(self, direct: DirectConnection, result: ReadResult) -> None:
        """Answer requests together with those of other connections."""
        self._batch.add(direct, result)

    def reader(self, client: connection.Client, start: bytes) -> RequestReader:
        """Return a reader for the requests of a client, given its first bytes."""
        self._emulator.guard.saw_first_bytes(client, start)
        context = ConnectionContext(client, self._no_server)
        return RequestReader(context, self._emulator.guard, self._templates)

    def hand_over(
        self, direct: DirectConnection, data: bytes, *, unsent: bytes = b"", close: bool = False
    ) -> None:
        """Let mitmproxy serve a connection as if it were new and had sent `data`."""
        self._forget(direct)
        serve = partial(self._serve, client=direct.client)
        hand_over(direct.sock, serve, data, unsent=unsent, close=close)

    def report_unparsed(self, direct: DirectConnection) -> None:
        """Report bytes behind the last request that is answered as a gap."""
        self._emulator.journals.journal_for(direct.client).unread()

    def closed(self, direct: DirectConnection) -> None:
        """Handle the end of a connection whose input has been fully read."""
        self._forget(direct)
        direct.sock.close()
        self._emulator.journals.disconnected(direct.client)
        self._emulator.guard.client_disconnected(direct.client)
        self._connections.client_disconnected(direct.client)

    def _read_ready(self) -> None:
        """Read from every socket that is readable, and answer."""
        self._is_busy = True
        try:
            for key, _ in self._selector.select(0):
                key.data()
        finally:
            self._batch.flush()
            self._is_busy = False

    def _forget(self, direct: DirectConnection) -> None:
        self.direct_connections.discard(direct)
        self._unwatch(direct.sock)

    def _accept(self, bound: socket.socket) -> None:
        """Accept one connection; the loop calls again while there are more."""
        try:
            self._accepted(*bound.accept())
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            loop = asyncio.get_running_loop()
            loop.call_exception_handler(
                {"message": "out of resources in accept", "exception": error}
            )
            self._unwatch(bound)
            loop.call_later(_RETRY_AFTER, self._watch, bound)

    def _watch(self, bound: socket.socket) -> None:
        if bound in self._listening:
            self._selector.register(bound, selectors.EVENT_READ, partial(self._accept, bound))

    def _unwatch(self, sock: socket.socket) -> None:
        with suppress(KeyError):
            self._selector.unregister(sock)

    def _accepted(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        sock.setblocking(False)
        if peer[0] not in _LOOPBACK:
            hand_over(sock, self._serve)
            return
        client = connection.Client(
            peername=peer,
            sockname=sock.getsockname(),
            timestamp_start=seconds(),
            proxy_mode=self._instance.mode,
            state=connection.ConnectionState.OPEN,
        )
        self._emulator.client_connected(client)
        self._connections.client_connected(client)
        self._connections.activity += 1
        direct = DirectConnection(client, sock, self)
        self.direct_connections.add(direct)
        self._selector.register(sock, selectors.EVENT_READ, direct.read)


def hand_over(
    sock: socket.socket,
    serve: StreamHandler,
    data: bytes = b"",
    *,
    unsent: bytes = b"",
    close: bool = False,
) -> None:
    """Let `serve` handle a connection, as `asyncio.start_server` would.

    `data` was received already, `unsent` is still to be sent. With `close` the connection is closed
    after that.
    """
    protocol = _HandoverProtocol(serve, data, unsent, close=close)
    connecting = asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, sock)
    asyncio_utils.create_task(connecting, name="pixel_emulator handover", keep_ref=True)


class _HandoverProtocol(asyncio.Protocol):
    """Replaces itself by the stream as soon as there is a transport."""

    def __init__(self, serve: StreamHandler, data: bytes, unsent: bytes, *, close: bool) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        self._stream = ClientStream(reader, serve)
        self._unsent = unsent
        self._close = close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        transport.set_protocol(self._stream)
        if self._unsent:
            transport.write(self._unsent)
        self._stream.connection_made(transport)
        if self._close:
            transport.close()  # after everything is sent
