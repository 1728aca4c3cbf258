"""The emulator of a run of pytest, started when a test first needs it: here, or elsewhere."""

import importlib.util
import os
import re
import shlex
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Protocol

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.choices import settings_of
from pixel_emulator.pytest_plugin.deferred_session import DeferredSession
from pixel_emulator.pytest_plugin.patched_process import check_sockets, check_threads
from pixel_emulator.pytest_plugin.showing import show_live
from pixel_emulator.pytest_plugin.stash import EMULATOR
from pixel_emulator.runtime.clock import faked_now, utc_now
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.session import Endpoint, LocalSession, Session
from pixel_emulator.runtime.settings import TOKEN_VARIABLE, Settings

_SESSION = re.compile(r'session "([^"]+)"')
_PROXY = ("mitmproxy", "httptools", "starlette", "uvicorn")
"""What comes with the extra `proxy`: with all of these the emulator runs in this process."""


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

        def named(found: re.Match[str]) -> str:
            title = self.titles.get(found[1])
            return f"a session of {title}" if title else found[0]

        strays = [_SESSION.sub(named, each) for each in self._host.strays()]
        if count := self._host.unclaimed():
            came, belong = ("requests", "belong") if count > 1 else ("request", "belongs")
            strays.append(f"{count} {came} came to the emulator itself and {belong} to no test")
        return tuple(strays)

    def close(self) -> None:
        """Stop the emulator, if it is ours and was started."""
        if self._host:
            self._host.close()


def host_of(config: pytest.Config) -> LazyEmulator:
    """Return the emulator of this run, which stops at the end of the run.

    A running one that the command line names is connected to at once. Fails the test for settings
    that are not allowed, and where that one cannot be reached.
    """
    if EMULATOR not in config.stash:
        settings = settings_of(config)
        host = LazyEmulator(settings, lambda: _start(config, settings))
        if config.getoption("--pixel-url"):
            host.running()
        config.stash[EMULATOR] = host
        config.add_cleanup(host.close)
    return config.stash[EMULATOR]


def open_for(
    item: pytest.Item,
    host: LazyEmulator,
    settings: Settings,
    label: str = "",
    clock: Clock = Clock.REAL,
) -> DeferredSession:
    """Return a new session for a test; its calls are shown live where that is wanted."""
    title = f"{item.nodeid} ({label})" if label else item.nodeid
    session = host.open(settings, title, clock)
    if item.config.getoption("--pixel-url"):
        session.reachable()  # whoever looks at that emulator sees the session
    if item.config.getoption("--pixel-show"):
        show_live(item, session, title)
    return session


def _start(config: pytest.Config, settings: Settings) -> EmulatorHandle:
    command = shlex.split(config.getini("pixel_emulator_command"))
    url = config.getoption("--pixel-url")
    if not (url or command) and all(map(importlib.util.find_spec, _PROXY)):
        check_threads()
        from pixel_emulator.pytest_plugin.local import LocalEmulator

        return LocalEmulator(settings)
    # Who needs these has no mitmproxy, and the others do without them.
    from pixel_emulator.pytest_plugin.elsewhere import running_at, started

    if url:
        return running_at(url, os.environ.get(TOKEN_VARIABLE, ""), settings)
    return started(command or _by_uvx(), settings)


def _by_uvx() -> list[str]:
    """What runs the emulator where no command is set: the same version, by `uvx`."""
    extra = f"pixel-emulator[proxy]=={version('pixel-emulator')}"
    return ["uvx", "--from", extra, "pixel-emulator"]
