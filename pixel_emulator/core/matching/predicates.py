"""Wants about one scalar that a function can judge: comparisons, parts of texts, own matchers."""

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


def parse_iso_time(text: str) -> datetime | None:
    """The moment of an ISO 8601 date or date and time; without an offset it is in UTC."""
    if not _ISO.fullmatch(text):
        return None
    try:
        parse_instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parse_instant if parse_instant.tzinfo else parse_instant.replace(tzinfo=UTC)


def parse_instant(text: str) -> datetime | None:
    """As `parse_iso_time`, for a date and time with an offset: one point in time, everywhere."""
    found = _ISO.fullmatch(text)
    return parse_iso_time(text) if found and found["offset"] else None


type MatcherFunction = Callable[[JSON], str | None]
"""A matcher of the user's own: the reason why a value does not match, or None."""

_WIDE_CONTEXT = Context(prec=1_000, traps=[])  # digits beyond these say nothing about a distance
_NUMBER = "number"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)
_SIGNS = {">": gt, ">=": ge, "<": lt, "<=": le}


@dataclass(frozen=True, slots=True)
class Predicate(Matcher):
    """A value for which `test` says yes; it must not raise. `description` describe what is
    wanted."""

    description: Description
    test: Callable[[Value], bool]

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        return self.test(got)

    def describe(self) -> Description:
        return self.description


class _NegatedPredicate(Predicate):
    """A value that is not so."""

    __slots__ = ()

    is_negation = True


@dataclass(frozen=True, slots=True)
class PluginMatcher(Matcher):
    """`$name` of a matcher that a Python hook registered; it is only asked about what is there."""

    name: str
    function: MatcherFunction

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        return self._failure(got) is None

    def describe(self) -> Description:
        return Description(f"${self.name}", "")

    def reason(self, got: Value) -> str:
        return self._failure(got) or ""

    def _failure(self, got: Value) -> str | None:
        if got is ABSENT:
            return ""
        try:
            said: object = self.function(got)
        except Exception as error:  # noqa: BLE001 - foreign code: what it raises is an objection
            return f"it raised {type(error).__name__}: {error}"
        if said is None or isinstance(said, str):
            return said
        return f"it returned {said!r:.60}; it must return None, or the reason as text"


def equal_to(value: JSON) -> Predicate:
    """`$eq`: this value and nothing more, also in maps."""
    wanted = equality_key(value)
    words = describe_value(value)
    return Predicate(
        Description(f"exactly {words.text}", words.type), lambda it: equality_key(it) == wanted
    )


def not_equal_to(value: JSON) -> Predicate:
    """`$ne`: a value that is there and is another one."""
    wanted = equality_key(value)
    words = Description(f"other than {describe_value(value).text}", "")
    return _NegatedPredicate(words, lambda it: it is not ABSENT and equality_key(it) != wanted)


def comparison(sign: str, limit: JSON) -> Predicate | None:
    """`$gt` and its like, for a number or an ISO time; None for a limit that is neither."""
    holds = _SIGNS[sign]
    wanted = magnitude(limit)
    if wanted is None:
        return None
    kind, least = wanted

    def check(got: Value) -> bool:
        found = magnitude(got)
        return found is not None and found[0] == kind and holds(found[1], least)

    return Predicate(Description(f"{sign} {text_form(limit)}", kind), check)


def close_to(value: JSON, by: JSON) -> Predicate | None:
    """`$near` and `$by`: a number that differs by so much at most.

    None where one of them is no number, or `by` is below 0.
    """
    middle, span = exact_number(value), exact_number(by)
    if not isinstance(middle, Decimal) or not isinstance(span, Decimal) or span < 0:
        return None
    low, high = _WIDE_CONTEXT.subtract(middle, span), _WIDE_CONTEXT.add(middle, span)

    def check(got: Value) -> bool:
        found = magnitude(got)
        return found is not None and found[0] == _NUMBER and low <= found[1] <= high

    return Predicate(Description(f"{text_form(value)} ± {text_form(by)}", _NUMBER), check)


def starts_with(text: str) -> Predicate:
    """`$starts`: a text that begins so."""
    words = Description(f"a text that starts with {describe_value(text).text}", "")
    return Predicate(words, lambda got: isinstance(got, str) and got.startswith(text))


