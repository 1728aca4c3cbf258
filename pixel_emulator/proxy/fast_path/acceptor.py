"""Stands first on every port, and calls mitmproxy only for what is not a plain request.

A handler of mitmproxy's, with its stream, tasks, layers and hooks, costs several times what a
pixel call does, and a transport of asyncio's as much as one. A client that asks directly, as
contract tests and browsers under `route()` do, is answered on its socket.
"""

import asyncio
import errno
import select
import selectors
import socket
from contextlib import suppress
from functools import partial

from mitmproxy import connection
from mitmproxy.addons import proxyserver

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.connections import Connections, Main, handle
from pixel_emulator.proxy.fast_path.direct_connection import DirectConnection
from pixel_emulator.proxy.fast_path.handover import hand_over
from pixel_emulator.proxy.fast_path.request_reader import Batch, ConnectionContext, RequestReader
from pixel_emulator.proxy.fast_path.select import FastPath
from pixel_emulator.runtime.clock import seconds

_HERE = ("127.0.0.1", "::1")
"""Peers that no option of mitmproxy's turns away; it decides about all others."""

_BACKLOG = 100  # clients that the kernel keeps for us; asyncio has as many
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE = 1.0  # seconds until a client is taken in again then; asyncio waits as long
_ASKED = 20  # clients that are asked one by one whether they have said anything


class Acceptor:
    """Takes clients in; `visitors` are those that were not led to mitmproxy."""

    def __init__(
        self,
        fast_path: FastPath,
        emulator: PixelEmulator,
        presence: Connections,
        servers: proxyserver.Proxyserver,
        main: Main,
    ) -> None:
        self.visitors: set[DirectConnection] = set()
        self._turn = fast_path.turn
        self._known = fast_path.known
        self._emulator = emulator
        self._presence = presence
        self._main = main
        self._handle = partial(handle, main=main, servers=servers)
        self._nowhere = connection.Server(address=None)  # where a direct request leads
        self._listening: set[socket.socket] = set()
        # One file to the loop, whoever says something: a turn is what is said at the same time.
        self._selector = selectors.DefaultSelector()
        self._is_busy = False

    def listen(self, bound: socket.socket) -> None:
        """Take in who comes to this socket."""
        bound.setblocking(False)
        bound.listen(_BACKLOG)
        self._listening.add(bound)
        self._watch(bound)
        asyncio.get_running_loop().add_reader(self._selector, self._hear)  # again says the same

    def shut(self, bound: socket.socket) -> None:
        """Take in nobody more there."""
        self._listening.discard(bound)
        self._unwatch(bound)
        bound.close()

    def close(self) -> None:
        """Hang up."""
        for each in tuple(self.visitors):
            self.gone(each)
        asyncio.get_running_loop().remove_reader(self._selector)
        self._selector.close()

    def is_quiet(self) -> bool:
        """Whether all that was said is answered; False says nothing.

        It may be asked from any thread, which costs a hundredth of waiting for the loop's own.
        """
        coming = select.poll()
        for bound in tuple(self._listening):
            coming.register(bound, select.POLLIN)
        if coming.poll(0) or self._is_busy:
            return False
        visitors = tuple(self.visitors)
        if len(visitors) > _ASKED or self._presence.count > len(visitors):
            return False
        if any(each.has_said_more() for each in visitors):
            return False
        # Who is read from, or was led on, in the meantime has said nothing more, either.
        return not (self._is_busy or self._turn.is_due) and visitors == tuple(self.visitors)

    def take(self, visitor: DirectConnection, batch: Batch) -> None:
        """Answer requests together with those of others."""
        self._turn.take(visitor, batch)

    def reader(self, client: connection.Client, start: bytes) -> RequestReader:
        """What reads the requests of a client that begins so."""
        self._emulator.locks.saw_first_bytes(client, start)
        return RequestReader(
            ConnectionContext(client, self._nowhere), self._emulator.locks, self._known
        )

    def hand_over(
        self, visitor: DirectConnection, said: bytes, *, unsent: bytes = b"", is_last: bool = False
    ) -> None:
        """Have mitmproxy go on with a client, as if it had just come and had said this."""
        self._forget(visitor)
        led = partial(self._handle, client=visitor.client)
        hand_over(visitor.end, led, said, unsent=unsent, is_last=is_last)

    def left_unread(self, visitor: DirectConnection) -> None:
        """It said more than it will be answered."""
        self._emulator.journals.journal_for(visitor.client).unread()

    def gone(self, visitor: DirectConnection) -> None:
        """A client has left; nothing that it said is unknown."""
        self._forget(visitor)
        visitor.end.close()
        self._emulator.journals.disconnected(visitor.client)
        self._emulator.locks.client_disconnected(visitor.client)
        self._presence.client_disconnected(visitor.client)

    def _hear(self) -> None:
        """Hear out whoever has something to say now."""
        self._is_busy = True
        try:
            for key, _ in self._selector.select(0):
                key.data()
        finally:
            self._turn.end()
            self._is_busy = False

    def _forget(self, visitor: DirectConnection) -> None:
        self.visitors.discard(visitor)
        self._unwatch(visitor.end)

    def _accept(self, bound: socket.socket) -> None:
        """Take in one client: the loop asks again while there are more."""
        try:
            self._accepted(*bound.accept())
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "no client is taken in", "exception": error})
            self._unwatch(bound)
            loop.call_later(_PAUSE, self._watch, bound)

    def _watch(self, bound: socket.socket) -> None:
        if bound in self._listening:
            self._selector.register(bound, selectors.EVENT_READ, partial(self._accept, bound))

    def _unwatch(self, end: socket.socket) -> None:
        with suppress(KeyError):
            self._selector.unregister(end)

    def _accepted(self, end: socket.socket, peer: tuple[str, int]) -> None:
        end.setblocking(False)
        if peer[0] not in _HERE:
            hand_over(end, self._handle)
            return
        client = connection.Client(
            peername=peer,
            sockname=end.getsockname(),
            timestamp_start=seconds(),
            proxy_mode=self._main.mode,
            state=connection.ConnectionState.OPEN,
        )
        self._emulator.client_connected(client)
        self._presence.client_connected(client)
        self._presence.news += 1
        visitor = DirectConnection(client, end, self)
        self.visitors.add(visitor)
        self._selector.register(end, selectors.EVENT_READ, visitor.read)
