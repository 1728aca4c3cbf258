"""The matchers without an operand: what `$int`, `$uuid` and their like mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from pixel_emulator.core.matching.expected import ABSENT, Description, Matcher, Value, exact_number
from pixel_emulator.core.matching.predicates import (
    Now,
    Predicate,
    is_email,
    is_url,
    is_uuid,
    parse_iso_time,
)
from pixel_emulator.core.text import json_codec


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeMatcher:
    """A matcher without an operand: what it means, and an example that matches or does not.

    `example`, `match` and `mismatch` are YAML.
    """

    meaning: str
    example: str
    match: str
    mismatch: str
    matcher: Matcher


def _type_matcher(
    holds: Callable[[Value], bool], words: str, means: str, yes: str, no: str
) -> TypeMatcher:
    matcher = Predicate(Description(words, ""), holds)
    return TypeMatcher(meaning=means, example="", match=yes, mismatch=no, matcher=matcher)


def _text(holds: Callable[[str], object]) -> Callable[[Value], bool]:
    return lambda got: isinstance(got, str) and bool(holds(got))


def _is_number(got: Value) -> bool:
    return isinstance(got, int | float) and not isinstance(got, bool)


def _is_whole(got: Value) -> bool:
    if isinstance(got, int):
        return not isinstance(got, bool)
    value = exact_number(got)
    return isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()


def _is_numeric(got: Value) -> bool:
    if not isinstance(got, str):
        return _is_number(got)
    try:
        return got == got.strip() and _is_number(json_codec.parse(got))
    except ValueError:
        return False


def _is_empty(got: Value) -> bool:
    return got is None or (isinstance(got, str | list | dict) and not got)


_TYPES = {
    "any": _type_matcher(
        lambda got: got is not ABSENT and got is not None,
        "any value but null",
        "any value but null",
        yes="{}",
        no="null",
    ),
    "string": _type_matcher(
        lambda got: isinstance(got, str), "any string", "any text, also an empty one", '""', "1"
    ),
    "int": _type_matcher(
        _is_whole, "any whole number", "any whole number; 3.0 is one too", yes="3.0", no="3.5"
    ),
    "number": _type_matcher(_is_number, "any number", "any number", yes="49.9", no='"49.9"'),
    "numeric": _type_matcher(
        _is_numeric,
        "any number, or a string that reads as one",
        "any number, or a text that reads as one, as in the flat form",
        yes='"49.9"',
        no="49 EUR",
    ),
    "bool": _type_matcher(
        lambda got: isinstance(got, bool), "true or false", "true or false", "false", '"false"'
    ),
    "list": _type_matcher(lambda got: isinstance(got, list), "any list", "any list", "[]", "{}"),
    "map": _type_matcher(lambda got: isinstance(got, dict), "any map", "any map", "{}", "[]"),
    "uuid": _type_matcher(
        _text(is_uuid),
        "any UUID",
        "a UUID of any version",
        yes="0b1ee2a4-3f5c-4d7e-8a9b-0c1d2e3f4a5b",
        no="0b1ee2a4",
    ),
    "email": _type_matcher(
        _text(is_email),
        "any e-mail address",
        "one e-mail address, without a name beside it",
        yes="ada@example.com",
        no="Ada <ada@example.com>",
    ),
    "url": _type_matcher(
        _text(is_url),
        "any URL",
        "an absolute http or https URL",
        yes="https://example.com/a?b=c",
        no="example.com/a",
    ),
    "iso": _type_matcher(
        _text(parse_iso_time),
        "any ISO 8601 date or time",
        "an ISO 8601 date, or date and time",
        yes='"2030-01-31"',
        no='"31.01.2030"',
    ),
    "now": TypeMatcher(
        meaning="the time of the call, give or take a minute: an ISO 8601 date and time with an "
        "offset",
        example="",
        match='"2030-01-31T12:30:00.123Z"',
        mismatch='"2030-01-31T12:30:00"',
        matcher=Now(),
    ),
    "empty": _type_matcher(
        _is_empty, "null or an empty value", 'null, "", [] or {}; it has to be there', '""', "0"
    ),
}
_ABSENT = TypeMatcher(
    meaning="nothing: the key is not there",
    example="{coupon: $absent}",
    match="{}",
    mismatch="{coupon: null}",
    matcher=Predicate(Description("absent", ""), lambda got: got is ABSENT),
)
_PRESENT = TypeMatcher(
    meaning="anything: the key is there, be it with null",
    example="{coupon: $present}",
    match="{coupon: null}",
    mismatch="{}",
    matcher=Predicate(Description("present", ""), lambda got: got is not ABSENT),
)

MATCHERS: Mapping[str, TypeMatcher] = MappingProxyType(
    {f"${name}": replace(kind, example=f"${name}") for name, kind in _TYPES.items()}
    | {"$absent": _ABSENT, "$present": _PRESENT}
)
"""The matchers without an operand, by name."""
