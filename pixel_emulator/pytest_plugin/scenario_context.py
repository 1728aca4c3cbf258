"""Scenario files inside a test: `pixels.expecting`, and the wait for their calls."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.keyword_expectations import values_of
from pixel_emulator.pytest_plugin.shared_calls import SharedCalls
from pixel_emulator.pytest_plugin.snapshots import Snapshot
from pixel_emulator.pytest_plugin.source_lines import on_its_line
from pixel_emulator.pytest_plugin.verdicts import Window, demands, verify_beside, wishes, without
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
    single = (scenario for scenario in scenarios if len(scenario.steps) == 1)
    return {scenario.step_title(*scenario.steps): session.now() for scenario in single}


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


async def in_thread[T](work: Callable[[], T]) -> T:
    """Do some work that waits, in a thread beside the loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # No loop of asyncio, so it is trio that runs this; anyio stands on one of the two.
        done: T = await sys.modules["trio"].to_thread.run_sync(work)
        return done
    return await asyncio.to_thread(work)


class Expecting:
    """The context of `Pixels.expecting`, by `with` or `async with`; `scenarios` are of its file.

    Calls that others of the test want, contexts that are open beside this one or expectations, are
    not unexpected to it. `own` tells what the test expects by itself, as a scenario; `failure`
    makes the error for a verdict. `error` is what it raised at its end, `entered` whether it was
    ever begun. Raises InputError for a file that cannot be read, and MisuseError for values of
    variables that are none.
    """

    def __init__(
        self,
        pool: SharedCalls,
        file: str | os.PathLike[str],
        given: Mapping[str, JSON],
        *,
        own: Callable[[], Scenario],
        failure: Callable[..., AssertionError],
        location: Location,
    ) -> None:
        self._pool = pool
        self._own, self._failure = own, failure
        self.snapshot = pool.snapshot(file, values_of(given))
        self.scenarios = read([self.snapshot], update=pool.update)
        self.location = location
        self.window = Window()
        self.entered = self.is_open = False
        self.error: AssertionError | None = None

    def __enter__(self) -> None:
        __tracebackhide__ = True
        self._pool.enter(self)
        self.window = Window(self._pool.last())
        self.entered = self.is_open = True

    @on_its_line
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        try:
            error = self._end() if kind is None else None
        finally:
            self.is_open = False
        if error:
            raise error

    async def __aenter__(self) -> None:
        __tracebackhide__ = True
        self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        try:
            error = await in_thread(self._end) if kind is None else None
        finally:
            self.is_open = False
        if error:
            raise error

    def _end(self) -> AssertionError | None:
        """Wait, and judge what has arrived; the error if it is not what the file wants."""
        now = acted(self.scenarios, self._pool.session)
        arriving = Arriving(self._pool.session, self.window.after, acted=now)
        if self.scenarios:
            wait(self.scenarios, arriving, self._beside)
        with self._pool.lock:
            verdict = self._verdict(arriving.evidence())
            self.is_open = False
        if verdict.status is not Status.MET:
            self.error = self._failure(verdict, waited=True)
        return self.error

    def _verdict(self, evidence: Evidence) -> Verdict:
        """The verdict on this one; or where it is met on all of its company that have ended."""
        update = self._pool.update
        snapshots = [self.snapshot]
        verdict = judged(snapshots, self.scenarios, evidence, update=update, beside=self._beside())
        self._pool.claim(verdict)
        last = max((hit.seq for hit in evidence.hits), default=self.window.after)
        self.window = Window(self.window.after, last)
        ended = [
            context
            for context in self._pool.company
            if context is not self
            and not context.is_open
            and not context.error
            and context.scenarios
        ]
        if not ended or verdict.status is not Status.MET:
            return verdict
        # They may need the same calls, one each, although every one of them had enough for itself.
        together = [
            demands(scenario, context.window)
            for context in (*ended, self)
            for scenario in context.scenarios
        ]
        rest = self._beside([*ended, self])
        whole = Arriving(
            self._pool.session, min(context.window.after for context in (*ended, self)), acted={}
        )
        shared, _ = verify_beside(together, rest, whole.evidence())
        if shared.status is not Status.MET:
            return shared
        self._pool.claim(shared)
        return verdict

    def _beside(self, but: "Sequence[Expecting]" = ()) -> tuple[Scenario, ...]:
        """What others may take: the rest of the company, and what the test expects by itself."""
        but = but or [self]
        company = [context for context in self._pool.company if context not in but]
        own = self._own()
        return (
            *(
                wishes(scenario, context.window)
                for context in company
                for scenario in context.scenarios
            ),
            *([wishes(own, Window())] if own.expectations else []),
        )


def read(snapshots: Sequence[Snapshot], *, update: bool) -> tuple[Scenario, ...]:
    """The scenarios of files; of one that is to be written yet, none.

    Raises InputError for mistakes in them, and for scenarios that act by themselves.
    """
    scenarios: list[Scenario] = []
    for snapshot in snapshots:
        if not (update and snapshot.is_missing):
            scenarios += snapshot.load()
    for scenario in scenarios:
        if scenario.has_actions:
            both = "acts by itself (`do`): name its file on the command line of pytest"
            raise InputError(InputIssue(f"{scenario.title} {both}", scenario.location))
    return tuple(scenarios)


def judged(
    snapshots: Sequence[Snapshot],
    scenarios: Sequence[Scenario],
    evidence: Evidence,
    *,
    update: bool,
    beside: Sequence[Scenario] = (),
) -> Verdict:
    """The verdict on the scenarios of files, with others beside them.

    With `update` a file is rewritten to the evidence, if no other and no expectation of the test
    shares the calls with it. Raises InputError where a file cannot be written.
    """
    whole, taken = verify_beside(scenarios, beside, evidence)
    verdict = whole if scenarios else None
    files = {snapshot.file for snapshot in snapshots}
    own = any(scenario.location.file not in files for scenario in scenarios)
    alone = len(snapshots) == 1 and not own
    if update and alone and (verdict is None or verdict.status is Status.UNMET):
        verdict = snapshots[0].rewrite(without(evidence, taken)) or verdict
    elif update and verdict and verdict.status is Status.MET:
        for snapshot in snapshots:
            snapshot.keep()
    if verdict is None:
        missing = ", ".join(snapshot.file for snapshot in snapshots)
        raise InputError(
            InputIssue(f"{missing} is not drafted: calls may be missing, or others claim them")
        )
    return verdict
