"""Wait for calls in the emulator's event loop without blocking it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from pixel_emulator.core.model import Evidence, Hit
from pixel_emulator.core.verification.live import Outlook
from pixel_emulator.runner import waiting
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import LocalSession

type LookFunction = Callable[[Evidence], Awaitable[Outlook]]


class CallNotifications:
    """Notifies a coroutine of each new hit of a session. A context manager, used in an event
    loop."""

    def __init__(self, session: LocalSession) -> None:
        self._session = session
        self._arrived = asyncio.Event()
        self._is_notified = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def on_hit(_: Hit) -> None:  # called with the journal's lock held: do no more than this
            if not self._is_notified:
                self._is_notified = True
                loop.call_soon_threadsafe(self._arrived.set)

        self._unsubscribe = self._session.subscribe(on_hit)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._unsubscribe()

    def evidence(self) -> Evidence:
        """Return what is known now; `wait` then waits for later hits."""
        self._arrived.clear()
        self._is_notified = False
        return self._session.evidence()

    async def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for a new hit; return True if there is one."""
        try:
            async with asyncio.timeout(seconds):
                return await self._arrived.wait()
        except TimeoutError:
            return False


async def wait_for_more(session: LocalSession, cursor: int, seconds: float) -> int | None:
    """Wait at most `seconds` until the last hit's number is above `cursor`; return it, or None."""
    end = monotonic() + seconds
    with CallNotifications(session) as notifications:
        while True:
            last = session.cleared + len(notifications.evidence().hits)
            if last > cursor:
                return last
            if not await notifications.wait(end - monotonic()):
                return None


async def wait_until_decided(
    look: LookFunction, session: LocalSession, *, deadline: float, quiet: float
) -> tuple[Outlook, Evidence]:
    """Wait in this loop until scenarios are decided; see `runner.waiting.decide`.

    Returns the outlook and the evidence of the last look.
    """
    decision = waiting.decide(deadline=deadline, quiet=quiet)
    request, evidence = next(decision), Evidence(hits=())
    with CallNotifications(session) as notifications:
        while True:
            if request.seconds:
                await notifications.wait(request.seconds)
                await asyncio.sleep(min(request.back_off, max(0.0, request.end - monotonic())))
            begun = monotonic()
            if not request.same_evidence:
                evidence = notifications.evidence()
            outlook = await look(evidence)
            finished = waiting.Look(outlook, len(evidence.hits), begun, monotonic())
            try:
                request = decision.send(finished)
            except StopIteration as stop:
                return stop.value, evidence
