"""Wanted and got, side by side or one below the other, cut but for what differs."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import takewhile

from pixel_emulator.core import call_text
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Description
from pixel_emulator.core.model import Hit, Outcome, Problem, Severity, total
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.report.page import MOST, Page, clock, more
from pixel_emulator.core.text.display import printable

_FRAME = len("   want    got ")
_BELOW = len("  want ")
_NARROWEST = 20  # characters of a value that are shown even if the line gets too long
_LONG = 16  # characters of a text in which a difference is not seen at once


def mismatch_lines(page: Page, mismatches: Sequence[Mismatch], indent: int = 6) -> Iterator[str]:
    """Each differing path with both values and their types, and its hint if there is one."""
    width = page.width - indent
    paths = [printable(each.path) for each in mismatches]
    path_width = max(map(len, paths), default=0)
    room = width - path_width - _FRAME
    wants = [len(str(each.expected)) for each in mismatches]
    want_width = max((want for want in wants if want <= room // 2), default=0)
    for path, each in zip(paths, mismatches, strict=True):
        want, got = each.expected, each.actual
        if len(str(want)) + len(str(got)) <= room:
            wanted = str(want).ljust(min(want_width, room - len(str(got))))
            lines = [f"{path:<{path_width}}   want {wanted}   got {got}"]
            hint_at = path_width + 3
        else:
            want, got = _cut_both(want, got, width - _BELOW)
            lines = [path, f"  want {want}", f"  got  {got}"]
            hint_at = _BELOW
        hint = printable(each.hint)
        if not hint:
            lines += _caret(want, got, len(lines[-1]) - len(str(got)))
        elif len(lines[-1]) + 3 + len(hint) <= width:
            lines[-1] += f"   {page.paint(hint, 'dim')}"
        else:
            lines.append(f"{'':<{hint_at}}{page.paint(hint, 'dim')}")
        yield from (" " * indent + line for line in lines)


def cut(text: str, room: int) -> str:
    """The text with an ellipsis in its middle, if it is longer than `room`."""
    half = max(0, room - 1) // 2
    return text if len(text) <= room else f"{text[: room - 1 - half]}…{text[len(text) - half :]}"


def _cut_both(want: Description, got: Description, width: int) -> tuple[Description, Description]:
    """Both values, cut to the width; of what they begin with alike as much as of what follows."""
    room = max(_NARROWEST, width - max(len(str(each)) - len(each.text) for each in (want, got)))
    if max(len(want.text), len(got.text)) <= room:
        return want, got
    alike = _alike(want.text, got.text)
    front = cut(want.text[:alike], room // 2)
    want, got = (
        replace(each, text=front + cut(each.text[alike:], room - len(front)))
        for each in (want, got)
    )
    return want, got


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _caret(want: Description, got: Description, at: int) -> Iterator[str]:
    """A line that points at the first difference of two long texts; `at` is where they begin."""
    if want.type == got.type == "string" and min(len(want.text), len(got.text)) >= _LONG:
        alike = _alike(want.text, got.text)
        if alike >= _LONG // 2 and want.text[:alike].replace("…", "").isascii():  # others are wide
            yield f"{'':<{at + alike}}^"


_REASONS = {Outcome.DROPPED: Severity.DROP, Outcome.DAMAGED: Severity.DAMAGE}
_SHORTEST = 60  # characters of a call that are shown even if the line gets too long
_QUERY = (18, 8)  # characters of a query that are shown: those of its begin, and of its end
_LONGEST = 120  # characters of a URL


def calls(page: Page, hits: Sequence[Hit], count: int | None = None) -> Iterator[str]:
    """Each call in a line, and how many more there are of `count`, or of these."""
    listed = hits[:MOST]
    yield from (f"    {call(page, hit)}" for hit in listed)
    yield from more(total(hits) if count is None else count, len(listed))


def call(page: Page, hit: Hit, *, details: bool = True) -> str:
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


def reason_lines(page: Page, hit: Hit) -> Iterator[str]:
    """The reasons as lines below the call."""
    for line in call_text.problem_lines(reasons(hit), width=page.width - 6, colour=page.colour):
        yield f"      {line}"


def raw_lines(page: Page, hit: Hit) -> Iterator[str]:
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
