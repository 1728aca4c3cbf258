"""What passes the quick check is met for `verify`, which reports nothing."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from pixel_emulator.core.model import CallType, Evidence
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import Level, Policy, Scenario, Step
from pixel_emulator.core.verification.quick_check import QuickCheck
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.pytest_plugin.verdicts import verdict_if_missing, verify_unproven
from tests.hits import KEY, hit
from tests.law_examples import examples

# Fields for an outcome: an unresolved token damages a call, an empty id drops it.
_CALLS = {
    "delivered": {"userId": "user_1"},
    "duplicate": {"userId": "user_1"},
    "damaged": {"userId": "{{ user }}"},
    "dropped": {"userId": ""},
}
_kinds = st.sampled_from(["delivered", "delivered", "delivered", *_CALLS])
_times = st.sampled_from([Times(), Times(), Times(2, 2), Times(0, 0), Times(0, 1), Times(1, None)])
_rarely = st.sampled_from([False, False, False, False, True])


@st.composite
def _runs(draw):
    """Expectations, and calls that more or less meet them."""
    expectations, calls = [], []
    for name in draw(st.lists(st.sampled_from("AB"), max_size=3)):
        fields = {"event": name, **draw(st.sampled_from([{}, {}, {"writeKey": KEY}]))}
        types = draw(st.sampled_from([(CallType.TRACK,), (None,), (CallType.PAGE, CallType.TRACK)]))
        expectations.append(
            Expectation(
                patterns=tuple(Pattern(type=type, fields=fields) for type in types),
                times=draw(_times),
                dropped=draw(_rarely),
            )
        )
        calls += [(name, kind) for kind in draw(st.lists(_kinds, max_size=2))]
    calls += [("C", "delivered")] * draw(_rarely)
    hits = tuple(
        hit(seq, "track", {"event": name, **_CALLS[kind]}, repeats=kind == "duplicate")
        for seq, (name, kind) in enumerate(calls, 1)
    )
    return expectations, Evidence(
        hits=hits,
        connections=draw(st.integers(0, 1)),
        gaps=("one is missing",) * draw(_rarely),
        masked=draw(_rarely),
    )


_levels = st.fixed_dictionaries({policy: st.sampled_from(Level) for policy in Policy})


@examples(1_000)
@given(_runs(), _levels, st.booleans())
def test_what_the_quick_check_accepts_is_met_under_all_policies(run, levels, same_event):
    expectations, evidence = run
    met = QuickCheck().is_met(expectations, evidence)
    event(f"plainly met: {met}, {len(evidence.hits)} hits")
    if met:
        step = Step(expectations=tuple(expectations))
        scenario = Scenario(steps=(step,), levels=levels, same_event=same_event)
        verdict = verify_unproven([scenario], evidence)
        assert verdict.status is Status.MET
        assert not verdict.policy_hits


@examples(500)
@given(_runs())
def test_what_has_all_calls_is_not_lacking(run):
    expectations, evidence = run
    if QuickCheck().has_all_calls(expectations, evidence.hits):
        unmasked = Evidence(hits=evidence.hits)
        assert not verdict_if_missing(
            Scenario(steps=(Step(expectations=tuple(expectations)),)), unmasked
        )


@given(st.lists(st.sampled_from("ABC"), unique=True))
def test_calls_that_are_expected_one_by_one_pass_the_quick_check(names):
    hits = tuple(
        hit(seq, "track", {"event": name, "userId": "u"}) for seq, name in enumerate(names)
    )
    expectations = [Expectation(patterns=(Pattern(fields={"event": name}),)) for name in names]
    assert QuickCheck().is_met(expectations, Evidence(hits=hits))


def test_a_damaged_call_does_not_pass_the_quick_check_although_it_is_expected():
    damaged = hit(1, "track", {"event": "A", **_CALLS["damaged"]})
    expectations = [Expectation(patterns=(Pattern(fields={"event": "A"}),))]
    assert QuickCheck().has_all_calls(expectations, [damaged])
    assert not QuickCheck().is_met(expectations, Evidence(hits=(damaged,)))


@examples(500)
@given(_runs(), st.integers(0, 6), st.integers(0, 3))
def test_earlier_checks_change_no_result(run, seen, known):
    """Neither with fewer calls and expectations, nor with others."""
    expectations, evidence = run
    check, hits = QuickCheck(), evidence.hits
    check.has_all_calls(expectations[:known], hits[:seen])
    assert check.has_all_calls(expectations, hits) == QuickCheck().has_all_calls(expectations, hits)
    assert check.is_met(expectations, evidence) == QuickCheck().is_met(expectations, evidence)
    without_first = replace(evidence, hits=hits[1:])
    assert check.is_met(expectations[1:], without_first) == QuickCheck().is_met(
        expectations[1:], without_first
    )
