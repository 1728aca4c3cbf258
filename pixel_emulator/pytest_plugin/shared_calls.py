"""The calls of one session, shared out among expectations and scenario files of a test."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from pixel_emulator.core import call_text
from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Evidence,
    Hit,
    HttpRequest,
    Outcome,
    Problem,
)
from pixel_emulator.core.parser.expectations import Policies
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import Level, Policy, Scenario, Step
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.quick_check import QuickCheck
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.snapshots import Snapshot, UpdateGuard
from pixel_emulator.pytest_plugin.source_lines import SourceLines
from pixel_emulator.pytest_plugin.verdicts import (
    FAIL_ALL,
    claims_of,
    verdict_if_missing,
    verify_unproven,
    with_given_expectations,
    without_calls,
    without_upper_limits,
)
from pixel_emulator.runner.waiting import wait_until_decided
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.session import Session


@dataclass(frozen=True, slots=True, repr=False)
class ReceivedCall(Mapping[str, Any]):
    """A call that arrived: a mapping of its payload, empty if that could not be decoded.

    Values are copies, so that a test cannot change the evidence. `hit` holds everything that is
    known of the call.
    """

    hit: Hit
    call: Call

    @property
    def type(self) -> CallType:
        """Return which of the six calls it is."""
        return self.call.type

    @property
    def payload(self) -> Mapping[str, Any]:
        """Return a copy of the payload."""
        return {key: self[key] for key in self}

    @property
    def outcome(self) -> Outcome:
        """Return what Segment would do with the call."""
        return self.hit.outcome

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of the call."""
        return self.hit.problems

    @property
    def request(self) -> HttpRequest:
        """Return the request as it was sent."""
        return self.hit.request

    @property
    def time(self) -> datetime:
        """Return when the call arrived: an aware time, in UTC."""
        return self.hit.time

    def __getitem__(self, key: str) -> Any:
        value = (self.call.payload or {})[key]
        # A copy by way of JSON text: `deepcopy` overflows the stack for deeply nested values.
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


def received_calls(hits: Iterable[Hit]) -> tuple[ReceivedCall, ...]:
    """Return the calls among the hits; other requests are left out."""
    return tuple(ReceivedCall(hit, hit.call) for hit in hits if hit.call)


if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.scenario_context import ScenarioContext


_MOST_REMEMBERED = 10_000
"""Hits that are kept between two looks; more would take too much memory."""


class SharedCalls:
    """The calls of one session, and which of them scenario files have claimed.

    `files` are the scenario files that the test named, in order. `contexts` are the contexts of
    `Pixels.expecting`, in order of creation. `overlapping` are those that were open at the same
    time, directly or through a third one. Safe to use from any thread.
    """

    def __init__(
        self,
        session: Session,
        folders: Sequence[Path],
        policies: Policies,
        update_guard: UpdateGuard | None,
    ) -> None:
        self.session = session
        self.update_guard = update_guard
        self.files: dict[str, None] = {}
        self.lock = RLock()
        self.claimed: frozenset[int] = frozenset()
        self.contexts: tuple[ScenarioContext, ...] = ()
        self.overlapping: tuple[ScenarioContext, ...] = ()
        self._folders = folders
        self._policies = policies
        self._remembered: tuple[Hit, ...] = ()

    def unclaimed(self) -> Evidence:
        """Return the evidence without the claimed calls."""
        return without_calls(self._evidence(), self.claimed)

    def last_number(self) -> int:
        """Return the number of the last call; 0 if there is none."""
        return max((hit.seq for hit in self.session.evidence().hits), default=0)

    def open_context(self, context: "ScenarioContext") -> None:
        """Add a context to those that overlap; if none of them is open, start anew with it."""
        with self.lock:
            others = self.overlapping if any(other.is_open for other in self.overlapping) else ()
            self.overlapping = (*(other for other in others if other is not context), context)

    def claim(self, verdict: Verdict) -> None:
        """Add the calls that the scenarios of a verdict claim to the claimed ones."""
        with self.lock:
            self.claimed |= claims_of(verdict.scenarios)

    def forget(self) -> None:
        """Drop the contexts that are closed."""
        with self.lock:
            self.contexts = tuple(context for context in self.contexts if context.is_open)
            self.overlapping = tuple(context for context in self.overlapping if context.is_open)

    def _evidence(self) -> Evidence:
        """Return all evidence. Hits of an earlier look are reused, because a session in another
        process sends its hits once per request."""
        with self.lock:
            known = self._remembered
            # From the last known hit on: if it is missing, the session was cleared meanwhile.
            evidence = self.session.evidence(max(len(known) - 1, 0))
            if known and [hit.seq for hit in evidence.hits[:1]] != [known[-1].seq]:
                known, evidence = (), self.session.evidence()
            if known and (
                evidence.gaps or evidence.masked
            ):  # they belong to the hits of one request
                known, evidence = (), self.session.evidence()
            hits = (*known, *evidence.hits[1:]) if known else evidence.hits
            self._remembered = hits if len(hits) <= _MOST_REMEMBERED else ()
            return replace(evidence, hits=hits)

    @property
    def update(self) -> bool:
        """True if `--pixel-update` rewrites files to what happened."""
        return self.update_guard is not None

    def snapshot(self, file: str | os.PathLike[str], given: Mapping[str, JSON]) -> Snapshot:
        """Find a scenario file; return it with the policies of the test."""
        path = self._find_file(file)
        self.files[path] = None
        return Snapshot(path, given, self._policies, self.update_guard)

    def inline(self, scenarios: tuple[Scenario, ...], file: str) -> Snapshot:
        """Return scenarios of a test with the policies of the test."""
        return Snapshot(file, {}, self._policies, self.update_guard, scenarios)

    def _find_file(self, file: str | os.PathLike[str]) -> str:
        """Return the path of a scenario file, as reports show it."""
        paths = (folder / file for folder in self._folders if (folder / file).exists())
        return os.path.relpath(
            next(paths, self._folders[0] / file if self._folders else Path(file))
        )


