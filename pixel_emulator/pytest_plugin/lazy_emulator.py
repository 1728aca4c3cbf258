"""The emulator of a run, started when it is first needed, and the sessions of tests on it."""

import os
import re
import shutil
import socket
import sys
import sysconfig
import threading
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, cast

import pytest

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Evidence, Exchange, Hit, HttpRequest
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.source_lines import MisuseError
from pixel_emulator.runtime.clock import faked_now, monotonic, utc_now
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.session import Endpoint, LocalSession, Session
from pixel_emulator.runtime.settings import TOKEN_VARIABLE, Settings


class DeferredSession:
    """The session of a test, on no emulator until a client has to reach it.

    Receiving needs neither an emulator nor a socket. `adopt` makes the session reachable; it is
    called once, when the address of the session is first read.
    """

    def __init__(self, session: LocalSession, adopt: Callable[[LocalSession], Session]) -> None:
        self.local = session
        """The session before it was reachable; it stays the same on an emulator in this process."""
        self._adopt = adopt
        self._lock = RLock()
        self._session: Session = session
        self._is_reachable = False
        self._subscribers: dict[Callable[[Hit], None], Callable[[], None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def is_local(self) -> bool:
        """True if the calls are recorded in this process."""
        return self._session is self.local

    @property
    def proxy(self) -> str:
        """See `Endpoint`."""
        return self.reachable().proxy

    @property
    def url(self) -> str:
        """See `Endpoint`."""
        return self.reachable().url

    @property
    def ca(self) -> Path:
        """See `Endpoint`."""
        return self.reachable().ca

    @property
    def bundle(self) -> Path:
        """See `Endpoint`."""
        return self.reachable().bundle

    @property
    def spki(self) -> str:
        """See `Endpoint`."""
        return self.reachable().spki

    def reachable(self) -> Session:
        """Return the session that clients can reach. Fails the test if there is no emulator."""
        with self._lock:
            if not self._is_reachable:
                was_closed = self.local.closed
                self._session = self._adopt(self.local)
                self._is_reachable = True
                if not self.is_local:
                    self._move_subscribers()
                    self.local.close()  # ends waits there; they go on with the new session
                if was_closed:  # later calls are strays
                    self._session.close()
            return self._session

    def receive(self, request: HttpRequest) -> Exchange:
        """See `Session`."""
        with self._lock:
            return self._session.receive(request)

    def clear(self) -> None:
        """See `Session`."""
        with self._lock:
            self._session.clear()

    def wait(self, seen: int, timeout: float) -> bool:
        """See `Session`."""
        end = monotonic() + timeout
        while True:
            session = self._session
            if session.wait(seen, max(0.0, end - monotonic())):
                return True
            if session is self._session:
                return False

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`."""
        with self._lock:
            self._subscribers[on_hit] = self._session.subscribe(on_hit)

        def unsubscribe() -> None:
            self._subscribers.pop(on_hit)()  # the function may have been replaced by a move

        return unsubscribe

    def _move_subscribers(self) -> None:
        """Subscribe to the new session, from the first hit that was not delivered."""
        moved_count = len(self.local.journal.hits)
        for on_hit, unsubscribe in self._subscribers.items():
            unsubscribe()

            def on_new_hit(hit: Hit, on_hit: Callable[[Hit], None] = on_hit) -> None:
                if hit.seq > moved_count:
                    on_hit(hit)

            self._subscribers[on_hit] = self._session.subscribe(on_new_hit)


_NOT_AWAITED = "a page was not led here: write `await pixels.route(page)`"


class RoutedSession:
    """A session that a Playwright context is routed to; lost requests are gaps in its evidence.

    Routes of the sync API run only in the thread that made them, during calls of Playwright. So
    they are run before evidence is read, and during a wait.
    """

    def __init__(self, session: Session, context: Any) -> None:
        self._session = session
        self._context = context
        from pixel_emulator.snippets import pixels

        self._snippet = pixels
        self._redirector = pixels.Redirector(session.url, session.hosts)
        self._awaited = True
        self._thread = None if pixels.is_async(context) else threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def redirect(self) -> Awaitable[None] | None:
        """Route the context to this session; with the async API, return what must be awaited."""
        if self._snippet.is_async(self._context):
            self._awaited = False
            return self._redirect_async()
        self._redirector.redirect(self._context)
        return None

    def evidence(self, since: int = 0) -> Evidence:
        """See `Session`."""
        self._run_routes(0)
        evidence = self._session.evidence(since)
        missing = () if self._awaited else (_NOT_AWAITED,)
        return replace(evidence, gaps=(*evidence.gaps, *missing, *self._redirector.lost))

    def wait(self, seen: int, timeout: float) -> bool:
        """See `Session`."""
        end = monotonic() + timeout
        while not self._session.wait(seen, 0):
            left = end - monotonic()
            if left <= 0 or self._session.closed:
                return False
            if not self._run_routes():
                return self._session.wait(seen, left)
        return True

    async def _redirect_async(self) -> None:
        await self._redirector.redirect_async(self._context)
        self._awaited = True

    def _run_routes(self, milliseconds: float = 10) -> bool:
        mine = self._thread == threading.get_ident()
        return mine and self._snippet.pump(self._context, milliseconds)


def routed(session: Session, target: Any) -> tuple[Session, Awaitable[None] | None]:
    """Return the session routed from a page or a context, and what must be awaited, if anything.

    Raises MisuseError for any other target.
    """
    context = getattr(target, "context", target)
    if not hasattr(context, "route"):
        raise MisuseError(f"`route` takes a page or a context of Playwright, but got {target!r}")
    routed_session = RoutedSession(session, context)
    return cast("Session", routed_session), routed_session.redirect()


_ALLOW_SOCKETS = (
    "`pixels.receive` needs no socket; for clients that connect, run pytest with "
    '`--allow-hosts=127.0.0.1`, or give the test the mark `allow_hosts(["127.0.0.1"])`'
)
_OTHER_PROCESS = (
    "set `pixel_emulator_command = pixel-emulator` in the ini file, and the emulator runs in a "
    "process of its own"
)


def check_sockets() -> None:
    """Raise InputError if this test may open no sockets, as with pytest-socket."""
    try:
        with warnings.catch_warnings(action="ignore"):  # pytest-socket warns, too
            socket.socket().close()
    except OSError:
        pass  # the next use of a socket will raise this
    except Exception as error:  # noqa: BLE001 - plugins raise errors of their own
        raise InputError(
            InputIssue(f"no sockets may be opened here ({error}): {_ALLOW_SOCKETS}")
        ) from None


def check_threads() -> None:
    """Raise InputError if a library has replaced the threads or sockets of Python."""
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    patched = {
        "gevent": gevent and any(map(gevent.is_module_patched, ("threading", "socket", "select"))),
        "eventlet": eventlet and any(map(eventlet.is_monkey_patched, ("thread", "socket"))),
    }
    for library in (name for name, is_patched in patched.items() if is_patched):
        why = f"{library} has patched this process, and no emulator can run in it"
        raise InputError(InputIssue(f"{why}: {_OTHER_PROCESS}"))


def advice_for(error: RuntimeError) -> str:
    """Return the advice for a connection that a plugin refuses."""
    return f"this process may not connect to it ({error}): {_ALLOW_SOCKETS}"


NO_EMULATOR = (
    "\nThe emulator runs in the process of the tests if `pixel-emulator[proxy]` is installed "
    "there. Otherwise set `pixel_emulator_command = /path/to/pixel-emulator` in the ini file, or "
    "give --pixel-url. `pixels.receive` needs no emulator."
)
"""Advice, in lines of its own, after the reason why no emulator could be started."""


def installed_program() -> str:
    """Return the path of the `pixel-emulator` on PATH; that of this environment is left out,
    because the extra `proxy` is not installed here. Raises InputError if there is none."""
    here = sysconfig.get_path("scripts")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    others = os.pathsep.join(folder for folder in folders if folder != here)
    if program := shutil.which("pixel-emulator", path=others):
        return program
    missing = "no `pixel-emulator` with the extra `proxy` is found"
    raise InputError(InputIssue(f"{missing}{NO_EMULATOR}"))


_SESSION = re.compile(r'session "([^"]+)"')


class EmulatorHandle(Endpoint, Protocol):
    """A running emulator. Requests to its own `proxy` and `url` belong to no test."""

    @property
    def settings(self) -> Settings: ...

    def adopt(self, session: LocalSession) -> Session:
        """Make a session reachable that was on no emulator; return it as it is here."""

    def drain(self, timeout: float) -> bool:
        """Wait until all connections are closed and their requests recorded; False on timeout."""

    def environ(self, session: Session) -> dict[str, str]:
        """Return the variables that a command needs to use a session."""

    def strays(self) -> tuple[str, ...]:
        """Return a sentence for each session that received calls after its end."""

    def unrouted_count(self) -> int:
        """Return the number of requests to itself, if it is ours: they belong to no test."""

    def close(self) -> None:
        """Disconnect, and stop the emulator if it is ours."""


class LazyEmulator:
    """The emulator of a run, started when a test first needs it.

    Reading its address fails the test if it cannot be started, or if the test may open no sockets.
    Requests to its own `proxy` and `url` belong to no test.
    """

    def __init__(self, settings: Settings, start: Callable[[], EmulatorHandle]) -> None:
        self.settings = settings
        self.titles: dict[str, str] = {}
        """Test ids (with labels) by the names that their sessions have on the emulator."""
        self._start = start
        self._lock = RLock()
        self._handle: EmulatorHandle | None = None

    def handle(self) -> EmulatorHandle:
        """Return the emulator, started on first use. Fails the test if that is impossible."""
        try:
            check_sockets()
            with self._lock:
                if self._handle is None:
                    self._handle = self._start()
                return self._handle
        except InputError as error:
            raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None

    @property
    def proxy(self) -> str:
        """See `Endpoint`."""
        return self.handle().proxy

    @property
    def url(self) -> str:
        """See `Endpoint`."""
        return self.handle().url

    @property
    def ca(self) -> Path:
        """See `Endpoint`."""
        return self.handle().ca

    @property
    def bundle(self) -> Path:
        """See `Endpoint`."""
        return self.handle().bundle

    @property
    def spki(self) -> str:
        """See `Endpoint`."""
        return self.handle().spki

    @property
    def hosts(self) -> tuple[str, ...]:
        """See `Endpoint`."""
        return self.handle().hosts if self._handle else self.settings.hosts

    def open(self, settings: Settings, title: str, clock: Clock = Clock.REAL) -> DeferredSession:
        """Return a new session; `title` names its test in messages."""

        def adopt(session: LocalSession) -> Session:
            adopted = self.handle().adopt(session)
            self.titles[adopted.name] = title
            return adopted

        journal = Journal(settings, now=utc_now if clock is Clock.REAL else faked_now)
        return DeferredSession(LocalSession(journal, settings, clock), adopt)

    def environ(self, session: DeferredSession) -> dict[str, str]:
        """Return the variables that a command needs to use a session."""
        return self.handle().environ(session.reachable())

    def drain(self, timeout: float) -> bool:
        """Wait until all connections are closed and their requests recorded; False on timeout."""
        return self._handle.drain(timeout) if self._handle else True

    def stray_calls(self) -> tuple[str, ...]:
        """Return sentences about calls that came too late or for no test, with the tests' names."""
        if self._handle is None:
            return ()

        def named(match: re.Match[str]) -> str:
            title = self.titles.get(match[1])
            return f"a session of {title}" if title else match[0]

        strays = [_SESSION.sub(named, stray) for stray in self._handle.strays()]
        if count := self._handle.unrouted_count():
            came, belong = ("requests", "belong") if count > 1 else ("request", "belongs")
            strays.append(f"{count} {came} came to the emulator itself and {belong} to no test")
        return tuple(strays)

    def close(self) -> None:
        """Stop the emulator, if it is ours and was started; does nothing the second time."""
        with self._lock:
            handle, self._handle = self._handle, None
        if handle:
            handle.close()


def control_variables(url: str, token: str, session: Session) -> dict[str, str]:
    """Return the variables by which a command finds the control API and its session there."""
    return {
        "PIXEL_EMULATOR_CONTROL": url,
        TOKEN_VARIABLE: token,
        "PIXEL_EMULATOR_SESSION": session.name,
    }
