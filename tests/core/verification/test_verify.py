"""Verdicts: claims, policies, explanations, closest calls, and incomplete evidence."""

from dataclasses import replace
from itertools import permutations

import pytest

from pixel_emulator.core.errors import Document
from pixel_emulator.core.model import JSON, Evidence, HttpRequest
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.scenarios.scenario import Level, Policy
from pixel_emulator.core.tracking_plan.plan import parse as parse_plan
from pixel_emulator.core.verification.verdict import Explanation, Status
from pixel_emulator.core.verification.verify import SILENCE_UNPROVEN, verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, changed, classified_hit, evidence, hit

OPENED = {"event": "Email Opened", "userId": "user_123"}


def scenarios(*texts):
    return [scenario for text in texts for scenario in parse(parse_document(text, "s.yaml"))]


def verify_text(text, *hits, **options):
    return verify(scenarios(text), evidence(*hits, **options))


def results(text, *hits, **options):
    (only,) = verify_text(text, *hits, **options).scenarios
    return only.expectations


def track(seq, event="Email Opened", user="user_123", **options):
    at, repeats = options.pop("at", 0), options.pop("repeats", False)
    return hit(seq, "track", {"event": event, "userId": user, **options}, at=at, repeats=repeats)


def opened(*expectations, policies=""):
    lines = "".join(f"  - {line}\n" for line in expectations)
    return f"{policies}\nexpect:\n{lines}" if lines else f"{policies}\nexpect: []\n"


# Expectations, events of the calls, and the number of claims of each expectation if all are met.
CLAIMS = [
    (["track: A"], "A", [1]),
    (["track: A"], "", None),
    (["track: A"], "AA", None),
    (["track: A"], "B", None),
    (["track: A"], "AB", None),
    (["track: A", "track: A"], "AA", [1, 1]),
    (["track: A", "track: A"], "A", None),
    (["{track: A, times: 2}"], "AA", [2]),
    (["{track: A, times: 0}"], "A", None),
    (["{track: A, times: 0}", "track: B"], "B", [0, 1]),
    (["{track: A, times: 1..}"], "AAA", [3]),
    (["{track: A, times: 0..}"], "", [0]),
    (["{track: A, times: 1..2}"], "AAA", None),
    (["any:"], "A", [1]),
    (["any: track"], "A", [1]),
    (["any: page"], "A", None),
    (["any:", "track: A"], "AB", [1, 1]),
    (["track: A", "any:"], "BA", [1, 1]),
    (["any:", "track: A"], "BB", None),
    (["{any: , times: 1..}", "track: A", "track: B"], "AB", None),
    (["{any: , times: 1..}", "track: A", "track: B"], "ABB", [1, 1, 1]),
    (["{any: , times: 0..1}", "{any: , times: 2}", "track: A"], "ABC", [0, 2, 1]),
    (["{track: A, userId: user_123}", "track: A"], "AA", [1, 1]),
    (["{track: A, userId: nobody}", "track: A"], "AA", None),
]


@pytest.mark.parametrize(("expected", "events", "claims"), CLAIMS)
def test_every_call_is_claimed_once_and_every_count_is_in_its_range(expected, events, claims):
    """For all orders of the calls."""
    for order in set(permutations(events)):
        hits = [track(seq, event) for seq, event in enumerate(order, 1)]
        verdict = verify_text(opened(*expected), *hits)
        assert verdict.exit_code == (0 if claims else 1)
        if claims:
            expectations = verdict.scenarios[0].expectations
            assert [len(result.claims) for result in expectations] == claims


TYPES = {
    "track: X": ("track", {"event": "X", "userId": "u"}),
    "identify: u": ("identify", {"userId": "u"}),
    "page: X": ("page", {"name": "X", "userId": "u"}),
    "screen: X": ("screen", {"name": "X", "userId": "u"}),
    "group: g": ("group", {"groupId": "g", "userId": "u"}),
    "alias: u": ("alias", {"userId": "u", "previousId": "v"}),
}


@pytest.mark.parametrize("line", TYPES)
@pytest.mark.parametrize("sent", TYPES)
def test_a_line_claims_calls_of_its_type(line, sent):
    assert verify_text(opened(line), hit(1, *TYPES[sent])).exit_code == (line != sent)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("properties: {total: 1}", 0),
        ("properties: {total: 1.0, items: [{sku: A}]}", 0),
        ('properties: {total: "1"}', 1),
        ("properties: {items: []}", 1),
        ("context: {ip: x}", 1),
        ("messageId: m", 0),
        ("type: track", 0),
        ("type: page", 1),
        ("source: shop", 0),
        ("source: mail", 1),
        (f"writeKey: {KEY}", 0),
        (f"writeKey: {KEY[:-1]}1", 1),
    ],
)
def test_a_map_matches_fields_of_the_payload_the_type_and_the_source(fields, code):
    properties = {"total": 1, "items": [{"sku": "A", "size": 7}]}
    payload = {**OPENED, "properties": properties, "messageId": "m"}
    sent = hit(1, "track", payload, sources={KEY: "shop"})
    assert verify_text(opened(f"{{any: , {fields}}}"), sent).exit_code == code


