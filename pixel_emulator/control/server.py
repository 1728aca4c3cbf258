"""The control API of a running emulator: its own port, in the emulator's own loop."""

import asyncio
import logging
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import uvicorn

from pixel_emulator.control.app import application
from pixel_emulator.control.context import AppState
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.proxy.emulator import Emulator

_PATIENCE = 0.5
"""Seconds at the end for clients to read what they have asked for."""

_KEEP_ALIVE = 75
_THREADS = 8


class Control:
    """Serves the control API on a port of the loopback, as a context manager.

    `token` is what clients must know: that of the emulator's settings, or a random one. It has to
    be left before the emulator is. Entering raises InputError where the port cannot be had.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.token = emulator.settings.control_token or secrets.token_urlsafe(32)
        self.port = 0
        self._emulator = emulator
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Where it is: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        loop = self._emulator.loop
        with ExitStack() as stack:
            threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pixel-emulator-control")
            stack.enter_context(threads)
            listener = stack.enter_context(on_loopback(self._emulator.settings.control_port))
            self.port = listener.getsockname()[1]
            # Whoever is led through the proxy comes from this machine, too.
            self._emulator.block_port(self.port)
            serving = _Serving(AppState(self._emulator, threads), listener, self.token)
            asyncio.run_coroutine_threadsafe(serving.start(), loop).result()
            stack.callback(lambda: asyncio.run_coroutine_threadsafe(serving.stop(), loop).result())
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._running.close()


def on_loopback(port: int = 0) -> socket.socket:
    """This port of the loopback, or a free one; who comes waits until it is served.

    Raises InputError where it cannot be had.
    """
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # As asyncio does: else the port is taken for a minute after its last emulator.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        # Two that are bound may share a port with this option, two that listen never.
        bound.listen()
    except (OSError, OverflowError) as error:
        bound.close()
        reason = f"{port} cannot be had: {error}; take another one, or 0 for a free one"
        raise InputError(InputIssue(f"control_port: {reason}")) from None
    return bound


class _Serving:
    """What happens inside the loop."""

    def __init__(self, backend: AppState, listener: socket.socket, token: str) -> None:
        self._backend = backend
        self._listener = listener
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            application(backend, port=port, token=token),
            access_log=False,
            date_header=False,
            http="h11",  # mitmproxy brings it anyway
            lifespan="off",
            log_config=None,  # the log of this process is somebody else's
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            ws="none",
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._server = uvicorn.Server(config)

    async def start(self) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.ensure_future(self._server.serve(sockets=[self._listener]))
        while not (self._server.started or self._task.done()):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Let the answers go out that are under way, and hang up."""
        self._backend.stopping.set()
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=_PATIENCE)
        for each in tuple(self._server.server_state.connections):
            each.transport.abort()
        for task in tuple(self._server.server_state.tasks):
            task.cancel()
        await self._task
