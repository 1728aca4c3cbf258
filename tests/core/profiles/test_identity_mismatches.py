"""Expected profiles against the actual ones: paths, types, and likely ids."""

import pytest

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Description
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import Variable
from pixel_emulator.core.profiles.identity import fold, state_mismatches
from tests.hits import hit

PROFILES = fold(
    [
        hit(1, "identify", {"userId": "user_123", "anonymousId": "v", "traits": {"n": 1}}),
        hit(2, "group", {"userId": "user_123", "groupId": "acme", "traits": {"seats": 3}}),
        hit(3, "track", {"userId": "user_123", "event": "E"}),
    ],
    {},
)


@pytest.mark.parametrize("id", ["user_123", "v"])
@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"traits": {"n": 1}},
        {"groups": {"acme": {}}, "events": {"E": 1}, "anonymousIds": ["v"], "previousIds": []},
    ],
)
def test_a_subset_matches_under_any_id(id, pattern):
    assert state_mismatches({id: pattern}, PROFILES, {}) == ()


@pytest.mark.parametrize(
    ("pattern", "path", "expected", "actual"),
    [
        ({"traits": {"n": "1"}}, "traits.n", '"1" (string)', "1 (number)"),
        ({"traits": {"m": 2}}, "traits.m", "2 (number)", "absent"),
        ({"groups": {"acme": {"seats": 4}}}, "groups.acme.seats", "4 (number)", "3 (number)"),
        ({"events": {"E": 2}}, "events.E", "2 (number)", "1 (number)"),
        ({"anonymousIds": []}, "anonymousIds[0]", "absent", '"v" (string)'),
    ],
)
def test_a_difference_has_its_path(pattern, path, expected, actual):
    [mismatch] = state_mismatches({"v": pattern}, PROFILES, {})
    assert (mismatch.path, str(mismatch.expected), str(mismatch.actual)) == (
        f"state.v.{path}",
        expected,
        actual,
    )


def test_an_unknown_id_is_a_mismatch_with_the_likely_one():
    absent = Mismatch(
        path="state.user_132",
        expected=Description("a profile", ""),
        actual=Description("absent", ""),
        hint='did you mean "user_123"?',
    )
    assert state_mismatches({"user_132": {}, "user_123": {}}, PROFILES, {}) == (absent,)


def test_without_any_profile_a_hint_says_so():
    [mismatch] = state_mismatches({"u": {}}, fold([], {}), {})
    assert mismatch.hint == "no kept call has an id"


def test_an_id_may_be_expected_absent():
    absent = MATCHERS["$absent"].matcher
    assert state_mismatches({"nobody": absent}, PROFILES, {}) == ()
    [mismatch] = state_mismatches({"v": absent}, PROFILES, {})
    assert (mismatch.path, str(mismatch.expected)) == ("state.v", "absent")


def test_a_bound_variable_matches_its_value():
    pattern = {"user_123": {"traits": {"n": Variable("n", None)}}}
    assert state_mismatches(pattern, PROFILES, {"n": 1}) == ()
    [mismatch] = state_mismatches(pattern, PROFILES, {"n": 2})
    assert (mismatch.path, str(mismatch.actual)) == ("state.user_123.traits.n", "1 (number)")
