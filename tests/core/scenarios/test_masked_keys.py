"""Scenarios verified with calls whose write keys are masked."""

from dataclasses import replace

import pytest

from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.redaction.masking import hide, mask
from pixel_emulator.core.scenarios.scenario import with_masked_keys
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, changed, evidence, hit, redact

OTHER = "wk_test_11111111111111111111"


def scenarios(text):
    return parse(parse_document(text, "s.yaml"))


STEPS = f"""
name: with {KEY}
steps:
  - {{name: "{KEY}, first", expect: [track: A]}}
  - {{name: second, expect: [track: B]}}
"""


def sent(event, title):
    sent_hit = hit(1, "track", {"event": event, "userId": "u"})
    return redact(changed(sent_hit, step=title))


def test_steps_are_distinguished_by_masked_titles():
    (scenario,) = scenarios(STEPS)
    first, second = map(scenario.step_title, scenario.steps)
    hits = [sent("A", first), sent("B", second)]
    assert KEY not in hits[0].step
    assert verify([scenario], evidence(*hits, masked=True)).status is Status.MET
    swapped = [sent("B", first), sent("A", second)]
    assert verify([scenario], evidence(*swapped, masked=True)).status is Status.UNMET


def test_a_step_with_a_masked_title_is_reached():
    (scenario,) = scenarios(STEPS)
    first, second = map(scenario.step_title, scenario.steps)
    hits = [sent("A", first)]
    acted = {hide(title, [KEY]): hits[0].time for title in (first, second)}
    verdict = verify([scenario], evidence(*hits, masked=True, acted=acted))
    assert [step.reached for step in verdict.scenarios[0].steps] == [True, True]
    assert verdict.status is Status.UNMET


def test_rows_of_cases_are_distinguished_by_masked_labels():
    text = f"""
let: [key]
cases: [{{key: {KEY}}}, {{key: {OTHER}}}]
steps: [{{expect: [track: A, {{any: , writeKey: $key, times: 0..}}]}}]
"""
    for scenario in scenarios(text):
        title = scenario.step_title(scenario.steps[0])
        (masked,) = with_masked_keys([scenario], [sent("A", title)])
        assert (masked.case == scenario.case) is (KEY not in scenario.case)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (KEY, mask(KEY)),
        (f"a {KEY} b {KEY}", f"a {mask(KEY)} b {mask(KEY)}"),
        (f"{KEY}{KEY}", mask(KEY) * 2),
        (OTHER, OTHER),  # no call has it
        (KEY[:-1], KEY[:-1]),
        ("wk", "wk"),
        ("", ""),
    ],
)
def test_keys_in_names_are_masked_if_the_calls_have_their_masks(name, shown):
    (scenario,) = scenarios("name: x\nexpect: [track: A]\n")
    named = replace(scenario, name=name)
    (masked,) = with_masked_keys([named], [redact(hit(1, "track", {"event": "A", "userId": "u"}))])
    assert masked.name == shown
