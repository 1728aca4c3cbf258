"""Python values as expected values."""

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from functools import partial
from unittest.mock import ANY, AsyncMock, MagicMock, Mock, NonCallableMock, sentinel

import pytest
from dirty_equals import DirtyEquals, IsDict, IsPartialDict, IsPositive, IsStr

from pixel_emulator.core.matching.diff import matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT
from pixel_emulator.core.model import Payload
from pixel_emulator.pytest_plugin.keyword_expectations import expected_value


def is_even(value):
    return value % 2 == 0


def is_in(values, value):
    return value in values


def with_reason(value):
    return True if value == "pro" else f"{value} is no plan"


class Plans:
    known = ("pro",)

    def holds(self, value):
        return value in self.known

    @classmethod
    def has(cls, value):
        return value in cls.known


@dataclass
class Near:
    to: float

    def __call__(self, value):
        return abs(value - self.to) < 1


class Even(DirtyEquals[int]):
    def equals(self, other):
        return other % 2 == 0

    def __call__(self, _value):
        return False


async def waits(value):
    return value == 1


def asserts(value):
    assert value == 1


MATCHING = [
    ("a", "a", "b"),
    ("$int", "$int", 1),
    (1, 1.0, "1"),
    (True, True, 1),
    (None, None, 0),
    ([1, "$x"], [1, "$x"], [1]),
    ((1, 2), [1, 2], [2, 1]),
    ({"a": 1}, {"a": 1, "b": 2}, {"b": 2}),
    (re.compile("^Hi"), "Hi you", "Oh, Hi"),
    (re.compile("hi", re.IGNORECASE), "Hi", 1),
    (ANY, None, ABSENT),
    (ABSENT, ABSENT, None),
    (IsStr(regex="Hi.*"), "Hi you", "Ho"),
    (IsPositive, 3, -3),
    ({"a": IsPositive()}, {"a": 3}, {"a": -3}),
    (IsPartialDict(a=1), {"a": 1, "b": 2}, {"a": 2}),
    (IsDict(a=1), {"a": 1}, {"a": 1, "b": 2}),
    (str, "", 1),
    (int, 3.0, True),
    (float, 3, "3"),
    (bool, False, 0),
    (list, [], {}),
    (dict, {}, []),
    (is_even, 2, 3),
    (lambda value: re.match("a", value), "ab", "ba"),
    (with_reason, "pro", "free"),
    (lambda value: value["a"] == 1, {"a": 1}, {}),
    (Plans().holds, "pro", "free"),
    (Plans.has, "pro", "free"),
    (re.compile("H.").fullmatch, "Hi", "Hi you"),
    ({"Hi"}.__contains__, "Hi", "Ho"),
    (len, "Hi", ""),
    (str.isdigit, "1", "a"),
    (partial(is_in, "ab"), "a", "c"),
    (Near(1.5), 2, 3),
    (Even(), 2, 3),
]


@pytest.mark.parametrize(("wanted", "yes", "no"), MATCHING)
def test_a_value_matches_what_it_means(wanted, yes, no):
    assert matches({"k": expected_value(wanted)}, {} if yes is ABSENT else {"k": yes})
    assert not matches({"k": expected_value(wanted)}, {} if no is ABSENT else {"k": no})


@pytest.mark.parametrize(
    "wanted",
    [
        *(b"a", {1}, 1j, dt.date(2030, 1, 1), uuid.UUID(int=1)),
        *(object(), {1: "a"}, complex, re.compile(b"b"), list[int], int | None, waits),
        *(Mock(), MagicMock(), NonCallableMock(), AsyncMock(), sentinel.some),
    ],
)
def test_what_can_never_arrive_is_refused(wanted):
    with pytest.raises(TypeError):
        expected_value(wanted)


def test_a_value_that_holds_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested deeper than 200 levels"):
        expected_value(endless)


def _mismatch(wanted, got):
    (mismatch,) = mismatches({"k": expected_value(wanted)}, {"k": got})
    return mismatch


@pytest.mark.parametrize(
    ("wanted", "got", "words"),
    [
        (IsStr(regex="Hi.*"), 1, "IsStr(regex='Hi.*')"),
        (re.compile("^Hi"), 1, "matching /^Hi/"),
        (is_even, 1, "what is_even accepts"),
        (int, "1", "any whole number"),
        (Near(1.5), 3, "what Near(to=1.5) accepts"),
        (re.compile("H").fullmatch, "a", "what fullmatch accepts"),
    ],
)
def test_a_mismatch_says_what_was_wanted(wanted, got, words):
    assert str(_mismatch(wanted, got).expected) == words


@pytest.mark.parametrize(
    ("function", "got", "reason"),
    [
        (with_reason, "free", "free is no plan"),
        (is_even, "x", "it raised TypeError: not all arguments converted during string formatting"),
        (asserts, 1, "it returned None; it must return True or False, or the reason as text"),
    ],
)
def test_a_function_gives_its_reason(function, got, reason):
    assert _mismatch(function, got).hint == reason


def test_a_matcher_describes_itself_as_before_it_was_compared():
    wanted = expected_value(IsPositive())
    assert not matches(wanted, -1)
    assert matches(wanted, 1)
    assert str(_mismatch(IsPositive(), -2).expected) == "IsPositive()"


def test_a_function_cannot_change_what_arrived():
    got: Payload = {"k": {"a": [1]}}
    matches({"k": expected_value(lambda value: value["a"].clear() or True)}, got)
    assert got == {"k": {"a": [1]}}
