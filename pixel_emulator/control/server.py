"""Server of the control API: its own port, in the emulator's event loop."""

import asyncio
import errno
import logging
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import uvicorn

from pixel_emulator.control.asgi_app import application
from pixel_emulator.control.request_context import AppState
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.proxy.emulator import Emulator, url_of

_STOP_TIMEOUT = 0.5
"""Seconds at the end for clients to read their responses."""

_KEEP_ALIVE = 75
_PASSIVE = socket.AI_PASSIVE  # an empty host means all addresses
_THREADS = 8


class Control:
    """Serves the control API on a port of its own, as a context manager.

    It listens on loopback unless the settings say otherwise. `token` is the secret that clients
    must send: that of the emulator's settings, or a random one.
    Leave this context before the emulator's. Entering raises InputError if the port is not
    available.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.token = emulator.settings.control_token or secrets.token_urlsafe(32)
        self.port = 0
        self._emulator = emulator
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """URL of the API: `http://127.0.0.1:PORT`."""
        return url_of(self._emulator.settings.control_host, self.port)

    def __enter__(self) -> Self:
        loop = self._emulator.loop
        with ExitStack() as stack:
            threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pixel-emulator-control")
            stack.enter_context(threads)
            settings = self._emulator.settings
            listener = stack.enter_context(listen(settings.control_port, settings.control_host))
            self.port = listener.getsockname()[1]
            # Clients of the proxy connect from this machine, too; they must not reach the API.
            self._emulator.block_port(self.port)
            server_task = _ServerTask(AppState(self._emulator, threads), listener, self.token)
            asyncio.run_coroutine_threadsafe(server_task.start(), loop).result()
            stack.callback(
                lambda: asyncio.run_coroutine_threadsafe(server_task.stop(), loop).result()
            )
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._running.close()


def listen(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """Listen on this port of an address, or on a free one.

    Connections wait in the backlog until the server accepts them. Raises InputError if the host or
    the port is not available.
    """
    try:
        infos = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=_PASSIVE)
        # `localhost` is often both: its URL then says 127.0.0.1.
        family, _, _, _, address = min(infos, key=lambda info: info[0] != socket.AF_INET)
        # asyncio sets TCP_NODELAY only if the socket names its protocol.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        issue = f"control_host: cannot listen on {host}: {error}"
        raise InputError(InputIssue(issue)) from None
    # As asyncio does. Without it the port stays in TIME_WAIT for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address[0], port, *address[2:]))
        # SO_REUSEADDR lets two sockets bind the same port, but only one of them listen.
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
            issue = f"control_host: {host} is no address of this machine"
        else:
            reason = f"{port} cannot be had: {error}"
            issue = f"control_port: {reason}; take another one, or 0 for a free one"
        raise InputError(InputIssue(issue)) from None
    return listener


class _ServerTask:
    """The uvicorn server as a task of the event loop."""

    def __init__(self, state: AppState, listener: socket.socket, token: str) -> None:
        self._state = state
        self._listener = listener
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            application(state, port=port, token=token, host=state.emulator.settings.control_host),
            access_log=False,
            date_header=False,
            http="h11",  # mitmproxy depends on it anyway
            lifespan="off",
            log_config=None,  # the log configuration belongs to the emulator
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            ws="none",
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._server = uvicorn.Server(config)

    async def start(self) -> None:
        """Return when requests are served."""
        self._task = asyncio.ensure_future(self._server.serve(sockets=[self._listener]))
        while not (self._server.started or self._task.done()):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Let pending responses finish, then close all connections."""
        self._state.stopping.set()
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=_STOP_TIMEOUT)
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        for task in tuple(self._server.server_state.tasks):
            task.cancel()
        await self._task
