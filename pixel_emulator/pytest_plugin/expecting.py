"""Scenario files inside a test: the calls that arrive meanwhile have to meet them."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pixel_emulator.core.calls import JSON, Evidence
from pixel_emulator.core.grammar.policies import Policies
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verdicts.verdict import Status, Verdict
from pixel_emulator.core.verdicts.verify import verify
from pixel_emulator.core.verdicts.watch import Watch
from pixel_emulator.pytest_plugin.snapshots import Snapshot, Updating
from pixel_emulator.running.waiting import patience, settle
from pixel_emulator.session import Session


class _ClosedError(Exception):
    """The session was closed while its calls were waited for."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """What a session gets from some moment on.

    `acted` are the steps whose action is done, with the time of its end; `claimed` are the numbers
    of calls that belong to others.
    """

    session: Session
    hits: int = 0
    acted: Mapping[str, datetime] = field(default_factory=dict)
    claimed: frozenset[int] = frozenset()

    def evidence(self) -> Evidence:
        """What is known of it so far."""
        whole = self.session.evidence()
        hits = (hit for hit in whole.hits[self.hits :] if hit.seq not in self.claimed)
        return replace(whole, hits=tuple(hits), acted=self.acted)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:
        """Wait until more has arrived than this evidence holds, or `seconds`.

        Raises `_ClosedError` where nothing can come any more.
        """
        self.session.wait(self.hits + len(self.claimed) + len(than.hits), seconds)
        if self.session.closed:
            raise _ClosedError


class Pool:
    """The calls of a session, and those among them that scenario files have claimed.

    `files` are those that were asked for, in order.
    """

    def __init__(
        self,
        session: Session,
        folders: Sequence[Path],
        policies: Policies,
        updating: Updating | None,
    ) -> None:
        self.session = session
        self.updating = updating
        self.files: dict[str, None] = {}
        self._folders = folders
        self._policies = policies
        self.claimed: frozenset[int] = frozenset()

    def rest(self) -> Evidence:
        """The evidence without the calls that are claimed."""
        whole = self.session.evidence()
        if not self.claimed:
            return whole
        hits = (hit for hit in whole.hits if hit.seq not in self.claimed)
        return replace(whole, hits=tuple(hits))

    def claim(self, verdict: Verdict) -> None:
        """The calls that scenarios claim are no longer there for others."""
        self.claimed |= {
            hit.seq
            for scenario in verdict.scenarios
            for each in scenario.expectations
            for hit in each.claims
        }

    @property
    def update(self) -> bool:
        """Whether files are rewritten to what happened."""
        return self.updating is not None

    def snapshot(self, file: str | os.PathLike[str], given: Mapping[str, JSON]) -> Snapshot:
        """A scenario file, looked for, under the policies of the test."""
        found = self._find(file)
        self.files[found] = None
        return Snapshot(found, given, self._policies, self.updating)

    def _find(self, file: str | os.PathLike[str]) -> str:
        """The path of a scenario file, as reports show it."""
        found = (folder / file for folder in self._folders if (folder / file).exists())
        return os.path.relpath(
            next(found, self._folders[0] / file if self._folders else Path(file))
        )


class Expecting:
    """The context of `Pixels.expecting`; `scenarios` are those of the file."""

    def __init__(
        self,
        pool: Pool,
        file: str | os.PathLike[str],
        given: Mapping[str, JSON],
        failure: Callable[[Verdict], AssertionError],
    ) -> None:
        self._pool = pool
        self._failure = failure
        self.snapshot = pool.snapshot(file, given)
        self._arriving = Arriving(pool.session)

    def __enter__(self) -> None:
        __tracebackhide__ = True
        self.scenarios = read([self.snapshot], update=self._pool.update)
        begun = self._pool.session.evidence()
        self._arriving = Arriving(self._pool.session, len(begun.hits))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        if kind is not None:
            return
        arriving = replace(self._arriving, acted=acted(self.scenarios))
        if self.scenarios:
            wait(self.scenarios, arriving)
        evidence = arriving.evidence()
        verdict = judged([self.snapshot], self.scenarios, evidence, update=self._pool.update)
        self._pool.claim(verdict)
        if verdict.status is not Status.MET:
            raise self._failure(verdict)


def read(found: Sequence[Snapshot], *, update: bool) -> tuple[Scenario, ...]:
    """The scenarios of files; of one that is to be written yet, none.

    Raises InputError for mistakes in them, and for scenarios that act by themselves.
    """
    scenarios: list[Scenario] = []
    for each in found:
        if not (update and each.is_missing):
            scenarios += each.load()
    for scenario in scenarios:
        if scenario.acts:
            both = "acts by itself (`do`): name its file on the command line of pytest"
            raise InputError(Mistake(f"{scenario.title} {both}", scenario.location))
    return tuple(scenarios)


def acted(scenarios: Sequence[Scenario]) -> dict[str, datetime]:
    """The steps of scenarios that have only one, as done just now."""
    single = (each for each in scenarios if len(each.steps) == 1)
    return {each.step_title(*each.steps): datetime.now(UTC) for each in single}


def wait(scenarios: Sequence[Scenario], arriving: Arriving) -> None:
    """Wait as scenarios that share these calls say, at most as long as their session is open."""
    within, quiet = patience(scenarios)
    with suppress(_ClosedError):
        settle(Watch(scenarios), arriving, deadline=time.monotonic() + within, quiet=quiet)


def judged(
    found: Sequence[Snapshot],
    scenarios: Sequence[Scenario],
    evidence: Evidence,
    *,
    update: bool,
) -> Verdict:
    """The verdict on the scenarios of files.

    With `update` a file is rewritten to the evidence, if no other and no expectation of the test
    shares the calls with it. Raises InputError where a file cannot be written.
    """
    verdict = verify(scenarios, evidence) if scenarios else None
    own = any(each.location.file not in {snapshot.file for snapshot in found} for each in scenarios)
    alone = len(found) == 1 and not own
    if update and alone and (verdict is None or verdict.status is Status.UNMET):
        verdict = found[0].rewrite(evidence) or verdict
    elif update and verdict and verdict.status is Status.MET:
        for each in found:
            each.keep()
    if verdict is None:
        missing = ", ".join(each.file for each in found)
        raise InputError(
            Mistake(f"{missing} is not drafted: calls may be missing, or others claim them")
        )
    return verdict
