"""Scenario files inside a test: the calls that arrive meanwhile have to meet them."""

import os
from collections.abc import Callable, Mapping, Sequence

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Evidence
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.arriving import Arriving, acted, wait
from pixel_emulator.pytest_plugin.beside import Window, demands, verify_beside, wishes, without
from pixel_emulator.pytest_plugin.keywords import values_of
from pixel_emulator.pytest_plugin.loops import in_thread
from pixel_emulator.pytest_plugin.places import on_its_line
from pixel_emulator.pytest_plugin.pool import SharedCalls
from pixel_emulator.pytest_plugin.snapshots import Snapshot


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
        found = [self.snapshot]
        verdict = judged(found, self.scenarios, evidence, update=update, beside=self._beside())
        self._pool.claim(verdict)
        last = max((hit.seq for hit in evidence.hits), default=self.window.after)
        self.window = Window(self.window.after, last)
        ended = [
            each
            for each in self._pool.company
            if each is not self and not each.is_open and not each.error and each.scenarios
        ]
        if not ended or verdict.status is not Status.MET:
            return verdict
        # They may need the same calls, one each, although every one of them had enough for itself.
        together = [demands(each, one.window) for one in (*ended, self) for each in one.scenarios]
        rest = self._beside([*ended, self])
        whole = Arriving(
            self._pool.session, min(each.window.after for each in (*ended, self)), acted={}
        )
        shared, _ = verify_beside(together, rest, whole.evidence())
        if shared.status is not Status.MET:
            return shared
        self._pool.claim(shared)
        return verdict

    def _beside(self, but: "Sequence[Expecting]" = ()) -> tuple[Scenario, ...]:
        """What others may take: the rest of the company, and what the test expects by itself."""
        but = but or [self]
        company = [each for each in self._pool.company if each not in but]
        own = self._own()
        return (
            *(wishes(each, one.window) for one in company for each in one.scenarios),
            *([wishes(own, Window())] if own.expectations else []),
        )


def read(found: Sequence[Snapshot], *, update: bool) -> tuple[Scenario, ...]:
    """The scenarios of files; of one that is to be written yet, none.

    Raises InputError for mistakes in them, and for scenarios that act by themselves.
    """
    scenarios: list[Scenario] = []
    for each in found:
        if not (update and each.is_missing):
            scenarios += each.load()
    for scenario in scenarios:
        if scenario.has_actions:
            both = "acts by itself (`do`): name its file on the command line of pytest"
            raise InputError(InputIssue(f"{scenario.title} {both}", scenario.location))
    return tuple(scenarios)


def judged(
    found: Sequence[Snapshot],
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
    own = any(each.location.file not in {snapshot.file for snapshot in found} for each in scenarios)
    alone = len(found) == 1 and not own
    if update and alone and (verdict is None or verdict.status is Status.UNMET):
        verdict = found[0].rewrite(without(evidence, taken)) or verdict
    elif update and verdict and verdict.status is Status.MET:
        for each in found:
            each.keep()
    if verdict is None:
        missing = ", ".join(each.file for each in found)
        raise InputError(
            InputIssue(f"{missing} is not drafted: calls may be missing, or others claim them")
        )
    return verdict
