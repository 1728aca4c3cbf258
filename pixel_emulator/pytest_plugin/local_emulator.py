"""An emulator in this process, with mitmproxy in a thread of its own."""

import os
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pixel_emulator.command.environment import command_environment
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.pytest_plugin.lazy_emulator import control_variables
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.session import LocalSession, Session
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.trust.stores import TrustStores

if TYPE_CHECKING:
    from pixel_emulator.control.server import Control


class LocalEmulator:
    """The emulator in this process; see `EmulatorHandle`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._exit_stack = ExitStack()
        self._emulator = Emulator(settings, Journal(settings))
        self._exit_stack.enter_context(self._emulator)
        self._control_lock = Lock()
        self._control: Control | None = None
        own = self._emulator.sessions.default
        self.proxy, self.url, self.hosts = own.proxy, own.url, own.hosts
        self.ca, self.spki = own.ca, own.spki

    @property
    def bundle(self) -> Path:
        """See `EmulatorHandle`. The file is made on first use."""
        return self._emulator.authority.bundle

    def adopt(self, session: LocalSession) -> LocalSession:
        """See `EmulatorHandle`. Returns the same session."""
        self._emulator.sessions.adopt(session)
        return session

    def drain(self, timeout: float) -> bool:
        """See `EmulatorHandle`."""
        return self._emulator.drain(timeout)

    def strays(self) -> tuple[str, ...]:
        """See `EmulatorHandle`."""
        return self._emulator.sessions.unrouted()

    def unrouted_count(self) -> int:
        """See `EmulatorHandle`."""
        hits = self._emulator.sessions.default.evidence().hits
        return hits[-1].seq if hits else 0

    def environ(self, session: Session) -> dict[str, str]:
        """See `EmulatorHandle`."""
        command = command_environment(
            os.environ,
            proxy=session.proxy,
            spki=session.spki,
            stores=TrustStores(self._emulator.directory, session.ca),
            hosts=session.hosts,
        )
        control = self._started_control()
        changed = {
            **command.variables,
            "PIXEL_EMULATOR_URL": session.url,
            **control_variables(control.url, control.token, session),
        }
        # A variable that must not be set is empty: a caller can add variables, but not unset any.
        return {
            name: value or ""
            for name, value in changed.items()
            if value is not None or name in os.environ
        }

    def close(self) -> None:
        """Stop the emulator."""
        self._exit_stack.close()

    def _started_control(self) -> "Control":
        """Return the control API, started on first use: only commands use it."""
        from pixel_emulator.control.server import Control

        with self._control_lock:
            if self._control is None:
                self._control = self._exit_stack.enter_context(Control(self._emulator))
            return self._control
