"""What the calls come to: profiles, folded as Segment's documents say."""

from typing import Any

import pytest

from pixel_emulator.core.profiles.identity import fold
from pixel_emulator.core.profiles.profile import PROFILE_KEYS
from tests.hits import hit


def folded(*calls, given=None):
    """The profiles after calls, each a type and a payload; without what is empty in them."""
    hits = [hit(seq, *call) for seq, call in enumerate(calls, 1)]
    data: Any = fold(hits, given or {}).as_data()
    return {
        id: {key: value for key, value in profile.items() if value} for id, profile in data.items()
    }


def identify(id, /, **traits):
    return "identify", {"userId": id, "traits": traits}


def alias(previous, id):
    return "alias", {"userId": id, "previousId": previous}


def track(event="Opened", **ids):
    return "track", {"event": event, **ids}


@pytest.mark.parametrize(
    ("calls", "profiles"),
    [
        pytest.param([], {}, id="no calls, no profiles"),
        pytest.param(
            [identify("u", plan="free", city="Leith"), identify("u", plan="pro")],
            {"u": {"traits": {"city": "Leith", "plan": "pro"}}},
            id="traits win key by key, what is absent stays",
        ),
        pytest.param(
            [identify("u", plan="free"), identify("u", plan=None)],
            {"u": {"traits": {"plan": None}}},
            id="an explicit null replaces",
        ),
        pytest.param(
            [identify("u", at={"city": "Leith", "zip": 1}), identify("u", at={"zip": 2})],
            {"u": {"traits": {"at": {"zip": 2}}}},
            id="a map is replaced as a whole",
        ),
        pytest.param(
            [("identify", {"anonymousId": "v", "traits": {"plan": "free"}})],
            {"v": {"traits": {"plan": "free"}, "anonymousIds": ["v"]}},
            id="a visitor has traits too",
        ),
        pytest.param(
            [
                ("identify", {"userId": "u", "context": {"traits": {"plan": "pro"}}}),
                ("track", {"userId": "u", "event": "E", "context": {"traits": {"plan": "pro"}}}),
            ],
            {"u": {"events": {"E": 1}}},
            id="context.traits changes no profile",
        ),
        pytest.param(
            [track(anonymousId="v"), track(userId="u", anonymousId="v"), track(anonymousId="v")],
            {"u": {"anonymousIds": ["v"], "events": {"Opened": 3}}},
            id="both ids in one call join the visitor's history, past and to come",
        ),
        pytest.param(
            [track(userId="a", anonymousId="v"), track(userId="b", anonymousId="v")],
            {"a": {"anonymousIds": ["v"], "events": {"Opened": 1}}, "b": {"events": {"Opened": 1}}},
            id="two users of one device stay two, and the device is the first one's",
        ),
        pytest.param(
            [track(userId="u", anonymousId="v"), track(userId="u", anonymousId="w")],
            {"u": {"anonymousIds": ["v", "w"], "events": {"Opened": 2}}},
            id="one user of two devices is one",
        ),
        pytest.param(
            [track(userId="x", anonymousId="x")],
            {"x": {"anonymousIds": ["x"], "events": {"Opened": 1}}},
            id="one text as both ids",
        ),
        pytest.param(
            [identify("a", plan="free", city="Leith"), identify("b", plan="pro"), alias("a", "b")],
            {"b": {"traits": {"city": "Leith", "plan": "pro"}, "previousIds": ["a"]}},
            id="alias merges the previousId into the userId",
        ),
        pytest.param(
            [identify("b", plan="pro"), identify("a", plan="free"), alias("a", "b")],
            {"b": {"traits": {"plan": "free"}, "previousIds": ["a"]}},
            id="of two merged profiles the later trait wins, whoever is merged into whom",
        ),
        pytest.param(
            [track(anonymousId="v"), alias("v", "u"), track(anonymousId="v"), track(userId="u")],
            {"u": {"anonymousIds": ["v"], "events": {"Opened": 3}}},
            id="alias joins the history of a visitor",
        ),
        pytest.param(
            [alias("a", "b"), alias("b", "c"), track(userId="a")],
            {"c": {"previousIds": ["b", "a"], "events": {"Opened": 1}}},
            id="a chain of aliases",
        ),
        pytest.param(
            [alias("b", "c"), alias("a", "b")],
            {"c": {"previousIds": ["b", "a"]}},
            id="a chain of aliases, told from its end",
        ),
        pytest.param(
            [alias("a", "b"), alias("b", "a"), alias("a", "b")],
            {"b": {"previousIds": ["a"]}},
            id="a circle of aliases changes nothing more",
        ),
        pytest.param(
            [identify("u", plan="pro"), ("alias", {"anonymousId": "v", "previousId": "u"})],
            {"u": {"traits": {"plan": "pro"}, "anonymousIds": ["v"]}},
            id="an alias without a userId (damaged): the user keeps the name",
        ),
        pytest.param(
            [alias("u", "u"), ("alias", {"userId": "w"})],
            {"u": {}, "w": {}},
            id="an alias to itself, and one without a previousId",
        ),
        pytest.param(
            [
                ("group", {"userId": "u", "groupId": "g", "traits": {"seats": 3, "name": "Acme"}}),
                ("group", {"userId": "w", "groupId": "g", "traits": {"seats": 4}}),
                ("group", {"userId": "u", "groupId": "h"}),
            ],
            {
                "u": {"groups": {"g": {"name": "Acme", "seats": 4}, "h": {}}},
                "w": {"groups": {"g": {"name": "Acme", "seats": 4}}},
            },
            id="a group's traits are the group's, and nobody leaves it",
        ),
        pytest.param(
            [("group", {"anonymousId": "v", "groupId": "g"}), track(userId="u", anonymousId="v")],
            {"u": {"anonymousIds": ["v"], "groups": {"g": {}}, "events": {"Opened": 1}}},
            id="a visitor takes the groups along",
        ),
        pytest.param(
            [("group", {"userId": "u", "traits": {"seats": 3}})],
            {"u": {}},
            id="a group call without a groupId sets nobody's traits",
        ),
        pytest.param(
            [track("A", userId="u"), track("B", userId="u"), track("A", userId="u"),
             ("page", {"userId": "u", "name": "A"})],
            {"u": {"events": {"A": 2, "B": 1}}},
            id="events are track calls, counted by name",
        ),
        pytest.param(
            [("track", {"event": "Opened"}), ("identify", {"userId": 7, "traits": {"a": 1}})],
            {},
            id="calls that Segment drops change nothing",
        ),
    ],
)  # fmt: skip
def test_fold(calls, profiles):
    assert folded(*calls) == profiles


