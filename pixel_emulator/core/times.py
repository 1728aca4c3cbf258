"""Times in ISO 8601, read to UTC within the years that `datetime` supports."""

from datetime import UTC, datetime

LAST_YEAR = 9998
"""Last year in which a clock may start: it runs on from there, and `datetime` ends with 9999."""


def parse_utc(text: str) -> datetime:
    """Return the time of an ISO 8601 text with date, time and offset, in UTC.

    Raises ValueError if the text is something else, if the offset is missing, or if the time in
    UTC is outside of the years 1 to 9999.
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
