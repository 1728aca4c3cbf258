"""Scenario files inside a test: `pixels.expecting`, and the wait for their calls."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.shared_calls import SharedCalls
from pixel_emulator.pytest_plugin.snapshots import Snapshot
from pixel_emulator.pytest_plugin.source_lines import raised_at_caller
from pixel_emulator.pytest_plugin.verdicts import (
    Window,
    bare_demands,
    optional_demands,
    verify_with_others,
    without_calls,
)
from pixel_emulator.runner.waiting import timeouts, wait_until_decided
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import Session


class _ClosedError(Exception):
    """The session was closed during a wait for its calls."""


class CallsAfter:
    """The calls of a session after number `after`, without those in `claimed`.

    `acted` are the titles of steps whose action is done, with the time of its end.
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
        self._hit_count = 0

    def evidence(self) -> Evidence:
        """Return the evidence so far."""
        whole = self._session.evidence()
        self._hit_count = len(whole.hits)
        hits = (hit for hit in whole.hits if hit.seq > self._after and hit.seq not in self._claimed)
        return replace(whole, hits=tuple(hits), acted=self._acted)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:  # noqa: ARG002
        """Wait at most `seconds` for more calls than at the last look.

        Raises `_ClosedError` if no call can come any more.
        """
        self._session.wait(self._hit_count, seconds)
        if self._session.closed:
            raise _ClosedError


def no_scenarios() -> tuple[Scenario, ...]:
    """Return no other scenarios: for scenarios that share their calls with none."""
    return ()


def done_now(scenarios: Sequence[Scenario], session: Session) -> dict[str, datetime]:
    """Return the steps of scenarios with one step as done now, by the clock of the session."""
    single = (scenario for scenario in scenarios if len(scenario.steps) == 1)
    return {scenario.step_title(*scenario.steps): session.now() for scenario in single}


def wait_for_calls(
    scenarios: Sequence[Scenario],
    calls: CallsAfter,
    others: Callable[[], tuple[Scenario, ...]] = no_scenarios,
) -> None:
    """Wait as long as the scenarios say, but not after the end of their session.

    `others` returns the scenarios that share the calls; it is called again after each wait, because
    a context may be opened meanwhile.
    """
    within, quiet = timeouts(scenarios)
    deadline = monotonic() + within
    known: tuple[Scenario, ...] | None = None
    with suppress(_ClosedError):
        while known != (known := others()):
            wait_until_decided(
                LiveVerdict([*scenarios, *known]), calls, deadline=deadline, quiet=quiet
            )