def ends_with(text: str) -> Predicate:
    """`$ends`: a text that ends so."""
    words = Description(f"a text that ends with {describe_value(text).text}", "")
    return Predicate(words, lambda got: isinstance(got, str) and got.endswith(text))


def contains_text(text: str) -> Predicate:
    """`$contains`: a text with this in it."""
    words = Description(f"a text that contains {describe_value(text).text}", "")
    return Predicate(words, lambda got: isinstance(got, str) and text in got)


def magnitude(value: Value) -> tuple[str, Decimal] | None:
    """A number, or an ISO time in microseconds, with its kind; None for what has no order."""
    if isinstance(value, str):
        parse_instant = parse_iso_time(value)
        return (
            None
            if parse_instant is None
            else ("ISO time", Decimal((parse_instant - _EPOCH) // _UNIT))
        )
    found = exact_number(value)
    return (_NUMBER, found) if isinstance(found, Decimal) and not found.is_nan() else None


_REGEX_MEMORY = (
    4 << 20
)  # bytes for one regex; RE2 refuses what needs more, or goes on without a cache
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: UTF-8, which RE2 reads, has none


class RegexError(ValueError):
    """What RE2 does not accept, in its words."""


def matches_regex(pattern: str, *, ignore_case: bool = False) -> Predicate:
    """A text in which the regex is found, anywhere. Raises RegexError."""
    return Predicate(
        Description(f"matching /{pattern}/{'i' if ignore_case else ''}", ""),
        _regex_test(pattern, ignore_case=ignore_case),
    )


def matches_glob(glob: str) -> Predicate:
    """`$like`: the whole text, where `*` stands for any text and `?` for one character.

    Raises RegexError for a glob that is too large.
    """
    wild = {"*": ".*", "?": "."}
    pattern = "".join(wild.get(each) or re2.escape(each) for each in _without_surrogates(glob))
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

    def search(got: Value) -> bool:
        return isinstance(got, str) and regex.search(_without_surrogates(got)) is not None

    return search


def _without_surrogates(text: str) -> str:
    """The text with a replacement for each half of a character."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


NOW_TOLERANCE = timedelta(minutes=1)
"""How far a clock may be from the time of the call."""


@dataclass(frozen=True, slots=True)
class Now(Matcher):
    """`$now`: a date and time with its offset, at most `NOW_TOLERANCE` from when the call came.

    Where `call_time` is None no call is looked at, and any such moment will do.
    """

    call_time: datetime | None = None

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        found = parse_instant(got) if isinstance(got, str) else None
        return found is not None and (
            self.call_time is None or abs(found - self.call_time) <= NOW_TOLERANCE
        )

    def describe(self) -> Description:
        return Description("the time of the call", "ISO time with its offset")

    def reason(self, got: Value) -> str:
        found = parse_iso_time(got) if isinstance(got, str) else None
        if found is None or self.call_time is None:
            return ""
        if parse_instant(str(got)) is None:
            return "it has no offset, so it may be any clock's"
        side = "before" if found < self.call_time else "after"
        away = timedelta(seconds=round(abs(found - self.call_time).total_seconds()))
        return f"it is {away} {side} the call; a minute is allowed"


def contains_now(want: Expected | Absent) -> bool:
    """Whether `$now` stands in the want, also in what a variable has to match."""
    stack: list[object] = [want]
    while stack:
        each = stack.pop()
        if isinstance(each, Now):
            return True
        if isinstance(each, dict):
            stack.extend(each.values())
        elif isinstance(each, list | tuple):
            stack.extend(each)
        elif isinstance(each, Matcher):
            stack.extend(_field_values(each).values())
    return False


def resolve_now[W](want: W, call: datetime) -> W:
    """The want, each `$now` in it speaking of a call that came then.

    It recurses over the want alone, which nests no deeper than a file may.
    """
    if isinstance(want, Now):
        return replace(want, call_time=call)
    if isinstance(want, dict):
        return type(want)((key, resolve_now(each, call)) for key, each in want.items())
    if isinstance(want, list | tuple):
        return type(want)(resolve_now(each, call) for each in want)
    if isinstance(want, Matcher) and contains_now(want):
        matcher: Any = want
        return cast("W", replace(matcher, **resolve_now(_field_values(matcher), call)))
    return want


def _field_values(matcher: Any) -> dict[str, object]:
    """What a matcher was made of; each is a dataclass, which its base class does not say."""
    return {each.name: getattr(matcher, each.name) for each in fields(matcher)}
