"""Matchers that a function decides: comparisons, text tests, `$now`, matchers of plugins."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from operator import ge, gt, le, lt
from typing import Any, cast, override

import re2  # type: ignore[import-untyped] # it has no annotations

from pixel_emulator.core.matching.expected import (
    ABSENT,
    Absent,
    Bindings,
    Description,
    Expected,
    Matcher,
    Value,
    describe_value,
    equality_key,
    exact_number,
    text_form,
)
from pixel_emulator.core.model import JSON

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# As HTML's <input type=email>, but any letters, and a dot in the domain:
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,253}\Z)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)+"
)
# The characters that no URL may contain: https://www.rfc-editor.org/rfc/rfc3986#appendix-A
_URL = re.compile(r"https?://[^\s/?#<>\"{}|\\^`]+[^\s<>\"{}|\\^`]*", re.IGNORECASE)
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def is_uuid(text: str) -> bool:
    """Return True for a UUID of any version, in upper or lower case."""
    return bool(_UUID.fullmatch(text))


def is_email(text: str) -> bool:
    """Return True for one e-mail address without a display name."""
    return bool(_EMAIL.fullmatch(text))


def is_url(text: str) -> bool:
    """Return True for an absolute http or https URL."""
    return bool(_URL.fullmatch(text))


def parse_iso_time(text: str) -> datetime | None:
    """Parse an ISO 8601 date or date and time, in UTC without an offset; None for other texts."""
    if not _ISO.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def parse_instant(text: str) -> datetime | None:
    """As `parse_iso_time`, but only for a date and time with an offset: one point in time."""
    match = _ISO.fullmatch(text)
    return parse_iso_time(text) if match and match["offset"] else None


type MatcherFunction = Callable[[JSON], str | None]
"""A matcher of a plugin: returns None if the value matches, else the reason why not."""

_WIDE_CONTEXT = Context(prec=1_000, traps=[])  # digits; enough for any distance that matters
_NUMBER = "number"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)
_SIGNS = {">": gt, ">=": ge, "<": lt, "<=": le}


@dataclass(frozen=True, slots=True)
class Predicate(Matcher):
    """A value for which `test` returns True; `test` must not raise."""

    description: Description
    test: Callable[[Value], bool]

    @override
    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return self.test(actual)

    def describe(self) -> Description:
        return self.description


class _NegatedPredicate(Predicate):
    """A predicate that excludes values."""

    __slots__ = ()

    is_negation = True


@dataclass(frozen=True, slots=True)
class PluginMatcher(Matcher):
    """`$name`, registered by a plugin. It is only called for values that are present."""

    name: str
    function: MatcherFunction

    @override
    def matches(self, actual: Value, bindings: Bindings) -> bool:
        return self._failure(actual) is None

    def describe(self) -> Description:
        return Description(f"${self.name}", "")

    def reason(self, actual: Value) -> str:
        return self._failure(actual) or ""

    def _failure(self, actual: Value) -> str | None:
        if actual is ABSENT:
            return ""
        try:
            result: object = self.function(actual)
        except Exception as error:  # noqa: BLE001 - foreign code: an exception is a failed match
            return f"it raised {type(error).__name__}: {error}"
        if result is None or isinstance(result, str):
            return result
        return f"it returned {result!r:.60}; it must return None, or the reason as text"


def equal_to(value: JSON) -> Predicate:
    """`$eq`: exactly this value; maps have no further keys."""
    key = equality_key(value)
    description = describe_value(value)
    return Predicate(
        Description(f"exactly {description.text}", description.type),
        lambda actual: equality_key(actual) == key,
    )


def not_equal_to(value: JSON) -> Predicate:
    """`$ne`: any other value that is present."""
    key = equality_key(value)
    description = Description(f"other than {describe_value(value).text}", "")
    return _NegatedPredicate(
        description, lambda actual: actual is not ABSENT and equality_key(actual) != key
    )


def comparison(sign: str, limit: JSON) -> Predicate | None:
    """`$gt`, `$gte`, `$lt`, `$lte` for a number or an ISO time; None if `limit` is neither."""
    operator = _SIGNS[sign]
    threshold = magnitude(limit)
    if threshold is None:
        return None
    kind, bound = threshold

    def check(actual: Value) -> bool:
        measured = magnitude(actual)
        return measured is not None and measured[0] == kind and operator(measured[1], bound)

    return Predicate(Description(f"{sign} {text_form(limit)}", kind), check)


def close_to(value: JSON, by: JSON) -> Predicate | None:
    """`$near` with `$by`: a number that differs from `value` by at most `by`.

    None if one of the two is not a number or `by` is negative.
    """
    middle, span = exact_number(value), exact_number(by)
    if not isinstance(middle, Decimal) or not isinstance(span, Decimal) or span < 0:
        return None
    low, high = _WIDE_CONTEXT.subtract(middle, span), _WIDE_CONTEXT.add(middle, span)

    def check(actual: Value) -> bool:
        measured = magnitude(actual)
        return measured is not None and measured[0] == _NUMBER and low <= measured[1] <= high

    return Predicate(Description(f"{text_form(value)} ± {text_form(by)}", _NUMBER), check)


def starts_with(text: str) -> Predicate:
    """`$starts`: a text that begins with `text`."""
    description = Description(f"a text that starts with {describe_value(text).text}", "")
    return Predicate(
        description, lambda actual: isinstance(actual, str) and actual.startswith(text)
    )


def ends_with(text: str) -> Predicate:
    """`$ends`: a text that ends with `text`."""
    description = Description(f"a text that ends with {describe_value(text).text}", "")
    return Predicate(description, lambda actual: isinstance(actual, str) and actual.endswith(text))


def contains_text(text: str) -> Predicate:
    """`$contains`: a text that contains `text`."""
    description = Description(f"a text that contains {describe_value(text).text}", "")
    return Predicate(description, lambda actual: isinstance(actual, str) and text in actual)


def magnitude(value: Value) -> tuple[str, Decimal] | None:
    """Return the kind and amount of a number or an ISO time (microseconds); None for others."""
    if isinstance(value, str):
        time = parse_iso_time(value)
        return None if time is None else ("ISO time", Decimal((time - _EPOCH) // _UNIT))
    amount = exact_number(value)
    return (_NUMBER, amount) if isinstance(amount, Decimal) and not amount.is_nan() else None


_REGEX_MEMORY = 4 << 20  # bytes for one regex; RE2 refuses a larger one, or runs it without a cache
_SURROGATE = re.compile("[\ud800-\udfff]")  # not representable in UTF-8, which RE2 reads


class RegexError(ValueError):
    """A regex that RE2 does not accept; the message is RE2's."""


