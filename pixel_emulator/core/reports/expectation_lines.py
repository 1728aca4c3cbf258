"""An unmet expectation in a report: its line, its story, and the calls that came close."""

from collections.abc import Iterator, Sequence

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import Outcome
from pixel_emulator.core.reports.beside import mismatch_lines
from pixel_emulator.core.reports.call_lines import calls, named, raw_lines, reason_lines
from pixel_emulator.core.reports.layout import MOST, Layout
from pixel_emulator.core.reports.origins import hinted
from pixel_emulator.core.reports.phrases import agreement, line, obstacle, place, remarks
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import ExpectationResult, ScenarioResult, Story


def unmet(page: Layout, scenario: ScenarioResult, result: ExpectationResult) -> Iterator[str]:
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


def _nearest(page: Layout, near: ClosestCall, mismatches: Sequence[Mismatch]) -> Iterator[str]:
    hit = near.hit
    found = page.paint("nearest call", "note")
    yield f"    {found}  {named(hit)}   {agreement(near)}"
    if words := obstacle(near):
        yield from page.sentence(words, 6)
    yield from mismatch_lines(page, mismatches)
    if hit.outcome is not Outcome.DAMAGED:
        yield from reason_lines(page, hit)
    yield from raw_lines(page, hit)
