"""Sources of variables in hints, and the reason why scenarios can no longer be met."""

from typing import Any

import pytest

from pixel_emulator.core.matching.diff import mismatches
from pixel_emulator.core.matching.unification import TextTemplate, Variable
from pixel_emulator.core.report.wording import (
    impossible_reason,
    variable_sources,
    with_variable_sources,
)
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    StepResult,
)
from tests.hits import KEY, hit
from tests.verdicts import expectation, track, verdict_on

ORDER = Variable("order")


def scenario(bound, *claims):
    """The result of a scenario whose expectations, given as fields, claim one hit each."""
    results = tuple(
        ExpectationResult(expectation=expectation("A", line, **fields), claims=(claimed,))
        for line, (fields, claimed) in enumerate(claims, 2)
    )
    step = StepResult(step=Scenario().steps[0], expectations=results)
    return ScenarioResult(scenario=Scenario(), steps=(step,), status=Status.UNMET, bindings=bound)


def opened(seq, **properties):
    return hit(seq, "track", {"event": "A", "userId": "u", "properties": properties})


@pytest.mark.parametrize(
    ("want", "sent", "words"),
    [
        ({"order_id": ORDER}, {"order_id": "FC-1"}, 'order = "FC-1", as properties.order_id of #3'),
        (
            {"list": [1, {"id": ORDER}]},
            {"list": [1, {"id": "FC-1"}]},
            'order = "FC-1", as properties.list[1].id of #3',
        ),
        (
            {"text": TextTemplate("Order ", ORDER, "!")},
            {"text": "Order FC-1!"},
            'order = "FC-1", as properties.text of #3',
        ),
        ({}, {"order_id": "FC-1"}, 'order = "FC-1"'),
    ],
)
def test_a_source_is_a_call_and_a_path(want, sent, words):
    result = scenario({"order": "FC-1"}, ({"properties": want}, opened(3, **sent)))
    assert str(variable_sources(result)["order"]) == words


def test_the_source_is_the_earliest_call_and_rather_a_whole_value():
    text = {"properties": {"text": TextTemplate("Order ", ORDER, "!")}}
    whole = {"properties": {"order_id": ORDER}}
    result = scenario(
        {"order": "FC-1"},
        (text, opened(1, text="Order FC-1!")),
        (whole, opened(4, order_id="FC-1")),
        (whole, opened(2, order_id="FC-1")),
    )
    assert variable_sources(result)["order"].seq == 2


def test_a_closest_call_is_the_source_if_it_holds_the_value():
    wanted = expectation("A", 2, properties={"list": [{"id": ORDER}], "order_id": ORDER})
    near = ClosestCall(hit=opened(5, order_id="FC-1", list=[]), mismatches=(), matched=1, fields=2)
    unmet = ExpectationResult(expectation=wanted, claims=(), closest_calls=(near,))
    step = StepResult(step=Scenario().steps[0], expectations=(unmet,))
    for value, seq in (("FC-1", 5), ("FC-2", 0)):
        bound = {"order": value}
        result = ScenarioResult(
            scenario=Scenario(), steps=(step,), status=Status.UNMET, bindings=bound
        )
        assert variable_sources(result)["order"].seq == seq


def test_the_source_of_a_request_variable_has_its_path():
    wanted = Expectation(patterns=(Pattern(request={"host": ORDER}),))
    claimed = ExpectationResult(expectation=wanted, claims=(opened(1),))
    step = StepResult(step=Scenario().steps[0], expectations=(claimed,))
    host = {"order": "api.segment.io"}
    result = ScenarioResult(scenario=Scenario(), steps=(step,), status=Status.UNMET, bindings=host)
    assert variable_sources(result)["order"].path == "request.host"


def test_a_write_key_is_masked():
    result = scenario({"order": KEY}, ({"writeKey": ORDER}, opened(1)))
    assert KEY[10:] not in str(variable_sources(result)["order"])


def test_only_mismatches_of_variables_get_a_hint():
    fields: Any = {"properties": {"order_id": ORDER, "x": 1}}
    bound = {"order": "FC-1"}
    result = scenario(bound, (fields, opened(1, order_id="FC-1", x=1)))
    wanted = result.expectations[0].expectation
    wrong = mismatches(fields, {"properties": {"order_id": "FC-2", "x": "1"}}, bindings=bound)
    assert [mismatch.hint for mismatch in with_variable_sources(result, wanted, wrong)] == [
        'order = "FC-1", as properties.order_id of #1',
        "the sender quotes the number",
    ]
    assert with_variable_sources(scenario({}), wanted, wrong) == wrong


def test_a_hint_that_is_there_already_stays():
    bound = {"order": "FC-1"}
    result = scenario(bound, ({"properties": {"id": ORDER}}, opened(1, id="FC-1")))
    wanted = result.expectations[0].expectation
    wrong = mismatches({"properties": {"id": "FC-1"}}, {"properties": {"id": "fc-1"}})
    (mismatch,) = with_variable_sources(result, wanted, wrong)
    assert mismatch.hint == (
        'they differ only in upper and lower case; order = "FC-1", as properties.id of #1'
    )


TWO = "expect: [{track: A}, {track: B}]"


@pytest.mark.parametrize(
    ("text", "events", "why"),
    [
        (TWO, "AB", ""),
        (TWO, "BB", "s.yaml:1 track: B: wanted 1, got 2: sent twice"),
        (TWO, "C", '1 call that no expectation matches: #1 track "C"'),
        (f"{TWO}\nnever: [{{track: C}}]", "C", "s.yaml:2 never track: C: wanted 0, got 1: "),
        ("expect: [{track: B}, {track: A, properties: {n: 1}}]", "A", "s.yaml:1 track: A: wanted"),
        (f"{TWO}\ndeny: [{{contains: user_123}}]", "A", 's.yaml:2 no request may contain "user'),
        (f"{TWO}\nstate: {{u: {{traits: {{a: 1}}}}}}", "C", "1 call that no expectation matches"),
        (TWO, "A", "s.yaml:1 track: B: wanted 1, got 0: not sent"),
    ],
)
def test_the_reason_is_the_failure_that_a_further_call_cannot_mend(text, events, why):
    hits = [track(number, event) for number, event in enumerate(events, 1)]
    reason = impossible_reason(verdict_on(text, *hits))
    assert reason.startswith(why)
    assert bool(reason) is bool(why)
