"""Verdicts on what a test expects: at once on what is lacking, at the end on everything."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core.errors import Location
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.report.formats import TEXT, ReportOptions
from pixel_emulator.core.report.wording import (
    ACCEPT,
    GAPS,
    STATUS_WORDS,
    UNDECIDED,
    expectation_line,
    run_failures,
    unexplained,
    wanted_got,
)
from pixel_emulator.core.scenarios.expectation import Expectation, Times
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario
from pixel_emulator.core.verification.verdict import ExpectationResult, Status, Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.repeats import told_once

IGNORED = dict.fromkeys(Policy, Level.IGNORE)
"""The levels of a look that asks for the expected calls only."""
SILENT = dict.fromkeys(Policy, Level.FAIL)
"""The levels where nothing may arrive."""

CLOSED = "the session is closed, and no call can come any more"
"""What a failure begins with then."""

# Pytest puts four characters before each line.
_OPTIONS = ReportOptions(width=96, list_calls=False)


def lacking(scenario: Scenario, evidence: Evidence) -> Verdict | None:
    """The verdict on a scenario of one step, if it lacks calls or has some that are banned.

    What comes too often is left to the end: other expectations may yet claim it.
    """
    verdict = verify([replace(loosened(scenario), levels=IGNORED)], evidence)
    met = all(each.met for each in verdict.scenarios[0].expectations)
    return None if met else as_given(verdict, scenario)


def as_given(verdict: Verdict, scenario: Scenario) -> Verdict:
    """A verdict on a scenario that was loosened, with the expectations as they were given."""
    (result,) = verdict.scenarios
    ours, theirs = result.scenario.steps[0].expectations, scenario.steps[0].expectations
    given = {id(loose): each for loose, each in zip(ours, theirs, strict=True)}
    told = [replace(each, expectation=given[id(each.expectation)]) for each in result.expectations]
    return _with(verdict, told)


def loosened(scenario: Scenario) -> Scenario:
    """A scenario of one step that lets calls come more often than it says, but for bans.

    Its levels are those of silence, or none: others may yet expect what it does not.
    """
    (step,) = scenario.steps
    loose = tuple(_relaxed(each) for each in step.expectations)
    levels = SILENT if scenario.levels == SILENT else IGNORED
    return replace(scenario, steps=(replace(step, expectations=loose),), levels=levels)


def as_reached(evidence: Evidence) -> Evidence:
    """Evidence of silence that needs no proof: as if some client had connected."""
    if evidence.hits or evidence.connections:
        return evidence
    return replace(evidence, connections=1)


def verify_unproven(scenarios: Sequence[Scenario], evidence: Evidence) -> Verdict:
    """The verdict where silence needs no proof."""
    verdict = verify(scenarios, as_reached(evidence))
    return replace(verdict, connections=evidence.connections)


def headline(verdict: Verdict, first: Expectation | None = None) -> str:
    """The verdict in one line: what is wrong first, and how much more there is."""
    found = list(_objections(verdict, first))
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else STATUS_WORDS[verdict.status]


def report(verdict: Verdict, ours: Collection[str] = ()) -> str:
    """The report in words. `ours` are files of tests, which nobody rewrites but their authors."""
    said, _, commands = TEXT.render(told_once(verdict), _OPTIONS).partition(f"  {ACCEPT}\n")
    others = [each for each in commands.splitlines() if each]
    if all(any(f" {file} " in each for file in ours) for each in others):
        return said.rstrip()
    return f"{said}  {ACCEPT}\n    run it again with --pixel-update"


def message(
    verdict: Verdict,
    ours: Collection[str] = (),
    *,
    first: Expectation | None = None,
    hint: str = "",
) -> str:
    """What an assertion says that fails with this verdict, about `first` before all others."""
    begin = f"{headline(told_once(verdict), first)}\n{hint}".rstrip()
    return f"{begin}\n\n{report(verdict, ours)}"


def places(verdict: Verdict) -> Iterator[Location]:
    """Where the expectations stand that are not met."""
    for scenario in verdict.scenarios:
        yield from (
            each.expectation.location
            for step in scenario.steps
            if step.reached
            for each in step.expectations
            if not each.met
        )


def _relaxed(wanted: Expectation) -> Expectation:
    banned = wanted.times.high == 0
    return replace(wanted, times=wanted.times if banned else Times(wanted.times.low, None))


def _with(verdict: Verdict, results: Sequence[ExpectationResult]) -> Verdict:
    """The verdict on one step, with these results of its expectations."""
    (scenario,) = verdict.scenarios
    (step,) = scenario.steps
    told = replace(
        step,
        expectations=tuple(results),
        step=replace(step.step, expectations=tuple(each.expectation for each in results)),
    )
    wanted = replace(scenario.scenario, steps=(told.step,))
    return replace(verdict, scenarios=(replace(scenario, scenario=wanted, steps=(told,)),))


def _is(result: ExpectationResult, wanted: Expectation | None) -> bool:
    """Whether it is about this expectation, or one that says the same on the same line."""
    told = result.expectation
    return wanted is not None and (told.location, told.line) == (wanted.location, wanted.line)


def _objections(verdict: Verdict, first: Expectation | None) -> Iterator[str]:
    findings = unexplained(verdict.policy_hits, verdict.scenarios)
    for index, scenario in enumerate(verdict.scenarios):
        for each in sorted(scenario.expectations, key=lambda each: not _is(each, first)):
            if each.reached and not each.met:
                yield f"{expectation_line(each.expectation)}: {wanted_got(each)}"
        failing = [each for each in findings if each.levels[index] is Level.FAIL]
        for kind, said in run_failures(scenario, failing):
            yield f"{kind}: {said}"
        if scenario.status is Status.UNDECIDED:
            yield UNDECIDED
    yield from (f"{GAPS}: {gap}" for gap in verdict.gaps)
