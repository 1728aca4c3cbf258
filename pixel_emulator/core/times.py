"""Points in time as files and clients write them, in UTC, within what Python's calendar holds."""

from datetime import UTC, datetime

LAST_YEAR = 9998
"""The last year in which a clock may begin: it goes on from there, and Python ends with 9999."""


def parse_utc(text: str) -> datetime:
    """Return the point in time of an ISO 8601 date and time with its offset, in UTC.

    Raises ValueError for other text, without an offset, and where UTC would be in another year
    than 1 to 9999.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no ISO 8601 date and time") from None
    if time.tzinfo is None:
        raise ValueError("it has no offset from UTC")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC it is outside of the years 1 to 9999") from None


def parse_clock(text: str) -> datetime:
    """Return the start time of a clock (see `parse_utc`). Raises ValueError past `LAST_YEAR`."""
    time = parse_utc(text)
    if time.year > LAST_YEAR:
        raise ValueError(f"the last year in which a clock may begin is {LAST_YEAR}")
    return time
