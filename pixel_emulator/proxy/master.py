"""A mitmproxy master with only the addons that an emulator needs, and its ports."""

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
from pixel_emulator.proxy.connections import (
    ClientStream,
    Connections,
    ModeInstance,
    TlsContexts,
    serve_client,
)
from pixel_emulator.proxy.egress_guard import PassThrough, SocketCloser
from pixel_emulator.proxy.fast_path.acceptor import Acceptor
from pixel_emulator.proxy.fast_path.select import FastPath
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.sessions import Sessions
from pixel_emulator.runtime.settings import Settings

_CLOSE_TIMEOUT = 1.0  # seconds, at the end, for tasks that outlive their connection


class LeanMaster(master.Master):
    """A mitmproxy with five of its 36 addons, each of which costs time per request, and ours.

    It listens itself: with the fast path, a connection does not begin in mitmproxy.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        directory: Path,
        sessions: Sessions,
        tls_contexts: TlsContexts,
    ) -> None:
        super().__init__(None)
        self._legacy_log_events.uninstall()  # it would handle every log record of this process
        emulator = PixelEmulator(settings, journal, sessions)
        self.guard = emulator.guard
        self._proxyserver = proxyserver.Proxyserver()
        self.connections = Connections(self._proxyserver)
        instance: ModeInstance = mode_servers.ServerInstance.make("regular", self._proxyserver)
        fast_path = FastPath(emulator, self._proxyserver) if settings.fast_path else None
        self.acceptor: Acceptor | None = None
        if fast_path and hasattr(select, "poll"):  # Windows: its loop watches no sockets
            self.acceptor = Acceptor(
                fast_path, emulator, self.connections, self._proxyserver, instance
            )
        self._serve_client = partial(serve_client, instance=instance, servers=self._proxyserver)
        self._listening: dict[int, ExitStack] = {}  # by port: what to call to stop
        self.addons.add(
            emulator,
            *([fast_path] if fast_path else []),
            self.connections,
            PassThrough(emulator.guard),
            SocketCloser(self._proxyserver),
            core.Core(),
            block.Block(),
            self._proxyserver,
            next_layer.NextLayer(),
            emulator.http1,
            tls_contexts,
        )
        self.options.update(
            confdir=str(directory),
            connection_strategy="lazy",
            # Mail clients of the internet ask a host with an own certificate. The egress guard lets
            # them reach no other host.
            block_global=not settings.cert,
            listen_host=settings.host,
            listen_port=settings.port,
            server=False,
        )

    async def open(self, host: str, port: int) -> int:
        """Do what `Master.run` does until it waits. Raises OSError if it cannot listen there."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._asyncio_exception_handler)
        loop.set_task_factory(asyncio.eager_task_factory)
        bound = await _bind_all(host, port)
        await self.running()
        self._address = bound[0].getsockname()
        return await self._serve(*bound)

    def bind(self) -> socket.socket:
        """Bind a free port at the address of the main one; it does not listen yet."""
        host = self._address[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sets TCP_NODELAY only on a socket with this protocol number.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.bind((host, 0))
        except OSError:
            bound.close()
            raise
        return bound

    async def listen(self, bound: socket.socket) -> None:
        """Serve a port like the main one."""
        await self._serve(bound)

    def stop_listening(self, port: int) -> None:
        """Stop serving such a port."""
        if listening := self._listening.pop(port, None):
            listening.close()

    def is_idle(self) -> bool:
        """Return True if every byte received is answered; see `Acceptor`."""
        return self.acceptor is not None and self.acceptor.is_idle()

    async def close(self) -> None:
        """Stop listening and close all connections, which `Master.run` does not."""
        for port in tuple(self._listening):
            self.stop_listening(port)
        await self.done()
        if self.acceptor:
            self.acceptor.close()
        for client in self._proxyserver.connections.values():
            if (io := client.transports.get(client.client)) and io.handler:
                io.handler.cancel()  # as mitmproxy does with an idle client
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)

    async def _serve(self, *bound: socket.socket) -> int:
        """Serve all addresses of a port; return the port."""
        port: int = bound[0].getsockname()[1]
        self._listening[port] = listening = ExitStack()
        for sock in bound:
            if self.acceptor:
                self.acceptor.listen(sock)
                listening.callback(self.acceptor.stop, sock)
            else:
                loop = asyncio.get_running_loop()
                server = await loop.create_server(self._stream, sock=sock)
                listening.callback(server.close)
        self.guard.own_ports.add(port)
        return port

    def _stream(self) -> ClientStream:
        return ClientStream(asyncio.StreamReader(), self._serve_client)


async def _bind_all(host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of a host, all with the same port."""
    loop = asyncio.get_running_loop()

    async def bind(port: int) -> list[socket.socket]:
        server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
        sockets = [socket.socket(fileno=os.dup(sock.fileno())) for sock in server.sockets]
        server.close()
        return sockets

    if port == 0:  # asyncio would choose another port for each address
        with suppress(OSError):
            return await bind(get_free_port())
    return await bind(port)
