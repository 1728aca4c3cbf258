"""A verdict as text for people: every failure once, the same bytes every time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product, takewhile

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import Hit, Outcome, total
from pixel_emulator.core.report.page import (
    MAX_ITEMS,
    Page,
    call_counts,
    met_counts,
    more_line,
    run_failure_counts,
    total_counts,
)
from pixel_emulator.core.report.side_by_side import (
    call_line,
    call_lines,
    call_name,
    cut_middle,
    mismatch_lines,
    reason_lines,
    request_lines,
)
from pixel_emulator.core.report.snippets import expectation_snippet, update_commands
from pixel_emulator.core.report.wording import (
    ACCEPT,
    COMMAND,
    GAPS,
    NOTHING_ARRIVED,
    POLICY_WORDS,
    STATE,
    STATUS_WORDS,
    UNDECIDED,
    command_failure,
    details,
    expectation_line,
    forbidden_text,
    has_named_steps,
    has_nothing_arrived,
    location_text,
    not_counted_text,
    output_heading,
    policy_text,
    score,
    snippet_heading,
    step_name,
    unexplained,
    violations_text,
    with_variable_sources,
    without_ansi_codes,
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


def unmet_lines(page: Page, scenario: ScenarioResult, result: ExpectationResult) -> Iterator[str]:
    """Where it stands, what is wanted of it, what happened, and what was sent instead."""
    wanted = result.expectation
    first, *others = details(result, MAX_ITEMS)
    heading, _, story = printable(first).partition(": ")
    name = page.paint(printable(expectation_line(wanted)), "bold")
    start = "   ".join(
        filter(None, (printable(location_text(wanted.location)), name, f"{heading}:"))
    )
    yield from page.said(f"  {start}", " ", story, "bad")
    if wanted.note:
        yield from page.sentence(wanted.note)
    if not result.nearest and result.story is not Story.TWICE:
        hits = [*result.claims, *(each.hit for each in result.surplus)]
        yield from call_lines(page, sorted(hits, key=lambda hit: hit.seq), result.got)
    for words in others:
        yield from page.sentence(words)
    for near in result.nearest:
        yield from _nearest_lines(
            page, near, with_variable_sources(scenario, wanted, near.mismatches)
        )


def _nearest_lines(page: Page, near: ClosestCall, mismatches: Sequence[Mismatch]) -> Iterator[str]:
    hit = near.hit
    found = page.paint("nearest call", "note")
    yield f"    {found}  {call_name(hit)}   {score(near)}"
    if words := not_counted_text(near):
        yield from page.sentence(words, 6)
    yield from mismatch_lines(page, mismatches)
    if hit.outcome is not Outcome.DAMAGED:
        yield from reason_lines(page, hit)
    yield from request_lines(page, hit)


def policy_lines(page: Page, findings: Sequence[PolicyHit]) -> Iterator[str]:
    """What fails before what warns; each policy with its calls."""
    for level, policy in product((Level.FAIL, Level.WARN), Policy):
        hits = [each.hit for each in findings if (each.level, each.policy) == (level, policy)]
        if not hits:
            continue
        word, meaning = policy_text(policy, level, total(hits))
        style = "bad" if level is Level.FAIL else "warn"
        yield from page.said(f"  {page.paint(word, style)}", "   ", meaning)
        if policy is Policy.UNEXPECTED:
            yield from _unexpected_lines(page, hits)
        else:
            for hit in hits[:MAX_ITEMS]:
                yield f"    {call_line(page, hit, details=False)}"
                yield from reason_lines(page, hit)
            yield from more_line(total(hits), len(hits[:MAX_ITEMS]))
        yield ""


def _unexpected_lines(page: Page, hits: Sequence[Hit]) -> Iterator[str]:
    """The calls, and below those that are alike the YAML that would expect them."""
    alike: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        alike[expectation_snippet(hit)].append(hit)
    for same in islice(alike.values(), MAX_ITEMS):
        yield from call_lines(page, same)
        if wanted := expectation_snippet(same[0], len(same)):
            yield f"      {page.paint(snippet_heading(len(same)), 'dim')}"
            yield from (
                f"        {printable(expectation_line)}" for expectation_line in wanted.splitlines()
            )
    yield from more_line(len(alike))
    if counted_only := total(hits) - len(hits):
        yield f"    … and {counted_only} more calls like these"


def run_failure_lines(page: Page, result: ScenarioResult) -> Iterator[str]:
    """Each objection below what it rests on, with the requests that it is about."""
    denied = defaultdict(list)
    for each in result.denied:
        denied[id(each.denial)].append(each)
    for same in denied.values():
        rule = same[0].denial
        where = filter(None, (printable(location_text(rule.location)), page.paint("denied", "bad")))
        yield from page.said(f"  {'   '.join(where)}", "   ", printable(forbidden_text(rule)))
        yield from _lines_by_call(page, ((each.hit, (each.path, each.value)) for each in same))
        yield ""
    if result.state:
        yield f"  {page.paint('state', 'bad')}   {STATE}"
        yield from mismatch_lines(page, result.state, 4)
        yield ""
    if result.violations:
        yield f"  {page.paint('plan', 'bad')}   {violations_text(result)}"
        found = (
            (hit, (each.field, each.type, each.description)) for hit, each in result.violations
        )
        yield from _lines_by_call(page, found)
        yield ""


def _lines_by_call(page: Page, found: Iterable[tuple[Hit, tuple[str, ...]]]) -> Iterator[str]:
    """Each request, and below it what was found in it, in columns."""
    by_hit: dict[int, tuple[Hit, list[tuple[str, ...]]]] = {}
    for hit, parts in found:
        by_hit.setdefault(id(hit), (hit, []))[1].append(parts)
    for hit, rows in list(by_hit.values())[:MAX_ITEMS]:
        yield f"    {call_name(hit)}"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows[:MAX_ITEMS]:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            indent = 6 + sum(widths[:-1]) + 3 * (len(row) - 1)
            start = f"      {'   '.join(cells[:-1])}   "
            yield from page.sentence(row[-1], indent, first=printable(start))
    hits = [hit for hit, _ in by_hit.values()]
    yield from more_line(total(hits), len(hits[:MAX_ITEMS]))


type _ForbiddenKey = tuple[Location, tuple[int, ...]]

_MAX_NUMBERS = 3  # calls of a finding that are named in the head of a scenario
_STYLES = {"PASS": "good", "FAIL": "bad", "SKIP": "dim"}


def heading(page: Page, word: str, title: str) -> str:
    """`FAIL  checkout.yaml`."""
    return f"{page.paint(word, _STYLES.get(word, 'warn'))}  {page.paint(printable(title), 'bold')}"


def scenario_lines(
    page: Page, verdict: Verdict, index: int, told_below: Sequence[PolicyHit]
) -> Iterator[str]:
    """One scenario of the verdict; `told_below` are the findings that the report comes to yet."""
    result = verdict.scenarios[index]
    alone = len(verdict.scenarios) == 1
    yield heading(page, STATUS_WORDS[result.status], result.scenario.title)
    if alone:
        unexpected = [each for each in told_below if each.policy is Policy.UNEXPECTED]
        counts = [*call_counts(verdict), *_failing_counts(unexpected, index)]
    else:
        counts = [*_failing_counts(verdict.findings, index, named=True)]
    parts = [met_counts(result.steps), *counts, *run_failure_counts(result)]
    yield from page.sentence(" · ".join(parts), 2)
    if alone and has_nothing_arrived(verdict) and not any(each.failure for each in result.steps):
        yield from page.sentence(NOTHING_ARRIVED, 2)
    if result.status is Status.UNDECIDED:
        yield from page.sentence(UNDECIDED, 2)
    yield ""
    for step in result.steps:
        yield from step_lines(page, result, step)
    yield from run_failure_lines(page, result)


def _failing_counts(
    findings: Iterable[PolicyHit], index: int, *, named: bool = False
) -> Iterator[str]:
    """The findings that fail the scenario of that index, counted: `2 unexpected (#3, #7)`."""
    found: dict[str, list[Hit]] = defaultdict(list)
    for each in findings:
        if each.levels[index] is Level.FAIL:
            found[POLICY_WORDS[each.policy][0]].append(each.hit)
    for word, hits in found.items():
        count = total(hits)
        names = [f"#{hit.seq}" for hit in hits[:_MAX_NUMBERS]] + ["…"] * (count > _MAX_NUMBERS)
        yield f"{count} {word}" + (f" ({', '.join(names)})" if named else "")


def step_lines(page: Page, result: ScenarioResult, step: StepResult) -> Iterator[str]:
    """A step: its head where steps have names, an action that failed, what is unmet."""
    stepwise = has_named_steps(result)
    if stepwise:
        word = STATUS_WORDS[step.status] if step.reached else "SKIP"
        said = met_counts([step]) if step.reached else Story.NOT_REACHED
        yield f"  {heading(page, word, step_name(result, step))}   {said}"
    if step.failure:
        failure = page.sentence(step.failure, 4 if stepwise else 2)
        yield from (page.paint(each, "bad") for each in failure)
        yield from _output_lines(page, step.output)
    unmets = [each for each in step.expectations if step.reached and not each.met]
    told = _reported_before(result, step)
    if stepwise or step.failure:
        yield ""
    for each in unmets:
        if _forbidden_key(each) in told:
            yield f"  {printable(location_text(each.expectation.location))}   as above"
        else:
            yield from unmet_lines(page, result, each)
        yield ""


def _reported_before(result: ScenarioResult, step: StepResult) -> set[_ForbiddenKey]:
    """The bans of a whole scenario that steps before this one have told of."""
    before = takewhile(lambda each: each is not step, result.steps)
    return {_forbidden_key(each) for other in before for each in other.expectations if each.surplus}


def _forbidden_key(result: ExpectationResult) -> _ForbiddenKey:
    """What makes two results of one `never` the same: its place, and its calls."""
    return result.expectation.location, tuple(each.hit.seq for each in result.surplus)


def _output_lines(page: Page, output: str) -> Iterator[str]:
    """The last lines of what a command printed."""
    lines = without_ansi_codes(output).rstrip().splitlines()
    yield from page.sentence(output_heading(len(lines), MAX_ITEMS))
    for printed_line in lines[-MAX_ITEMS:]:
        yield f"      {cut_middle(printable(printed_line.expandtabs()), max(20, page.width - 6))}".rstrip()


def text(
    verdict: Verdict,
    *,
    width: int = 100,
    colour: bool = False,
    calls: bool = True,
    recording: str = "",
) -> str:
    """The report in lines of about `width` characters, with ANSI colours if `colour`.

    `call_lines` lists the calls seen under a report without failures. `recording` is the file that
    holds the calls under their numbers, where there is one.
    """
    page = Page(width, colour=colour, recording=recording)
    return "\n".join(_lines(page, verdict, calls=calls)).rstrip() + "\n"


def _lines(page: Page, verdict: Verdict, *, calls: bool) -> Iterator[str]:
    if verdict.gaps:
        yield heading(page, STATUS_WORDS[Status.INCOMPLETE], GAPS)
        for gap in verdict.gaps:
            yield from page.sentence(gap, first="  - ")
        yield ""
    if failed := command_failure(verdict):
        yield heading(page, STATUS_WORDS[Status.UNMET], COMMAND)
        yield from page.sentence(failed, 2)
        yield ""
    findings = unexplained(verdict.findings, verdict.scenarios)
    for index in range(len(verdict.scenarios)):
        yield from scenario_lines(page, verdict, index, findings)
    if len(verdict.scenarios) > 1:
        yield heading(page, STATUS_WORDS[verdict.status], total_counts(verdict))
        yield ""
    yield from policy_lines(page, findings)
    yield from _update_lines(page, verdict)
    told = {Status.UNMET, Status.UNDECIDED} & {each.status for each in verdict.scenarios}
    if verdict.hits and not told and calls:
        yield "  calls seen"
        yield from call_lines(page, verdict.hits)


def _update_lines(page: Page, verdict: Verdict) -> Iterator[str]:
    found = list(update_commands(verdict, page.recording))
    if found:
        yield f"  {page.paint(ACCEPT, 'note')}"
        yield from (f"    {printable(each)}" for each in found)
        yield ""
