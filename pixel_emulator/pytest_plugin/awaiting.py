"""The wait for one call: whether it may still come, and why it did not."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Scenario, Step
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.judging import SILENT, as_given, lacking, loosened
from pixel_emulator.pytest_plugin.pool import SharedCalls
from pixel_emulator.pytest_plugin.seen import SeenCall, seen
from pixel_emulator.runtime.clock import monotonic


def first_call(
    pool: SharedCalls, wanted: Expectation, timeout: float, expected: Callable[[], Scenario]
) -> SeenCall | Verdict:
    """The first such call, or after `timeout` seconds the verdict; sooner where something came
    that is not `expected`, and that nothing mends."""
    outlook, looked_at, begun = CallWait(wanted), 0, monotonic()
    while True:
        session = pool.session
        closed = session.closed  # asked first: then nothing comes behind the evidence
        hits = session.evidence(looked_at).hits
        matching = (hit for hit in hits if next(wanted.solutions(hit), None) is not None)
        if found := seen(islice(matching, 1)):
            return found[0]
        looked_at += len(hits)
        passed = monotonic() - begun
        scenario = expected()
        verdict = outlook.impossible(scenario, pool.rest)
        if verdict is None and (closed or passed >= timeout):
            verdict = outlook.in_vain(scenario, session.evidence(), passed)
        if verdict:
            return verdict
        session.wait(looked_at, max(0, timeout - passed))


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
            bans = any(each.times.high == 0 for each in step.expectations)
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
        steps = tuple(replace(each, seconds=seconds) for each in result.steps)
        return replace(verdict, scenarios=(replace(result, steps=steps),))