class ExpectedCalls:
    """The expectations of a test. They apply to the calls that no scenario file has claimed."""

    def __init__(self, shared_calls: SharedCalls, source: SourceLines, policies: Policies) -> None:
        self._shared_calls, self._source, self._policies = shared_calls, source, policies
        self._lock = Lock()
        self._quick_check = QuickCheck()
        self._expected: tuple[Expectation, ...] = ()
        self._silent = self._needs_proof = False

    def __bool__(self) -> bool:
        """Return True if anything was expected, silence included."""
        return bool(self._expected) or self._silent

    @property
    def scenario(self) -> Scenario:
        """Return all expectations so far as a scenario of one step."""
        policies = self._policies
        return Scenario(
            steps=(Step(expectations=self._expected, location=self._source.location),),
            name=self._source.name,
            levels=FAIL_ALL if self._silent else policies.levels,
            same_event=policies.same_event and not self._silent,
            accepted=frozenset() if self._silent else policies.accepted,
            location=self._source.location,
        )

    def add(self, wanted: Expectation) -> Verdict | None:
        """Add an expectation. Return the verdict if calls of any expectation are missing, else
        None."""
        with self._lock:
            self._expected = (*self._expected, wanted)
            unclaimed = self._shared_calls.unclaimed()
            if self._quick_check.has_all_calls(self._expected, unclaimed.hits):
                return None
            return verdict_if_missing(self.scenario, unclaimed)

    def expect_silence(self, *, proven: bool) -> Verdict:
        """Expect no further call; return the verdict on the calls so far.

        With `proven`, silence counts at the end of the test only if anything has reached the
        session by then.
        """
        self._silent = True
        self._needs_proof |= proven
        return verify_unproven([self.scenario], self._shared_calls.unclaimed())

    def verdict(self, *, are_recorded: bool = False) -> Verdict | None:
        """Return the verdict at the end of the test, or None if a quick check already finds every
        expectation met.

        If calls `are_recorded` and nothing is expected, the recording says which calls are.
        """
        evidence = self._shared_calls.unclaimed()
        if self._needs_proof and not (evidence.connections or self._shared_calls.last_number()):
            return verify([self.scenario], evidence)
        with self._lock:
            if self._quick_check.is_met(self._expected, evidence):
                return None
        scenario = self.scenario
        if are_recorded and not self and not self._shared_calls.contexts:
            scenario = replace(
                scenario, levels={**scenario.levels, Policy.UNEXPECTED: Level.IGNORE}
            )
        return verify_unproven([scenario], evidence)

    def forget(self) -> None:
        """Drop all expectations."""
        with self._lock:
            self._expected, self._silent, self._needs_proof = (), False, False


