"""A verdict as text for people: every failure once, the same bytes every time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from textwrap import wrap

from pixel_emulator.core import explain
from pixel_emulator.core.beside import mismatch_lines
from pixel_emulator.core.calls import Hit, Outcome, Severity
from pixel_emulator.core.expectation import Level, Policy
from pixel_emulator.core.nearest import Nearest
from pixel_emulator.core.paint import paint
from pixel_emulator.core.quoting import printable
from pixel_emulator.core.suggestion import suggestion
from pixel_emulator.core.verdict import (
    ExpectationResult,
    Finding,
    ScenarioResult,
    Status,
    Surplus,
    Verdict,
)

_HEADS = {
    Status.MET: ("PASS", "good"),
    Status.UNMET: ("FAIL", "bad"),
    Status.INCOMPLETE: ("INCOMPLETE", "warn"),
}
_MEANINGS = {
    Policy.UNEXPECTED: ("unexpected", "that no expectation matches"),
    Policy.DROPPED: ("dropped", "that Segment would drop"),
    Policy.DAMAGED: ("damaged", "that Segment keeps, although something is wrong"),
    Policy.DUPLICATES: ("duplicate", "with a messageId seen before: Segment keeps only the first"),
    Policy.UNHANDLED: ("unhandled", "that the Pixel API does not know"),
}
_TOLD_BY = {  # the problems that explain a finding
    Policy.DROPPED: (Severity.DROP,),
    Policy.DAMAGED: (Severity.DAMAGE,),
}
_MOST = 20  # calls that are listed in one place; the JSON report lists all


def text(verdict: Verdict, *, width: int = 100, colour: bool = False) -> str:
    """The report, lines of about `width` characters, with ANSI colours if `colour`."""
    return "\n".join(_Report(verdict, width, colour=colour).lines()) + "\n"


def clock(hit: Hit) -> str:
    """The time of day, in UTC, to the millisecond: `09:00:12.418Z`."""
    return hit.time.strftime("%H:%M:%S.") + f"{hit.time.microsecond // 1000:03}Z"


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Report:
    """One rendering: a verdict, a width and a decision about colour."""

    def __init__(self, verdict: Verdict, width: int, *, colour: bool) -> None:
        self.verdict = verdict
        self.width = width
        self.colour = colour

    def paint(self, words: str, style: str) -> str:
        return paint(words, style, colour=self.colour)
