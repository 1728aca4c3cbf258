"""The calls of one session, shared out among expectations and scenario files of a test."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING

from pixel_emulator.core import call_text
from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Evidence,
    Hit,
    Outcome,
    PixelRequest,
    Problem,
)
from pixel_emulator.core.parser.expectations import Policies
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Scenario, Step
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.quick_check import QuickCheck
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.snapshots import Snapshot, Updating
from pixel_emulator.pytest_plugin.source_lines import Home
from pixel_emulator.pytest_plugin.verdicts import (
    SILENT,
    as_given,
    claims_of,
    lacking,
    loosened,
    verify_unproven,
    without,
)
from pixel_emulator.runner.waiting import wait_until_decided
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import Session


@dataclass(frozen=True, slots=True, repr=False)
class SeenCall(Mapping[str, JSON]):
    """A call that arrived: a map of its payload (empty where that could not be decoded).

    `hit` is all that is known about it. What is taken from the map is a copy: a test that changes
    it changes no evidence.
    """

    hit: Hit
    call: Call

    @property
    def type(self) -> CallType:
        """Which of the six calls it is."""
        return self.call.type

    @property
    def payload(self) -> Mapping[str, JSON]:
        """What it says."""
        return {key: self[key] for key in self}

    @property
    def outcome(self) -> Outcome:
        """What would become of it at Segment."""
        return self.hit.outcome

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""
        return self.hit.problems

    @property
    def request(self) -> PixelRequest:
        """The request as it stood on the wire."""
        return self.hit.request

    @property
    def time(self) -> datetime:
        """When it arrived; aware, in UTC."""
        return self.hit.time

    def __getitem__(self, key: str) -> JSON:
        value = (self.call.payload or {})[key]
        # By way of text, since `deepcopy` has no stack for what nests very deep.
        return (
            json_codec.parse(json_codec.write(value)) if isinstance(value, dict | list) else value
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.call.payload or {})

    def __len__(self) -> int:
        return len(self.call.payload or {})

    def __repr__(self) -> str:
        line = call_text.line(self.call, self.hit.request, self.hit.outcome, self.hit.problems)
        return f"<#{self.hit.seq} {line}>"


def seen(hits: Iterable[Hit]) -> tuple[SeenCall, ...]:
    """The calls among what arrived."""
    return tuple(SeenCall(hit, hit.call) for hit in hits if hit.call)


if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.scenario_context import Expecting


_MANY = 10_000
"""Hits that are not remembered: whole ones take much memory."""


class SharedCalls:
    """The calls of a session, and those among them that scenario files have claimed.

    `files` are those that were asked for, in order.
    `contexts` are those of `Pixels.expecting`, in the order in which they were asked for. Those
    that were open at the same time, or beside the same other, are one `company`.
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
        self.lock = RLock()
        self.claimed: frozenset[int] = frozenset()
        self.contexts: tuple[Expecting, ...] = ()
        self.company: tuple[Expecting, ...] = ()
        self._folders = folders
        self._policies = policies
        self._known: tuple[Hit, ...] = ()

    def rest(self) -> Evidence:
        """The evidence without the calls that are claimed."""
        return without(self._whole(), self.claimed)

    def last(self) -> int:
        """The number of the call that came last; 0 for none."""
        return max((hit.seq for hit in self.session.evidence().hits), default=0)

    def enter(self, context: "Expecting") -> None:
        """A context begins: beside those that are open, or else for itself."""
        with self.lock:
            others = self.company if any(other.is_open for other in self.company) else ()
            self.company = (*(other for other in others if other is not context), context)

    def claim(self, verdict: Verdict) -> None:
        """The calls that scenarios claim are no longer there for others."""
        with self.lock:
            self.claimed |= claims_of(verdict.scenarios)

    def forget(self) -> None:
        """What is over is forgotten; what is still open goes on."""
        with self.lock:
            self.contexts = tuple(context for context in self.contexts if context.is_open)
            self.company = tuple(context for context in self.company if context.is_open)

    def _whole(self) -> Evidence:
        """All evidence; what a session has told is not asked for again, for it may have to judge
        it again."""
        with self.lock:
            known = self._known
            # The last one too, which shows that the session was not cleared meanwhile.
            evidence = self.session.evidence(max(len(known) - 1, 0))
            if known and [hit.seq for hit in evidence.hits[:1]] != [known[-1].seq]:
                known, evidence = (), self.session.evidence()
            if known and (evidence.gaps or evidence.masked):  # they speak of what was asked for
                known, evidence = (), self.session.evidence()
            hits = (*known, *evidence.hits[1:]) if known else evidence.hits
            self._known = hits if len(hits) <= _MANY else ()
            return replace(evidence, hits=hits)

    @property
    def update(self) -> bool:
        """Whether files are rewritten to what happened."""
        return self.updating is not None

    def snapshot(self, file: str | os.PathLike[str], given: Mapping[str, JSON]) -> Snapshot:
        """A scenario file, looked for, under the policies of the test."""
        path = self._find(file)
        self.files[path] = None
        return Snapshot(path, given, self._policies, self.updating)

    def _find(self, file: str | os.PathLike[str]) -> str:
        """The path of a scenario file, as reports show it."""
        paths = (folder / file for folder in self._folders if (folder / file).exists())
        return os.path.relpath(
            next(paths, self._folders[0] / file if self._folders else Path(file))
        )


