"""The JSON report: all that the text says, under keys that stay."""

import json
from dataclasses import replace

import pytest

from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.text.json_codec import write
from tests.hits import KEY, hit
from tests.verdicts import (
    CASES,
    COMPLETED,
    MADE_BY_HAND,
    MET,
    action_failed,
    given_up,
    live_steps,
    objections,
    shouted,
    step,
    verdict,
    verdict_of,
    verdict_on,
)


def plain(verdict):
    """The JSON report as a program reads it."""
    return json.loads(write(as_json(verdict)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_statuses_and_exit_code_are_those_of_the_verdict(case):
    verdict = verdict_of(case)
    data = plain(verdict)
    assert data["exit_code"] == verdict.exit_code
    assert len(data["calls"]) == len(verdict.hits)
    assert [scenario["status"] for scenario in data["scenarios"]] == [
        result.status for result in verdict.scenarios
    ]


def test_an_expectation_has_all_its_fields():
    sent = hit(7, "track", {"event": "A", "userId": "u", "properties": {"x": "1"}})
    line = "{track: A, id: a, note: n, properties: {x: 1}}"
    data = plain(verdict_on(f"name: s\ntags: [t]\nexpect:\n  - {line}\n", sent))
    mismatch = {
        "path": "properties.x",
        "expected": "1",
        "expected_type": "number",
        "actual": '"1"',
        "actual_type": "string",
        "hint": "the sender quotes the number",
    }
    (scenario,) = data["scenarios"]
    (only,) = scenario.pop("steps")
    (expectation,) = only.pop("expectations")
    (near,) = expectation.pop("nearest")
    assert near.pop("url").startswith("https://api.segment.io/v1/pixel/track?data=")
    assert near == {
        "call": 7,
        "matched": 1,
        "fields": 2,
        "obstacle": "",
        "mismatches": [mismatch],
    }
    assert expectation == {
        "call": "track: A",
        "id": "a",
        "note": "n",
        "file": "s.yaml",
        "line": 4,
        "column": 5,
        "wanted": "1",
        "got": 0,
        "met": False,
        "story": "sent, but different",
        "says": ["wanted 1, got 0: sent, but different"],
        "claims": [],
        "surplus": [],
        "taken_by": [],
    }
    assert only == {
        "name": "step 1",
        "status": only["status"],
        "reached": True,
        "seconds": None,
        "failure": "",
        "output": "",
    }
    assert scenario == {
        "title": "s.yaml \u203a s",
        "name": "s",
        "case": "",
        "file": "s.yaml",
        "line": 1,
        "column": 1,
        "tags": ["t"],
        "status": "unmet",
        "says": [],
        "bound": {},
        "denied": [],
        "state": [],
        "violations": [],
    }
    assert data["accept"] == [{"file": "s.yaml", "lines": [4]}]
    assert data["findings"] == [
        {
            "policy": "unexpected",
            "level": "fail",
            "call": 7,
            "fails": ["s.yaml \u203a s"],
            "expect_it": "- track: A\n  userId: u",
        }
    ]


def test_a_repeated_call_has_the_number_of_its_twin():
    sent = [hit(seq, "page", {"userId": "u"}) for seq in (1, 2)]
    (result,) = expectations(plain(verdict_on("expect: [{page: }]", *sent)))
    assert result["surplus"] == [{"call": 2, "repeats": 1, "differs": []}]
    assert result["says"] == ["wanted 1, got 2: sent twice", "#1 and #2 say the same, 0 ms apart"]
    sent = [hit(seq, "page", {"userId": f"u{seq}"}) for seq in (1, 2)]
    (result,) = expectations(plain(verdict_on("expect: [{page: }]", *sent)))
    assert result["surplus"] == [{"call": 2, "repeats": None, "differs": ["userId"]}]


def expectations(data):
    """Those of the last step of the only scenario."""
    (scenario,) = data["scenarios"]
    return scenario["steps"][-1]["expectations"]


def test_steps_are_listed():
    (scenario,) = plain(live_steps())["scenarios"]
    steps = [
        (step["name"], step["status"], step["reached"], step["seconds"])
        for step in scenario["steps"]
    ]
    assert steps == [
        ("customer opens the mail", "met", True, 0.412),
        ("customer signs up", "unmet", True, 20.0),
        ("step 3", "met", False, None),
    ]
    assert scenario["case"] == "n=1"


def test_the_output_of_a_command_is_not_cut():
    (scenario,) = plain(action_failed())["scenarios"]
    (only,) = scenario["steps"]
    assert only["failure"] == "`npx playwright test` ended with exit code 1"
    assert len(only["output"].splitlines()) == 26


def test_failures_of_the_whole_run_are_listed():
    (scenario,) = plain(objections())["scenarios"]
    assert scenario["denied"][0] == {
        "call": 1,
        "path": "properties.email",
        "value": '"jane@example.com"',
        "file": "checkout.yaml",
        "line": 40,
        "column": 5,
        "says": 'no request may contain "jane@example.com": privacy',
    }
    assert [mismatch["path"] for mismatch in scenario["state"]] == [
        "user_123.traits.plan",
        "user_123.traits.seats",
    ]
    assert scenario["violations"][0] == {
        "call": 2,
        "type": "Required",
        "field": "properties.order_id",
        "description": "order_id is required",
    }


def test_an_undecided_scenario_has_a_reason():
    (scenario,) = plain(given_up())["scenarios"]
    assert scenario["status"] == "undecided"
    assert "too many ways" in scenario["says"][0]


def test_it_holds_no_write_key():
    flat = hit(1, "track", {"event": "A", "userId": "u"}, form="flat")
    text = write(as_json(verdict_on("expect: [{track: A, userId: v}]", flat)))
    assert "writeKey=" in text
    assert KEY not in text


@pytest.mark.parametrize("made", MADE_BY_HAND, ids=lambda made: made.__name__)
def test_it_is_the_same_every_time(made):
    assert write(as_json(made())) == write(as_json(made()))


@pytest.mark.parametrize("made", MADE_BY_HAND, ids=lambda made: made.__name__)
def test_it_can_be_written_whatever_was_sent(made):
    loud = write(as_json(shouted(made(), '\x00\ud800\u2028"\n')))
    assert json.loads(loud.encode())["gaps"] == ['\x00\ud800\u2028"\n']


def test_no_line_is_updatable_if_calls_may_be_missing_or_the_action_failed():
    assert plain(live_steps())["accept"] == [{"file": "checkout.yaml", "lines": [24, 31]}]
    assert plain(replace(live_steps(), gaps=("torn",)))["accept"] == []
    assert plain(replace(live_steps(), hits=()))["accept"] == []
    assert plain(action_failed())["accept"] == []
    assert plain(verdict(step(MET), hits=(COMPLETED,)))["accept"] == []