def masked_hit():
    return hit(1, "track", {**OPENED, "writeKey": mask(KEY)})


@pytest.mark.parametrize(("key", "code"), [(KEY, 0), (f"{KEY[:-1]}1", 1), ("3", 1)])
def test_a_write_key_is_compared_through_the_mask_of_a_recording(key, code):
    text = opened(f'{{any: , writeKey: "{key}"}}')
    assert verify_text(text, masked_hit(), masked=True).exit_code == code


def test_an_expectation_without_a_write_key_needs_no_mask():
    assert verify_text(opened("track: Email Opened"), masked_hit(), masked=True).exit_code == 0


@pytest.mark.parametrize("masked", [False, True])
def test_no_mismatch_shows_a_write_key(masked):
    other = KEY.replace("0", "1")
    sent = masked_hit() if masked else hit(1, "track", OPENED)
    (result,) = results(opened(f"{{track: Email Opened, writeKey: {other}}}"), sent, masked=masked)
    (mismatch,) = result.closest_calls[0].mismatches
    assert mismatch.expected.text == f'"{mask(other)}"'
    assert mismatch.actual.text == f'"{mask(KEY)}"'


def test_a_missing_write_key_is_absent():
    sent = hit(1, "track", {**OPENED, "writeKey": None})
    (result,) = results(opened(f"{{track: Email Opened, writeKey: {KEY}}}"), sent)
    assert str(result.closest_calls[0].mismatches[0].actual) == "null"
    assert mask(KEY) in str(result.closest_calls[0].mismatches[0].expected)


NO_ID = {"event": "Email Opened"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("dropped: no_user_anon_id", 0),
        ("dropped:", 0),
        ("{dropped: no_user_anon_id, type: track, event: Email Opened}", 0),
        ("{dropped: no_user_anon_id, type: page}", 1),
        ("{dropped: no_user_anon_id, event: Other}", 1),
        ("dropped: bad_request", 1),
        ("track: Email Opened", 1),
        ("any:", 1),
    ],
)
def test_only_a_dropped_line_claims_a_dropped_call(line, code):
    assert verify_text(opened(line), hit(1, "track", NO_ID)).exit_code == code


def test_a_dropped_line_does_not_claim_a_kept_call():
    assert verify_text(opened("dropped:"), track(1)).exit_code == 1


def test_a_call_that_could_not_be_decoded_has_no_fields():
    sent = hit(1, "track", OPENED, form="json")
    broken = hit(2, "track", {"event": "x" * 40_000, "userId": "u"})
    assert broken.call.payload is None
    text = opened("track: Email Opened", "dropped: bad_request", policies="damaged: ignore")
    assert verify_text(text, sent, broken).exit_code == 0
    twice = results(opened("dropped:"), broken, broken)
    assert twice[0].explanation is Explanation.TWICE


# A policy, and a call that it applies to.
POLICY_CALLS = [
    (Policy.UNEXPECTED, track(2, "Other")),
    (Policy.DROPPED, hit(2, "track", NO_ID)),
    (Policy.DAMAGED, hit(2, "page", {"userId": "{{id}}"})),
    (Policy.DUPLICATES, track(2, messageId="m", repeats=True)),
]


@pytest.mark.parametrize(
    ("policy", "sent"), POLICY_CALLS, ids=[policy for policy, _ in POLICY_CALLS]
)
@pytest.mark.parametrize("level", Level)
def test_a_policy_fails_warns_or_ignores(policy, sent, level):
    text = opened("track: Email Opened", "{page: , times: 0..}", policies=f"{policy}: {level}")
    verdict = verify_text(text, track(1, messageId="m"), sent)
    assert verdict.exit_code == (level is Level.FAIL)
    policy_levels = [(policy_hit.policy, policy_hit.level) for policy_hit in verdict.policy_hits]
    assert policy_levels == ([] if level is Level.IGNORE else [(policy, level)])


@pytest.mark.parametrize(("accepted", "code"), [("[raw_json]", 0), ("[constant_id]", 1), ("[]", 1)])
def test_damage_is_accepted_by_its_code(accepted, code):
    text = opened("track: Email Opened", policies=f"damaged: {{accept: {accepted}}}")
    assert verify_text(text, hit(1, "track", OPENED, form="json")).exit_code == code