class Asked:
    """The expectations of a test, of the calls of `pool` that no scenario file has claimed."""

    def __init__(self, pool: SharedCalls, home: Home, policies: Policies) -> None:
        self._pool, self._home, self._policies = pool, home, policies
        self._lock = Lock()
        self._plain = QuickCheck()
        self._expected: tuple[Expectation, ...] = ()
        self._silent = False

    def __bool__(self) -> bool:
        """Whether anything was expected, be it silence."""
        return bool(self._expected) or self._silent

    @property
    def scenario(self) -> Scenario:
        """All that was expected so far, as a scenario."""
        policies = self._policies
        return Scenario(
            steps=(Step(expectations=self._expected, location=self._home.location),),
            name=self._home.name,
            levels=SILENT if self._silent else policies.levels,
            same_event=policies.same_event and not self._silent,
            accepted=frozenset() if self._silent else policies.accepted,
            location=self._home.location,
        )

    def add(self, wanted: Expectation) -> Verdict | None:
        """Expect a call from now on; the verdict if any that is expected is lacking."""
        with self._lock:
            self._expected = (*self._expected, wanted)
            rest = self._pool.rest()
            if self._plain.has_all_calls(self._expected, rest.hits):
                return None
            return lacking(self.scenario, rest)

    def add_silence(self, *, proven: bool) -> Verdict:
        """Expect nothing else from now on; the verdict on what has come."""
        self._silent = True
        judge = verify if proven else verify_unproven
        return judge([self.scenario], self._pool.rest())

    def verdict(self) -> Verdict | None:
        """The verdict at the end of the test; None where a look shows that all is met."""
        evidence = self._pool.rest()
        with self._lock:
            if self._plain.is_met(self._expected, evidence):
                return None
        return verify_unproven([self.scenario], evidence)

    def forget(self) -> None:
        """Expect nothing any more."""
        with self._lock:
            self._expected, self._silent = (), False


def first_call(
    pool: SharedCalls, wanted: Expectation, timeout: float, expected: Callable[[], Scenario]
) -> SeenCall | Verdict:
    """Return the first such call, or after `timeout` seconds the verdict.

    The verdict comes sooner once a call arrived that is not `expected` and fails the test anyway.
    """
    search = _FirstCall(pool, wanted, expected)
    while search.result is None:
        wait_until_decided(
            search, search, deadline=search.begun + timeout, quiet=None, defers=False
        )
        if search.result is None:
            search.give_up()
    return search.result


class _FirstCall:
    """Search for a call among those that a session gets; driven by `wait_until_decided`."""

    def __init__(
        self, pool: SharedCalls, wanted: Expectation, expected: Callable[[], Scenario]
    ) -> None:
        self.begun = monotonic()
        self.result: SeenCall | Verdict | None = None
        self._pool, self._wanted, self._expected = pool, wanted, expected
        self._wait = CallWait(wanted)
        self._session, self._closed = pool.session, False
        self._looked_at = 0

    def evidence(self) -> Evidence:
        """Return what arrived since the last look."""
        self._session = self._pool.session
        self._closed = self._session.closed  # read first: nothing arrives after the evidence then
        return self._session.evidence(self._looked_at)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:  # noqa: ARG002 - see `_looked_at`
        """Wait at most `seconds` for more calls than were looked at."""
        self._session.wait(self._looked_at, seconds)

    def update(self, evidence: Evidence) -> Outlook:
        """Look at the new calls, and keep the call or the verdict as the result."""
        hits = evidence.hits
        matching = (hit for hit in hits if next(self._wanted.solutions(hit), None) is not None)
        if calls := seen(islice(matching, 1)):
            self.result = calls[0]
            return Outlook.MET
        self._looked_at += len(hits)
        self.result = self._wait.impossible(self._expected(), self._pool.rest)
        if self.result is None and self._closed:
            self.give_up()
        return Outlook.OPEN if self.result is None else Outlook.IMPOSSIBLE

    def give_up(self) -> None:
        """Keep the verdict without the call as the result, unless the call just arrived."""
        passed = monotonic() - self.begun
        self.result = self._wait.in_vain(self._expected(), self._session.evidence(), passed)


class CallWait:
    """Whether a test that waits for a call can still pass; it is asked again as calls arrive."""

    def __init__(self, wanted: Expectation) -> None:
        self._wanted = wanted
        self._expected: tuple[Expectation, ...] = ()
        self._silent = False
        self._watch: LiveVerdict | None = None
        self._scenario = Scenario(steps=())

    def impossible(self, expected: Scenario, rest: Callable[[], Evidence]) -> Verdict | None:
        """The verdict, once a ban or a silence is broken that was `expected`: nothing mends that.

        `rest` tells the calls that no scenario file has claimed.
        """
        (step,) = expected.steps
        silent = expected.levels == SILENT
        if step.expectations is not self._expected or silent != self._silent:
            self._expected, self._silent = step.expectations, silent
            together = replace(step, expectations=(*step.expectations, self._wanted))
            self._scenario = replace(expected, steps=(together,))
            bans = any(expectation.times.high == 0 for expectation in step.expectations)
            self._watch = LiveVerdict([loosened(self._scenario)]) if bans or silent else None
        if self._watch is None:
            return None
        evidence = rest()
        if self._watch.update(evidence) is not Outlook.IMPOSSIBLE:
            return None
        return as_given(verify([loosened(self._scenario)], evidence), self._scenario)

    def in_vain(self, expected: Scenario, evidence: Evidence, seconds: float) -> Verdict | None:
        """The verdict after so many seconds; None if the call has come in this moment."""
        scenario = replace(expected, steps=(Step(expectations=(self._wanted,)),))
        verdict = lacking(scenario, evidence)
        if verdict is None:
            return None
        (result,) = verdict.scenarios
        steps = tuple(replace(step, seconds=seconds) for step in result.steps)
        return replace(verdict, scenarios=(replace(result, steps=steps),))
