"""The table of report formats."""

import json

import pytest

from pixel_emulator.core.report.formats import FORMATS, TEXT, ReportOptions
from tests.verdicts import verdict_on

VERDICT = verdict_on("expect: [{track: A}]")


ROWS = [
    ("text", "text/plain", ".txt", "FAIL"),
    ("json", "application/json", ".json", "{\n"),
    ("junit", "application/xml", ".xml", "<?xml"),
]


def test_every_format_has_a_row():
    assert {name for name, *_ in ROWS} == FORMATS.keys()


@pytest.mark.parametrize(("name", "media_type", "suffix", "start"), ROWS)
def test_each_format_has_a_name_a_media_type_and_a_suffix(name, media_type, suffix, start):
    report_format = FORMATS[name]
    assert (report_format.name, report_format.media_type) == (name, media_type)
    assert report_format.suffix == suffix
    assert report_format.render(VERDICT).startswith(start)
    assert report_format.render(VERDICT).endswith("\n")


def test_compact_json_is_one_line_with_the_same_data():
    compact = FORMATS["json"].render(VERDICT, ReportOptions(compact=True))
    assert "\n" not in compact
    assert json.loads(compact) == json.loads(FORMATS["json"].render(VERDICT))


def test_text_takes_width_and_colour():
    narrow = TEXT.render(VERDICT, ReportOptions(width=40, colour=True))
    assert "\x1b[" in narrow
    assert "\x1b[" not in TEXT.render(VERDICT)
    assert len(narrow.splitlines()) > len(TEXT.render(VERDICT).splitlines())
