"""Run scenarios with actions: do the actions of each step, then wait for its calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pixel_emulator.command.process import CommandExit
from pixel_emulator.core import times
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenarios.scenario import Scenario
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
class RunResult:
    """Result of a run. `failed_command` is the exit of the first command that failed, or None.

    `stopped` says where the first unfinished scenario stopped; empty if all were run to the end.
    """

    verdict: Verdict
    failed_command: CommandExit | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class _StepAttempt:
    """A step that was run: True if the next one may follow, the seconds until that was known, and
    the action that failed."""

    passed: bool
    seconds: float
    failure: Failure | None = None

    def applied_to(self, result: StepResult) -> StepResult:
        """Return the result of the step with the facts that only a live run knows."""
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

    `drain` waits until everything that clients have sent is in the journal; it returns False if
    some clients stay connected. `on_step` is called with the title of each step that begins. To be
    used from the main thread, where commands run.
    """

    def __init__(
        self,
        journal: CallSource,
        context: ActionContext,
        drain: Callable[[], bool],
        on_step: Callable[[str], object] = lambda _title: None,
    ) -> None:
        self._journal = journal
        self._context = context
        self._drain = drain
        self._on_step = on_step
        self._window = Window(journal, ())
        # False once an action may have left a process behind that sends calls later.
        self._only_we_send = True

    def run_all(self, scenarios: Sequence[Scenario]) -> RunResult:
        """Run scenarios one after the other, also after one that failed."""
        results = [self.run(scenario) for scenario in scenarios]
        return RunResult(
            merge([result.verdict for result in results]),
            next((result.failed_command for result in results if result.failed_command), None),
            next((result.stopped for result in results if result.stopped), ""),
        )

    def run(self, scenario: Scenario) -> RunResult:
        """Run the steps of a scenario up to the first that fails, and verify them."""
        self._journal.begin_run(_start_time(scenario.given.clock))
        attempts: list[_StepAttempt] = []
        self._window = self._window.after(Evidence(hits=()), [scenario])
        for number in range(1, len(scenario.steps) + 1):
            attempts.append(self._try(scenario, number))
            if not attempts[-1].passed:
                break
        evidence = self._window.evidence()
        self._journal.begin_step("")
        self._window = self._window.after(evidence, ())
        verdict = _with_attempts(verify([scenario], evidence, step_count=len(attempts)), attempts)
        failure, stopped = (attempts[-1].failure if attempts else None), ""
        if failure or len(attempts) < len(scenario.steps):
            where = f"step {len(attempts)} of {len(scenario.steps)}"  # no title: it may hold a key
            stopped = f"a scenario stopped at its {where}, which failed: the rest was not done"
        return RunResult(verdict, failure.command if failure else None, stopped)

    def _try(self, scenario: Scenario, number: int) -> _StepAttempt:
        step = scenario.steps[number - 1]
        title = scenario.step_title(step)
        started = monotonic()
        self._on_step(title)
        self._journal.begin_step(title)
        with self._window.followed():
            failure = perform(step, folder_of(scenario), self._context)
        all_gone = False

        def drain() -> bool:
            nonlocal all_gone
            all_gone = self._drain()
            return all_gone

        done_at = mark_done(self._journal, [title], drain)
        self._only_we_send &= sends_only_by_itself(step)
        met = failure is None and Outlook.MET is wait_until_decided(
            LiveVerdict([scenario], step_count=number),
            self._window,
            # If nobody is left who could send a call, waiting for the missing one is useless.
            deadline=done_at if self._only_we_send and all_gone else done_at + within(step),
            quiet=quiet(step),
        )
        if not met and failure is None:
            failure = no_pixels_failure(step, folder_of(scenario), self._context)
        return _StepAttempt(met, monotonic() - started, failure)


def _with_attempts(verdict: Verdict, attempts: Sequence[_StepAttempt]) -> Verdict:
    """Return the verdict on one scenario with what only its live run knows of its steps."""
    (result,) = verdict.scenarios
    live = (attempt.applied_to(step) for attempt, step in zip(attempts, result.steps, strict=False))
    steps = (*live, *result.steps[len(attempts) :])
    failed = any(attempt.failure for attempt in attempts) and result.status is Status.MET
    status = Status.UNMET if failed else result.status
    return replace(verdict, scenarios=(replace(result, steps=steps, status=status),))


def _start_time(clock: str) -> datetime | None:
    return times.parse_clock(clock) if clock else None
