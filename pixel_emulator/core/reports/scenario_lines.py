"""A scenario in a report: its head, its steps with what is unmet, and what it objects to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from pixel_emulator.core.errors import Location
from pixel_emulator.core.model import Hit, total
from pixel_emulator.core.reports.beside import cut
from pixel_emulator.core.reports.counts import met, objections, seen
from pixel_emulator.core.reports.expectation_lines import unmet
from pixel_emulator.core.reports.layout import MOST, Layout
from pixel_emulator.core.reports.objection_lines import objection_lines
from pixel_emulator.core.reports.phrases import (
    NOTHING_ARRIVED,
    POLICY_WORDS,
    STATUS_WORDS,
    UNDECIDED,
    arrived_nothing,
    has_named_steps,
    place,
    printed,
    step_name,
    without_colours,
)
from pixel_emulator.core.scenarios.model import Level, Policy
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Story,
    Verdict,
)

type _Ban = tuple[Location, tuple[int, ...]]

_NAMED = 3  # calls of a finding that are named in the head of a scenario
_STYLES = {"PASS": "good", "FAIL": "bad", "SKIP": "dim"}


def head(page: Layout, word: str, title: str) -> str:
    """`FAIL  checkout.yaml`."""
    return f"{page.paint(word, _STYLES.get(word, 'warn'))}  {page.paint(printable(title), 'bold')}"


def scenario_lines(
    page: Layout, verdict: Verdict, index: int, told_below: Sequence[PolicyHit]
) -> Iterator[str]:
    """One scenario of the verdict; `told_below` are the findings that the report comes to yet."""
    result = verdict.scenarios[index]
    alone = len(verdict.scenarios) == 1
    yield head(page, STATUS_WORDS[result.status], result.scenario.title)
    if alone:
        unexpected = [each for each in told_below if each.policy is Policy.UNEXPECTED]
        counts = [*seen(verdict), *_failing(unexpected, index)]
    else:
        counts = [*_failing(verdict.findings, index, named=True)]
    parts = [met(result.steps), *counts, *objections(result)]
    yield from page.sentence(" · ".join(parts), 2)
    if alone and arrived_nothing(verdict) and not any(each.failure for each in result.steps):
        yield from page.sentence(NOTHING_ARRIVED, 2)
    if result.status is Status.UNDECIDED:
        yield from page.sentence(UNDECIDED, 2)
    yield ""
    for step in result.steps:
        yield from step_lines(page, result, step)
    yield from objection_lines(page, result)


def _failing(findings: Iterable[PolicyHit], index: int, *, named: bool = False) -> Iterator[str]:
    """The findings that fail the scenario of that index, counted: `2 unexpected (#3, #7)`."""
    found: dict[str, list[Hit]] = defaultdict(list)
    for each in findings:
        if each.levels[index] is Level.FAIL:
            found[POLICY_WORDS[each.policy][0]].append(each.hit)
    for word, calls in found.items():
        count = total(calls)
        names = [f"#{hit.seq}" for hit in calls[:_NAMED]] + ["…"] * (count > _NAMED)
        yield f"{count} {word}" + (f" ({', '.join(names)})" if named else "")


def step_lines(page: Layout, result: ScenarioResult, step: StepResult) -> Iterator[str]:
    """A step: its head where steps have names, an action that failed, what is unmet."""
    stepwise = has_named_steps(result)
    if stepwise:
        word = STATUS_WORDS[step.status] if step.reached else "SKIP"
        said = met([step]) if step.reached else Story.NOT_REACHED
        yield f"  {head(page, word, step_name(result, step))}   {said}"
    if step.failure:
        failure = page.sentence(step.failure, 4 if stepwise else 2)
        yield from (page.paint(each, "bad") for each in failure)
        yield from _output(page, step.output)
    unmets = [each for each in step.expectations if step.reached and not each.met]
    told = _told_before(result, step)
    if stepwise or step.failure:
        yield ""
    for each in unmets:
        if _ban(each) in told:
            yield f"  {printable(place(each.expectation.location))}   as above"
        else:
            yield from unmet(page, result, each)
        yield ""


def _told_before(result: ScenarioResult, step: StepResult) -> set[_Ban]:
    """The bans of a whole scenario that steps before this one have told of."""
    before = takewhile(lambda each: each is not step, result.steps)
    return {_ban(each) for other in before for each in other.expectations if each.surplus}


def _ban(result: ExpectationResult) -> _Ban:
    """What makes two results of one `never` the same: its place, and its calls."""
    return result.expectation.location, tuple(each.hit.seq for each in result.surplus)


def _output(page: Layout, output: str) -> Iterator[str]:
    """The last lines of what a command printed."""
    lines = without_colours(output).rstrip().splitlines()
    yield from page.sentence(printed(len(lines), MOST))
    for line in lines[-MOST:]:
        yield f"      {cut(printable(line.expandtabs()), max(20, page.width - 6))}".rstrip()
