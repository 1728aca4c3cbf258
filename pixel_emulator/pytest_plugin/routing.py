"""Pages of Playwright that are led to a test by `route()`: without a CA, without a proxy."""

import threading
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast

from pixel_emulator.core.model import Evidence
from pixel_emulator.pytest_plugin.places import MisuseError
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import Session
from pixel_emulator.snippets.pixels import Redirector, is_async, pump

_NOT_AWAITED = "a page was not led here: write `await pixels.route(page)`"


class RoutedSession:
    """A session that a context is led to: what is lost on the way there is a gap in its evidence.

    Routes of the sync API run only in the thread that made them, while Playwright is asked
    something there: so they are given their turn before there is evidence, and while it waits.
    """

    def __init__(self, session: Session, context: Any) -> None:
        self._session = session
        self._context = context
        self._redirector = Redirector(session.url, session.hosts)
        self._awaited = True
        self._thread = None if is_async(context) else threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def divert(self) -> Awaitable[None] | None:
        """Lead the context here; to be awaited for the async API."""
        if is_async(self._context):
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
        return mine and pump(self._context, milliseconds)


def routed(session: Session, target: Any) -> tuple[Session, Awaitable[None] | None]:
    """The session as it is once the context of `target`, a page or a context, is led there.

    Raises MisuseError for what is neither.
    """
    context = getattr(target, "context", target)
    if not hasattr(context, "route"):
        raise MisuseError(f"`route` takes a page or a context of Playwright, but got {target!r}")
    found = RoutedSession(session, context)
    return cast("Session", found), found.divert()
