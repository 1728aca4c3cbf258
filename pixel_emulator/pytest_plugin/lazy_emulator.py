"""The emulator of a run, started when it is first needed, and the sessions of tests on it."""

import re
import socket
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, cast

import pytest

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Evidence, Hit, PixelRequest
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.source_lines import MisuseError
from pixel_emulator.runtime.clock import faked_now, monotonic, utc_now
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.session import Endpoint, LocalSession, Session
from pixel_emulator.runtime.settings import TOKEN_VARIABLE, Settings


class DeferredSession:
    """The session of a test. What is received needs no emulator, and no socket.

    `take_over` makes the session reachable; it is called once, when a client is to be told where
    it is.
    """

    def __init__(self, session: LocalSession, take_over: Callable[[LocalSession], Session]) -> None:
        self.first = session
        """The session before it was reachable; it stays the same on an emulator in this process."""
        self._take_over = take_over
        self._lock = RLock()
        self._session: Session = session
        self._is_reachable = False
        self._followers: dict[Callable[[Hit], None], Callable[[], None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def is_local(self) -> bool:
        """Whether its calls are recorded in this process."""
        return self._session is self.first

    @property
    def proxy(self) -> str:
        """See `Reach`."""
        return self.reachable().proxy

    @property
    def url(self) -> str:
        """See `Reach`."""
        return self.reachable().url

    @property
    def ca(self) -> Path:
        """See `Reach`."""
        return self.reachable().ca

    @property
    def bundle(self) -> Path:
        """See `Reach`."""
        return self.reachable().bundle

    @property
    def spki(self) -> str:
        """See `Reach`."""
        return self.reachable().spki

    def reachable(self) -> Session:
        """Return the session that clients can reach. Fails the test if there is no emulator."""
        with self._lock:
            if not self._is_reachable:
                was_closed = self.first.closed
                self._session = self._take_over(self.first)
                self._is_reachable = True
                if not self.is_local:
                    self._move_followers()
                    self.first.close()  # whoever waits there goes on here
                if was_closed:  # what still comes for it is a stray
                    self._session.close()
            return self._session

    def receive(self, request: PixelRequest) -> Hit:
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

    def subscribe(self, tell: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`."""
        with self._lock:
            self._followers[tell] = self._session.subscribe(tell)

        def leave() -> None:
            self._followers.pop(tell)()  # by now perhaps another one

        return leave

    def _move_followers(self) -> None:
        """Subscribe again, to what those who have subscribed were not told yet."""
        known = len(self.first.journal.hits)
        for tell, leave in self._followers.items():
            leave()

            def later(hit: Hit, tell: Callable[[Hit], None] = tell) -> None:
                if hit.seq > known:
                    tell(hit)

            self._followers[tell] = self._session.subscribe(later)


_NOT_AWAITED = "a page was not led here: write `await pixels.route(page)`"


class RoutedSession:
    """A session that a context is led to: what is lost on the way there is a gap in its evidence.

    Routes of the sync API run only in the thread that made them, while Playwright is asked
    something there: so they are given their turn before there is evidence, and while it waits.
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

    def divert(self) -> Awaitable[None] | None:
        """Lead the context here; to be awaited for the async API."""
        if self._snippet.is_async(self._context):
            self._awaited = False
            return self._divert_async()
        self._redirector.redirect(self._context)
        return None

    def evidence(self, since: int = 0) -> Evidence:
        """See `Session`."""
        self._give_turn(0)
        known = self._session.evidence(since)
        missing = () if self._awaited else (_NOT_AWAITED,)
        return replace(known, gaps=(*known.gaps, *missing, *self._redirector.lost))

    def wait(self, seen: int, timeout: float) -> bool:
        """See `Session`."""
        end = monotonic() + timeout
        while not self._session.wait(seen, 0):
            left = end - monotonic()
            if left <= 0 or self._session.closed:
                return False
            if not self._give_turn():
                return self._session.wait(seen, left)
        return True

    async def _divert_async(self) -> None:
        await self._redirector.redirect_async(self._context)
        self._awaited = True

    def _give_turn(self, milliseconds: float = 10) -> bool:
        mine = self._thread == threading.get_ident()
        return mine and self._snippet.pump(self._context, milliseconds)


def routed(session: Session, target: Any) -> tuple[Session, Awaitable[None] | None]:
    """The session as it is once the context of `target`, a page or a context, is led there.

    Raises MisuseError for what is neither.
    """
    context = getattr(target, "context", target)
    if not hasattr(context, "route"):
        raise MisuseError(f"`route` takes a page or a context of Playwright, but got {target!r}")
    routed_session = RoutedSession(session, context)
    return cast("Session", routed_session), routed_session.divert()


_ALLOWED = (
    "`pixels.receive` needs no socket; for clients that connect, run pytest with "
    '`--allow-hosts=127.0.0.1`, or give the test the mark `allow_hosts(["127.0.0.1"])`'
)
_ELSEWHERE = (
    "set `pixel_emulator_command = pixel-emulator` in the ini file, and the emulator runs in a "
    "process of its own"
)


def check_sockets() -> None:
    """Raise InputError if this test may open no sockets, as pytest-socket has it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # pytest-socket warns, too
            socket.socket().close()
    except OSError:
        pass  # whoever opens the next one hears what is wrong
    except Exception as error:  # noqa: BLE001 - each plugin has an error of its own
        raise InputError(
            InputIssue(f"no sockets may be opened here ({error}): {_ALLOWED}")
        ) from None


def check_threads() -> None:
    """Raise InputError if a library has put its own threads or sockets in place of Python's."""
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    patched = {
        "gevent": gevent and any(map(gevent.is_module_patched, ("threading", "socket", "select"))),
        "eventlet": eventlet and any(map(eventlet.is_monkey_patched, ("thread", "socket"))),
    }
    for library in (name for name, is_patched in patched.items() if is_patched):
        why = f"{library} has patched this process, and no emulator can run in it"
        raise InputError(InputIssue(f"{why}: {_ELSEWHERE}"))


def advice_for(error: RuntimeError) -> str:
    """Return what to do if a plugin refuses a connection to the emulator."""
    return f"this process may not connect to it ({error}): {_ALLOWED}"


_SESSION = re.compile(r'session "([^"]+)"')


class EmulatorHandle(Endpoint, Protocol):
    """A running emulator. What comes to its own `proxy` and `url` belongs to no test."""

    @property
    def settings(self) -> Settings: ...

    def take_over(self, session: LocalSession) -> Session:
        """Let clients reach a session that so far was on no emulator. Returns what it is here."""

    def drain(self, timeout: float) -> bool:
        """Wait until all that clients have sent is known and all have gone; False if not."""

    def environ(self, session: Session) -> dict[str, str]:
        """The variables that lead a command to a session, to be added to the others."""

    def strays(self) -> tuple[str, ...]:
        """A sentence for each session that calls came for when it was over."""

    def unclaimed(self) -> int:
        """How many requests came to itself, if it is ours: they belong to no test."""

    def close(self) -> None:
        """Leave it, and stop it if it is ours."""


class LazyEmulator:
    """The one emulator of a run, started when a test first asks for what only an emulator has.

    Asking for it fails the test if none can be started, or if this test may open no sockets. What
    comes to its own `proxy` and `url` belongs to no test.
    """

    def __init__(self, settings: Settings, start: Callable[[], EmulatorHandle]) -> None:
        self.settings = settings
        self.titles: dict[str, str] = {}
        """What the sessions of this run are for, by their names on the emulator."""
        self._start = start
        self._lock = RLock()
        self._host: EmulatorHandle | None = None

    def running(self) -> EmulatorHandle:
        """Return the emulator, started if it was not. Fails the test if that is impossible."""
        try:
            check_sockets()
            with self._lock:
                if self._host is None:
                    self._host = self._start()
                return self._host
        except InputError as error:
            raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None

    @property
    def proxy(self) -> str:
        """See `Endpoint`."""
        return self.running().proxy

    @property
    def url(self) -> str:
        """See `Endpoint`."""
        return self.running().url

    @property
    def ca(self) -> Path:
        """See `Endpoint`."""
        return self.running().ca

    @property
    def bundle(self) -> Path:
        """See `Endpoint`."""
        return self.running().bundle

    @property
    def spki(self) -> str:
        """See `Endpoint`."""
        return self.running().spki

    @property
    def hosts(self) -> tuple[str, ...]:
        """See `Endpoint`."""
        return self.running().hosts if self._host else self.settings.hosts

    def open(self, settings: Settings, title: str, clock: Clock = Clock.REAL) -> DeferredSession:
        """Return a new session for a test; `title` says whose it is."""

        def take_over(session: LocalSession) -> Session:
            taken = self.running().take_over(session)
            self.titles[taken.name] = title
            return taken

        journal = Journal(settings, now=utc_now if clock is Clock.REAL else faked_now)
        return DeferredSession(LocalSession(journal, settings, clock), take_over)

    def environ(self, session: DeferredSession) -> dict[str, str]:
        """Return the variables that lead a command to a session, to be added to the others."""
        return self.running().environ(session.reachable())

    def drain(self, timeout: float) -> bool:
        """Wait until all that clients have sent is known and all have gone; False if not."""
        return self._host.drain(timeout) if self._host else True

    def late(self) -> tuple[str, ...]:
        """Return what came for no test, or too late, with the names of the tests."""
        if self._host is None:
            return ()

        def named(match: re.Match[str]) -> str:
            title = self.titles.get(match[1])
            return f"a session of {title}" if title else match[0]

        strays = [_SESSION.sub(named, stray) for stray in self._host.strays()]
        if count := self._host.unclaimed():
            came, belong = ("requests", "belong") if count > 1 else ("request", "belongs")
            strays.append(f"{count} {came} came to the emulator itself and {belong} to no test")
        return tuple(strays)

    def close(self) -> None:
        """Stop the emulator, if it is ours and was started."""
        if self._host:
            self._host.close()


def control_variables(url: str, token: str, session: Session) -> dict[str, str]:
    """The variables by which a command reaches the control API, and finds its session there."""
    return {
        "PIXEL_EMULATOR_CONTROL": url,
        TOKEN_VARIABLE: token,
        "PIXEL_EMULATOR_SESSION": session.name,
    }
