"""The calls that arrive from some moment on, thinned out for the scenarios that they are for."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.components import CallGroups
from pixel_emulator.running.waiting import Arrivals, Part, rest
from pixel_emulator.runtime.clock import monotonic

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
        journal: Arrivals,
        scenarios: Sequence[Scenario],
        *,
        hits: int = 0,
        connections: int = 0,
    ) -> None:
        self._whole = Part(journal, hits, connections)
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
            rest(took)