def matches_regex(pattern: str, *, ignore_case: bool = False) -> Predicate:
    """`$/…/`: a text in which the regex is found anywhere. Raises RegexError if it is invalid."""
    return Predicate(
        Description(f"matching /{pattern}/{'i' if ignore_case else ''}", ""),
        _regex_test(pattern, ignore_case=ignore_case),
    )


def matches_glob(glob: str) -> Predicate:
    """`$like`: the whole text, where `*` stands for any text and `?` for one character.

    Raises RegexError if the glob is too large.
    """
    wild = {"*": ".*", "?": "."}
    pattern = "".join(wild.get(char) or re2.escape(char) for char in _without_surrogates(glob))
    return Predicate(
        Description(f"like {describe_value(glob).text}", ""), _regex_test(rf"(?s)\A{pattern}\z")
    )


def _regex_test(pattern: str, *, ignore_case: bool = False) -> Callable[[Value], bool]:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _REGEX_MEMORY
    options.case_sensitive = not ignore_case
    try:
        regex = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise RegexError(reason.decode() if isinstance(reason, bytes) else reason) from None
    except UnicodeEncodeError:
        raise RegexError("it holds half a character (a lone surrogate)") from None

    def search(actual: Value) -> bool:
        return isinstance(actual, str) and regex.search(_without_surrogates(actual)) is not None

    return search


def _without_surrogates(text: str) -> str:
    """Return the text with U+FFFD for each lone surrogate."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


NOW_TOLERANCE = timedelta(minutes=1)
"""The greatest difference between a `$now` value and the time of the call."""


@dataclass(frozen=True, slots=True)
class Now(Matcher):
    """`$now`: a date and time with an offset, at most `NOW_TOLERANCE` from the time of the call.

    If `call_time` is None, there is no call, and any date and time with an offset matches.
    """

    call_time: datetime | None = None

    @override
    def matches(self, actual: Value, bindings: Bindings) -> bool:
        time = parse_instant(actual) if isinstance(actual, str) else None
        return time is not None and (
            self.call_time is None or abs(time - self.call_time) <= NOW_TOLERANCE
        )

    def describe(self) -> Description:
        return Description("the time of the call", "ISO time with its offset")

    def reason(self, actual: Value) -> str:
        time = parse_iso_time(actual) if isinstance(actual, str) else None
        if time is None or self.call_time is None:
            return ""
        if parse_instant(str(actual)) is None:
            return "it has no offset, so it may be any clock's"
        side = "before" if time < self.call_time else "after"
        away = timedelta(seconds=round(abs(time - self.call_time).total_seconds()))
        return f"it is {away} {side} the call; a minute is allowed"


def contains_now(expected: Expected | Absent) -> bool:
    """Return True if `$now` occurs in the expected value, types of variables included."""
    stack: list[object] = [expected]
    while stack:
        part = stack.pop()
        if isinstance(part, Now):
            return True
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, list | tuple):
            stack.extend(part)
        elif isinstance(part, Matcher):
            stack.extend(_field_values(part).values())
    return False


def resolve_now[W](expected: W, call_time: datetime) -> W:
    """Return the expected value with every `$now` set to the time of the call.

    It recurses only over the expected value, which nests no deeper than a file may.
    """
    if isinstance(expected, Now):
        return replace(expected, call_time=call_time)
    if isinstance(expected, dict):
        return type(expected)(
            (key, resolve_now(value, call_time)) for key, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        return type(expected)(resolve_now(item, call_time) for item in expected)
    if isinstance(expected, Matcher) and contains_now(expected):
        matcher: Any = expected
        return cast("W", replace(matcher, **resolve_now(_field_values(matcher), call_time)))
    return expected


def _field_values(matcher: Any) -> dict[str, object]:
    """Return the fields of a matcher; every matcher is a dataclass, but its base class is not."""
    return {field.name: getattr(matcher, field.name) for field in fields(matcher)}