def test_damage_is_accepted_only_if_all_its_codes_are():
    text = opened("track: Email Opened", policies="damaged: {accept: [raw_json]}")
    sent = hit(1, "track", {**OPENED, "userId": "{{id}}"}, form="json")
    assert verify_text(text, sent).exit_code == 1


def test_damage_without_a_code_is_not_accepted():
    text = opened("track: Email Opened", policies="damaged: {accept: [raw_json]}")
    sent = changed(hit(1, "track", OPENED, form="json"), problems=())
    assert verify_text(text, sent).exit_code == 1


@pytest.mark.parametrize(
    ("line", "event", "code"),
    [
        ("{track: A, userId: u}", "A", 1),
        ("{track: A, userId: u}", "B", 0),
        ("{track: , userId: u}", "B", 1),
        ("{any: , userId: u}", "B", 1),
        ("{page: A, userId: u}", "A", 0),
        ("{dropped: , type: track, event: B}", "B", 0),
    ],
)
def test_same_event_fails_only_what_the_file_mentions(line, event, code):
    text = opened(line.replace("}", ", times: 0..}"), policies="unexpected: same-event")
    assert verify_text(text, track(1, event, "other")).exit_code == code


def test_an_identical_second_call_breaks_times_whatever_the_policies():
    lenient = "\n".join(f"{policy}: ignore" for policy in Policy)
    assert (
        verify_text(opened("track: Email Opened", policies=lenient), track(1), track(2)).exit_code
        == 1
    )


def test_a_duplicate_is_no_claim():
    """Segment keeps only the first of two calls with one messageId."""
    sent = track(1, messageId="m"), track(2, messageId="m", repeats=True)
    assert verify_text(opened("track: Email Opened"), *sent).exit_code == 0
    assert verify_text(opened("{track: Email Opened, times: 2}"), *sent).exit_code == 1


def test_a_call_that_any_scenario_claims_is_unexpected_to_none():
    both = scenarios(opened("track: A"), opened("track: B"))
    assert verify(both, evidence(track(1, "A"), track(2, "B"))).exit_code == 0


@pytest.mark.parametrize(("calls", "claims"), [(1, [1, 0]), (2, [1, 1]), (3, [1, 1])])
def test_a_call_is_claimed_once_in_all_scenarios_together(calls, claims):
    """One call does not meet "exactly once" in two files; two identical calls do."""
    both = scenarios(opened("track: A"), opened("track: A"))
    verdict = verify(both, evidence(*[track(seq + 1, "A") for seq in range(calls)]))
    assert verdict.exit_code == (calls != 2)
    assert [len(result.expectations[0].claims) for result in verdict.scenarios] == claims


@pytest.mark.parametrize("calls", [1, 2])
def test_a_dropped_call_is_claimed_once_in_all_scenarios_together(calls):
    both = scenarios(opened("dropped:"), opened("dropped: no_user_anon_id"))
    sent = [hit(seq + 1, "track", NO_ID) for seq in range(calls)]
    assert verify(both, evidence(*sent)).exit_code == (calls != 2)


def test_a_wildcard_of_one_scenario_leaves_calls_that_another_requires():
    both = scenarios(opened("{any: , times: 0..}"), opened("track: A"))
    verdict = verify(both, evidence(track(1, "A")))
    assert [len(result.expectations[0].claims) for result in verdict.scenarios] == [0, 1]


def test_no_call_is_closest_in_two_scenarios():
    both = scenarios(*[opened("{track: A, properties: {x: 1}}")] * 2)
    verdict = verify(both, evidence(track(1, "A")))
    assert [len(result.expectations[0].closest_calls) for result in verdict.scenarios] == [1, 0]


def test_an_extra_call_fails_its_scenario_although_another_shows_it():
    both = scenarios(opened("track: A"), opened("{track: A, properties: {x: 1}}"))
    sent = [track(seq, "A", properties={"x": seq}) for seq in (2, 3)]
    verdict = verify(both, evidence(*sent))
    assert [result.status for result in verdict.scenarios] == [Status.UNMET, Status.UNMET]
    assert [closest.hit.seq for closest in verdict.scenarios[1].expectations[0].closest_calls] == [
        3
    ]


def test_results_go_to_their_scenarios():
    three = scenarios(opened("track: A", "track: B"), opened(), opened("track: C"))
    lines = [
        [outcome.expectation.line for outcome in result.expectations]
        for result in verify(three, evidence()).scenarios
    ]
    assert lines == [["track: A", "track: B"], [], ["track: C"]]


