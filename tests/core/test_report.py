"""Reports are golden files: reading tests/cases/verify/*/report.txt is reviewing the feature.

Run with PIXEL_GOLDEN=update to rewrite them, then read what changed.
"""

import os
from pathlib import Path

import pytest

from pixel_emulator.core.report import text
from pixel_emulator.core.scenario import parse
from pixel_emulator.core.verify import verify
from pixel_emulator.documents import parse_document
from tests.hits import from_data

CASES = sorted((Path(__file__).parents[1] / "cases" / "verify").iterdir())
EXIT_CODES = {"silence_unproven": 3, "gap": 3}
MET = {
    *("met", "unexpected_warned", "dropped_expected", "damaged_accepted", "duplicate"),
    *("unhandled", "silence_proven"),
}


def verdict_of(case):
    """The verdict on the scenarios of a case; all of them share its calls."""
    files = sorted(file for file in case.glob("*.yaml") if file.name != "calls.yaml")
    scenarios = [
        each for file in files for each in parse(parse_document(file.read_text(), file.name))
    ]
    return verify(
        scenarios, from_data(parse_document((case / "calls.yaml").read_text(), "calls.yaml").data)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_report_reads_as_it_was_approved(case):
    golden = case / "report.txt"
    report = text(verdict_of(case))
    if os.environ.get("PIXEL_GOLDEN") == "update":
        golden.write_text(report)
    assert report == golden.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_exit_code_is_0_met_1_unmet_3_incomplete(case):
    expected = 0 if case.name in MET else EXIT_CODES.get(case.name, 1)
    assert verdict_of(case).exit_code == expected
