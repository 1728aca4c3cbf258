"""A verdict as text for people. The same verdict gives the same bytes every time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product, takewhile

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import Hit, Outcome, count_hits
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
    ACCEPT_UNRECORDED,
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
from pixel_emulator.core.scenarios.scenario import Level, Policy
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    Explanation,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)


def unmet_lines(page: Page, scenario: ScenarioResult, result: ExpectationResult) -> Iterator[str]:
    """Yield place, counts and result of an unmet expectation, then the calls that came closest."""
    wanted = result.expectation
    first, *others = details(result, MAX_ITEMS)
    counts, _, result_text = printable(first).partition(": ")
    name = page.paint(printable(expectation_line(wanted)), "bold")
    start = "   ".join(
        filter(None, (printable(location_text(wanted.location)), name, f"{counts}:"))
    )
    yield from page.labelled(f"  {start}", " ", result_text, "bad")
    if wanted.note:
        yield from page.sentence(wanted.note)
    if not result.closest_calls and result.explanation is not Explanation.TWICE:
        hits = [*result.claims, *(extra.hit for extra in result.extra_calls)]
        yield from call_lines(page, sorted(hits, key=lambda hit: hit.seq), result.got)
    for sentence in others:
        yield from page.sentence(sentence)
    for near in result.closest_calls:
        yield from _nearest_lines(
            page, near, with_variable_sources(scenario, wanted, near.mismatches)
        )


def _nearest_lines(page: Page, near: ClosestCall, mismatches: Sequence[Mismatch]) -> Iterator[str]:
    hit = near.hit
    label = page.paint("nearest call", "note")
    yield f"    {label}  {call_name(hit)}   {score(near)}"
    if reason := not_counted_text(near):
        yield from page.sentence(reason, 6)
    yield from mismatch_lines(page, mismatches)
    if hit.outcome is not Outcome.DAMAGED:
        yield from reason_lines(page, hit)
    yield from request_lines(page, hit)


def policy_lines(page: Page, policy_hits: Sequence[PolicyHit]) -> Iterator[str]:
    """Yield each policy that fails or warns, with its calls; failures go before warnings."""
    for level, policy in product((Level.FAIL, Level.WARN), Policy):
        hits = [
            policy_hit.hit
            for policy_hit in policy_hits
            if (policy_hit.level, policy_hit.policy) == (level, policy)
        ]
        if not hits:
            continue
        word, meaning = policy_text(policy, level, count_hits(hits))
        style = "bad" if level is Level.FAIL else "warn"
        yield from page.labelled(f"  {page.paint(word, style)}", "   ", meaning)
        if policy is Policy.UNEXPECTED:
            yield from _unexpected_lines(page, hits)
        else:
            for hit in hits[:MAX_ITEMS]:
                yield f"    {call_line(page, hit, details=False)}"
                yield from reason_lines(page, hit)
            yield from more_line(count_hits(hits), len(hits[:MAX_ITEMS]))
        yield ""


def _unexpected_lines(page: Page, hits: Sequence[Hit]) -> Iterator[str]:
    """Yield the calls, and below those with the same snippet the YAML that would expect them."""
    by_snippet: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_snippet[expectation_snippet(hit)].append(hit)
    for same in islice(by_snippet.values(), MAX_ITEMS):
        yield from call_lines(page, same)
        if snippet := expectation_snippet(same[0], len(same)):
            yield f"      {page.paint(snippet_heading(len(same)), 'dim')}"
            for line in snippet.splitlines():
                yield f"        {printable(line)}"
    yield from more_line(len(by_snippet))
    if unlisted := count_hits(hits) - len(hits):
        yield f"    … and {unlisted} more calls like these"


def run_failure_lines(page: Page, result: ScenarioResult) -> Iterator[str]:
    """Yield the failures of a scenario in the whole run, each with the requests that it is
    about."""
    by_rule = defaultdict(list)
    for denied in result.forbidden_values:
        by_rule[id(denied.forbidden)].append(denied)
    for same in by_rule.values():
        rule = same[0].forbidden
        where = filter(None, (printable(location_text(rule.location)), page.paint("denied", "bad")))
        yield from page.labelled(f"  {'   '.join(where)}", "   ", printable(forbidden_text(rule)))
        yield from _lines_by_call(
            page, ((forbidden.hit, (forbidden.path, forbidden.value)) for forbidden in same)
        )
        yield ""
    if result.state:
        yield f"  {page.paint('state', 'bad')}   {STATE}"
        yield from mismatch_lines(page, result.state, 4)
        yield ""
    if result.violations:
        yield f"  {page.paint('plan', 'bad')}   {violations_text(result)}"
        rows = (
            (hit, (violation.field, violation.type, violation.description))
            for hit, violation in result.violations
        )
        yield from _lines_by_call(page, rows)
        yield ""


def _lines_by_call(page: Page, items: Iterable[tuple[Hit, tuple[str, ...]]]) -> Iterator[str]:
    """Yield each request, and below it its rows in columns."""
    by_hit: dict[int, tuple[Hit, list[tuple[str, ...]]]] = {}
    for hit, row in items:
        by_hit.setdefault(id(hit), (hit, []))[1].append(row)
    for hit, rows in list(by_hit.values())[:MAX_ITEMS]:
        yield f"    {call_name(hit)}"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows[:MAX_ITEMS]:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            indent = 6 + sum(widths[:-1]) + 3 * (len(row) - 1)
            start = f"      {'   '.join(cells[:-1])}   "
            yield from page.sentence(row[-1], indent, first=printable(start))
    hits = [hit for hit, _ in by_hit.values()]
    yield from more_line(count_hits(hits), len(hits[:MAX_ITEMS]))


type _ForbiddenKey = tuple[Location, tuple[int, ...]]

_MAX_NUMBERS = 3  # calls of a policy that the heading of a scenario lists by number
_STYLES = {"PASS": "good", "FAIL": "bad", "SKIP": "dim"}


def heading(page: Page, word: str, title: str) -> str:
    """Return `FAIL  checkout.yaml`."""
    return f"{page.paint(word, _STYLES.get(word, 'warn'))}  {page.paint(printable(title), 'bold')}"


def scenario_lines(
    page: Page, verdict: Verdict, index: int, listed_below: Sequence[PolicyHit]
) -> Iterator[str]:
    """Yield the report on one scenario; `listed_below` are the policy hits that follow all
    scenarios."""
    result = verdict.scenarios[index]
    is_only = len(verdict.scenarios) == 1
    yield heading(page, STATUS_WORDS[result.status], result.scenario.title)
    if is_only:
        unexpected = [
            policy_hit for policy_hit in listed_below if policy_hit.policy is Policy.UNEXPECTED
        ]
        counts = [*call_counts(verdict), *_failing_counts(unexpected, index)]
    else:
        counts = [*_failing_counts(verdict.policy_hits, index, named=True)]
    parts = [met_counts(result.steps), *counts, *run_failure_counts(result)]
    yield from page.sentence(" · ".join(parts), 2)
    if is_only and has_nothing_arrived(verdict) and not any(step.failure for step in result.steps):
        yield from page.sentence(NOTHING_ARRIVED, 2)
    if result.status is Status.UNDECIDED:
        yield from page.sentence(UNDECIDED, 2)
    yield ""
    for step in result.steps:
        yield from step_lines(page, result, step)
    yield from run_failure_lines(page, result)


def _failing_counts(
    policy_hits: Iterable[PolicyHit], index: int, *, named: bool = False
) -> Iterator[str]:
    """Yield the counts of policy hits that fail a scenario: `2 unexpected (#3, #7)`."""
    by_word: dict[str, list[Hit]] = defaultdict(list)
    for policy_hit in policy_hits:
        if policy_hit.levels[index] is Level.FAIL:
            by_word[POLICY_WORDS[policy_hit.policy][0]].append(policy_hit.hit)
    for word, hits in by_word.items():
        count = count_hits(hits)
        names = [f"#{hit.seq}" for hit in hits[:_MAX_NUMBERS]] + ["…"] * (count > _MAX_NUMBERS)
        yield f"{count} {word}" + (f" ({', '.join(names)})" if named else "")


def step_lines(page: Page, result: ScenarioResult, step: StepResult) -> Iterator[str]:
    """Yield the report on a step: its heading if steps have names, a failed action, what is
    unmet."""
    stepwise = has_named_steps(result)
    if stepwise:
        word = STATUS_WORDS[step.status] if step.reached else "SKIP"
        counts = met_counts([step]) if step.reached else Explanation.NOT_REACHED
        yield f"  {heading(page, word, step_name(result, step))}   {counts}"
    if step.failure:
        failure = page.sentence(step.failure, 4 if stepwise else 2)
        yield from (page.paint(line, "bad") for line in failure)
        yield from _output_lines(page, step.output)
    unmet = [expected for expected in step.expectations if step.reached and not expected.met]
    reported = _reported_before(result, step)
    if stepwise or step.failure:
        yield ""
    for expected in unmet:
        if _forbidden_key(expected) in reported:
            yield f"  {printable(location_text(expected.expectation.location))}   as above"
        else:
            yield from unmet_lines(page, result, expected)
        yield ""


def _reported_before(result: ScenarioResult, step: StepResult) -> set[_ForbiddenKey]:
    """Return the failures of scenario-wide `never` rules that steps before this one have
    reported."""
    before = takewhile(lambda other: other is not step, result.steps)
    expectations = (expected for other in before for expected in other.expectations)
    return {_forbidden_key(expected) for expected in expectations if expected.extra_calls}


def _forbidden_key(result: ExpectationResult) -> _ForbiddenKey:
    """Return the place and the calls of a `never`: equal for the same failure in several steps."""
    return result.expectation.location, tuple(extra.hit.seq for extra in result.extra_calls)


def _output_lines(page: Page, output: str) -> Iterator[str]:
    """Yield the last lines that a command printed."""
    lines = without_ansi_codes(output).rstrip().splitlines()
    yield from page.sentence(output_heading(len(lines), MAX_ITEMS))
    for line in lines[-MAX_ITEMS:]:
        shown = cut_middle(printable(line.expandtabs()), max(20, page.width - 6))
        yield f"      {shown}".rstrip()


def text(
    verdict: Verdict,
    *,
    width: int = 100,
    colour: bool = False,
    calls: bool = True,
    recording: str = "",
) -> str:
    """Return the report in lines of about `width` characters, with ANSI colours if `colour`.

    `calls` lists the calls seen under a report without failures. `recording` is the file that holds
    the calls under their numbers, or "".
    """
    page = Page(width, colour=colour, recording=recording)
    return "\n".join(_lines(page, verdict, calls=calls)).rstrip() + "\n"


def _lines(page: Page, verdict: Verdict, *, calls: bool) -> Iterator[str]:
    if verdict.gaps:
        yield heading(page, STATUS_WORDS[Status.INCOMPLETE], GAPS)
        for gap in verdict.gaps:
            yield from page.sentence(gap, first="  - ")
        yield ""
    if failure := command_failure(verdict):
        yield heading(page, STATUS_WORDS[Status.UNMET], COMMAND)
        yield from page.sentence(failure, 2)
        yield ""
    policy_hits = unexplained(verdict.policy_hits, verdict.scenarios)
    for index in range(len(verdict.scenarios)):
        yield from scenario_lines(page, verdict, index, policy_hits)
    if len(verdict.scenarios) > 1:
        yield heading(page, STATUS_WORDS[verdict.status], total_counts(verdict))
        yield ""
    yield from policy_lines(page, policy_hits)
    yield from _update_lines(page, verdict)
    failing = {Status.UNMET, Status.UNDECIDED} & {result.status for result in verdict.scenarios}
    if verdict.hits and not failing and calls:
        yield "  calls seen"
        yield from call_lines(page, verdict.hits)


def _update_lines(page: Page, verdict: Verdict) -> Iterator[str]:
    commands = list(update_commands(verdict, page.recording))
    if commands:
        yield f"  {page.paint(ACCEPT if page.recording else ACCEPT_UNRECORDED, 'note')}"
        if page.recording:
            yield from (f"    {printable(command)}" for command in commands)
        yield ""
