"""A session that is on no emulator before a client has to reach it; see `session.Session`."""

from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from pixel_emulator.core.model import Hit, PixelRequest
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import LocalSession, Session


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
