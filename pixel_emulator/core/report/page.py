"""Layout of a report: width, colours, wrapped text, counts and times in words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from textwrap import wrap

from pixel_emulator.core.model import Hit, Outcome, count_calls, count_hits, count_outcomes
from pixel_emulator.core.text.display import paint, printable
from pixel_emulator.core.verification.verdict import ScenarioResult, Status, StepResult, Verdict

MAX_ITEMS = 20
"""Maximum number of items in a list of a text report. JSON reports have all."""

_MIN_TEXT_WIDTH = 20  # characters of a line that is indented far
_ANSI_STYLE = re.compile(r"\x1b\[\d+m")


@dataclass(frozen=True, slots=True)
class Page:
    """Layout of lines of about `width` characters, with ANSI colours if `colour`.

    `recording` is the file that holds the calls, or "" if it is unknown.
    """

    width: int = 100
    colour: bool = False
    recording: str = ""

    def paint(self, words: str, style: str) -> str:
        """Return the text in a style of `core.text.display.paint`; style "" changes nothing."""
        return paint(words, style, colour=self.colour and bool(style))

    def sentence(self, words: str, indent: int = 4, *, first: str = "") -> list[str]:
        """Return wrapped lines of a text from any origin; `first` replaces the indent of the first
        line."""
        margin = " " * indent
        width = max(self.width, indent + _MIN_TEXT_WIDTH)
        return wrap(
            printable(words), width, initial_indent=first or margin, subsequent_indent=margin
        )

    def labelled(self, head: str, gap: str, words: str, style: str = "") -> Iterator[str]:
        """Yield a text behind its heading, or below it if the line has no room for it."""
        if len(_ANSI_STYLE.sub("", head) + gap + words) <= self.width:
            yield f"{head}{gap}{self.paint(words, style)}"
            return
        yield head
        for line in wrap(words, max(1, self.width - 4)):
            yield f"    {self.paint(line, style)}"


def more_line(count: int, listed: int = MAX_ITEMS) -> Iterator[str]:
    """Yield a line with the number of items that are not listed, if there are any."""
    if count > listed:
        yield f"    … and {count - listed} more"


def counted(number: int, noun: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def time_of_day(hit: Hit) -> str:
    """Return the time of day in UTC, to the millisecond: `09:00:12.418Z`."""
    return f"{hit.time.time().isoformat('milliseconds')}Z"


def duration_text(between: timedelta) -> str:
    """Return a length of time, without its sign: `38 ms`, `1.2 s`, `3 min`."""
    milliseconds = abs(between) // timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1_000:.1f} s"
    return f"{milliseconds // 60_000} min"


def met_counts(results: Iterable[StepResult]) -> str:
    """Return how many expectations are met for certain: `1 of 2 expectations met in 20.0 s`."""
    steps = tuple(results)
    expected = [expectation for step in steps for expectation in step.expectations]
    undecided = sum(expectation.undecided for expectation in expected)
    certain = sum(expectation.met and not expectation.undecided for expectation in expected)
    certain_text = f"{certain} of {counted(len(expected), 'expectation')} met"
    seconds = [step.seconds for step in steps if step.seconds is not None]
    took = f" in {duration_text(timedelta(seconds=sum(seconds)))}" if seconds else ""
    open_ones = f", {undecided} undecided" if undecided else ""
    return f"{certain_text if expected else 'silence expected'}{took}{open_ones}"


def call_counts(verdict: Verdict) -> Iterator[str]:
    """Yield the counts of calls: `5 calls seen`, `0 dropped`."""
    calls = count_outcomes(verdict.hits)
    yield f"{counted(count_calls(calls), 'call')} seen"
    if not verdict.hits:
        yield counted(verdict.connections, "connection")
    yield f"{calls[Outcome.DROPPED]} dropped"
    yield from (
        f"{calls[outcome]} {outcome}"
        for outcome in (Outcome.DAMAGED, Outcome.DUPLICATE)
        if calls[outcome]
    )
    if calls[Outcome.UNHANDLED]:
        yield f"{calls[Outcome.UNHANDLED]} unhandled"


def run_failure_counts(result: ScenarioResult) -> Iterator[str]:
    """Yield the counts of a scenario's failures in the whole run: `2 denied`."""
    counts = (
        (count_hits(denied.hit for denied in result.forbidden_values), "denied"),
        (len(result.state), "state difference"),
        (count_hits(hit for hit, _ in result.violations), "plan violation"),
    )
    for count, noun in counts:
        if count:
            yield f"{count} denied" if noun == "denied" else counted(count, noun)


def total_counts(verdict: Verdict) -> str:
    """Return `1 of 2 scenarios met · 4 calls seen · 0 dropped`."""
    passed = sum(scenario.status is Status.MET for scenario in verdict.scenarios)
    met_counts = f"{passed} of {counted(len(verdict.scenarios), 'scenario')} met"
    return " · ".join([met_counts, *call_counts(verdict)])
