"""Scenarios that act by themselves: each step does what it says, then waits for its calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pixel_emulator.command.process import CommandExit
from pixel_emulator.core import times
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verdict import Status, StepResult, Verdict
from pixel_emulator.core.verification.verify import merge, verify
from pixel_emulator.runner.actions import (
    ActionContext,
    Failure,
    folder_of,
    no_pixels_failure,
    perform,
    sends_only_by_itself,
)
from pixel_emulator.runner.waiting import (
    CallSource,
    Window,
    mark_done,
    quiet,
    wait_until_decided,
    within,
)
from pixel_emulator.runtime.clock import monotonic


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to; `failed` is how the first command ended that failed, if one did.

    `stopped` says where the first scenario was that did not come to its end; empty if all did.
    """

    verdict: Verdict
    failed: CommandExit | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class _Tried:
    """A step that was tried: whether the next one may be, how many seconds it took until that was
    known, and the action that failed."""

    passed: bool
    seconds: float
    failure: Failure | None = None

    def told(self, result: StepResult) -> StepResult:
        """The result of the step with what only a live run knows."""
        if self.failure is None:
            return replace(result, seconds=self.seconds)
        return replace(
            result,
            seconds=self.seconds,
            status=Status.UNMET,
            failure=self.failure.sentence,
            output=self.failure.output,
        )


class Runner:
    """Runs scenarios against one journal or session, each with the calls that arrive while it runs.

    `drain` waits until what clients have sent so far is in the journal; False if some of them
    stay. `tell` hears the title of each step that begins. To be used from the main thread, where
    commands run.
    """

    def __init__(
        self,
        journal: CallSource,
        access: ActionContext,
        drain: Callable[[], bool],
        tell: Callable[[str], object] = lambda _title: None,
    ) -> None:
        self._journal = journal
        self._access = access
        self._drain = drain
        self._tell = tell
        self._window = Window(journal, ())
        self._alone = True  # whether only what we did ourselves, and saw the end of, has sent calls

    def run_all(self, scenarios: Sequence[Scenario]) -> Ran:
        """Run scenarios one after the other, whatever becomes of each."""
        ran = [self.run(each) for each in scenarios]
        return Ran(
            merge([each.verdict for each in ran]),
            next((each.failed for each in ran if each.failed), None),
            next((each.stopped for each in ran if each.stopped), ""),
        )

    def run(self, scenario: Scenario) -> Ran:
        """Run the steps of a scenario up to the first that fails, and judge them."""
        self._journal.begin_run(_time(scenario.given.clock))
        tried: list[_Tried] = []
        self._window = self._window.after(Evidence(hits=()), [scenario])
        for number in range(1, len(scenario.steps) + 1):
            tried.append(self._try(scenario, number))
            if not tried[-1].passed:
                break
        evidence = self._window.evidence()
        self._journal.begin_step("")
        self._window = self._window.after(evidence, ())
        verdict = _with_live(verify([scenario], evidence, step_count=len(tried)), tried)
        failure, stopped = (tried[-1].failure if tried else None), ""
        if failure or len(tried) < len(scenario.steps):
            where = f"step {len(tried)} of {len(scenario.steps)}"  # no title: it may hold a key
            stopped = f"a scenario stopped at its {where}, which failed: the rest was not done"
        return Ran(verdict, failure.command if failure else None, stopped)

    def _try(self, scenario: Scenario, number: int) -> _Tried:
        step = scenario.steps[number - 1]
        title = scenario.step_title(step)
        started = monotonic()
        self._tell(title)
        self._journal.begin_step(title)
        with self._window.followed():
            failure = perform(step, folder_of(scenario), self._access)
        all_gone = False

        def drain() -> bool:
            nonlocal all_gone
            all_gone = self._drain()
            return all_gone

        begun = mark_done(self._journal, [title], drain)
        self._alone &= sends_only_by_itself(step)
        met = failure is None and Outlook.MET is wait_until_decided(
            LiveVerdict([scenario], step_count=number),
            self._window,
            # Where nobody is left who could send a call, no wait brings the one that is missing.
            deadline=begun if self._alone and all_gone else begun + within(step),
            quiet=quiet(step),
        )
        if not met and failure is None:
            failure = no_pixels_failure(step, folder_of(scenario), self._access)
        return _Tried(met, monotonic() - started, failure)


def _with_live(verdict: Verdict, tried: Sequence[_Tried]) -> Verdict:
    """The verdict on one scenario, with what only its live run knows of its steps."""
    (result,) = verdict.scenarios
    live = (each.told(step) for each, step in zip(tried, result.steps, strict=False))
    steps = (*live, *result.steps[len(tried) :])
    failed = any(each.failure for each in tried) and result.status is Status.MET
    status = Status.UNMET if failed else result.status
    return replace(verdict, scenarios=(replace(result, steps=steps, status=status),))


def _time(clock: str) -> datetime | None:
    return times.clock(clock) if clock else None
