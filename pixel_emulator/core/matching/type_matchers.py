"""The matchers without an operand, such as `$int` and `$uuid`."""

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
    """A matcher without an operand, with its documentation.

    `meaning` is a phrase; `example` (its use), `match` and `mismatch` (values) are YAML.
    """

    meaning: str
    example: str
    match: str
    mismatch: str
    matcher: Matcher


def _type_matcher(
    test: Callable[[Value], bool], description: str, meaning: str, match: str, mismatch: str
) -> TypeMatcher:
    matcher = Predicate(Description(description, ""), test)
    return TypeMatcher(meaning=meaning, example="", match=match, mismatch=mismatch, matcher=matcher)


def _text(test: Callable[[str], object]) -> Callable[[Value], bool]:
    return lambda actual: isinstance(actual, str) and bool(test(actual))


def _is_number(actual: Value) -> bool:
    return isinstance(actual, int | float) and not isinstance(actual, bool)


def _is_whole(actual: Value) -> bool:
    if isinstance(actual, int):
        return not isinstance(actual, bool)
    value = exact_number(actual)
    return isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()


def _is_numeric(actual: Value) -> bool:
    if not isinstance(actual, str):
        return _is_number(actual)
    try:
        return actual == actual.strip() and _is_number(json_codec.parse(actual))
    except ValueError:
        return False


def _is_empty(actual: Value) -> bool:
    return actual is None or (isinstance(actual, str | list | dict) and not actual)


_TYPES = {
    "any": _type_matcher(
        lambda actual: actual is not ABSENT and actual is not None,
        "any value but null",
        "any value but null",
        match="{}",
        mismatch="null",
    ),
    "string": _type_matcher(
        lambda actual: isinstance(actual, str),
        "any string",
        "any text, also an empty one",
        '""',
        "1",
    ),
    "int": _type_matcher(
        _is_whole,
        "any whole number",
        "any whole number; 3.0 is one too",
        match="3.0",
        mismatch="3.5",
    ),
    "number": _type_matcher(
        _is_number, "any number", "any number", match="49.9", mismatch='"49.9"'
    ),
    "numeric": _type_matcher(
        _is_numeric,
        "any number, or a string that reads as one",
        "any number, or a text that reads as one, as in the flat form",
        match='"49.9"',
        mismatch="49 EUR",
    ),
    "bool": _type_matcher(
        lambda actual: isinstance(actual, bool),
        "true or false",
        "true or false",
        "false",
        '"false"',
    ),
    "list": _type_matcher(
        lambda actual: isinstance(actual, list), "any list", "any list", "[]", "{}"
    ),
    "map": _type_matcher(lambda actual: isinstance(actual, dict), "any map", "any map", "{}", "[]"),
    "uuid": _type_matcher(
        _text(is_uuid),
        "any UUID",
        "a UUID of any version",
        match="0b1ee2a4-3f5c-4d7e-8a9b-0c1d2e3f4a5b",
        mismatch="0b1ee2a4",
    ),
    "email": _type_matcher(
        _text(is_email),
        "any e-mail address",
        "one e-mail address, without a name beside it",
        match="ada@example.com",
        mismatch="Ada <ada@example.com>",
    ),
    "url": _type_matcher(
        _text(is_url),
        "any URL",
        "an absolute http or https URL",
        match="https://example.com/a?b=c",
        mismatch="example.com/a",
    ),
    "iso": _type_matcher(
        _text(parse_iso_time),
        "any ISO 8601 date or time",
        "an ISO 8601 date, or date and time",
        match='"2030-01-31"',
        mismatch='"31.01.2030"',
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
    matcher=Predicate(Description("absent", ""), lambda actual: actual is ABSENT),
)
_PRESENT = TypeMatcher(
    meaning="anything: the key is there, be it with null",
    example="{coupon: $present}",
    match="{coupon: null}",
    mismatch="{}",
    matcher=Predicate(Description("present", ""), lambda actual: actual is not ABSENT),
)

MATCHERS: Mapping[str, TypeMatcher] = MappingProxyType(
    {f"${name}": replace(matcher, example=f"${name}") for name, matcher in _TYPES.items()}
    | {"$absent": _ABSENT, "$present": _PRESENT}
)
"""The matchers without an operand, by name."""
