"""Wait until scenarios are met or can no longer be; woken by calls as they arrive."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Protocol

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.scenario import DEFAULT_QUIET, DEFAULT_WITHIN, Scenario, Step
from pixel_emulator.core.verification.components import CallGroups
from pixel_emulator.core.verification.live import Outlook
from pixel_emulator.runtime.clock import monotonic

_RECHECK = 0.1
"""Seconds without a call after which a `LiveVerdict` that has put a search off is asked again."""


class CallSource(Protocol):
    """Source of calls: a journal, or a session; see `Journal`."""

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence: ...
    def wait(self, seen: int, timeout: float) -> bool: ...
    def follow(self, progress: Callable[[], float]) -> Callable[[], None]: ...
    def notify_progress(self) -> None: ...
    def begin_run(self, clock: datetime | None = None) -> None: ...
    def begin_step(self, title: str) -> None: ...
    def mark_done(self, *titles: str) -> None: ...


class GrowingEvidence(Protocol):
    """The calls that arrive from some moment on; see `JournalTail`."""

    def evidence(self) -> Evidence: ...
    def wait_for_more(self, than: Evidence, seconds: float) -> None: ...


class Watch(Protocol):
    """Looks at growing evidence; see `LiveVerdict`."""

    def update(self, evidence: Evidence) -> Outlook: ...


@dataclass(frozen=True, slots=True)
class JournalTail:
    """What arrived after the first `hits` hits and `connections` connections of a journal."""

    journal: CallSource
    hits: int = 0
    connections: int = 0

    def evidence(self) -> Evidence:
        """Return what has arrived so far."""
        known = self.journal.evidence(self.hits)
        return replace(known, connections=known.connections - self.connections)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait at most `seconds` for more hits than this evidence holds."""
        self.journal.wait(self.hits + len(than.hits), seconds)


