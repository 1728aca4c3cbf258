"""Profiles before a run (`given.profiles`): every mistake with its path."""

import pytest

from pixel_emulator.core.profiles.identity import fold
from pixel_emulator.core.profiles.profile import profile_issues
from tests.hits import hit


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ([], (), "must be a map"),
        ({"": {}}, ("",), "must not be empty"),
        ({"u": 3}, ("u",), "must be a map with some of traits"),
        ({"u": {"trait": {}}}, ("u", "trait"), 'did you mean "traits"?'),
        ({"u": {"traits": []}}, ("u", "traits"), "must be a map"),
        ({"u": {"anonymousIds": "v"}}, ("u", "anonymousIds"), "a list of ids"),
        ({"u": {"anonymousIds": ["v", 1]}}, ("u", "anonymousIds", 1), "must be text"),
        ({"u": {"previousIds": [""]}}, ("u", "previousIds", 0), "not empty"),
        ({"u": {"groups": {"g": 1}}}, ("u", "groups", "g"), "the traits of the group"),
        ({"u": {"events": {"E": True}}}, ("u", "events", "E"), "whole number"),
        ({"u": {"events": {"E": -1}}}, ("u", "events", "E"), "whole number"),
        ({"u": {}, "w": {"anonymousIds": ["u"]}}, ("w", "anonymousIds", 0), 'to the profile "u"'),
    ],
)
def test_mistakes_in_given_profiles(data, path, words):
    [(at, message)] = profile_issues(data)
    assert at == path
    assert words in message


def test_the_profiles_of_a_run_have_no_mistakes():
    calls = [
        ("identify", {"userId": "u", "traits": {"plan": "pro"}}),
        ("track", {"event": "Email Opened", "userId": "u", "anonymousId": "v"}),
    ]
    hits = [hit(seq, *call) for seq, call in enumerate(calls, 1)]
    assert list(profile_issues(fold(hits, {}).as_data())) == []
