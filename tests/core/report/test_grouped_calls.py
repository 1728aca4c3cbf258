"""Reports count the calls that others stand for."""

from dataclasses import replace
from typing import Any

import pytest

from pixel_emulator.core.model import count_hits
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.report.junit import junit
from pixel_emulator.core.report.text_report import text
from pixel_emulator.core.verification.components import CallGroups
from pixel_emulator.core.verification.verdict import FailedCommand, Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import changed, evidence, hit

MANY, KEPT = 100, 25


def verdict(wanted, event="A", **fields):
    """The verdict on so many calls that are alike, of which some are kept."""
    scenarios = parse(parse_document(wanted, "s.yaml"))
    call_groups = CallGroups(scenarios, kept=KEPT)
    one = hit(1, "track", {"event": event, "userId": "u", **fields})
    for seq in range(1, MANY + 1):
        call_groups.add(changed(one, seq=seq))
    return verify(scenarios, evidence(*call_groups.hits()))


@pytest.mark.parametrize(
    ("wanted", "fields", "status", "message"),
    [
        ("expect: [{track: A, times: 1..}]", {}, Status.MET, "100 calls seen"),
        ("expect: [{track: A, times: 100}]", {}, Status.MET, "… and 80 more"),
        ("expect: [{track: A, times: 99}]", {}, Status.UNMET, "wanted 99, got 100"),
        ("expect: [{track: A, times: 101..}]", {}, Status.UNMET, "wanted 101.., got 100"),
        ("expect: [{track: A, times: 2}]", {}, Status.UNMET, "wanted 2, got 100"),
        ("never: [track: A]", {}, Status.UNMET, "got 100"),
        ("expect: []", {}, Status.UNMET, "unexpected   100 calls"),
        ("expect: []", {}, Status.UNMET, "and 75 more calls like these"),
        ("unexpected: warn\nexpect: [{track: B, times: 0..}]", {}, Status.MET, "100 calls"),
        ("expect: [{track: A, times: 0..}]", {"userId": ""}, Status.UNMET, "dropped   100 calls"),
        ("unexpected: ignore\nexpect: [{track: B, times: 0..}]\ndeny: [{contains: secret}]",
         {"properties": {"a": "secret"}}, Status.UNMET, "denied"),
    ],
)  # fmt: skip
def test_each_number_is_that_of_all_calls(wanted, fields, status, message):
    result = verdict(wanted, **fields)
    assert len(result.hits) < MANY == count_hits(result.hits)
    assert result.status is status
    assert message in text(result)


def test_data_says_how_many_are_not_listed():
    data: Any = as_json(verdict("expect: [{track: A, times: 1..}]"))
    assert sum(1 + call["alike"] for call in data["calls"]) == MANY
    assert data["scenarios"][0]["steps"][0]["expectations"][0]["got"] == MANY


def test_a_failed_command_is_red_beside_a_scenario_that_is_met():
    result = replace(
        verdict("expect: [{track: A, times: 1..}]"),
        command=FailedCommand(7, "the command ended with exit code 7"),
    )
    assert result.exit_code == 7
    assert '<failure message="the command ended with exit code 7"' in junit(result)
    assert text(result).startswith("FAIL  the command\n  the command ended with exit code 7\n")
    assert as_json(result)["exit_code"] == 7
