"""What a scenario objects to in a whole run: what is denied, the state, the tracking plan."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pixel_emulator.core.model import Hit, total
from pixel_emulator.core.reports.beside import mismatch_lines
from pixel_emulator.core.reports.call_lines import named
from pixel_emulator.core.reports.layout import MOST, Layout, more
from pixel_emulator.core.reports.phrases import STATE, denial, place, violated
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.verdict import ScenarioResult


def objection_lines(page: Layout, result: ScenarioResult) -> Iterator[str]:
    """Each objection below what it rests on, with the requests that it is about."""
    denied = defaultdict(list)
    for each in result.denied:
        denied[id(each.denial)].append(each)
    for same in denied.values():
        rule = same[0].denial
        where = filter(None, (printable(place(rule.location)), page.paint("denied", "bad")))
        yield from page.said(f"  {'   '.join(where)}", "   ", printable(denial(rule)))
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


def _told(page: Layout, found: Iterable[tuple[Hit, tuple[str, ...]]]) -> Iterator[str]:
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