def first_call(
    shared_calls: SharedCalls, wanted: Expectation, timeout: float, expected: Callable[[], Scenario]
) -> ReceivedCall | Verdict:
    """Return the first call that matches, or the verdict after `timeout` seconds.

    The verdict comes earlier if a call that arrived violates the `expected` scenario for good.
    """
    search = _FirstCall(shared_calls, wanted, expected)
    while search.result is None:
        wait_until_decided(
            search, search, deadline=search.begun + timeout, quiet=None, defers=False
        )
        if search.result is None:
            search.time_out()
    return search.result


class _FirstCall:
    """Search for a call among those that a session gets; driven by `wait_until_decided`."""

    def __init__(
        self, shared_calls: SharedCalls, wanted: Expectation, expected: Callable[[], Scenario]
    ) -> None:
        self.begun = monotonic()
        self.result: ReceivedCall | Verdict | None = None
        self._shared_calls, self._wanted, self._expected = shared_calls, wanted, expected
        self._call_wait = CallWait(wanted)
        self._session, self._closed = shared_calls.session, False
        self._read_count = 0

    def evidence(self) -> Evidence:
        """Return the hits since the last look."""
        self._session = self._shared_calls.session
        self._closed = self._session.closed  # read first: nothing arrives after the evidence then
        return self._session.evidence(self._read_count)

    def wait_for_more(self, than: Evidence, seconds: float) -> None:  # noqa: ARG002 - see `_read_count`
        """Wait at most `seconds` for more calls than were read."""
        self._session.wait(self._read_count, seconds)

    def update(self, evidence: Evidence) -> Outlook:
        """Look at the new calls, and keep the call or the verdict as the result."""
        hits = evidence.hits
        matching = (hit for hit in hits if next(self._wanted.solutions(hit), None) is not None)
        if calls := received_calls(islice(matching, 1)):
            self.result = calls[0]
            return Outlook.MET
        self._read_count += len(hits)
        self.result = self._call_wait.impossible(self._expected(), self._shared_calls.unclaimed)
        if self.result is None and self._closed:
            self.time_out()
        return Outlook.OPEN if self.result is None else Outlook.IMPOSSIBLE

    def time_out(self) -> None:
        """Keep the verdict without the call as the result, unless the call just arrived."""
        passed = monotonic() - self.begun
        self.result = self._call_wait.timed_out(self._expected(), self._session.evidence(), passed)


class CallWait:
    """Decides if a test that waits for a call can still pass; updated as calls arrive."""

    def __init__(self, wanted: Expectation) -> None:
        self._wanted = wanted
        self._expected: tuple[Expectation, ...] = ()
        self._silent = False
        self._watch: LiveVerdict | None = None
        self._scenario = Scenario(steps=())

    def impossible(self, expected: Scenario, unclaimed: Callable[[], Evidence]) -> Verdict | None:
        """Return the verdict if a call arrived that `expected` forbids, else None.

        Only an expectation with `times=0` and silence forbid calls; no later call mends that.
        `unclaimed` returns the calls that no scenario file has claimed.
        """
        (step,) = expected.steps
        silent = expected.levels == FAIL_ALL
        if step.expectations is not self._expected or silent != self._silent:
            self._expected, self._silent = step.expectations, silent
            with_wanted = replace(step, expectations=(*step.expectations, self._wanted))
            self._scenario = replace(expected, steps=(with_wanted,))
            has_bans = any(expectation.times.high == 0 for expectation in step.expectations)
            self._watch = (
                LiveVerdict([without_upper_limits(self._scenario)]) if has_bans or silent else None
            )
        if self._watch is None:
            return None
        evidence = unclaimed()
        if self._watch.update(evidence) is not Outlook.IMPOSSIBLE:
            return None
        return with_given_expectations(
            verify([without_upper_limits(self._scenario)], evidence), self._scenario
        )

    def timed_out(self, expected: Scenario, evidence: Evidence, seconds: float) -> Verdict | None:
        """Return the verdict after so many seconds, or None if the call has just come."""
        scenario = replace(expected, steps=(Step(expectations=(self._wanted,)),))
        verdict = verdict_if_missing(scenario, evidence)
        if verdict is None:
            return None
        (result,) = verdict.scenarios
        steps = tuple(replace(step, seconds=seconds) for step in result.steps)
        return replace(verdict, scenarios=(replace(result, steps=steps),))
