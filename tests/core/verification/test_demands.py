"""Steps: the calls that each one sees, by step marks, or by any boundaries that fit."""

import pytest

from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.verdict import Explanation, Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import START, changed, evidence, hit

OF_STEP = "s.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


def scenarios(text):
    return parse(parse_document(text, "s.yaml"))


def calls(text):
    """Yield calls written as `A@0.5/one`: event, seconds since the first call, step mark.

    Without a time a call comes 0.1 s after the one before.
    """
    for seq, word in enumerate(text.split(), 1):
        place, _, step = word.partition("/")
        event, _, at = place.partition("@")
        milliseconds = round(1_000 * float(at)) if at else 100 * (seq - 1)
        made = hit(seq, "track", {"event": event, "userId": "u"}, at=milliseconds)
        yield changed(made, step=f"{OF_STEP}{step}" if step else "")


def verify_text(text, sent, *, step_count=None, **options):
    return verify(scenarios(text), evidence(*calls(sent), **options), step_count=step_count)


def two_steps(one, two, policies=""):
    return f"""
{policies}
steps:
  - {{name: one, {one}}}
  - {{name: two, {two}}}
"""


A, B, A_B = "expect: [track: A]", "expect: [track: B]", "expect: [track: A, track: B]"

# The steps, the calls, and the exit code.
STEPS = [
    (A, B, "A B", 0),
    (A, B, "B A", 1),
    (A, A, "A A", 0),
    (A, A, "A", 1),
    (A, A_B, "A A B", 0),
    (A, A_B, "A B A", 0),
    (A_B, B, "B B A", 1),
    (A_B, B, "B A B", 0),
    (A, f"{B}, never: [track: C]", "C A B", 1),
    (A, f"since: start, {B}", "B A", 0),
    (A, f"within: 1s, {B}", "A@0 B@5", 0),
    (A, f"within: 1s, {A_B}", "A@0 A@5 B@7", 1),
    (A, f"within: 1s, {A_B}", "A@0 A@5 B@6", 0),
    (f"within: 1s, {A_B}", B, "A@0 B@2 B@3", 1),
    (A, "within: 1s, expect: [track: A, track: B, track: C]", "A@0 A@5 B@5.8 C@6.6", 1),
    # With marks each step sees its own calls only.
    (A, B, "A/one B/two", 0),
    (A, B, "A/two B/two", 1),
    (A, B, "B/one A/one", 1),
    (A, B, "A/one B/one", 1),
    (A, B, "A/one B", 1),
    (A, A, "A/one A/two", 0),
    (A, A, "A/one A/one", 1),
    (A, f"{B}, never: [track: A]", "A/one B/two", 0),
    (A, f"{B}, never: [track: A]", "A/one A/two B/two", 1),
    (A, f"since: start, {B}", "B/one A/one", 0),
    (f"since: start, {B}", A, "A/two B/two", 1),
    (A, f"within: 1s, {A_B}", "A@0/one A@5/two B@7/two", 1),
    (A, f"within: 1s, {A_B}", "A@0/one A@5/two B@6/two", 0),
]


@pytest.mark.parametrize(("one", "two", "sent", "code"), STEPS)
def test_each_step_claims_its_own_calls(one, two, sent, code):
    assert verify_text(two_steps(one, two), sent).exit_code == code


def test_a_scenario_with_one_step_sees_every_call():
    assert verify_text("expect: [track: A]", "A/other").exit_code == 0


def test_after_reaches_across_steps():
    one = "expect: [{track: A, id: first}, track: C]"
    two = "expect: [{track: B, after: first, within: 1s}]"
    assert verify_text(two_steps(one, two), "A@0/one C@0/one B@1/two").exit_code == 0
    assert verify_text(two_steps(one, two), "A@0/one C@0/one B@1.1/two").exit_code == 1


def test_within_counts_from_the_end_of_the_actions_of_the_step():
    text = two_steps(A, f"within: 1s, {A_B}")
    acted = {f"{OF_STEP}two": START}
    assert verify_text(text, "A@0/one A@0.9/two B@1/two", acted=acted).exit_code == 0
    assert verify_text(text, "A@0/one A@0.9/two B@1.1/two", acted=acted).exit_code == 1


def test_step_count_limits_the_steps_that_are_verified():
    verdict = verify_text(two_steps(A, B), "A/one", step_count=1)
    assert verdict.status is Status.MET
    assert [step.reached for step in verdict.scenarios[0].steps] == [True, False]
    assert verify_text(two_steps(A, B), "A/one", step_count=2).status is Status.UNMET


def test_a_later_step_since_the_start_may_still_claim_a_call():
    """The call is therefore not unexpected while only the first step is verified."""
    text = two_steps(A, f"since: start, {B}")
    assert verify_text(text, "A/one B/one", step_count=1).status is Status.MET
    assert verify_text(two_steps(A, B), "A/one B/one", step_count=1).status is Status.UNMET


def test_steps_after_a_failed_one_were_not_tried():
    verdict = verify_text(two_steps(A, B), "C/one")
    one, two = verdict.scenarios[0].steps
    assert (one.reached, two.reached) == (True, False)
    assert [result.explanation for result in two.expectations] == [Explanation.NOT_REACHED]


def test_a_step_that_calls_belong_to_was_tried():
    verdict = verify_text(two_steps(A, B), "C/one B/two")
    assert [step.status for step in verdict.scenarios[0].steps] == [Status.UNMET, Status.MET]
    acted = {f"{OF_STEP}two": START}
    assert verify_text(two_steps(A, B), "C/one", acted=acted).scenarios[0].steps[1].reached


def test_no_scenario_passes_because_a_step_was_not_tried():
    """The first step fails only because of what the second forbids."""
    text = two_steps(A, "since: start, expect: [], never: [track: A]")
    acted = {f"{OF_STEP}one": START}
    assert verify_text(text, "A", acted=acted).exit_code == 1


def test_a_call_of_another_step_is_out_of_order():
    acted = {f"{OF_STEP}two": START}
    (one, two) = verify_text(two_steps(A, B), "A/one B/one", acted=acted).scenarios[0].expectations
    assert (one.explanation, two.explanation) == (Explanation.MET, Explanation.OUT_OF_ORDER)
    assert two.closest_calls[0].detail == f'came in "{OF_STEP}one"'


def test_a_call_before_any_step_is_out_of_order():
    (one, _) = verify_text(two_steps(A, B), "A B/two").scenarios[0].expectations
    assert one.closest_calls[0].detail == "came before any step"
