"""How a report is laid out: width, colour, and words that keep to them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from textwrap import wrap

from pixel_emulator.core.model import Hit, Outcome, total
from pixel_emulator.core.text.display import paint, printable
from pixel_emulator.core.verification.verdict import ScenarioResult, Status, StepResult, Verdict

MOST = 20
"""Items that are listed in one place; the JSON report has them all."""

_NARROWEST = 20  # characters of a line that is indented far
_COLOURS = re.compile(r"\x1b\[\d+m")


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of about `width` characters, with ANSI colours if `colour`.

    `recording` is the file that holds the calls, where it is known.
    """

    width: int = 100
    colour: bool = False
    recording: str = ""

    def paint(self, words: str, style: str) -> str:
        """The words in a style of `core.paint`; `""` is no style."""
        return paint(words, style, colour=self.colour and bool(style))

    def sentence(self, words: str, indent: int = 4, *, first: str = "") -> list[str]:
        """Words of any origin, wrapped; the first line may begin with something else."""
        margin = " " * indent
        width = max(self.width, indent + _NARROWEST)
        return wrap(
            printable(words), width, initial_indent=first or margin, subsequent_indent=margin
        )

    def said(self, head: str, gap: str, words: str, style: str = "") -> Iterator[str]:
        """Words behind their head, or below it where its line has no room for them."""
        if len(_COLOURS.sub("", head) + gap + words) <= self.width:
            yield f"{head}{gap}{self.paint(words, style)}"
            return
        yield head
        for line in wrap(words, max(1, self.width - 4)):
            yield f"    {self.paint(line, style)}"


def more(count: int, listed: int = MOST) -> Iterator[str]:
    """How many items of so many are not listed, if any."""
    if count > listed:
        yield f"    … and {count - listed} more"


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def clock(hit: Hit) -> str:
    """The time of day in UTC, to the millisecond: `09:00:12.418Z`."""
    return f"{hit.time.time().isoformat('milliseconds')}Z"


def span(between: timedelta) -> str:
    """A length of time as people say it: `38 ms`, `1.2 s`, `3 min`."""
    milliseconds = abs(between) // timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1_000:.1f} s"
    return f"{milliseconds // 60_000} min"


def met(results: Iterable[StepResult]) -> str:
    """How many expectations are met for certain: `1 of 2 expectations met in 20.0 s`."""
    steps = tuple(results)
    each = [expectation for step in steps for expectation in step.expectations]
    undecided = sum(expectation.undecided for expectation in each)
    certain = sum(expectation.met and not expectation.undecided for expectation in each)
    words = f"{certain} of {counted(len(each), 'expectation')} met"
    seconds = [step.seconds for step in steps if step.seconds is not None]
    took = f" in {span(timedelta(seconds=sum(seconds)))}" if seconds else ""
    open_ones = f", {undecided} undecided" if undecided else ""
    return f"{words if each else 'silence expected'}{took}{open_ones}"


def seen(verdict: Verdict) -> Iterator[str]:
    """What arrived: `5 calls seen`, `0 dropped`."""
    calls: Counter[Outcome] = Counter()
    for hit in verdict.hits:
        calls[hit.outcome] += 1 + hit.alike
    unhandled = calls.pop(Outcome.UNHANDLED, 0)
    yield f"{counted(calls.total(), 'call')} seen"
    if not verdict.hits:
        yield counted(verdict.connections, "connection")
    yield f"{calls[Outcome.DROPPED]} dropped"
    yield from (
        f"{calls[each]} {each}" for each in (Outcome.DAMAGED, Outcome.DUPLICATE) if calls[each]
    )
    if unhandled:
        yield f"{unhandled} unhandled"


def objections(result: ScenarioResult) -> Iterator[str]:
    """What a scenario objects to in the whole run, counted: `2 denied`."""
    counts = (
        (total(each.hit for each in result.forbidden), "denied"),
        (len(result.state), "state difference"),
        (total(hit for hit, _ in result.violations), "plan violation"),
    )
    for count, noun in counts:
        if count:
            yield f"{count} denied" if noun == "denied" else counted(count, noun)


def scenarios_met(verdict: Verdict) -> str:
    """`1 of 2 scenarios met · 4 calls seen · 0 dropped`."""
    passed = sum(each.status is Status.MET for each in verdict.scenarios)
    met = f"{passed} of {counted(len(verdict.scenarios), 'scenario')} met"
    return " · ".join([met, *seen(verdict)])
