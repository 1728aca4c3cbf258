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
    """The only emulator of this process; see `Host`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._running = ExitStack()
        self._emulator = Emulator(settings, Journal(settings))
        self._running.enter_context(self._emulator)
        self._opening = Lock()
        self._control: Control | None = None
        own = self._emulator.sessions.default
        self.proxy, self.url, self.hosts = own.proxy, own.url, own.hosts
        self.ca, self.spki = own.ca, own.spki

    @property
    def bundle(self) -> Path:
        """See `Host`; it is made when it is first asked for."""
        return self._emulator.authority.bundle

    def take_over(self, session: LocalSession) -> LocalSession:
        """See `Host`; it is the same session."""
        self._emulator.sessions.adopt(session)
        return session

    def drain(self, timeout: float) -> bool:
        """Wait until all that clients have sent is known and all have gone; False if not."""
        return self._emulator.drain(timeout)

    def strays(self) -> tuple[str, ...]:
        """A sentence for each session that calls came for when it was over."""
        return self._emulator.sessions.unrouted()

    def unclaimed(self) -> int:
        """See `Host`."""
        hits = self._emulator.sessions.default.evidence().hits
        return hits[-1].seq if hits else 0

    def environ(self, session: Session) -> dict[str, str]:
        """The variables that lead a command to a session."""
        child = command_environment(
            os.environ,
            proxy=session.proxy,
            spki=session.spki,
            stores=TrustStores(self._emulator.directory, session.ca),
            hosts=session.hosts,
        )
        control = self._controlled()
        changed = {
            **child.variables,
            "PIXEL_EMULATOR_URL": session.url,
            **control_variables(control.url, control.token, session),
        }
        # What cannot be unset is set to nothing, where it is set at all.
        return {
            name: value or ""
            for name, value in changed.items()
            if value is not None or name in os.environ
        }

    def close(self) -> None:
        """Stop it."""
        self._running.close()

    def _controlled(self) -> "Control":
        """The control API, which only commands have a use for."""
        from pixel_emulator.control.server import Control

        with self._opening:
            if self._control is None:
                self._control = self._running.enter_context(Control(self._emulator))
            return self._control