# Expectations, of which some match one call `track: A`, and the number of calls that each got.
FORBIDDING = [
    (["{any: , times: 0..}", "{track: A, times: 0}"], [0, 1]),
    (["{track: A, times: 0}", "{any: , times: 0..}"], [1, 0]),
    (["track: A", "{track: , times: 0}"], [0, 1]),
    (["{any: , times: 0}", "{track: A, times: 0}"], [1, 1]),
    (["{track: A, times: 0}", "{track: A, properties: {x: 1}}"], [1, 0]),
]


@pytest.mark.parametrize(("expected", "got"), FORBIDDING)
def test_a_call_that_matches_times_zero_is_never_claimed(expected, got):
    verdict = verify_text(opened(*expected), track(1, "A"))
    assert verdict.exit_code == 1
    assert [result.got for result in verdict.scenarios[0].expectations] == got


def test_a_call_that_one_scenario_forbids_is_claimed_by_no_other():
    both = scenarios(opened("{track: A, times: 0}"), opened("{any: , times: 0..}"))
    verdict = verify(both, evidence(track(1, "A")))
    assert [result.status for result in verdict.scenarios] == [Status.UNMET, Status.MET]


def test_a_dropped_call_may_be_forbidden():
    text = opened("{dropped: , times: 0..}", "{dropped: no_user_anon_id, times: 0}")
    assert verify_text(text, hit(1, "track", NO_ID)).exit_code == 1


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        (["track: A", "track: A"], [[], [3]]),
        (["track: A", "{track: , userId: user_123}"], [[], [3]]),
        (["track: A", "{track: A, times: 0}"], [[4], []]),
        (["track: A", "{track: , times: 0}", "{any: , times: 0}"], [[4, 5], [], []]),
        (["track: A", "track: B"], [[], []]),
    ],
)
def test_calls_that_went_to_another_expectation_are_not_called_not_sent(expected, lines):
    expectations = results(opened(*expected), track(1, "A"))
    assert [[by.location.line for by in result.taken_by] for result in expectations] == lines
    assert [result.explanation is Explanation.TAKEN for result in expectations] == list(
        map(bool, lines)
    )


def test_a_dropped_call_that_any_scenario_claims_is_no_policy_hit():
    both = scenarios(opened("track: A"), opened("dropped: no_user_anon_id"))
    assert verify(both, evidence(track(1, "A"), hit(2, "track", NO_ID))).exit_code == 0


def test_a_policy_hit_is_listed_once_with_the_level_of_each_scenario():
    both = scenarios(opened("track: A"), opened("track: C", policies="unexpected: ignore"))
    verdict = verify(both, evidence(track(1, "A"), track(2, "B"), track(3, "C")))
    (policy_hit,) = verdict.policy_hits
    assert policy_hit.levels == (Level.FAIL, Level.IGNORE)
    assert policy_hit.level is Level.FAIL
    assert [result.status for result in verdict.scenarios] == [Status.UNMET, Status.MET]


def test_an_unhandled_request_is_only_a_warning():
    other = classified_hit(2, HttpRequest(target=b"/v1/batch", method="POST"))
    verdict = verify_text(opened("track: Email Opened"), track(1), other)
    assert verdict.exit_code == 0
    assert [(policy_hit.policy, policy_hit.level) for policy_hit in verdict.policy_hits] == [
        (Policy.UNHANDLED, Level.WARN)
    ]


# The scenario, the number of connections, and the exit code.
SILENCE = [
    ("expect: []", 0, 3),
    ("expect: []", 1, 0),
    ("expect: [{track: A, times: 0}]", 0, 3),
    ("expect: [{track: A, times: 0..3}]", 0, 3),
    ("expect: [{track: A, times: 0..3}]", 1, 0),
    ("expect: [{track: A}]", 0, 1),
    ("expect: [{track: A}]", 1, 1),
]


@pytest.mark.parametrize(("text", "connections", "code"), SILENCE)
def test_silence_passes_only_if_something_reached_the_emulator(text, connections, code):
    verdict = verify_text(text, connections=connections)
    assert verdict.exit_code == code
    assert (SILENCE_UNPROVEN in verdict.gaps) == (code == 3)


def test_a_request_proves_silence_without_a_connection():
    """A recording may be of a run that counted no connections."""
    text = opened("{track: Other, times: 0}", policies="unexpected: ignore")
    assert verify_text(text, track(1), connections=0).exit_code == 0


