"""Waiting until scenarios are met or can no longer be, pushed by the calls as they arrive."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Protocol

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.model import DEFAULT_QUIET, DEFAULT_WITHIN, Scenario, Step
from pixel_emulator.core.verification.components import CallGroups
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.runtime.clock import monotonic

_LULL = 0.1
"""Seconds without a call after which a watch that has put a search off is asked again."""


class CallSource(Protocol):
    """Where calls arrive: a journal, or a session; see `Journal`."""

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence: ...
    def wait(self, seen: int, timeout: float) -> bool: ...
    def follow(self, looked_at: Callable[[], float]) -> Callable[[], None]: ...
    def looked(self) -> None: ...
    def begin_run(self, clock: datetime | None = None) -> None: ...
    def begin_step(self, title: str) -> None: ...
    def acted(self, *titles: str) -> None: ...


class GrowingEvidence(Protocol):
    """What arrives from some moment on; see `JournalTail`."""

    def evidence(self) -> Evidence: ...
    def wait_for_more(self, than: Evidence, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class JournalTail:
    """What has arrived behind the first `hits` hits and `connections` connections."""

    journal: CallSource
    hits: int = 0
    connections: int = 0

    def evidence(self) -> Evidence:
        """What is known of this part so far."""
        found = self.journal.evidence(self.hits)
        return replace(found, connections=found.connections - self.connections)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait until more has arrived in this part than this evidence holds, or `seconds`."""
        self.journal.wait(self.hits + len(than.hits), seconds)


def acted(journal: CallSource, titles: Iterable[str], drain: Callable[[], bool]) -> float:
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


def decide(*, deadline: float, quiet: float) -> Generator[NextLook, Look, Outlook]:
    """Decide when to look at growing evidence, and return the outlook at the end of the wait.

    The generator does no input or output and reads no clock: whoever drives it does as each
    `NextLook` says and sends the `Look`. The wait ends at `deadline` (of `clock.monotonic`) at the
    latest. Once the scenarios are met, it goes on for another `quiet` seconds: a call that arrives
    then counts too. If that call opens them again, the wait for it goes on until `deadline`.
    IMPOSSIBLE and UNDECIDED end the wait at once.
    """
    while True:
        look = yield from _look_while(Outlook.OPEN, deadline)
        if look.outlook is not Outlook.MET:
            return look.outlook
        look = yield from _look_while(Outlook.MET, look.ended + quiet)
        if look.outlook is not Outlook.OPEN:
            return look.outlook


def _look_while(outlook: Outlook, end: float) -> Generator[NextLook, Look, Look]:
    """Look after each call as long as the outlook stays the same, at most until `end`."""
    count, request = -1, NextLook()
    while True:
        look = yield request
        is_new, count = look.calls != count, look.calls
        left = end - look.ended
        if look.outlook is not outlook:
            return look
        if left <= 0:
            return (yield NextLook(same_evidence=True)) if is_new else look
        seconds = min(left, _LULL) if is_new else left
        request = NextLook(seconds, look.ended - look.begun, end)


def wait_until_decided(
    watch: LiveVerdict, calls: GrowingEvidence, *, deadline: float, quiet: float
) -> Outlook:
    """Wait in this thread until the scenarios of `watch` are decided; see `decide`."""
    decision = decide(deadline=deadline, quiet=quiet)
    request, evidence = next(decision), Evidence(hits=())
    while True:
        if request.seconds:
            calls.wait_for_more(evidence, request.seconds)
            back_off(min(request.back_off, request.end - monotonic()))
        # Outside the journal's lock: a long look delays no answer.
        begun = monotonic()
        if not request.same_evidence:
            evidence = calls.evidence()
        outlook = watch.look(evidence)
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


def patience(scenarios: Sequence[Scenario]) -> tuple[float, float]:
    """How long to wait for scenarios that share one run, and then for silence, in seconds."""
    return (
        max(sum(map(within, each.steps)) for each in scenarios),
        max(quiet(step) for each in scenarios for step in each.steps),
    )


def within(step: Step) -> float:
    """Seconds that a step waits, from the end of what it does, until it is met."""
    return DEFAULT_WITHIN if step.within is None else step.within


def quiet(step: Step) -> float:
    """Seconds of silence that a step wants once it is met."""
    return DEFAULT_QUIET if step.quiet is None else step.quiet


_PAUSE = 0.25
"""Seconds after which a window is looked at again if nothing arrives."""


MOST = 2_000
"""Calls that are looked at before what they come to is told."""

_AT_ONCE = 200
"""Calls that are made whole at the same time."""


class Window:
    """What arrives behind the first `hits` hits and `connections` connections of a journal.

    Each call is looked at once, soon after it has arrived, so that memory holds few of many that
    are alike. Where calls were gone before they were looked at, all are taken as the journal still
    knows them. Safe to use from any thread.
    """

    def __init__(
        self,
        journal: CallSource,
        scenarios: Sequence[Scenario],
        *,
        hits: int = 0,
        connections: int = 0,
    ) -> None:
        self._whole = JournalTail(journal, hits, connections)
        self._lock = threading.Lock()
        self._call_groups: CallGroups | None = CallGroups(scenarios)
        self._seen = 0

    def evidence(self, most: int | None = None) -> Evidence:
        """Return what is known of this window so far, with at most so many more calls."""
        with self._lock:
            last = None if most is None else self._seen + most
            call_groups = self._call_groups
            if call_groups is None:
                return self._whole.evidence()
            while True:
                before = self._whole.hits + self._seen
                found = self._whole.journal.evidence(before, _AT_ONCE)
                first = found.hits[0].seq if found.hits else before + 1
                if found.masked or first != before + 1:
                    self._call_groups = None
                    self._whole.journal.looked()
                    return self._whole.evidence()
                for hit in found.hits:
                    call_groups.add(hit)
                self._seen += len(found.hits)
                self._whole.journal.looked()
                if len(found.hits) < _AT_ONCE or (last is not None and self._seen >= last):
                    break
            connections = found.connections - self._whole.connections
            return replace(found, hits=call_groups.hits(), connections=connections)

    def restart(self, scenarios: Sequence[Scenario]) -> None:
        """Look at all calls again, for other scenarios."""
        with self._lock:
            self._call_groups, self._seen = CallGroups(scenarios), 0

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait until more has arrived than this evidence holds, at most so many seconds."""
        self._whole.journal.wait(self._whole.hits + than.total, seconds)

    def after(self, evidence: Evidence, scenarios: Sequence[Scenario]) -> "Window":
        """Return the window behind this evidence, for other scenarios."""
        return Window(
            self._whole.journal,
            scenarios,
            hits=self._whole.hits + evidence.total,
            connections=self._whole.connections + evidence.connections,
        )

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Have calls wait where so many arrive that they are not looked at in time."""
        leave = self._whole.journal.follow(self._looked_at)
        try:
            yield
        finally:
            leave()

    def _looked_at(self) -> float:
        return inf if self._call_groups is None else self._whole.hits + self._seen

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Look at the calls from a thread of its own as they arrive, until the context ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._follow, args=(ended,), daemon=True)
        thread.start()
        try:
            with self.awaited():
                yield
        finally:
            ended.set()
            thread.join()

    def _follow(self, ended: threading.Event) -> None:
        while not ended.is_set() and self._call_groups is not None:
            begun = monotonic()
            evidence = self.evidence(MOST)
            took = monotonic() - begun
            self.wait_for_more(evidence, _PAUSE)
            back_off(took)
