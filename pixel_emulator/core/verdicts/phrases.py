"""Phrases of a report: counts, times of day, and how one call repeats another."""

from datetime import timedelta

from pixel_emulator.core.calls import Hit
from pixel_emulator.core.verdicts.verdict import Surplus


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