@pytest.mark.parametrize("text", ["expect: []", opened("track: Email Opened"), opened("page:")])
def test_with_a_gap_in_the_evidence_nothing_passes(text):
    verdict = verify_text(text, track(1), gaps=("the recording is torn",))
    assert (verdict.status, verdict.exit_code) == (Status.INCOMPLETE, 3)
    assert Status.MET not in {result.status for result in verdict.scenarios}


def test_a_verdict_needs_a_scenario():
    with pytest.raises(ValueError, match="scenario"):
        verify([], Evidence(hits=()))


FLAT = hit(1, "track", {**OPENED, "properties": {"total": "1"}}, form="flat")

# Expectations, calls, and the explanation of the first expectation.
EXPLANATIONS = [
    (["track: A"], [], Explanation.NOT_SENT),
    (["track: A"], [track(1, "Something Else")], Explanation.NOT_SENT),
    (["track: A"], [hit(1, "page", {"name": "A", "userId": "u"})], Explanation.NOT_SENT),
    (["{track: A, times: 2}"], [track(1, "A")], Explanation.TOO_FEW),
    (["{track: A, properties: {x: 1}}"], [track(1, "A")], Explanation.DIFFERENT),
    (["track: Order Completed"], [track(1, "Order completed")], Explanation.DIFFERENT),
    (["{track: Order Completed, userId: user_123, properties: {x: 1, y: 2}}"],
     [track(1, "Purchase", properties={"x": 1, "y": 2})], Explanation.DIFFERENT),
    (["{track: Order Completed, userId: user_123}"], [track(1, "Purchase")], Explanation.NOT_SENT),
    (["identify: alice"], [hit(1, "identify", {"userId": "bob"})], Explanation.OTHER_IDENTITY),
    (["track: Email Opened"], [hit(1, "track", NO_ID)], Explanation.DROPPED),
    (["{track: Email Opened, times: 2}"],
     [track(1, messageId="m"), track(2, messageId="m", repeats=True)], Explanation.REPEATED),
    (["dropped: no_user_anon_id"], [track(1)], Explanation.KEPT),
    (["dropped: bad_request"], [hit(1, "track", NO_ID)], Explanation.DIFFERENT),
    (["track: A"], [track(1, "A"), track(2, "A")], Explanation.TWICE),
    (["track: A"], [track(1, "A", x=1), track(2, "A", x=2)], Explanation.TOO_MANY),
    (["track: A"], [track(1, "A"), track(2, "A"), track(3, "A", x=2)], Explanation.TOO_MANY),
    (["{track: A, times: 0}"], [track(1, "A")], Explanation.FORBIDDEN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "sent", "explanation"), EXPLANATIONS, ids=map(str, range(len(EXPLANATIONS)))
)
def test_an_unmet_expectation_has_an_explanation(expected, sent, explanation):
    assert results(opened(*expected), *sent)[0].explanation is explanation


def test_a_met_expectation_has_no_closest_call():
    (result,) = results(opened("track: Email Opened"), track(1))
    assert (result.explanation, result.got, result.closest_calls) == (Explanation.MET, 1, ())


def test_the_closest_calls_are_the_best_assignment_in_total():
    """Each expectation alone is closest to #1; the best total gives each of them one call."""
    one = "{track: A, properties: {a: 1, b: 1, c: 1, d: 1}}"
    two = "{track: A, properties: {a: 1, b: 1, c: 1, d: 2}}"
    first = track(1, "A", properties={"a": 1, "b": 1, "c": 1})
    second = track(2, "A", properties={"a": 1, "d": 2, "c": 0})
    expectations = results(opened(one, two), first, second)
    assert [[closest.hit.seq for closest in result.closest_calls] for result in expectations] == [
        [1],
        [2],
    ]
    expectations = results(opened(two, one), first, second)
    assert [[closest.hit.seq for closest in result.closest_calls] for result in expectations] == [
        [2],
        [1],
    ]


def test_of_two_equal_calls_the_one_that_segment_keeps_is_closer():
    dropped, kept = hit(1, "track", {"event": "A"}), track(2, "A")
    (result,) = results(opened("{track: A, properties: {x: 1}}"), dropped, kept)
    assert [closest.hit.seq for closest in result.closest_calls] == [2]


def test_no_call_is_closest_to_two_expectations():
    expectations = results(opened(*["{track: A, properties: {x: 1}}"] * 3), track(1, "A"))
    assert [len(result.closest_calls) for result in expectations] == [1, 0, 0]


def test_an_expectation_lists_as_many_closest_calls_as_are_missing_up_to_a_limit():
    expectations = results(
        opened("{track: A, times: 9, userId: x}"), *[track(n, "A") for n in range(1, 9)]
    )
    assert [closest.hit.seq for closest in expectations[0].closest_calls] == [1, 2, 3]


