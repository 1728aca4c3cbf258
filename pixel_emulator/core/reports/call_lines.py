"""Calls in a report: each in a line, why Segment minds, and its URL."""

import shlex
from collections.abc import Iterator, Sequence
from hashlib import sha256

from pixel_emulator.core import call_text
from pixel_emulator.core.model import Hit, Outcome, Problem, Severity, total
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.reports.beside import cut
from pixel_emulator.core.reports.counts import clock
from pixel_emulator.core.reports.layout import MOST, Layout, more
from pixel_emulator.core.text.display import printable

_REASONS = {Outcome.DROPPED: Severity.DROP, Outcome.DAMAGED: Severity.DAMAGE}
_SHORTEST = 60  # characters of a call that are shown even if the line gets too long
_QUERY = (18, 8)  # characters of a query that are shown: those of its begin, and of its end
_LONGEST = 120  # characters of a URL


def calls(page: Layout, hits: Sequence[Hit], count: int | None = None) -> Iterator[str]:
    """Each call in a line, and how many more there are of `count`, or of these."""
    listed = hits[:MOST]
    yield from (f"    {call(page, hit)}" for hit in listed)
    yield from more(total(hits) if count is None else count, len(listed))


def call(page: Layout, hit: Hit, *, details: bool = True) -> str:
    """A call in a line; where it is too long, its names are cut and not its codes."""
    problems = dict.fromkeys(each.code for each in hit.problems) if details else ()
    codes = f"  {', '.join(problems)}" if problems else ""
    plain = call_text.line(hit.call, hit.request, hit.outcome, ())
    word = call_text.outcome_word(hit.outcome, colour=False)
    head = f"#{hit.seq}  {clock(hit)}  "
    room = page.width - len(f"    {head}{word} {codes}")
    said = cut(plain.removeprefix(f"{word} "), max(_SHORTEST, room))
    coloured = call_text.outcome_word(hit.outcome, colour=page.colour)
    return f"{head}{coloured} {said}{page.paint(codes, 'dim')}"


def named(hit: Hit) -> str:
    """A call by its number, time and title, where its outcome is no news."""
    return f"#{hit.seq}  {clock(hit)}  {call_text.title(hit.call, hit.request)}"


def reasons(hit: Hit) -> tuple[Problem, ...]:
    """Why Segment drops the call, keeps it wrong, or takes it for another."""
    repeated = hit.outcome is Outcome.DUPLICATE
    return tuple(
        each
        for each in hit.problems
        if each.severity is _REASONS.get(hit.outcome)
        or (repeated and each.code == "duplicate_message_id")
    )


def reason_lines(page: Layout, hit: Hit) -> Iterator[str]:
    """The reasons as lines below the call."""
    for line in call_text.problem_lines(reasons(hit), width=page.width - 6, colour=page.colour):
        yield f"      {line}"


def raw_lines(page: Layout, hit: Hit) -> Iterator[str]:
    """The request, its query cut, and how to see the whole."""
    address = url(hit)
    shown = len(address.partition("?")[0]) + _QUERY[0]
    if len(address) > shown + _QUERY[1] + 1:
        address = f"{address[:shown]}…{address[-_QUERY[1] :]}"
    request = printable(f"{hit.request.method} {cut(address, _LONGEST)}")
    line = f"    {page.paint('raw', 'note')}  {request}"
    if not page.recording:
        yield line
        return
    show = f"pixel-emulator recording show {shlex.quote(page.recording)} {hit.seq}"
    if len(f"    raw  {request}   {show}") <= page.width:
        yield f"{line}   {page.paint(printable(show), 'dim')}"
    else:
        yield line
        yield f"         {page.paint(printable(show), 'dim')}"


def url(hit: Hit) -> str:
    """The URL of a request as a report may show it: without its write keys."""
    return (hit if _is_masked(hit) else redact(hit)).request.url


def _is_masked(hit: Hit) -> bool:
    """Whether its line is no longer the one that its digest was made of."""
    return bool(hit.digest) and sha256(hit.request.line).hexdigest() != hit.digest
