"""Folding calls never fails, and what alias merges does not depend on the order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import KEPT, Call, CallType, Form, Outcome
from pixel_emulator.core.profiles.identity import fold
from pixel_emulator.core.profiles.profile import profile_issues
from tests.hits import changed, hit
from tests.law_examples import examples
from tests.properties.test_recording_laws import PAYLOADS, VALUES

IDS = st.sampled_from("abcde")
TRAITS = st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(), max_size=3)
ALIASES = st.lists(st.tuples(IDS, IDS), max_size=6)
PLAIN = hit(1, "page", {"userId": "u"})


@st.composite
def _calls(draw):
    """Calls with few ids, so that they meet."""
    payload = draw(
        st.fixed_dictionaries(
            {"userId": IDS},
            optional={"anonymousId": IDS, "previousId": IDS, "groupId": IDS, "traits": TRAITS},
        )
    )
    event = {"event": draw(IDS)}
    return hit(1, draw(st.sampled_from(CallType)), {**payload, **event})


@st.composite
def _strange(draw):
    """Hits with whatever a recording can hold."""
    fields = ("userId", "anonymousId", "previousId", "groupId", "traits", "event")
    payload = {**draw(PAYLOADS), **draw(st.dictionaries(st.sampled_from(fields), VALUES))}
    call = Call(
        type=draw(st.sampled_from(CallType)),
        form=Form.JSON,
        payload=draw(st.just(payload) | st.none()),
    )
    if draw(st.booleans()):
        return changed(PLAIN, calls=())
    return changed(PLAIN, call=call, outcome=draw(st.sampled_from(Outcome)))


def _aliases(pairs):
    return [hit(1, "alias", {"previousId": old, "userId": new}) for old, new in pairs]


def _partition(graph):
    return {frozenset(profile.ids) for profile in graph.profiles}


@given(ALIASES.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))))
@examples(200)
def test_the_order_of_aliases_does_not_change_who_is_one(orders):
    first, second = (_partition(fold(_aliases(pairs), {})) for pairs in orders)
    assert first == second


@given(st.lists(_calls(), max_size=6), st.data())
@examples(100)
def test_merging_is_idempotent(calls, data):
    """An alias that was sent once changes nothing when it is sent again."""
    aliases = [call for call in calls if call.call.type is CallType.ALIAS]
    again = data.draw(st.lists(st.sampled_from(aliases), max_size=3)) if aliases else []
    pure = [hit(1, "alias", {key: value for key, value in alias.call.payload.items()
                             if key != "anonymousId"}) for alias in again]  # fmt: skip
    assert fold([*calls, *pure], {}).as_data() == fold(calls, {}).as_data()


@given(st.lists(_calls(), max_size=8))
@examples(100)
def test_no_id_has_two_profiles_and_none_is_lost(calls):
    graph = fold(calls, {})
    ids = [id for profile in graph.profiles for id in profile.ids]
    fields = ("userId", "anonymousId")
    sent = {call.call.payload.get(field) for call in calls for field in fields}
    assert len(ids) == len(set(ids))
    assert sent - {None} <= set(ids) == set(graph.ids)


@given(st.lists(_calls(), max_size=8))
@examples(100)
def test_every_track_call_is_counted_once(calls):
    data: Any = fold(calls, {}).as_data()
    counted = sum(sum(profile["events"].values()) for profile in data.values())
    assert counted == sum(call.call.type is CallType.TRACK for call in calls)


@given(st.lists(_strange(), max_size=5), VALUES)
@examples(200)
def test_folding_never_fails(hits, seeds):
    graph = fold(hits, seeds if isinstance(seeds, dict) else {"u": seeds})
    assert len(graph.as_data()) == len(graph.profiles)


@given(st.lists(_strange(), max_size=6))
@examples(100)
def test_what_is_not_kept_changes_nothing(hits):
    kept = [hit for hit in hits if hit.outcome in KEPT]
    assert fold(hits, {}) == fold(kept, {})


@given(st.lists(_calls(), max_size=8))
@examples(100)
def test_a_graph_seeds_another_one(calls):
    data: Any = fold(calls, {}).as_data()
    assert list(profile_issues(data)) == []
    again: Any = fold([], data).as_data()
    for id, profile in data.items():
        for key in ("traits", "groups", "events"):
            assert again[id][key] == profile[key]
        assert {*again[id]["anonymousIds"]} == {*profile["anonymousIds"]}
        assert {*again[id]["previousIds"]} == {*profile["previousIds"]}
