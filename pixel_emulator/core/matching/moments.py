"""`$now`: a time about that of the call, and how a want learns when the call came."""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, cast, override

from pixel_emulator.core.matching.formats import iso_time, moment
from pixel_emulator.core.matching.values import Absent, Described, Value
from pixel_emulator.core.matching.wants import Bindings, Matcher, Want

NEAR = timedelta(minutes=1)
"""How far a clock may be from the time of the call."""


@dataclass(frozen=True, slots=True)
class Now(Matcher):
    """`$now`: a date and time with its offset, at most `NEAR` from when the call came.

    Where `call` is None no call is looked at, and any such moment will do.
    """

    call: datetime | None = None

    @override
    def matches(self, got: Value, bound: Bindings) -> bool:
        found = moment(got) if isinstance(got, str) else None
        return found is not None and (self.call is None or abs(found - self.call) <= NEAR)

    def describe(self) -> Described:
        return Described("the time of the call", "ISO time with its offset")

    def reason(self, got: Value) -> str:
        found = iso_time(got) if isinstance(got, str) else None
        if found is None or self.call is None:
            return ""
        if moment(str(got)) is None:
            return "it has no offset, so it may be any clock's"
        side = "before" if found < self.call else "after"
        away = timedelta(seconds=round(abs(found - self.call).total_seconds()))
        return f"it is {away} {side} the call; a minute is allowed"


def asks_for_now(want: Want | Absent) -> bool:
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
            stack.extend(_held(each).values())
    return False


def as_of[W](want: W, call: datetime) -> W:
    """The want, each `$now` in it speaking of a call that came then.

    It recurses over the want alone, which nests no deeper than a file may.
    """
    if isinstance(want, Now):
        return replace(want, call=call)
    if isinstance(want, dict):
        return type(want)((key, as_of(each, call)) for key, each in want.items())
    if isinstance(want, list | tuple):
        return type(want)(as_of(each, call) for each in want)
    if isinstance(want, Matcher) and asks_for_now(want):
        matcher: Any = want
        return cast("W", replace(matcher, **as_of(_held(matcher), call)))
    return want


def _held(matcher: Any) -> dict[str, object]:
    """What a matcher was made of; each is a dataclass, which its base class does not say."""
    return {each.name: getattr(matcher, each.name) for each in fields(matcher)}