def test_an_extra_call_is_not_listed_twice():
    """It is the closest call of the other expectation, so it is not also an extra call."""
    expectations = results(
        opened("track: A", "{track: A, properties: {x: 1}}"),
        track(1, "A", properties={"x": 2}),
        track(2, "A", properties={"x": 3}),
    )
    assert [result.explanation for result in expectations] == [
        Explanation.MET,
        Explanation.DIFFERENT,
    ]
    assert expectations[1].closest_calls[0].hit.seq == 2


def test_a_repeated_call_is_extra_and_not_closest():
    expectations = results(
        opened("track: A", "{track: A, userId: x}"), track(1, "A"), track(2, "A")
    )
    assert [result.explanation for result in expectations] == [
        Explanation.TWICE,
        Explanation.NOT_SENT,
    ]


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        ({}, {}, ()),
        ({"messageId": "a"}, {"messageId": "b"}, ("messageId",)),
        ({"messageId": "a"}, {}, ("messageId",)),
        ({"timestamp": "2030-01-01T00:00:00Z"}, {"messageId": "b"}, ("messageId", "timestamp")),
    ],
)
def test_a_repeated_call_differs_only_in_fields_that_always_vary(first, second, differs):
    (result,) = results(opened("track: A"), track(1, "A", **first), track(2, "A", **second))
    (extra,) = result.extra_calls
    assert extra.original.seq == 1
    assert extra.differs == differs


def test_a_repeated_call_is_extra_for_the_expectation_that_claims_its_original():
    lines = "{track: A, properties: {x: 1}}", "{track: , properties: {y: 1}}"
    both = {"x": 1, "y": 1}
    expectations = results(
        opened(*lines),
        track(1, "A", properties={"x": 1}),
        track(2, "B", properties={"y": 1}),
        track(3, "A", properties=both),
        track(4, "A", properties={"x": 1}),
    )
    assert [[extra.hit.seq for extra in result.extra_calls] for result in expectations] == [
        [3, 4],
        [],
    ]


def test_other_extra_calls_list_the_paths_at_which_they_differ():
    (result,) = results(
        opened("track: A"),
        track(1, "A", properties={"x": 1, "z": 0}),
        track(2, "A", properties={"x": 2, "y": 3, "z": 0}),
    )
    assert result.extra_calls[0].original is None
    assert result.extra_calls[0].differs == ("properties.x", "properties.y")


def test_a_closest_call_lists_every_differing_path_and_counts_the_fields_that_agree():
    (result,) = results(
        opened("{track: A, userId: user_123, properties: {x: 1, m: {y: 2, z: 3}}}"),
        track(1, "A", properties={"x": "1"}),
    )
    (closest,) = result.closest_calls
    assert (closest.matched, closest.fields) == (2, 5)
    assert [mismatch.path for mismatch in closest.mismatches] == ["properties.x", "properties.m"]


def test_a_closest_call_of_the_flat_form_has_a_hint():
    (result,) = results(opened("{track: Email Opened, properties: {total: 1}}"), FLAT)
    assert result.closest_calls[0].mismatches[0].hint == "flat-form values are always strings"


def test_verifying_changes_nothing():
    hits = track(1, "A", properties={"x": [1]}), track(2, "A")
    before = [repr(sent) for sent in hits]
    verify(scenarios(opened("{track: A, properties: {x: [2]}}")), evidence(*hits))
    assert [repr(sent) for sent in hits] == before


def test_many_calls_and_expectations_of_one_event_are_verified():
    expected = [f"{{track: A, userId: u{n}, times: 20}}" for n in range(50)]
    hits = [track(n + 1, "A", f"u{n % 50}") for n in range(1_000)]
    assert verify_text(opened(*expected), *hits).exit_code == 0
    assert verify_text(opened(*expected), *hits[:-1]).exit_code == 1


@pytest.mark.parametrize(("plan", "code"), [("pro", 0), ("free", 1)])
def test_the_state_at_the_end_is_compared(plan, code):
    text = f"expect: [identify: u]\nstate: {{u: {{traits: {{plan: {plan}}}}}}}"
    verdict = verify_text(text, hit(1, "identify", {"userId": "u", "traits": {"plan": "pro"}}))
    assert verdict.exit_code == code
    paths = [mismatch.path for mismatch in verdict.scenarios[0].state]
    assert paths == ["state.u.traits.plan"][: code or None] * code


def test_the_state_is_not_compared_before_the_last_step():
    text = "steps: [{expect: [track: A]}, {expect: [track: B]}]\nstate: {u: {traits: {x: 1}}}"
    first = changed(track(1, "A"), step="s.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} 1")
    verdict = verify(scenarios(text), evidence(first), step_count=1)
    assert (verdict.status, verdict.scenarios[0].state) == (Status.MET, ())


