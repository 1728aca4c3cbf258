"""What a session gets from some moment on, and the wait until that is what scenarios want."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.runner.waiting import timeouts, wait_until_decided
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import Session


class _ClosedError(Exception):
    """The session was closed while its calls were waited for."""


class Arriving:
    """What a session gets behind call number `after`.

    `acted` are the steps whose action is done, with the time of its end; `claimed` are the numbers
    of calls that belong to others.
    """

    def __init__(
        self,
        session: Session,
        after: int = 0,
        *,
        acted: Mapping[str, datetime],
        claimed: frozenset[int] = frozenset(),
    ) -> None:
        self._session = session
        self._after = after
        self._acted, self._claimed = acted, claimed
        self._seen = 0

    def evidence(self) -> Evidence:
        """What is known of it so far."""
        whole = self._session.evidence()
        self._seen = len(whole.hits)
        hits = (hit for hit in whole.hits if hit.seq > self._after and hit.seq not in self._claimed)
        return replace(whole, hits=tuple(hits), acted=self._acted)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:  # noqa: ARG002 - see `_seen`
        """Wait until more has arrived than at the last look, or `seconds`.

        Raises `_ClosedError` where nothing can come any more.
        """
        self._session.wait(self._seen, seconds)
        if self._session.closed:
            raise _ClosedError


def nobody() -> tuple[Scenario, ...]:
    """Those beside scenarios that have their calls for themselves."""
    return ()


def acted(scenarios: Sequence[Scenario], session: Session) -> dict[str, datetime]:
    """Return the steps of scenarios that have only one, as done just now by the session's clock."""
    single = (each for each in scenarios if len(each.steps) == 1)
    return {each.step_title(*each.steps): session.now() for each in single}


def wait(
    scenarios: Sequence[Scenario],
    arriving: Arriving,
    beside: Callable[[], tuple[Scenario, ...]] = nobody,
) -> None:
    """Wait as scenarios that share these calls say, at most as long as their session is open.

    `beside` tells who else may want them; it is asked again, since others may come meanwhile.
    """
    within, quiet = timeouts(scenarios)
    deadline = monotonic() + within
    known: tuple[Scenario, ...] | None = None
    with suppress(_ClosedError):
        while known != (known := beside()):
            wait_until_decided(
                LiveVerdict([*scenarios, *known]), arriving, deadline=deadline, quiet=quiet
            )
