"""The findings of a report: the calls that a policy speaks of, and what would expect them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, product

from pixel_emulator.core.model import Hit, total
from pixel_emulator.core.reports.call_lines import call, calls, reason_lines
from pixel_emulator.core.reports.layout import MOST, Layout, more
from pixel_emulator.core.reports.phrases import expect_it, finding
from pixel_emulator.core.reports.suggestion import suggestion
from pixel_emulator.core.scenarios.model import Level, Policy
from pixel_emulator.core.text.display import printable
from pixel_emulator.core.verification.verdict import PolicyHit


def finding_lines(page: Layout, findings: Sequence[PolicyHit]) -> Iterator[str]:
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


def _unexpected(page: Layout, hits: Sequence[Hit]) -> Iterator[str]:
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
