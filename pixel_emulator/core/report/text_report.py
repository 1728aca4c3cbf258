"""A verdict as text for people: every failure once, the same bytes every time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product, takewhile

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import Hit, Outcome, total
from pixel_emulator.core.report.page import MOST, Page, met, more, objections, scenarios_met, seen
from pixel_emulator.core.report.side_by_side import (
    call,
    calls,
    cut,
    mismatch_lines,
    named,
    raw_lines,
    reason_lines,
)
from pixel_emulator.core.report.side_by_side import calls as call_lines
from pixel_emulator.core.report.snippets import commands, suggestion
from pixel_emulator.core.report.wording import (
    ACCEPT,
    COMMAND,
    GAPS,
    NOTHING_ARRIVED,
    POLICY_WORDS,
    STATE,
    STATUS_WORDS,
    UNDECIDED,
    agreement,
    arrived_nothing,
    expect_it,
    failed_command,
    finding,
    forbidden_text,
    has_named_steps,
    hinted,
    line,
    obstacle,
    place,
    printed,
    remarks,
    step_name,
    untold,
    violated,
    without_colours,
)
from pixel_emulator.core.scenarios.model import Level, Policy
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Story,
    Verdict,
)


def unmet(page: Page, scenario: ScenarioResult, result: ExpectationResult) -> Iterator[str]:
    """Where it stands, what is wanted of it, what happened, and what was sent instead."""
    wanted = result.expectation
    first, *others = remarks(result, MOST)
    head, _, story = printable(first).partition(": ")
    name = page.paint(printable(line(wanted)), "bold")
    start = "   ".join(filter(None, (printable(place(wanted.location)), name, f"{head}:")))
    yield from page.said(f"  {start}", " ", story, "bad")
    if wanted.note:
        yield from page.sentence(wanted.note)
    if not result.nearest and result.story is not Story.TWICE:
        hits = [*result.claims, *(each.hit for each in result.surplus)]
        yield from calls(page, sorted(hits, key=lambda hit: hit.seq), result.got)
    for words in others:
        yield from page.sentence(words)
    for near in result.nearest:
        yield from _nearest(page, near, hinted(scenario, wanted, near.mismatches))


def _nearest(page: Page, near: ClosestCall, mismatches: Sequence[Mismatch]) -> Iterator[str]:
    hit = near.hit
    found = page.paint("nearest call", "note")
    yield f"    {found}  {named(hit)}   {agreement(near)}"
    if words := obstacle(near):
        yield from page.sentence(words, 6)
    yield from mismatch_lines(page, mismatches)
    if hit.outcome is not Outcome.DAMAGED:
        yield from reason_lines(page, hit)
    yield from raw_lines(page, hit)


def finding_lines(page: Page, findings: Sequence[PolicyHit]) -> Iterator[str]:
    """What fails before what warns; each policy with its calls."""
    for level, policy in product((Level.FAIL, Level.WARN), Policy):
        hits = [each.hit for each in findings if (each.level, each.policy) == (level, policy)]
        if not hits:
            continue
        word, meaning = finding(policy, level, total(hits))
        style = "bad" if level is Level.FAIL else "warn"
        yield from page.said(f"  {page.paint(word, style)}", "   ", meaning)
        if policy is Policy.UNEXPECTED:
            yield from _unexpected(page, hits)
        else:
            for hit in hits[:MOST]:
                yield f"    {call(page, hit, details=False)}"
                yield from reason_lines(page, hit)
            yield from more(total(hits), len(hits[:MOST]))
        yield ""


def _unexpected(page: Page, hits: Sequence[Hit]) -> Iterator[str]:
    """The calls, and below those that are alike the YAML that would expect them."""
    alike: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        alike[suggestion(hit)].append(hit)
    for same in islice(alike.values(), MOST):
        yield from calls(page, same)
        if wanted := suggestion(same[0], len(same)):
            yield f"      {page.paint(expect_it(len(same)), 'dim')}"
            yield from (f"        {printable(line)}" for line in wanted.splitlines())
    yield from more(len(alike))
    if counted_only := total(hits) - len(hits):
        yield f"    … and {counted_only} more calls like these"


def objection_lines(page: Page, result: ScenarioResult) -> Iterator[str]:
    """Each objection below what it rests on, with the requests that it is about."""
    denied = defaultdict(list)
    for each in result.forbidden:
        denied[id(each.rule)].append(each)
    for same in denied.values():
        rule = same[0].rule
        where = filter(None, (printable(place(rule.location)), page.paint("denied", "bad")))
        yield from page.said(f"  {'   '.join(where)}", "   ", printable(forbidden_text(rule)))
        yield from _told(page, ((each.hit, (each.path, each.value)) for each in same))
        yield ""
    if result.state:
        yield f"  {page.paint('state', 'bad')}   {STATE}"
        yield from mismatch_lines(page, result.state, 4)
        yield ""
    if result.violations:
        yield f"  {page.paint('plan', 'bad')}   {violated(result)}"
        found = (
            (hit, (each.field, each.type, each.description)) for hit, each in result.violations
        )
        yield from _told(page, found)
        yield ""


def _told(page: Page, found: Iterable[tuple[Hit, tuple[str, ...]]]) -> Iterator[str]:
    """Each request, and below it what was found in it, in columns."""
    by_hit: dict[int, tuple[Hit, list[tuple[str, ...]]]] = {}
    for hit, parts in found:
        by_hit.setdefault(id(hit), (hit, []))[1].append(parts)
    for hit, rows in list(by_hit.values())[:MOST]:
        yield f"    {named(hit)}"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows[:MOST]:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            indent = 6 + sum(widths[:-1]) + 3 * (len(row) - 1)
            start = f"      {'   '.join(cells[:-1])}   "
            yield from page.sentence(row[-1], indent, first=printable(start))
    hits = [hit for hit, _ in by_hit.values()]
    yield from more(total(hits), len(hits[:MOST]))


type _Ban = tuple[Location, tuple[int, ...]]

_NAMED = 3  # calls of a finding that are named in the head of a scenario
_STYLES = {"PASS": "good", "FAIL": "bad", "SKIP": "dim"}


def head(page: Page, word: str, title: str) -> str:
    """`FAIL  checkout.yaml`."""
    return f"{page.paint(word, _STYLES.get(word, 'warn'))}  {page.paint(printable(title), 'bold')}"


def scenario_lines(
    page: Page, verdict: Verdict, index: int, told_below: Sequence[PolicyHit]
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
    for word, hits in found.items():
        count = total(hits)
        names = [f"#{hit.seq}" for hit in hits[:_NAMED]] + ["…"] * (count > _NAMED)
        yield f"{count} {word}" + (f" ({', '.join(names)})" if named else "")


def step_lines(page: Page, result: ScenarioResult, step: StepResult) -> Iterator[str]:
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


def _output(page: Page, output: str) -> Iterator[str]:
    """The last lines of what a command printed."""
    lines = without_colours(output).rstrip().splitlines()
    yield from page.sentence(printed(len(lines), MOST))
    for printed_line in lines[-MOST:]:
        yield f"      {cut(printable(printed_line.expandtabs()), max(20, page.width - 6))}".rstrip()


def text(
    verdict: Verdict,
    *,
    width: int = 100,
    colour: bool = False,
    calls: bool = True,
    recording: str = "",
) -> str:
    """The report in lines of about `width` characters, with ANSI colours if `colour`.

    `calls` lists the calls seen under a report without failures. `recording` is the file that
    holds the calls under their numbers, where there is one.
    """
    page = Page(width, colour=colour, recording=recording)
    return "\n".join(_lines(page, verdict, calls=calls)).rstrip() + "\n"


def _lines(page: Page, verdict: Verdict, *, calls: bool) -> Iterator[str]:
    if verdict.gaps:
        yield head(page, STATUS_WORDS[Status.INCOMPLETE], GAPS)
        for gap in verdict.gaps:
            yield from page.sentence(gap, first="  - ")
        yield ""
    if failed := failed_command(verdict):
        yield head(page, STATUS_WORDS[Status.UNMET], COMMAND)
        yield from page.sentence(failed, 2)
        yield ""
    findings = untold(verdict.findings, verdict.scenarios)
    for index in range(len(verdict.scenarios)):
        yield from scenario_lines(page, verdict, index, findings)
    if len(verdict.scenarios) > 1:
        yield head(page, STATUS_WORDS[verdict.status], scenarios_met(verdict))
        yield ""
    yield from finding_lines(page, findings)
    yield from _acceptance(page, verdict)
    told = {Status.UNMET, Status.UNDECIDED} & {each.status for each in verdict.scenarios}
    if verdict.hits and not told and calls:
        yield "  calls seen"
        yield from call_lines(page, verdict.hits)


def _acceptance(page: Page, verdict: Verdict) -> Iterator[str]:
    found = list(commands(verdict, page.recording))
    if found:
        yield f"  {page.paint(ACCEPT, 'note')}"
        yield from (f"    {printable(each)}" for each in found)
        yield ""