def test_a_damaged_call_counts():
    """Segment keeps it, so its damage is in the profile: that is what the user has to see."""
    assert folded(identify("{{ user.id }}", plan="pro")) == {
        "{{ user.id }}": {"traits": {"plan": "pro"}}
    }


def test_a_duplicate_changes_nothing():
    first, again = (
        hit(seq, "track", {"userId": "u", "event": "E", "messageId": "m"}, repeats=seq == 2)
        for seq in (1, 2)
    )
    assert fold([first, again], {}) == fold([first], {})


def test_flat_values_stay_strings():
    call = hit(1, "identify", {"userId": "u", "traits": {"n": "1"}}, form="flat")
    assert fold([call], {}).profiles[0].traits == {"n": "1"}


def test_a_profile_has_all_keys_sorted_and_is_found_by_any_id():
    calls = [track("B", anonymousId="v"), track("A", userId="u", anonymousId="v"), alias("o", "u")]
    graph = fold([hit(seq, *call) for seq, call in enumerate(calls, 1)], {})
    profiles: Any = graph.as_data()
    [(id, data)] = profiles.items()
    assert (id, tuple(data)) == ("u", PROFILE_KEYS)
    assert list(data["events"]) == ["A", "B"]
    assert graph.profile("u") is graph.profile("v") is graph.profile("o") is graph.profiles[0]
    assert graph.profile("nobody") is None
    assert graph.ids == ("u", "v", "o")


def test_given_profiles_are_there_before_the_first_call():
    given = {
        "u": {"traits": {"plan": "free", "city": "Leith"}, "anonymousIds": ["v"],
              "previousIds": ["o"], "groups": {"g": {"seats": 1}}, "events": {"E": 2}},
        "w": {"anonymousIds": ["w"]},
    }  # fmt: skip
    calls = [identify("u", plan="pro"), track("E", anonymousId="v"), track("E", userId="o"),
             track("F", userId="u", anonymousId="w")]  # fmt: skip
    assert folded(*calls, given=given) == {
        "u": {
            "traits": {"city": "Leith", "plan": "pro"},
            "anonymousIds": ["v", "w"],
            "previousIds": ["o"],
            "groups": {"g": {"seats": 1}},
            "events": {"E": 4, "F": 1},
        }
    }
