"""Waiting until scenarios are met or can no longer be, pushed by the calls as they arrive."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.model import QUIET, WITHIN, Scenario, Step
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.runtime.clock import monotonic

_LULL = 0.1
"""Seconds without a call after which a watch that has put a search off is asked again."""


class Arrivals(Protocol):
    """Where calls arrive: a journal, or a session; see `Journal`."""

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence: ...
    def wait(self, seen: int, timeout: float) -> bool: ...
    def follow(self, looked_at: Callable[[], float]) -> Callable[[], None]: ...
    def looked(self) -> None: ...
    def begin_run(self, clock: datetime | None = None) -> None: ...
    def begin_step(self, title: str) -> None: ...
    def acted(self, *titles: str) -> None: ...


class Growing(Protocol):
    """What arrives from some moment on; see `Part`."""

    def evidence(self) -> Evidence: ...
    def wait_for_more(self, than: Evidence, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What has arrived behind the first `hits` hits and `connections` connections."""

    journal: Arrivals
    hits: int = 0
    connections: int = 0

    def evidence(self) -> Evidence:
        """What is known of this part so far."""
        found = self.journal.evidence(self.hits)
        return replace(found, connections=found.connections - self.connections)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait until more has arrived in this part than this evidence holds, or `seconds`."""
        self.journal.wait(self.hits + len(than.hits), seconds)


def acted(journal: Arrivals, titles: Iterable[str], drain: Callable[[], bool]) -> float:
    """Note that steps have done what they do, once all is read that was sent until then.

    `drain` waits for clients to go, and says whether they all have: if some stay, what they send
    now is no part of it. Returns the time (of `clock.monotonic`) from which `within` counts.
    """
    named = tuple(titles)
    journal.acted(*named)
    begun = monotonic()
    if drain():
        journal.acted(*named)
        begun = monotonic()
    return begun


def settle(watch: LiveVerdict, part: Growing, *, deadline: float, quiet: float) -> Outlook:
    """Wait until the watch knows, at most until `deadline` (of `clock.monotonic`).

    Once it is met it is watched for another `quiet` seconds: what arrives then counts too. If that
    opens it again, the wait goes on. What is impossible, or undecided, is so at once.
    """
    prospect = Outlook.OPEN
    while prospect is Outlook.OPEN:
        prospect = _look_while(Outlook.OPEN, watch, part, deadline)
        if prospect is not Outlook.MET:
            return prospect
        prospect = _look_while(Outlook.MET, watch, part, monotonic() + quiet)
    return prospect


def _look_while(prospect: Outlook, watch: LiveVerdict, part: Growing, end: float) -> Outlook:
    """Look after each call as long as the watch says the same, at most until `end`."""
    count = -1
    while True:
        # Outside the journal's lock: a long look delays no answer.
        begun = monotonic()
        evidence = part.evidence()
        found = watch.look(evidence)
        has_news, count = evidence.total != count, evidence.total
        took = monotonic() - begun
        left = end - begun - took
        if found is not prospect:
            return found
        if left <= 0:
            return watch.look(evidence) if has_news else found
        part.wait_for_more(evidence, min(left, _LULL) if has_news else left)
        rest(min(took, end - monotonic()))


def rest(seconds: float) -> None:
    """Leave the interpreter to those who answer calls: looking takes half of its time at most.

    What arrives meanwhile is looked at together.
    """
    if seconds > 0:
        threading.Event().wait(seconds)


def patience(scenarios: Sequence[Scenario]) -> tuple[float, float]:
    """How long to wait for scenarios that share one run, and then for silence, in seconds."""
    return (
        max(sum(map(within, each.steps)) for each in scenarios),
        max(quiet(step) for each in scenarios for step in each.steps),
    )


def within(step: Step) -> float:
    """Seconds that a step waits, from the end of what it does, until it is met."""
    return WITHIN if step.within is None else step.within


def quiet(step: Step) -> float:
    """Seconds of silence that a step wants once it is met."""
    return QUIET if step.quiet is None else step.quiet
