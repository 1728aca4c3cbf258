"""Formats of texts: UUIDs, addresses, URLs, times. Each regex here takes linear time."""

import re
from datetime import UTC, datetime

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# As HTML's <input type=email>, but any letters, and a dot in the domain:
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,253}\Z)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)+"
)
# The characters that stand in no URL: https://www.rfc-editor.org/rfc/rfc3986#appendix-A
_URL = re.compile(r"https?://[^\s/?#<>\"{}|\\^`]+[^\s<>\"{}|\\^`]*", re.IGNORECASE)
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def is_uuid(text: str) -> bool:
    """Whether it is a UUID of any version, in letters of any case."""
    return bool(_UUID.fullmatch(text))


def is_email(text: str) -> bool:
    """Whether it is one address, without a name beside it."""
    return bool(_EMAIL.fullmatch(text))


def is_url(text: str) -> bool:
    """Whether it is an absolute http or https URL."""
    return bool(_URL.fullmatch(text))


def iso_time(text: str) -> datetime | None:
    """The moment of an ISO 8601 date or date and time; without an offset it is in UTC."""
    if not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment(text: str) -> datetime | None:
    """As `iso_time`, for a date and time with an offset: one point in time, everywhere."""
    found = _ISO.fullmatch(text)
    return iso_time(text) if found and found["offset"] else None