async def in_thread[T](work: Callable[[], T]) -> T:
    """Run blocking work in a thread beside the event loop, of asyncio or of trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # No event loop of asyncio, so trio runs this; anyio uses one of the two.
        done: T = await sys.modules["trio"].to_thread.run_sync(work)
        return done
    return await asyncio.to_thread(work)


class ScenarioContext:
    """The context of `Pixels.expecting`, for `with` and `async with`.

    Calls that other open contexts or expectations of the test match are not unexpected to it.
    `scenarios` are those of its snapshot. `own` returns the expectations of the test as a scenario;
    `failure` makes the error for a verdict. After the end `error` is the error raised; `entered` is
    True once the block began. Raises InputError for a file that cannot be read.
    """

    def __init__(
        self,
        shared_calls: SharedCalls,
        snapshot: Snapshot,
        *,
        own: Callable[[], Scenario],
        failure: Callable[..., AssertionError],
        location: Location,
    ) -> None:
        self._shared_calls = shared_calls
        self._own, self._failure = own, failure
        self.snapshot = snapshot
        self.scenarios = load_files([self.snapshot], update=shared_calls.update)
        self.location = location
        self.window = Window()
        self.entered = self.is_open = False
        self.error: AssertionError | None = None

    def __enter__(self) -> None:
        __tracebackhide__ = True
        self._shared_calls.open_context(self)
        self.window = Window(self._shared_calls.last_number())
        self.entered = self.is_open = True

    @raised_at_caller
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        try:
            error = self._conclude() if kind is None else None
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
            error = await in_thread(self._conclude) if kind is None else None
        finally:
            self.is_open = False
        if error:
            raise error

    def _conclude(self) -> AssertionError | None:
        """Wait for the calls and verify them; return the error if the file is not met."""
        now = done_now(self.scenarios, self._shared_calls.session)
        calls = CallsAfter(self._shared_calls.session, self.window.after, acted=now)
        if self.scenarios:
            wait_for_calls(self.scenarios, calls, self._others)
        with self._shared_calls.lock:
            verdict = self._verdict(calls.evidence())
            self.is_open = False
        if verdict.status is not Status.MET:
            self.error = self._failure(verdict, waited=True)
        return self.error

    def _verdict(self, evidence: Evidence) -> Verdict:
        """Return the verdict on this context; if it is met, that on all overlapping contexts."""
        update = self._shared_calls.update
        snapshots = [self.snapshot]
        verdict = verify_files(
            snapshots, self.scenarios, evidence, update=update, others=self._others()
        )
        self._shared_calls.claim(verdict)
        last = max((hit.seq for hit in evidence.hits), default=self.window.after)
        self.window = Window(self.window.after, last)
        ended = [
            context
            for context in self._shared_calls.overlapping
            if context is not self
            and not context.is_open
            and not context.error
            and context.scenarios
        ]
        if not ended or verdict.status is not Status.MET:
            return verdict
        # Each context alone may be met by calls that another one needs, too.
        together = [
            bare_demands(scenario, context.window)
            for context in (*ended, self)
            for scenario in context.scenarios
        ]
        others = self._others([*ended, self])
        whole = CallsAfter(
            self._shared_calls.session,
            min(context.window.after for context in (*ended, self)),
            acted={},
        )
        shared, _ = verify_with_others(together, others, whole.evidence())
        if shared.status is not Status.MET:
            return shared
        self._shared_calls.claim(shared)
        return verdict

    def _others(self, excluded: "Sequence[ScenarioContext]" = ()) -> tuple[Scenario, ...]:
        """Return what other contexts and the test itself may take of the calls, as scenarios."""
        excluded = excluded or [self]
        overlapping = [
            context for context in self._shared_calls.overlapping if context not in excluded
        ]
        own = self._own()
        return (
            *(
                optional_demands(scenario, context.window)
                for context in overlapping
                for scenario in context.scenarios
            ),
            *([optional_demands(own, Window())] if own.expectations else []),
        )


def load_files(snapshots: Sequence[Snapshot], *, update: bool) -> tuple[Scenario, ...]:
    """Return the scenarios of files; with `update`, those of missing files are left out.

    Raises InputError for issues in a file and for scenarios with actions.
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


def verify_files(
    snapshots: Sequence[Snapshot],
    scenarios: Sequence[Scenario],
    evidence: Evidence,
    *,
    update: bool,
    others: Sequence[Scenario] = (),
) -> Verdict:
    """Return the verdict on the scenarios of files, with others that share the calls.

    With `update` a file is rewritten to the evidence, unless another file or an expectation of the
    test shares the calls with it. Raises InputError if a file cannot be written.
    """
    whole, taken = verify_with_others(scenarios, others, evidence)
    verdict = whole if scenarios else None
    files = {snapshot.file for snapshot in snapshots}
    own = any(scenario.location.file not in files for scenario in scenarios)
    alone = len(snapshots) == 1 and not own
    if update and alone and (verdict is None or verdict.status is Status.UNMET):
        verdict = snapshots[0].rewrite(without_calls(evidence, taken)) or verdict
    elif update and verdict and verdict.status is Status.MET:
        for snapshot in snapshots:
            snapshot.claim()
    if verdict is None:
        missing = ", ".join(snapshot.file for snapshot in snapshots)
        raise InputError(
            InputIssue(f"{missing} is not drafted: calls may be missing, or others claim them")
        )
    return verdict
