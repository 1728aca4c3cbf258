"""Verdicts agree with the oracle, and a live verdict is never impossible too early."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.matching.unification import TextTemplate, Variable
from pixel_emulator.core.model import CallType, Evidence
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import (
    DEFAULT_LEVELS,
    Level,
    Order,
    Policy,
    Scenario,
    Step,
)
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.solve import BUDGET
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from tests.hits import START, changed, hit
from tests.law_examples import examples
from tests.oracle import Oracle

X, Y = Variable("x"), Variable("y")
_values = st.sampled_from([1, 2, "1", "2"])
_wants = st.sampled_from([X, X, Y, TextTemplate("", X, ""), 1, "2"])
_properties = st.dictionaries(st.sampled_from("ab"), _wants, max_size=1)
_patterns = st.builds(
    lambda event, fields: Pattern(
        type=CallType.TRACK,
        fields={**({"event": event} if event else {}), "properties": fields},
    ),
    st.sampled_from(["A", "A", "B", None]),
    _properties,
)
_times = st.sampled_from(
    [
        Times(),
        Times(),
        Times(),
        Times(0, 1),
        Times(0, None),
        Times(1, None),
        Times(2, 2),
        Times(1, 2),
    ]
)
_within = st.sampled_from([None, None, None, None, None, 0.0, 0.1, 0.25])


@st.composite
def _expectations(draw, id, others):
    """An expectation, possibly `after` one of the others."""
    never = draw(st.integers(0, 9)) == 0
    return Expectation(
        patterns=tuple(draw(st.lists(_patterns, min_size=1, max_size=2))),
        times=Times(0, 0) if never else draw(_times),
        never=never,
        dropped=not never and draw(st.integers(0, 9)) == 0,
        id=id,
        after="" if never else draw(st.sampled_from(["", "", "", *others])),
        within=None if never else draw(_within),
    )


@st.composite
def _scenarios(draw, name):
    ids = [["a", "b", "c"][: draw(st.integers(0, 3))], ["d", "e"][: draw(st.integers(0, 2))]]
    every = [known_id for some in ids for known_id in some]
    steps = [
        Step(
            expectations=tuple(
                draw(_expectations(id, [other for other in every if other != id])) for id in some
            ),
            name=name,
            order=draw(st.sampled_from([Order.ANY, Order.ANY, Order.LISTED, Order.STRICT])),
            within=draw(_within),
            since_start=draw(st.integers(0, 5)) == 0,
        )
        for name, some in zip(["one", "two"], ids, strict=True)
    ]
    levels = {
        Policy.UNEXPECTED: draw(st.sampled_from([Level.FAIL, Level.IGNORE])),
        Policy.DAMAGED: draw(st.sampled_from([Level.FAIL, Level.IGNORE])),
        Policy.DROPPED: draw(st.sampled_from([Level.FAIL, Level.IGNORE])),
    }
    kept = steps if draw(st.booleans()) else steps[:1]
    return Scenario(steps=tuple(kept), name=name, levels={**DEFAULT_LEVELS, **levels})


@st.composite
def _runs(draw, most=4):
    scenarios = [draw(_scenarios("s"))]
    if draw(st.integers(0, 2)) == 0:
        scenarios.append(draw(_scenarios("t")))
    titles = [scenario.step_title(step) for scenario in scenarios for step in scenario.steps]
    marks = draw(st.booleans())
    hits, at = [], 0
    for seq in range(1, draw(st.integers(0, most)) + 1):
        at += draw(st.sampled_from([0, 100, 150]))
        kind = draw(st.integers(0, 11))
        user = {} if kind == 0 else {"userId": "{{id}}" if kind in (1, 2) else "u"}
        properties = draw(st.dictionaries(st.sampled_from("ab"), _values, max_size=2))
        event = draw(st.sampled_from("AAB"))
        made = hit(seq, "track", {"event": event, "properties": properties, **user}, at=at)
        hits.append(changed(made, step=draw(st.sampled_from(["", *titles])) if marks else ""))
    moments = st.integers(-1, 3).map(lambda n: START + timedelta(milliseconds=100 * n))
    acted = draw(st.dictionaries(st.sampled_from(titles), moments, max_size=1))
    return scenarios, Evidence(hits=tuple(hits), connections=1, acted=acted)


def _timed(scenarios):
    """Return True if times matter: before the actions of a step end, its start is unknown."""
    steps = [step for scenario in scenarios for step in scenario.steps]
    expectations = [expectation for step in steps for expectation in step.expectations]
    return any(bounded.within is not None for bounded in (*steps, *expectations))


@given(_runs())
@examples(200)
def test_a_run_is_met_exactly_if_some_values_and_some_claims_meet_it(run):
    scenarios, evidence = run
    least = Oracle(scenarios, evidence).least_cost()
    verdict = verify(scenarios, evidence)
    assert (verdict.status is Status.MET) == (least == 0)
    assert verdict.status is not Status.UNDECIDED


@given(_runs())
@examples(200)
def test_a_verdict_shows_an_allowed_assignment_of_least_cost(run):
    scenarios, evidence = run
    oracle = Oracle(scenarios, evidence)
    verdict = verify(scenarios, evidence)
    if all(step.reached for result in verdict.scenarios for step in result.steps):
        assert oracle.cost_of(verdict) == oracle.least_cost()


@given(_runs(), st.booleans())
@examples(200)
def test_a_live_verdict_is_impossible_only_if_no_further_call_could_help(run, every):
    """And it is `met` exactly if a verdict is."""
    scenarios, evidence = run
    live = LiveVerdict(scenarios)
    impossible = False
    for count in range(len(evidence.hits) + 1):
        if not every and count % 2:
            continue
        seen = replace(evidence, hits=evidence.hits[:count])
        outlook = live.update(seen)
        met = verify(scenarios, seen).status is Status.MET
        assert not (impossible and met)
        if outlook is Outlook.IMPOSSIBLE:
            impossible = True
            assert not met
        if met:
            assert outlook is Outlook.MET
        assert met or _timed(scenarios) or outlook is not Outlook.MET


@given(_runs(), st.integers(0, 6), st.sampled_from([0, BUDGET]))
@examples(200)
def test_with_a_small_budget_the_verdict_is_the_same_or_undecided(run, match_budget, budget):
    """The statuses of the whole run and of all scenarios are compared."""
    scenarios, evidence = run
    few = verify(scenarios, evidence, match_budget=match_budget, budget=budget)
    every = verify(scenarios, evidence)
    assert few.status in (every.status, Status.UNDECIDED)
    for one, other in zip(few.scenarios, every.scenarios, strict=True):
        assert Status.MET not in (one.status, other.status) or one.status in (
            other.status,
            Status.UNDECIDED,
        )


@given(_runs(), st.integers(0, 6))
@examples(200)
def test_with_a_small_budget_a_live_verdict_is_never_wrong(run, match_budget):
    scenarios, evidence = run
    live = LiveVerdict(scenarios, match_budget=match_budget)
    for count in range(len(evidence.hits) + 1):
        seen = replace(evidence, hits=evidence.hits[:count])
        outlook = live.update(seen)
        met = verify(scenarios, seen).status is Status.MET
        assert outlook is not Outlook.IMPOSSIBLE or not met
        assert met or _timed(scenarios) or outlook is not Outlook.MET
