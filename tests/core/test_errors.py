"""Errors in a user's input: places, messages and suggestions."""

import pytest

from pixel_emulator.core.errors import (
    Document,
    InputError,
    InputIssue,
    Location,
    SelectionError,
    did_you_mean,
)

DOCUMENT = Document(
    "s.yaml",
    {"expect": [{"track": "A"}]},
    {
        (): Location("s.yaml", 1, 1),
        ("expect",): Location("s.yaml", 2, 1),
        ("expect", 0): Location("s.yaml", 3, 5),
    },
)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (Location(), "<input>"),
        (Location("s.yaml"), "s.yaml"),
        (Location("s.yaml", 3), "s.yaml:3"),
        (Location("s.yaml", 3, 5), "s.yaml:3:5"),
        (Location("", 3, 5), "<input>:3:5"),
    ],
)
def test_a_location_is_written_as_compilers_do(location, text):
    assert str(location) == text


@pytest.mark.parametrize(
    ("issue", "text"),
    [
        (InputIssue("is wrong"), "is wrong"),
        (InputIssue("is wrong", path="a.b"), "a.b: is wrong"),
        (InputIssue("is wrong", Location("s.yaml", 3), "a.b"), "s.yaml:3: a.b: is wrong"),
    ],
)
def test_an_issue_names_its_place_and_its_path(issue, text):
    assert str(issue) == text


def test_an_error_has_all_issues_one_on_each_line():
    error = InputError(InputIssue("one"), InputIssue("two"))
    assert str(error) == "one\ntwo"
    assert [issue.message for issue in error.issues] == ["one", "two"]
    assert isinstance(SelectionError(), InputError)


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ((), "s.yaml:1:1"),
        (("expect",), "s.yaml:2:1"),
        (("expect", 0), "s.yaml:3:5"),
        (("expect", 0, "track"), "s.yaml:3:5"),
        (("expect", 7, "track"), "s.yaml:2:1"),
        (("missing",), "s.yaml:1:1"),
    ],
)
def test_a_value_is_located_at_itself_or_the_nearest_value_around_it(at, place):
    assert str(DOCUMENT.location(at)) == place


def test_an_issue_of_a_document_has_location_and_path():
    issue = DOCUMENT.issue("is wrong", "expect", 0, "track")
    assert str(issue) == "s.yaml:3:5: expect[0].track: is wrong"
    assert str(Document("x.yaml", None, {}).issue("is wrong").location) == "x.yaml"


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("expct", ' (did you mean "expect"?)'),
        ("EXPECT", ' (did you mean "expect"?)'),
        ("damage", ' (did you mean "Damaged"?)'),
        ("zzz", ""),
        ("", ""),
        ("e" * 101, ""),
    ],
)
def test_the_nearest_allowed_word_is_suggested(word, suggestion):
    assert did_you_mean(word, ["expect", "Damaged", "x" * 101]) == suggestion
