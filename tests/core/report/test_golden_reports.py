"""Reports on what needs a live run, or is easier made than brought about, as golden files.

Run with PIXEL_GOLDEN=update to rewrite tests/cases/reports, then read what changed.
"""

import os
from pathlib import Path

import pytest

from pixel_emulator.core.report.junit import junit
from pixel_emulator.core.report.text_report import text
from tests.verdicts import MADE_BY_HAND

GOLDEN = Path(__file__).parents[2] / "cases" / "reports"


def approved(name, report):
    golden = GOLDEN / name
    if os.environ.get("PIXEL_GOLDEN") == "update":
        golden.write_text(report)
    return golden.read_text()


@pytest.mark.parametrize("made", MADE_BY_HAND, ids=lambda made: made.__name__)
def test_a_report_reads_as_it_was_approved(made):
    report = text(made(), recording="run 1.yaml")
    assert report == approved(f"{made.__name__}.txt", report)


@pytest.mark.parametrize("made", MADE_BY_HAND, ids=lambda made: made.__name__)
def test_its_junit_reads_as_it_was_approved(made):
    report = junit(made())
    assert report == approved(f"{made.__name__}.xml", report)
