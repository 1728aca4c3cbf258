"""The emulator as an object: a mitmproxy master in a thread, with its own directory and CA."""

import asyncio
import errno
import re
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

with warnings.catch_warnings(action="ignore"):  # mitmproxy 12 imports deprecated names of others
    from pixel_emulator.proxy.master import LeanMaster

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import HttpRequest, HttpResponse
from pixel_emulator.proxy.addon import FailureHandler
from pixel_emulator.proxy.ca import CertificateAuthority, own_certificates
from pixel_emulator.proxy.connections import TlsContexts
from pixel_emulator.proxy.hosts import Hosts, dialable_address, is_any_address, normalize_host
from pixel_emulator.proxy.process_globals import (
    loop_in_thread,
    real_clock,
    silenced_log,
    single_instance,
)
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.server_info import private_directory, remove_stale
from pixel_emulator.runtime.sessions import Sessions
from pixel_emulator.runtime.settings import Settings

_PORT = re.compile(r":\d+$")
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_JSON = (("Content-Type", "application/json"),)
_PEM = (("Content-Type", "application/x-pem-file"),)
_PAGES: dict[bytes, Callable[[CertificateAuthority], HttpResponse]] = {
    b"/health": lambda _: HttpResponse(200, _JSON, b'{"status":"ok"}'),
    b"/ca.pem": lambda authority: HttpResponse(200, _PEM, authority.ca.read_bytes()),
    b"/bundle.pem": lambda authority: HttpResponse(200, _PEM, authority.bundle.read_bytes()),
}
"""What the emulator's own ports answer beside the endpoint: what a machine needs that reaches the
proxy and not the control API."""


class Emulator:
    """A running emulator, as a context manager.

    `port` is the port that it listens on; `directory` holds its files until the end. `journal` is
    that of the default session in `sessions`. Entering raises InputError if it cannot listen or a
    host is not a host name, RuntimeError if another emulator runs in this process.
    """

    directory: Path
    authority: CertificateAuthority
    loop: asyncio.AbstractEventLoop

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self.journal = journal
        self.port = settings.port
        self.sessions = Sessions(self, journal)
        self._hosts = Hosts.of(settings.hosts)
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Address as a server and as a proxy: `http://127.0.0.1:PORT`."""
        return url_of(self.settings.host, self.port)

    proxy = url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(single_instance())
            remove_stale()
            self.directory = stack.enter_context(private_directory())
            hosts = (*self.settings.hosts, *dialable_address(self.settings.host))
            self._own = own_certificates(self.settings.certificates())
            self.authority = CertificateAuthority.create(
                self.directory,
                [host for host in hosts if normalize_host(host) not in self._own],
                self.settings.ca_dir,
            )
            stack.enter_context(silenced_log())
            stack.enter_context(real_clock())
            self.loop = stack.enter_context(loop_in_thread())
            self.port = asyncio.run_coroutine_threadsafe(self._open(stack), self.loop).result()
            handler = FailureHandler(self.sessions)
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
        """Wait until everything that clients have sent is in the journal and all have disconnected.

        Return False if some are still connected after `timeout` seconds; what they have sent is in
        the journal, too.
        """
        connections = self._master.connections
        if self._master.is_idle() and (not connections.count or timeout <= 0):
            return not connections.count
        draining = connections.drain(timeout)
        return asyncio.run_coroutine_threadsafe(draining, self.loop).result()

    def emulates(self, host: str) -> bool:
        """Return True if this is an emulated host; it may have a port."""
        return self._hosts.match(_PORT.sub("", host)) is not None

    def own_page(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response to a request for one of `_PAGES`, None for all others."""
        if request.target not in _PAGES or request.method not in ("GET", "HEAD"):
            return None
        try:
            return _PAGES[request.target](self.authority)
        except OSError as error:  # a trust store of this machine
            return HttpResponse(500, _TEXT, f"{error}\n".encode())

    def listen(self, claim: Callable[[int], bool]) -> str:
        """Open a port for a session, one that `claim` returns True for; return its URL.

        Raises InputError if that fails. Must not be called from the emulator's own thread.
        """
        try:
            with ExitStack() as refused:
                while not claim((own := self._master.bind()).getsockname()[1]):
                    refused.enter_context(own)  # else the next one would have the same port
            port: int = own.getsockname()[1]
            asyncio.run_coroutine_threadsafe(self._master.listen(own), self.loop).result()
        except OSError as error:
            raise InputError(InputIssue(f"a session gets no port: {error}")) from error
        return url_of(self.settings.host, port)

    def stop_listening(self, port: int) -> None:
        """Stop listening on the port of a session; open connections stay."""
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self._master.stop_listening, port)

    def block_port(self, port: int) -> None:
        """Refuse connections to this port of the machine."""
        self._master.guard.closed_ports.add(port)

    async def _open(self, stack: ExitStack) -> int:
        """Start to listen; return the port."""
        self._master = master = LeanMaster(
            self.settings, self.journal, self.directory, self.sessions, TlsContexts(self._own)
        )
        loop = asyncio.get_running_loop()
        stack.callback(lambda: asyncio.run_coroutine_threadsafe(master.close(), loop).result())
        try:
            return await master.open(self.settings.host, self.settings.port)
        except (OSError, OverflowError, UnicodeError) as error:  # for host, port, host
            raise InputError(_cannot_listen(self.settings, error)) from error


def url_of(host: str, port: int) -> str:
    """Return the URL of a port for a client on this machine; `host` is what it listens on."""
    host = normalize_host(host)
    if is_any_address(host) or host == "localhost":
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(settings: Settings, error: Exception) -> InputIssue:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return InputIssue(f"port: {settings.port} is in use; take another one, or 0 for a free one")
    reason = error.__cause__ or error
    return InputIssue(f"cannot listen on {settings.host}, port {settings.port}: {reason}")
