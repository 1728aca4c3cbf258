"""Waiting for calls in the emulator's own loop, without holding it up."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.verification.live import Outlook
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import LocalSession

type Look = Callable[[Evidence], Awaitable[Outlook]]

_LULL = 0.1
"""Seconds without a call after which a watch that has put a search off is asked again."""


class CallNotifications:
    """Hears of each new hit of a session, as a context manager; to be used in a loop."""

    def __init__(self, session: LocalSession) -> None:
        self._session = session
        self._arrived = asyncio.Event()
        self._is_told = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def tell(_: Hit) -> None:  # inside the journal's lock: nothing may happen there but this
            if not self._is_told:
                self._is_told = True
                loop.call_soon_threadsafe(self._arrived.set)

        self._leave = self._session.subscribe(tell)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._leave()

    def evidence(self) -> Evidence:
        """What is known now; what comes later is news."""
        self._arrived.clear()
        self._is_told = False
        return self._session.evidence()

    async def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                return await self._arrived.wait()
        except TimeoutError:
            return False


async def more_than(session: LocalSession, cursor: int, seconds: float) -> int | None:
    """Wait until the number of the last hit is above `cursor`; returns it, or None."""
    end = monotonic() + seconds
    with CallNotifications(session) as news:
        while True:
            last = session.cleared + len(news.evidence().hits)
            if last > cursor:
                return last
            if not await news.wait(end - monotonic()):
                return None


async def settle(
    look: Look, session: LocalSession, *, deadline: float, quiet: float
) -> tuple[Outlook, Evidence]:
    """As `running.waiting.settle`; returns the evidence that was looked at last, too."""
    with CallNotifications(session) as news:
        while True:
            prospect, evidence = await _look_while(Outlook.OPEN, look, news, deadline)
            if prospect is not Outlook.MET:
                return prospect, evidence
            silent_at = monotonic() + quiet
            prospect, evidence = await _look_while(Outlook.MET, look, news, silent_at)
            if prospect is not Outlook.OPEN:
                return prospect, evidence


async def _look_while(
    prospect: Outlook, look: Look, news: CallNotifications, end: float
) -> tuple[Outlook, Evidence]:
    """Look after each call as long as it says the same, at most until `end`."""
    count = -1
    while True:
        begun = monotonic()
        evidence = news.evidence()
        found = await look(evidence)
        has_news, count = len(evidence.hits) != count, len(evidence.hits)
        took = monotonic() - begun
        left = end - begun - took
        if found is not prospect:
            return found, evidence
        if left <= 0:
            return (await look(evidence) if has_news else found), evidence
        await news.wait(min(left, _LULL) if has_news else left)
        # As `running.waiting.rest`.
        await asyncio.sleep(min(took, max(0.0, end - monotonic())))