def test_a_violation_of_a_tracking_plan_is_unmet():
    data: JSON = {"rules": {"events": [{"name": "B", "rules": {}}]}}
    plan = parse_plan(Document("plan.json", data, {}))
    (scenario,) = scenarios(opened("track: A"))
    verdict = verify([replace(scenario, plans={1: plan})], evidence(track(1, "A")))
    assert verdict.exit_code == 1
    assert [call.seq for call, _ in verdict.scenarios[0].violations] == [1]


# Expected value, value sent at 09:00:12.418, True if it matches.
TIMED = [
    ("$now", "2030-01-31T09:00:12.418Z", True),
    ("$now", "2030-01-31T10:01:12.418+01:00", True),
    ("$now", "2030-01-31T09:01:12.419Z", False),
    ("$now", "2030-01-31T08:59:12.417Z", False),
    ("$now", "2029-01-31T09:00:12.418Z", False),
    ("$now", "2030-01-31T09:00:12.418", False),
    ("{$not: $now}", "2029-01-31T09:00:12.418Z", True),
    ("{$not: $now}", "2030-01-31T09:00:12.418Z", False),
    ("{$in: [$absent, $now]}", "2030-01-31T09:00:12.418Z", True),
    ("$stamp", "2030-01-31T09:00:12.418Z", True),
    ("$stamp", "2029-01-31T09:00:12.418Z", False),
    ("$typed", "2030-01-31T09:00:12.418Z", True),
    ("$typed", "2029-01-31T09:00:12.418Z", False),
]


@pytest.mark.parametrize(("expected", "sent", "is_near"), TIMED)
def test_now_is_the_time_of_the_call_give_or_take_a_minute(expected, sent, is_near):
    names = "define: {stamp: {$all: [$now]}}\nlet: {typed: $now, other: }"
    properties = f"{{at: {expected}, a: $typed}}"
    text = f"{names}\nexpect: [{{track: A, userId: $other, properties: {properties}}}]"
    at = {"at": sent, "a": sent if expected == "$typed" else "2030-01-31T09:00:00Z"}
    assert (verify_text(text, track(1, "A", properties=at)).status is Status.MET) is is_near


def test_now_is_each_calls_own_time():
    text = "expect: [{track: A, times: 2, timestamp: $now}]"
    late = track(2, "A", at=120_000, timestamp="2030-01-31T09:02:12Z")
    assert verify_text(text, track(1, "A", timestamp="2030-01-31T09:00:12Z"), late).exit_code == 0
    assert verify_text(text, track(1, "A", timestamp="2030-01-31T09:02:12Z"), late).exit_code == 1


def test_the_report_says_how_far_from_the_call_a_time_is():
    text = "expect: [{track: A, timestamp: $now}]"
    (result,) = results(text, track(1, "A", timestamp="2030-01-31T11:00:12.418Z"))
    (mismatch,) = result.closest_calls[0].mismatches
    assert mismatch.hint == "it is 2:00:00 after the call; a minute is allowed"


# Expected value of `properties.a`, value sent, and how many fields of how many match.
COUNTED = [
    ("{$each: {x: 1, y: 2}}", [{"x": 2, "y": 3}] * 9, (1, 3)),
    ("{$each: {x: 1, y: 2}}", [{"x": 2, "y": 2}], (2, 3)),
    ("{$only: {x: 1}}", {"x": 1, "y": 1, "z": 1}, (1, 2)),
    ("{$only: {x: 1, y: 1}}", {"x": 1, "y": 1, "z": 1}, (2, 3)),
    ("{$any-order: [1, 2]}", [1, 2, 3, 4, 5], (1, 3)),
    ("[1, 2]", [1, 2, 3], (2, 3)),
    ("$absent", 1, (1, 2)),
    ("{$all: [{$len: 7}, {$each: 1}]}", {"x": 1}, (1, 3)),
]


@pytest.mark.parametrize(("expected", "sent", "counted"), COUNTED)
def test_no_more_fields_match_than_are_expected(expected, sent, counted):
    text = f"expect: [{{track: A, properties: {{a: {expected}}}}}]"
    (result,) = results(text, track(1, "A", properties={"a": sent}))
    (closest,) = result.closest_calls
    assert (closest.matched, closest.fields) == counted
    assert closest.mismatches


