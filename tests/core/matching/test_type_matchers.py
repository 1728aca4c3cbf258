"""The matchers without an operand, such as `$int` and `$uuid`."""

import pytest

from pixel_emulator.core.matching.expected import ABSENT
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.text.json_codec import Number
from tests.expected_values import Case, check_example, check_match, matching_and_mismatching

UUID = "0B1EE2A4-3F5C-4D7E-8A9B-0C1D2E3F4A5B"
CASES: list[Case] = [
    ("$any", [0, False, "", [], {}], [None, ABSENT]),
    ("$present", [None, 0, ""], [ABSENT]),
    ("$absent", [ABSENT], [None, "", "absent"]),
    ("$empty", [None, "", [], {}], [0, False, " ", [None], ABSENT]),
    ("$string", ["", "a"], [1, None, True, ["a"], ABSENT]),
    ("$int", [0, -3, Number("3.0"), Number("1e3"), 10**30], [True, 0.5, "3", None, float("inf")]),
    ("$number", [0, Number("0.5"), float("nan")], [True, "1", None]),
    ("$numeric", [0, "0", "-1.5e3", Number("0.5")], [True, "true", "", " 1", "1 ", "01", "NaN"]),
    ("$bool", [True, False], [0, 1, "true", None]),
    ("$list", [[], [1]], [{}, "[]", None]),
    ("$map", [{}, {"a": 1}], [[], "{}", None]),
    ("$uuid", [UUID, UUID.lower()], [UUID[:-1], UUID + "0", f"{{{UUID}}}", UUID.replace("-", "")]),
    (
        "$email",
        ["ada@example.com", "a.b+c@mail.example.com", "j\u00f6rg@ex\u00e4mple.com"],
        ["ada@example", "ada", "@example.com", "a b@example.com", "{{email}}", "a@example.com,"],
    ),
    (
        "$url",
        ["https://example.com", "HTTP://example.com:80/a?b=c#d"],
        ["//example.com", "https://", "ftp://example.com", "https://a b", "https://{{host}}/"],
    ),
    (
        "$iso",
        ["2030-01-31", "2030-01-31T12:30", "2030-01-31T12:30:00.123Z", "2030-01-31T12:30:00+0100"],
        ["2030-02-30", "2030", "20300131", "2030-01-31 12:30", "2030-01-31T25:00", 1893456000],
    ),
    (
        "$now",
        ["2030-01-31T12:30:00+01:00"],
        ["2030-01-31", "2030-01-31T12:30:00", "2030-13-01Z", 1893456000],
    ),
]


@matching_and_mismatching(CASES)
def test_matching_and_mismatching_values(text, actual, match):
    check_match(text, actual, match)


@pytest.mark.parametrize("name", MATCHERS)
def test_the_examples_of_the_table_are_right(name):
    check_example(name, MATCHERS[name])
