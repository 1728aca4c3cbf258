"""A mitmproxy that has only what an emulator needs, and its ports."""

import asyncio
import os
import select
import socket
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from mitmproxy import master
from mitmproxy.addons import block, core, next_layer, proxyserver
from mitmproxy.net.free_port import get_free_port
from mitmproxy.proxy import mode_servers

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.ca import TlsContexts
from pixel_emulator.proxy.connections import ClientStream, Connections, Main, handle
from pixel_emulator.proxy.egress_guard import HangUp, PassThrough
from pixel_emulator.proxy.fast_path.acceptor import Acceptor
from pixel_emulator.proxy.fast_path.select import FastPath
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.sessions import Sessions
from pixel_emulator.runtime.settings import Settings

_PATIENCE = 1.0  # seconds, at the end, for what is not cancelled by its client's leaving


class LeanMaster(master.Master):
    """A mitmproxy with five of its 36 addons, which cost every request, and ours around them.

    It listens itself: with the fast path, what comes is not mitmproxy's from the first byte.
    """

    def __init__(
        self, settings: Settings, journal: Journal, directory: Path, sessions: Sessions
    ) -> None:
        super().__init__(None)
        self._legacy_log_events.uninstall()  # it would take every record of this process
        emulator = PixelEmulator(settings, journal, sessions)
        self.locks = emulator.locks
        self._proxyserver = proxyserver.Proxyserver()
        self.presence = Connections(self._proxyserver)
        main: Main = mode_servers.ServerInstance.make("regular", self._proxyserver)
        fast_path = FastPath(emulator, self._proxyserver) if settings.fast_path else None
        self.entrance: Acceptor | None = None
        if fast_path and hasattr(select, "poll"):  # Windows: its loop watches no sockets
            self.entrance = Acceptor(fast_path, emulator, self.presence, self._proxyserver, main)
        self._handle = partial(handle, main=main, servers=self._proxyserver)
        self._listening: dict[int, ExitStack] = {}  # by port: what ends that
        self.addons.add(
            emulator,
            *([fast_path] if fast_path else []),
            self.presence,
            PassThrough(emulator.locks),
            HangUp(self._proxyserver),
            core.Core(),
            block.Block(),
            self._proxyserver,
            next_layer.NextLayer(),
            emulator.http1,
            TlsContexts(),
        )
        self.options.update(
            confdir=str(directory),
            connection_strategy="lazy",
            listen_host=settings.host,
            listen_port=settings.port,
            server=False,
        )

    async def open(self, host: str, port: int) -> int:
        """What `Master.run` does until it waits; raises OSError where nobody can listen there."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._asyncio_exception_handler)
        loop.set_task_factory(asyncio.eager_task_factory)
        bound = await _bound(host, port)
        await self.running()
        self._address = bound[0].getsockname()
        return await self._serve(*bound)

    def bind(self) -> socket.socket:
        """A free port at the same address as the main one; nobody can come to it yet."""
        host = self._address[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends without delay (TCP_NODELAY) only where the protocol is named.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.bind((host, 0))
        except OSError:
            bound.close()
            raise
        return bound

    async def listen(self, bound: socket.socket) -> None:
        """Serve a port as the main one is served."""
        await self._serve(bound)

    def stop_listening(self, port: int) -> None:
        """Serve such a port no longer."""
        if listening := self._listening.pop(port, None):
            listening.close()

    def is_quiet(self) -> bool:
        """Whether all that was said is answered; see `Acceptor`."""
        return self.entrance is not None and self.entrance.is_quiet()

    async def close(self) -> None:
        """Stop listening and hang up, which `Master.run` forgets."""
        for port in tuple(self._listening):
            self.stop_listening(port)
        await self.done()
        if self.entrance:
            self.entrance.close()
        for client in self._proxyserver.connections.values():
            if (end := client.transports.get(client.client)) and end.handler:
                end.handler.cancel()  # as mitmproxy does with an idle client
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=_PATIENCE)

    async def _serve(self, *bound: socket.socket) -> int:
        """Serve all addresses of a port, which is returned."""
        port: int = bound[0].getsockname()[1]
        self._listening[port] = listening = ExitStack()
        for each in bound:
            if self.entrance:
                self.entrance.listen(each)
                listening.callback(self.entrance.shut, each)
            else:
                loop = asyncio.get_running_loop()
                server = await loop.create_server(self._stream, sock=each)
                listening.callback(server.close)
        self.locks.own_ports.add(port)
        return port

    def _stream(self) -> ClientStream:
        return ClientStream(asyncio.StreamReader(), self._handle)


async def _bound(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host, all with the same port."""
    loop = asyncio.get_running_loop()

    async def bind(port: int) -> list[socket.socket]:
        server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
        ours = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
        server.close()
        return ours

    if port == 0:  # asyncio would take another one for each address
        with suppress(OSError):
            return await bind(get_free_port())
    return await bind(port)