def mark_done(journal: CallSource, titles: Iterable[str], drain: Callable[[], bool]) -> float:
    """Note that the actions of steps have ended, once everything sent until then has been read.

    `drain` waits for clients to disconnect and returns True if all of them did. If some stay, what
    they send now does not count as sent before the end of the actions. Returns the time (of
    `clock.monotonic`) from which `within` counts.
    """
    all_titles = tuple(titles)
    journal.mark_done(*all_titles)
    done_at = monotonic()
    if drain():
        journal.mark_done(*all_titles)
        done_at = monotonic()
    return done_at


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the evidence: its outcome, the number of calls, and when it began and ended.

    Both times are of `clock.monotonic`.
    """

    outlook: Outlook
    calls: int
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class NextLook:
    """When to look next, and at what.

    Wait at most `seconds` for more calls than were looked at (0: do not wait at all), then back off
    for `back_off` seconds, but not beyond `end` (of `clock.monotonic`). With `same_evidence`, look
    at the evidence of the last look again.
    """

    seconds: float = 0.0
    back_off: float = 0.0
    end: float = 0.0
    same_evidence: bool = False


def decide(
    *, deadline: float, quiet: float | None, defers: bool = True
) -> Generator[NextLook, Look, Outlook]:
    """Decide when to look at growing evidence, and return the outlook at the end of the wait.

    The generator does no input or output and reads no clock: whoever drives it does as each
    `NextLook` says and sends the `Look`. The wait ends at `deadline` (of `clock.monotonic`) at the
    latest. Once the scenarios are met, it goes on for another `quiet` seconds: a call that arrives
    then counts too. If that call opens them again, the wait for it goes on until `deadline`.
    IMPOSSIBLE and UNDECIDED end the wait at once, and so does MET if `quiet` is None. Unless a look
    `defers` work, it is made only after new calls, without backing off.
    """
    while True:
        look = yield from _look_while(Outlook.OPEN, deadline, defers=defers)
        if look.outlook is not Outlook.MET or quiet is None:
            return look.outlook
        look = yield from _look_while(Outlook.MET, look.ended + quiet, defers=defers)
        if look.outlook is not Outlook.OPEN:
            return look.outlook


def _look_while(outlook: Outlook, end: float, *, defers: bool) -> Generator[NextLook, Look, Look]:
    """Look after each call as long as the outlook stays the same, at most until `end`."""
    count, request = -1, NextLook()
    while True:
        look = yield request
        is_new, count = defers and look.calls != count, look.calls
        left = end - look.ended
        if look.outlook is not outlook:
            return look
        if left <= 0:
            return (yield NextLook(same_evidence=True)) if is_new else look
        seconds = min(left, _RECHECK) if is_new else left
        request = NextLook(seconds, look.ended - look.begun if defers else 0.0, end)


def wait_until_decided(
    watch: Watch,
    calls: GrowingEvidence,
    *,
    deadline: float,
    quiet: float | None,
    defers: bool = True,
) -> Outlook:
    """Wait in this thread until `watch` is decided; see `decide`."""
    decision = decide(deadline=deadline, quiet=quiet, defers=defers)
    request, evidence = next(decision), Evidence(hits=())
    while True:
        if request.seconds:
            calls.wait_for_more(evidence, request.seconds)
            back_off(min(request.back_off, request.end - monotonic()))
        # Outside the journal's lock: a long look delays no answer.
        begun = monotonic()
        if not request.same_evidence:
            evidence = calls.evidence()
        outlook = watch.update(evidence)
        try:
            request = decision.send(Look(outlook, evidence.total, begun, monotonic()))
        except StopIteration as stop:
            final: Outlook = stop.value
            return final


def back_off(seconds: float) -> None:
    """Leave the interpreter to the threads that answer calls: looking takes half of it at most.

    Calls that arrive meanwhile are looked at together.
    """
    if seconds > 0:
        threading.Event().wait(seconds)


def timeouts(scenarios: Sequence[Scenario]) -> tuple[float, float]:
    """Return how many seconds to wait for scenarios that share one run, and then for silence."""
    return (
        max(sum(map(within, scenario.steps)) for scenario in scenarios),
        max(quiet(step) for scenario in scenarios for step in scenario.steps),
    )


def within(step: Step) -> float:
    """Return the seconds that a step waits, from the end of its actions, until it is met."""
    return DEFAULT_WITHIN if step.within is None else step.within


def quiet(step: Step) -> float:
    """Return the seconds of silence that a step requires once it is met."""
    return DEFAULT_QUIET if step.quiet is None else step.quiet


_FOLLOW_TIMEOUT = 0.25
"""Seconds after which a window looks again if nothing arrives."""


MAX_CALLS_PER_LOOK = 2_000
"""Calls that are taken in before their outcome is reported."""

_BATCH = 200
"""Calls that are decoded at the same time."""


class Window:
    """What arrives after the first `hits` hits and `connections` connections of a journal.

    Each call is looked at once, soon after it has arrived, so that memory holds few of many calls
    that are alike. If calls were evicted before they were looked at, all are read as the journal
    still has them. Safe to use from any thread.
    """

    def __init__(
        self,
        journal: CallSource,
        scenarios: Sequence[Scenario],
        *,
        hits: int = 0,
        connections: int = 0,
    ) -> None:
        self._tail = JournalTail(journal, hits, connections)
        self._lock = threading.Lock()
        self._call_groups: CallGroups | None = CallGroups(scenarios)
        self._seen = 0

    def evidence(self, most: int | None = None) -> Evidence:
        """Return what has arrived in this window so far, with about `most` more calls at most."""
        with self._lock:
            stop_at = None if most is None else self._seen + most
            call_groups = self._call_groups
            if call_groups is None:
                return self._tail.evidence()
            while True:
                before = self._tail.hits + self._seen
                new = self._tail.journal.evidence(before, _BATCH)
                first = new.hits[0].seq if new.hits else before + 1
                if new.masked or first != before + 1:
                    self._call_groups = None
                    self._tail.journal.notify_progress()
                    return self._tail.evidence()
                for hit in new.hits:
                    call_groups.add(hit)
                self._seen += len(new.hits)
                self._tail.journal.notify_progress()
                if len(new.hits) < _BATCH or (stop_at is not None and self._seen >= stop_at):
                    break
            connections = new.connections - self._tail.connections
            return replace(new, hits=call_groups.hits(), connections=connections)

    def restart(self, scenarios: Sequence[Scenario]) -> None:
        """Look at all calls again, for other scenarios."""
        with self._lock:
            self._call_groups, self._seen = CallGroups(scenarios), 0

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait at most `seconds` for more calls than this evidence holds."""
        self._tail.journal.wait(self._tail.hits + than.total, seconds)

    def after(self, evidence: Evidence, scenarios: Sequence[Scenario]) -> "Window":
        """Return the window after this evidence, for other scenarios."""
        return Window(
            self._tail.journal,
            scenarios,
            hits=self._tail.hits + evidence.total,
            connections=self._tail.connections + evidence.connections,
        )

    @contextmanager
    def back_pressure(self) -> Iterator[None]:
        """Make calls wait while so many arrive that they are not looked at in time."""
        leave = self._tail.journal.follow(self._progress)
        try:
            yield
        finally:
            leave()

    def _progress(self) -> float:
        return inf if self._call_groups is None else self._tail.hits + self._seen

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Look at the calls from a thread of its own as they arrive, while the context lasts."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._follow, args=(stopped,), daemon=True)
        thread.start()
        try:
            with self.back_pressure():
                yield
        finally:
            stopped.set()
            thread.join()

    def _follow(self, stopped: threading.Event) -> None:
        while not stopped.is_set() and self._call_groups is not None:
            begun = monotonic()
            evidence = self.evidence(MAX_CALLS_PER_LOOK)
            took = monotonic() - begun
            self.wait_for_more(evidence, _FOLLOW_TIMEOUT)
            back_off(took)