@pytest.mark.parametrize("first", ["$x", "'n-${x}'", "{$has: $x}"])
def test_a_call_that_contradicts_itself_is_compared_with_its_first_value(first):
    sent = {"$x": "1", "'n-${x}'": "n-1", "{$has: $x}": ["1"]}[first]
    text = f"let: [x]\nexpect: [{{track: A, properties: {{a: {first}, b: $x}}}}]"
    (result,) = results(text, track(1, "A", properties={"a": sent, "b": "2"}))
    (mismatch,) = result.closest_calls[0].mismatches
    assert (mismatch.path, mismatch.expected.text, mismatch.actual.text) == (
        "properties.b",
        '"1"',
        '"2"',
    )


# Properties of thirty expectations of one event, properties of a call, and how many match.
LOOKED_UP = [
    ("{n: N}", {"n": 7}, 1),
    ("{n: N}", {"n": 7.0, "more": {}}, 1),
    ("{n: N}", {"n": "7"}, 0),
    ("{n: N}", {"n": 30}, 0),
    ("{n: N}", {"n": [7]}, 0),
    ("{n: N}", {}, 0),
    ("{n: 'N'}", {"n": "7"}, 1),
    ("{n: 'N', m: 1}", {"n": "7", "m": 2}, 0),
    ("{n: {$gte: N}}", {"n": 7}, 8),
    ("{m: 1}", {"m": 1}, 30),
    ("{n: true, m: N}", {"n": True, "m": 1}, 1),
]


@pytest.mark.parametrize(("expected", "sent", "count"), LOOKED_UP)
def test_an_index_of_many_expectations_returns_those_that_match(expected, sent, count):
    """The lookup by one value must return neither more nor fewer."""
    forbidding = [
        f"{{track: A, times: 0, properties: {expected.replace('N', str(n))}}}" for n in range(30)
    ]
    verdict = verify_text(
        opened(*forbidding, "{track: A, times: 0..}"), track(1, "A", properties=sent)
    )
    assert sum(bool(result.extra_calls) for result in verdict.scenarios[0].expectations) == count
    assert verdict.exit_code == bool(count)


ROWS = "let: [n]\ncases: [{n: 1}, {n: 2}]\nexpect: [{track: A, properties: {n: $n}}]\n"


@pytest.mark.parametrize(
    ("sent", "statuses", "levels"),
    [
        ((1, 2), "met met", []),
        ((1, "2"), "met unmet", ["ignore fail"]),
        (("1", 2), "unmet met", ["fail ignore"]),
        (
            (1, 2, 3),
            "unmet unmet",
            ["fail fail"],
        ),  # no expectation that it is close to is missing calls
        (("1", "2"), "unmet unmet", ["fail ignore", "ignore fail"]),
    ],
)
def test_a_call_that_comes_close_to_one_row_concerns_that_row_alone(sent, statuses, levels):
    hits = [
        hit(seq, "track", {"event": "A", "userId": "u", "properties": {"n": n}})
        for seq, n in enumerate(sent, 1)
    ]
    verdict = verify_text(ROWS, *hits)
    assert " ".join(result.status for result in verdict.scenarios) == statuses
    assert [" ".join(policy_hit.levels) for policy_hit in verdict.policy_hits] == levels
    assert verdict.exit_code == (1 if "unmet" in statuses else 0)


def test_a_call_that_comes_close_to_one_scenario_concerns_the_others_too():
    text = """
scenarios:
  - {name: one, expect: [{track: A, properties: {n: 1}}]}
  - {name: two, expect: [{track: B}]}
"""
    hits = [
        hit(1, "track", {"event": "A", "userId": "u", "properties": {"n": "1"}}),
        hit(2, "track", {"event": "B", "userId": "u"}),
    ]
    assert [result.status for result in verify_text(text, *hits).scenarios] == ["unmet", "unmet"]


def test_rows_of_two_files_are_no_rows_of_one_scenario():
    """A call that comes close to a case of one is unexpected to the cases of the other."""
    other = ROWS.replace("track: A", "track: B")
    both = [*scenarios(ROWS), *parse(parse_document(other, "other.yaml"))]
    sent = [("A", 1), ("A", "2"), ("B", 1), ("B", 2)]
    hits = [
        hit(seq, "track", {"event": event, "userId": "u", "properties": {"n": n}})
        for seq, (event, n) in enumerate(sent, 1)
    ]
    verdict = verify(both, evidence(*hits))
    assert [result.status for result in verdict.scenarios] == ["met", "unmet", "unmet", "unmet"]


def test_silence_is_unproven_although_another_scenario_requires_calls():
    both = [*scenarios("expect: []\n"), *parse(parse_document(opened("track: A"), "b.yaml"))]
    verdict = verify(both, evidence(connections=0))
    assert [result.status for result in verdict.scenarios] == ["incomplete", "unmet"]
    assert verdict.exit_code == 3
