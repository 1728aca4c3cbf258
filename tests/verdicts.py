"""Verdicts for the tests of reports: on the case files, and built by hand."""

from contextlib import chdir
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch, mismatches
from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.scenario import Forbidden, Run, Scenario, Step
from pixel_emulator.core.tracking_plan.violations import Violation
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.solve import BUDGET
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ForbiddenValue,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import evidence, from_data, hit

CASES = sorted((Path(__file__).parent / "cases" / "verify").iterdir())


@cache
def verdict_of(case):
    """Return the verdict on the scenarios of a case, which share its calls."""
    files = sorted(file.name for file in case.glob("*.yaml") if file.name != "calls.yaml")
    data: Any = parse_document((case / "calls.yaml").read_text(), "calls.yaml").data
    with chdir(case):
        scenarios = load_scenarios(map(Path, files))
    return verify(scenarios, from_data(data), budget=data.get("budget", BUDGET))


def verdict_on(text, *hits, **options):
    """Return the verdict on a scenario in YAML and some hits."""
    return verify(parse(parse_document(text, "s.yaml")), evidence(*hits, **options))


def expectation(event, line, **fields):
    """An expectation of a track call in `checkout.yaml`."""
    return Expectation(
        patterns=(Pattern(type=CallType.TRACK, fields={"event": event, **fields}),),
        location=Location("checkout.yaml", line, 7),
    )


def track(seq, event, at=0, **options):
    return hit(seq, "track", {"event": event, "userId": "user_123", **options}, at=at)


OPENED = track(1, "Email Opened")
COMPLETED = track(2, "Order Completed", at=2_300, properties={"total": "49.90", "coupon": "X1"})
MET = ExpectationResult(expectation=expectation("Email Opened", 8), claims=(OPENED,))
NOT_SENT = ExpectationResult(expectation=expectation("Order Refunded", 31), claims=())


def different(expected, call):
    """Return the result of an expectation with one closest call."""
    wrong = mismatches(expected.patterns[0].fields, call.call.payload)
    closest = ClosestCall(hit=call, mismatches=wrong, matched=1, fields=1 + len(wrong))
    return ExpectationResult(expectation=expected, claims=(), closest_calls=(closest,))


def step(*results, name="", line=0, **options):
    """Return the result of a step with these results of its expectations."""
    definition = Step(
        name=name,
        expectations=tuple(expectation_result.expectation for expectation_result in results),
        actions=(Run("npx playwright test"),),
        location=Location("checkout.yaml", line, 5),
    )
    return StepResult(step=definition, expectations=results, **options)


def verdict(*steps, hits=(OPENED, COMPLETED), status=Status.UNMET, **options):
    """Return a verdict on one scenario with these steps."""
    scenario = Scenario(
        name="receipt mail, then checkout",
        case="n=1",
        tags=("mail",),
        steps=tuple(step_result.step for step_result in steps),
        location=Location("checkout.yaml", 1, 1),
    )
    result = ScenarioResult(scenario=scenario, steps=steps, status=status, **options)
    return Verdict(scenarios=(result,), policy_hits=(), hits=hits, connections=1)


def live_steps():
    """Three steps: the first is met, the second is not, so that the third is not tried."""
    total = expectation("Order Completed", 24, properties={"total": 49.9})
    return verdict(
        step(MET, name="customer opens the mail", line=5, seconds=0.412),
        step(
            *(different(total, COMPLETED), NOT_SENT),
            name="customer signs up",
            line=18,
            seconds=20.0,
            status=Status.UNMET,
        ),
        step(NOT_SENT, line=29, reached=False),
    )


def action_failed():
    """A command that failed after much output."""
    words = [f"\x1b[32mpassed\x1b[0m  test {n}" for n in range(1, 26)]
    output = "\n".join([*words, "\tError: timed out waiting for \x07 #pay", ""])
    failure = "`npx playwright test` ended with exit code 1"
    return verdict(step(NOT_SENT, seconds=1.2, status=Status.UNMET, failure=failure, output=output))


def given_up():
    """A search whose budget was spent."""
    undecided = replace(MET, undecided=True)
    return verdict(step(undecided, status=Status.UNDECIDED), status=Status.UNDECIDED)


def objections():
    """All faults of a whole run, and none of any expectation."""
    mail = Forbidden(
        contains="jane@example.com",
        because="privacy",
        location=Location("checkout.yaml", 40, 5),
    )
    inside = Forbidden(
        contains="X1", path=("properties",), location=Location("checkout.yaml", 41, 5)
    )
    where = "properties.products[0].description"
    return verdict(
        step(MET),
        forbidden_values=(
            ForbiddenValue(
                forbidden=mail, hit=OPENED, path="properties.email", value='"jane@example.com"'
            ),
            ForbiddenValue(
                forbidden=mail, hit=OPENED, path="URL", value='"…?mail=jane@example.com&x=1"'
            ),
            ForbiddenValue(forbidden=inside, hit=COMPLETED, path="properties.coupon", value='"X1"'),
            ForbiddenValue(
                forbidden=mail, hit=COMPLETED, path="referer", value='"jane@example.com"'
            ),
        ),
        state=mismatches(
            {"user_123": {"traits": {"plan": "pro", "seats": 3}}},
            {"user_123": {"traits": {"seats": "3"}}},
        ),
        violations=(
            (COMPLETED, Violation("Required", "properties.order_id", "order_id is required")),
            (COMPLETED, Violation("Invalid Type", where, "expected string, but got number " * 4)),
            (OPENED, Violation("Unplanned Event", "event", "Email Opened is not in the plan")),
        ),
    )


MADE_BY_HAND = [live_steps, action_failed, given_up, objections]


def shouted(verdict, words):
    """Return the verdict with these words in all texts that users or calls supply."""
    (result,) = verdict.scenarios
    wrong = Mismatch(
        path=words, expected=describe_value(words), actual=describe_value(words), hint=words
    )
    scenario = replace(
        result.scenario, name=words, case=words, tags=(words,), location=Location(words, 1, 1)
    )
    steps = tuple(
        replace(
            step_result,
            step=replace(step_result.step, name=f"{words}{n}"),
            failure=words,
            output=words,
        )
        for n, step_result in enumerate(result.steps)
    )
    denial = Forbidden(contains=words, path=(words,), because=words, location=Location(words, 2, 1))
    shouting = replace(
        result,
        scenario=replace(scenario, steps=tuple(step_result.step for step_result in steps)),
        steps=steps,
        bindings={words: words},
        forbidden_values=(ForbiddenValue(forbidden=denial, hit=OPENED, path=words, value=words),),
        state=(wrong,),
        violations=((OPENED, Violation(words, words, words)),),
    )
    return replace(verdict, scenarios=(shouting,), gaps=(words,))
