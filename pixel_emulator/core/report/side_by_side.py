"""Expected and actual values side by side or one below the other, and calls in one line."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from pixel_emulator.core import call_text
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Description
from pixel_emulator.core.model import Hit, Outcome, Problem, Severity, count_hits
from pixel_emulator.core.redaction.key_finder import is_write_key
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.report.page import MAX_ITEMS, Page, more_line, time_of_day
from pixel_emulator.core.text.display import printable

_FRAME = len("   want    got ")
_VALUE_INDENT = len("  want ")
_MIN_VALUE_WIDTH = 20  # characters of a value that are shown even if the line gets too long
_LONG_TEXT = 16  # characters of a text in which a difference is not seen at once


def mismatch_lines(page: Page, mismatches: Sequence[Mismatch], indent: int = 6) -> Iterator[str]:
    """Yield each differing path with both values, their types, and a hint if there is one."""
    width = page.width - indent
    paths = [printable(mismatch.path) for mismatch in mismatches]
    path_width = max(map(len, paths), default=0)
    room = width - path_width - _FRAME
    wants = [len(str(mismatch.expected)) for mismatch in mismatches]
    want_width = max((want for want in wants if want <= room // 2), default=0)
    for path, mismatch in zip(paths, mismatches, strict=True):
        want, got = mismatch.expected, mismatch.actual
        if len(str(want)) + len(str(got)) <= room:
            wanted = str(want).ljust(min(want_width, room - len(str(got))))
            lines = [f"{path:<{path_width}}   want {wanted}   got {got}"]
            hint_at = path_width + 3
        else:
            want, got = _cut_both(want, got, width - _VALUE_INDENT)
            lines = [path, f"  want {want}", f"  got  {got}"]
            hint_at = _VALUE_INDENT
        hint = printable(mismatch.hint)
        if not hint:
            lines += _caret_line(want, got, len(lines[-1]) - len(str(got)))
        elif len(lines[-1]) + 3 + len(hint) <= width:
            lines[-1] += f"   {page.paint(hint, 'dim')}"
        else:
            lines.append(f"{'':<{hint_at}}{page.paint(hint, 'dim')}")
        yield from (" " * indent + line for line in lines)


def cut_middle(text: str, room: int) -> str:
    """Return the text in at most `room` characters, with an ellipsis in its middle if it is
    longer."""
    half = max(0, room - 1) // 2
    return text if len(text) <= room else f"{text[: room - 1 - half]}…{text[len(text) - half :]}"


def _cut_both(want: Description, got: Description, width: int) -> tuple[Description, Description]:
    """Return both values cut to the width; at most half of it is their common prefix."""
    room = max(
        _MIN_VALUE_WIDTH, width - max(len(str(value)) - len(value.text) for value in (want, got))
    )
    if max(len(want.text), len(got.text)) <= room:
        return want, got
    alike = _common_prefix_length(want.text, got.text)
    front = cut_middle(want.text[:alike], room // 2)
    want, got = (
        replace(value, text=front + cut_middle(value.text[alike:], room - len(front)))
        for value in (want, got)
    )
    return want, got


def _common_prefix_length(one: str, other: str) -> int:
    """Return the number of characters that two texts have in common at their start."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _caret_line(want: Description, got: Description, at: int) -> Iterator[str]:
    """Yield a line that points at the first difference of two long texts, which start at column
    `at`."""
    if want.type == got.type == "string" and min(len(want.text), len(got.text)) >= _LONG_TEXT:
        prefix = _common_prefix_length(want.text, got.text)
        is_narrow = want.text[:prefix].replace("…", "").isascii()  # others may be two columns wide
        if prefix >= _LONG_TEXT // 2 and is_narrow:
            yield f"{'':<{at + prefix}}^"


_DECISIVE = {Outcome.DROPPED: Severity.DROP, Outcome.DAMAGED: Severity.DAMAGE}
_MIN_CALL_WIDTH = 60  # characters of a call that are shown even if the line gets too long
_QUERY_ENDS = (18, 8)  # characters of a query that are shown: at its start and at its end
_MAX_URL = 120  # characters of a URL


def call_lines(page: Page, hits: Sequence[Hit], count: int | None = None) -> Iterator[str]:
    """Yield each call in a line, then how many of `count` (by default: of these) are not listed."""
    listed = hits[:MAX_ITEMS]
    yield from (f"    {call_line(page, hit)}" for hit in listed)
    yield from more_line(count_hits(hits) if count is None else count, len(listed))


def call_line(page: Page, hit: Hit, *, details: bool = True) -> str:
    """Return a call in one line. If it is too long, its names are cut, and its problem codes are
    not."""
    problems = dict.fromkeys(problem.code for problem in hit.problems) if details else ()
    codes = f"  {', '.join(problems)}" if problems else ""
    plain = call_text.line(hit.call, hit.request, hit.outcome, ())
    word = call_text.outcome_word(hit.outcome, colour=False)
    head = f"#{hit.seq}  {time_of_day(hit)}  "
    room = page.width - len(f"    {head}{word} {codes}")
    names = cut_middle(plain.removeprefix(f"{word} "), max(_MIN_CALL_WIDTH, room))
    coloured = call_text.outcome_word(hit.outcome, colour=page.colour)
    return f"{head}{coloured} {names}{page.paint(codes, 'dim')}"


def call_name(hit: Hit) -> str:
    """Return a call by its number, time and title, without its outcome."""
    return f"#{hit.seq}  {time_of_day(hit)}  {call_text.title(hit.call, hit.request)}"


def decisive_problems(hit: Hit) -> tuple[Problem, ...]:
    """Return the problems that explain the outcome: dropped, damaged or duplicate."""
    repeated = hit.outcome is Outcome.DUPLICATE
    return tuple(
        problem
        for problem in hit.problems
        if problem.severity is _DECISIVE.get(hit.outcome)
        or (repeated and problem.code == "duplicate_message_id")
    )


def reason_lines(page: Page, hit: Hit) -> Iterator[str]:
    """Yield the decisive problems as lines below the call."""
    problems = decisive_problems(hit)
    for line in call_text.problem_lines(problems, width=page.width - 6, colour=page.colour):
        yield f"      {line}"


def request_lines(page: Page, hit: Hit) -> Iterator[str]:
    """Yield the request with its query cut, or the place of the call in its body, and the command
    that shows all of it."""
    address = masked_url(hit)
    shown = _end_of_start(address)
    if len(address) > shown + _QUERY_ENDS[1] + 1:
        address = f"{address[:shown]}…{address[-_QUERY_ENDS[1] :]}"
    address = cut_middle(address, _MAX_URL)
    request = printable(call_text.place(hit) or f"{hit.request.method} {address}")
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


def _end_of_start(address: str) -> int:
    """Return the number of characters at the start of a URL that are shown if it is cut.

    A masked write key is shown as a whole: its mask is recognized, and not masked again.
    """
    end = len(address.partition("?")[0]) + _QUERY_ENDS[0]
    pair = re.split("[?&]", address[:end])[-1]
    if is_write_key(pair.partition("=")[0]):
        end += len(address[end:].partition("&")[0])
    return end


def masked_url(hit: Hit) -> str:
    """Return the URL of a request without its write keys."""
    return (hit.exchange if _is_masked(hit) else redact(hit.exchange)).request.url


def _is_masked(hit: Hit) -> bool:
    """Return True if the request is not the one that the digest was made of."""
    return bool(hit.exchange.digest) and hit.request.digest != hit.exchange.digest
