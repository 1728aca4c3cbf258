"""A verdict as text for people: every failure once, the same bytes every time."""

from collections.abc import Iterator

from pixel_emulator.core.reports.acceptance import commands
from pixel_emulator.core.reports.call_lines import calls as call_lines
from pixel_emulator.core.reports.counts import scenarios_met
from pixel_emulator.core.reports.finding_lines import finding_lines
from pixel_emulator.core.reports.layout import Layout
from pixel_emulator.core.reports.phrases import (
    ACCEPT,
    COMMAND,
    GAPS,
    STATUS_WORDS,
    failed_command,
    untold,
)
from pixel_emulator.core.reports.scenario_lines import head, scenario_lines
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.verdict import Status, Verdict


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
    page = Layout(width, colour=colour, recording=recording)
    return "\n".join(_lines(page, verdict, calls=calls)).rstrip() + "\n"


def _lines(page: Layout, verdict: Verdict, *, calls: bool) -> Iterator[str]:
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


def _acceptance(page: Layout, verdict: Verdict) -> Iterator[str]:
    found = list(commands(verdict, page.recording))
    if found:
        yield f"  {page.paint(ACCEPT, 'note')}"
        yield from (f"    {printable(each)}" for each in found)
        yield ""
