"""Phrases of a report: counts, times of day, stories, and how one call repeats another."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from pixel_emulator.core.calls import Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.verdicts.verdict import (
    ExpectationResult,
    ScenarioResult,
    Story,
    Surplus,
    Verdict,
)


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def clock(hit: Hit) -> str:
    """The time of day in UTC, to the millisecond: `09:00:12.418Z`."""
    return f"{hit.time:%H:%M:%S}.{hit.time.microsecond // 1000:03}Z"


def span(between: timedelta) -> str:
    """A length of time as people say it: `38 ms`, `1.2 s`, `3 min`."""
    milliseconds = abs(between) // timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1_000:.1f} s"
    return f"{milliseconds // 60_000} min"


def repeat(surplus: Surplus) -> str:
    """How a call repeats its twin: `#3 and #5 differ only in messageId, 38 ms apart`."""
    hit, twin = surplus.hit, surplus.twin or surplus.hit
    alike = f"differ only in {' and '.join(surplus.differs)}" if surplus.differs else "say the same"
    return f"#{twin.seq} and #{hit.seq} {alike}, {span(hit.time - twin.time)} apart"


def story(result: ExpectationResult) -> str:
    """What happened to an expectation; `its calls went to line 2` where another has them."""
    if result.story is not Story.TAKEN:
        return result.story
    file = result.expectation.location.file
    places = dict.fromkeys(_place(each, file) for each in result.taken_by)
    return f"its calls went to {' and '.join(places)}"


def _place(taker: Expectation, file: str) -> str:
    """Where an expectation stands, seen from a file; one from no file is shown itself."""
    at = taker.location
    if not at.line:
        return taker.line
    return f"line {at.line}" if at.file == file else f"{at.file}:{at.line}"


def met(result: ScenarioResult) -> str:
    """How many expectations are met: `1 of 2 expectations met`."""
    if not result.expectations:
        return "silence expected"
    number = sum(each.met for each in result.expectations)
    return f"{number} of {counted(len(result.expectations), 'expectation')} met"


def seen(verdict: Verdict) -> Iterator[str]:
    """What arrived: `5 calls seen`, `0 dropped`."""
    calls = Counter(hit.outcome for hit in verdict.hits)
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
