"""Values as the JSON Schema validator takes them: exact numbers, and text that is Unicode."""

import re
from decimal import ROUND_DOWN, Context, Decimal

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text.json_codec import Number

type Plain = bool | int | float | Decimal | str | list[Plain] | dict[str, Plain] | None
"""A value of which the validator knows each type."""

# The validator fails on integers of more digits than Python's limit, and reads them as valid.
# An exponent out of range becomes the nearest one in it, instead of an infinity.
_NUMBERS = Context(prec=1_000, Emax=99_999, Emin=-99_999, rounding=ROUND_DOWN, traps=[])
_LARGEST_INT = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: JSON) -> Plain:
    """The value with numbers of 1,000 digits and lone surrogates replaced by U+FFFD.

    Raises RecursionError for a value of some hundred levels: look before.
    """
    if isinstance(value, dict):
        return {text(key): plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Number):
        return _decimal(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST_INT:
        return _NUMBERS.create_decimal(value)
    return value


def text(value: str) -> str:
    """The text as UTF-8 can hold it, and as Segment's edge reads it."""
    return _SURROGATE.sub("\ufffd", value)


def _decimal(number: Number) -> Decimal:
    exact = _NUMBERS.create_decimal(number.text)
    if not exact.is_nan():
        return exact
    # An exponent of some twenty digits: too large for a float, or too small.
    return Decimal("9E+99999" if number > 0 else "-9E+99999") if number else Decimal(0)
