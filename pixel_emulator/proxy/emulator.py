"""The emulator as an object: a lean mitmproxy in a thread, with a directory and a CA of its own."""

import asyncio
import errno
import logging
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

with warnings.catch_warnings(action="ignore"):  # mitmproxy 12 imports deprecated names of others
    from mitmproxy import connection, http, master
    from mitmproxy.addons import block, core, next_layer, proxyserver, tlsconfig

from pixel_emulator.config import Settings
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.journal import Journal
from pixel_emulator.proxy.addon import MITMPROXY, FailureHandler, PixelEmulator
from pixel_emulator.proxy.authority import Authority
from pixel_emulator.proxy.hosts import addressed, folded
from pixel_emulator.proxy.locks import Locks
from pixel_emulator.proxy.presence import Presence

_ANY_ADDRESS = ("", "0.0.0.0", "::", "localhost")  # noqa: S104 - what was asked for is compared
_PATIENCE = 1.0  # seconds, at the end, for what is not cancelled by its client's leaving
# mitmproxy keeps its options and addons in globals: a second master would take over the first.
_THE_ONLY = threading.Lock()


class Emulator:
    """A running emulator, as a context manager.

    `port` is what it listens on, `directory` holds what it writes, until the end. Entering raises
    InputError where it cannot listen or a host is no name, RuntimeError where another emulator
    runs in this process.
    """

    directory: Path
    authority: Authority

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self.journal = journal
        self.port = settings.port
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Its address, both as a server and as a proxy: `http://127.0.0.1:PORT`."""
        host = folded(self.settings.host)
        host = "127.0.0.1" if host in _ANY_ADDRESS else host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    proxy = url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(_the_only())
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="pixel-emulator-"))
            self.directory = Path(name)
            hosts = (*self.settings.hosts, *addressed(self.settings.host))
            self.authority = Authority.create(self.directory, hosts)
            stack.enter_context(_kept_quiet())
            loop = stack.enter_context(_loop_in_a_thread())
            self.port = asyncio.run_coroutine_threadsafe(self._open(stack), loop).result()
            handler = FailureHandler(self.journal)
            handler.install()
            stack.callback(handler.uninstall)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def drain(self, timeout: float) -> bool:
        """Wait until all that clients have sent is in the journal and all have gone.

        False if some are still connected after `timeout` seconds.
        """
        lean = self._lean
        gone = asyncio.run_coroutine_threadsafe(lean.presence.gone(), lean.event_loop)
        try:
            gone.result(timeout)
        except TimeoutError:
            gone.cancel()
            return False
        return True

    async def _open(self, stack: ExitStack) -> int:
        """Start to listen; returns the port."""
        self._lean = lean = LeanMaster(self.settings, self.journal, self.directory)
        loop = asyncio.get_running_loop()
        stack.callback(lambda: asyncio.run_coroutine_threadsafe(lean.close(), loop).result())
        try:
            return await lean.open()
        except (OSError, OverflowError, UnicodeError) as error:  # for host, port, host
            raise InputError(_cannot_listen(self.settings, error)) from error


class LeanMaster(master.Master):
    """A mitmproxy with five of its 36 addons, which cost every request, and ours before them."""

    def __init__(self, settings: Settings, journal: Journal, directory: Path) -> None:
        super().__init__(None)
        self._legacy_log_events.uninstall()  # it would take every record of this process
        emulator = PixelEmulator(settings, journal)
        self.presence = Presence()
        self._proxyserver = proxyserver.Proxyserver()
        self.addons.add(
            emulator,
            self.presence,
            PassThrough(emulator.locks),
            HangUp(self._proxyserver),
            core.Core(),
            block.Block(),
            self._proxyserver,
            next_layer.NextLayer(),
            tlsconfig.TlsConfig(),
        )
        self.options.update(
            confdir=str(directory),
            connection_strategy="lazy",
            listen_host=settings.host,
            listen_port=settings.port,
        )

    async def open(self) -> int:
        """What `Master.run` does until it waits; raises where it only logs."""
        self.event_loop.set_exception_handler(self._asyncio_exception_handler)
        self.event_loop.set_task_factory(asyncio.eager_task_factory)
        await self._proxyserver.setup_servers()
        for server in self._proxyserver.servers:
            if server.last_exception:
                raise server.last_exception
        await self.running()
        return self._proxyserver.listen_addrs()[0][1]

    async def close(self) -> None:
        """Stop listening and hang up, which `Master.run` forgets."""
        await self._proxyserver.servers.update([])
        await self.done()
        for client in self._proxyserver.connections.values():
            if (end := client.transports.get(client.client)) and end.handler:
                end.handler.cancel()  # as mitmproxy does with an idle client
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=_PATIENCE)


class PassThrough:
    """Hands on what other hosts say as it comes: nothing is kept, and nothing waits for its end."""

    name = "pixel_emulator_pass_through"

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._locks.host_of(flow):
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code != 101 and not self._locks.host_of(flow):
            flow.response.stream = True


class HangUp:
    """Closes what mitmproxy leaves open where a client and its server end in the same moment."""

    name = "pixel_emulator_hang_up"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self._servers = servers

    def client_disconnected(self, client: connection.Client) -> None:
        handler = self._servers.connections.get(client.id)
        for end in handler.transports.values() if handler else ():
            if end.writer:
                end.writer.close()


@contextmanager
def _the_only() -> Iterator[None]:
    if not _THE_ONLY.acquire(blocking=False):
        raise RuntimeError("an emulator is running in this process: stop it, or share it")
    try:
        yield
    finally:
        _THE_ONLY.release()


@contextmanager
def _kept_quiet() -> Iterator[None]:
    """Keep mitmproxy's log from the handlers of this process, and from stderr."""
    silence, level, propagate = logging.NullHandler(), MITMPROXY.level, MITMPROXY.propagate
    MITMPROXY.addHandler(silence)
    MITMPROXY.setLevel(logging.ERROR)
    MITMPROXY.propagate = False
    try:
        yield
    finally:
        MITMPROXY.removeHandler(silence)
        MITMPROXY.setLevel(level)
        MITMPROXY.propagate = propagate


@contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()

    def live() -> None:
        with runner:  # at its end it cancels what still runs
            loop.run_forever()

    thread = threading.Thread(target=live, name="pixel-emulator", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _cannot_listen(settings: Settings, error: Exception) -> Mistake:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Mistake(f"port: {settings.port} is in use; take another one, or 0 for a free one")
    reason = error.__cause__ or error
    return Mistake(f"cannot listen on {settings.host}, port {settings.port}: {reason}")
