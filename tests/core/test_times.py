"""Times are read in UTC, within the years of `datetime`."""

from datetime import UTC, datetime

import pytest

from pixel_emulator.core.times import parse_clock, parse_utc


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31T12:00:00+02:00", datetime(2030, 1, 31, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T14:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_it_is_in_utc(text, time):
    assert parse_utc(text) == parse_clock(text) == time
    assert parse_clock(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no ISO 8601"),
        ("noon", "no ISO 8601"),
        ("9" * 100_000, "no ISO 8601"),
        ("2030-01-31T12:00:00", "no offset"),
        ("0001-01-01T00:00:00+14:00", "the years 1 to 9999"),
        ("9999-12-31T23:59:59-00:01", "the years 1 to 9999"),
    ],
)
def test_what_is_none_is_refused(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_utc(text)
    assert len(str(caught.value)) < 100


def test_a_clock_has_a_year_left_to_go_on():
    assert parse_utc("9999-01-01T00:00:00Z").year == 9999
    with pytest.raises(ValueError, match="9998"):
        parse_clock("9999-01-01T00:00:00Z")
