"""Layout of a report: wrapped text, counts and times in words."""

from datetime import timedelta

import pytest

from pixel_emulator.core.report.page import (
    Page,
    counted,
    duration_text,
    met_counts,
    more_line,
    time_of_day,
    total_counts,
)
from tests.hits import hit
from tests.verdicts import verdict_on


def test_a_long_sentence_is_wrapped_behind_its_indent():
    lines = Page(width=30).sentence("the call was dropped because it has no id", 4, first="  - ")
    assert lines == ["  - the call was dropped", "    because it has no id"]


def test_a_sentence_keeps_some_room_however_far_it_is_indented():
    assert Page(width=10).sentence("a b c d", 40) == [" " * 40 + "a b c d"]


def test_control_characters_of_a_text_are_made_visible():
    assert "\x1b" not in Page().sentence("a \x1b[31m b")[0]


@pytest.mark.parametrize(
    ("width", "lines"),
    [(40, ["head  a few words"]), (12, ["head", "    a few", "    words"])],
)
def test_a_text_stands_behind_its_heading_if_there_is_room(width, lines):
    assert list(Page(width=width).labelled("head", "  ", "a few words")) == lines


def test_colour_takes_no_room():
    page = Page(width=17, colour=True)
    [line] = page.labelled(page.paint("head", "bold"), "  ", "a few words")
    assert line.startswith("\x1b[")
    assert Page().paint("head", "bold") == page.paint("head", "") == "head"


@pytest.mark.parametrize(("number", "text"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls")])
def test_a_count_takes_the_plural(number, text):
    assert counted(number, "call") == text


def test_items_that_are_not_listed_are_counted():
    assert list(more_line(20)) == []
    assert list(more_line(23)) == ["    \u2026 and 3 more"]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (-38, "38 ms"),
        (1_000, "1.0 s"),
        (119_999, "120.0 s"),
        (120_000, "2 min"),
    ],
)
def test_lengths_of_time(milliseconds, text):
    assert duration_text(timedelta(milliseconds=milliseconds)) == text


def test_the_time_of_a_call_has_milliseconds():
    assert time_of_day(hit(1, "page", at=1_000)) == "09:00:13.418Z"


def test_expectations_and_calls_are_counted():
    verdict = verdict_on("expect: [{track: A}, {page: }]", hit(1, "page", {"userId": "u"}))
    [scenario] = verdict.scenarios
    assert met_counts(scenario.steps) == "1 of 2 expectations met"
    assert total_counts(verdict) == "0 of 1 scenario met \u00b7 1 call seen \u00b7 0 dropped"


def test_a_run_without_calls_counts_its_connections():
    assert total_counts(verdict_on("expect: []")) == (
        "1 of 1 scenario met \u00b7 0 calls seen \u00b7 1 connection \u00b7 0 dropped"
    )
