"""`scenario update` as golden files: scenario.yaml and calls.yaml become after.yaml.

Run with PIXEL_GOLDEN=update to rewrite them, then read what changed.
"""

import os
from pathlib import Path

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenario_edit.update import update
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.files.yaml_spans import read_source
from tests.hits import changed, evidence, from_data, hit

CASES = sorted((Path(__file__).parents[2] / "cases" / "update").iterdir())


def updated(text, happened, only=()):
    """What a scenario becomes, judged by the plain parts: no other file, no step marks."""

    def verified(text):
        source = read_source(text, "scenario.yaml")
        return VerifiedSource(source, verify(parse(source.document), happened))

    return update(text, verified, only)


def of_case(case):
    calls = case / "calls.yaml"
    happened = from_data(parse_document(calls.read_text(), calls.name).data)
    return (case / "scenario.yaml").read_text(), happened


def golden(path, text):
    if os.environ.get("PIXEL_GOLDEN") == "update":
        path.write_text(text)
    return path.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_scenario_becomes_what_was_approved(case):
    result = updated(*of_case(case))
    kept = "".join(f"{issue}\n" for issue in result.kept)
    assert result.text == golden(case / "after.yaml", result.text)
    assert kept == golden(case / "kept.txt", kept)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_met_then_or_says_what_is_kept(case):
    result = updated(*of_case(case))
    assert (result.verified.verdict.status is Status.MET) is not bool(result.kept)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_second_update_changes_nothing(case):
    text, happened = of_case(case)
    once = updated(text, happened)
    again = updated(once.text, happened)
    assert (again.text, again.kept) == (once.text, once.kept)


def marked(*steps):
    """Calls that came in steps of `scenario.yaml`, or in none."""
    hits = [hit(n, "track", {"event": f"E{n}", "userId": "u"}) for n in range(1, len(steps) + 1)]
    return [changed(sent, step=step) for sent, step in zip(hits, steps, strict=True)]


STEPS = """\
steps:
  - name: one
    expect:
      - track: E1
  - name: two
    expect: []
"""
ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
ONE, TWO = (f"scenario.yaml {ARROW} {name}" for name in ("one", "two"))


def test_a_new_call_goes_to_the_step_in_which_it_came():
    result = updated(STEPS, evidence(*marked(ONE, TWO, ONE)))
    one, two = result.text.split("  - name: two\n")
    assert ("E3" in one, "E2" in two) == (True, True)
    assert not result.kept


def test_a_call_that_no_step_can_see_is_not_added():
    result = updated(STEPS, evidence(*marked(ONE, "")))
    assert result.text == STEPS
    assert [issue.message for issue in result.kept] == [
        'call #2, "track: E2", is not added: no list of this file is right for it'
    ]


def test_lines_are_found_again_after_each_change():
    text = "expect:\n  - track: E1\n  - track: E2\n  - track: E3\n  - track: E4\n"
    calls = [hit(n, "track", {"event": "E1", "userId": "u"}) for n in (1, 2)]
    result = updated(text, evidence(*calls), only={2, 4})
    assert result.text == "expect:\n  - track: E1\n    times: 2\n  - track: E2\n  - track: E4\n"


def test_when_the_only_line_is_taken_out_nothing_else_changes():
    text = "expect:\n  - track: E1\n  - track: E2\n"
    happened = evidence(hit(1, "track", {"event": "E3", "userId": "u"}))
    assert updated(text, happened, only={2}).text == "expect:\n  - track: E2\n"


def test_a_line_without_an_expectation_is_refused():
    with pytest.raises(InputError, match=r"scenario.yaml:1: no expectation stands here; .* line 2"):
        updated("expect:\n  - page:\n", evidence(), only={1})
