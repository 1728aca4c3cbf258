"""Reports are golden files: reading tests/cases/verify/*/report.txt is reviewing the feature.

Run with PIXEL_GOLDEN=update to rewrite them, then read what changed.
"""

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_emulator.core.calls import KEPT, CallType, PixelRequest
from pixel_emulator.core.json_text import write
from pixel_emulator.core.reports.json_report import as_json
from pixel_emulator.core.reports.phrases import span
from pixel_emulator.core.reports.suggestion import suggestion
from pixel_emulator.core.reports.text import text
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.model import Scenario, Step
from pixel_emulator.core.scenarios.scenario import parse
from pixel_emulator.core.verdicts.verify import verify
from pixel_emulator.documents import parse_document
from tests.hits import evidence, from_data, hit, judged

ESCAPE = re.compile(r"\x1b\[\d+m")
CASES = sorted((Path(__file__).parents[1] / "cases" / "verify").iterdir())
EXIT_CODES = {"silence_unproven": 3, "gap": 3}
MET = {
    *("met", "unexpected_warned", "dropped_expected", "damaged_accepted", "duplicate"),
    *("unhandled", "silence_proven", "long_ids"),
}


def read(file):
    return parse_document(file.read_text(), file.name)


def verdict_of(case):
    """The verdict on the scenarios of a case; all of them share its calls."""
    files = sorted(file for file in case.glob("*.yaml") if file.name != "calls.yaml")
    scenarios = [each for file in files for each in parse(read(file))]
    return verify(scenarios, from_data(read(case / "calls.yaml").data))


def plain(verdict):
    """The JSON report as a program reads it."""
    return json.loads(write(as_json(verdict)))


def verdict_on(text, *hits, **more):
    return verify(parse(parse_document(text, "s.yaml")), evidence(*hits, **more))


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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_colour_adds_only_colour(case):
    verdict = verdict_of(case)
    coloured = text(verdict, colour=True)
    assert ESCAPE.sub("", coloured) == text(verdict)
    assert ESCAPE.search(coloured)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_json_report_says_the_same(case):
    verdict = verdict_of(case)
    data = plain(verdict)
    assert data["exit_code"] == verdict.exit_code
    assert len(data["calls"]) == len(verdict.hits)
    assert [each["status"] for each in data["scenarios"]] == [
        each.status for each in verdict.scenarios
    ]


def test_the_json_report_tells_of_an_expectation():
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
    assert data["scenarios"] == [
        {
            "name": "s",
            "file": "s.yaml",
            "tags": ["t"],
            "status": "unmet",
            "expectations": [
                {
                    "call": "track: A",
                    "id": "a",
                    "note": "n",
                    "line": 4,
                    "column": 5,
                    "wanted": "1",
                    "got": 0,
                    "met": False,
                    "story": "sent, but different",
                    "claims": [],
                    "surplus": [],
                    "nearest": [{"call": 7, "matched": 1, "fields": 2, "mismatches": [mismatch]}],
                    "taken_by": [],
                }
            ],
        }
    ]
    assert data["findings"] == [
        {"policy": "unexpected", "level": "fail", "call": 7, "fails": ["s.yaml \u203a s"]}
    ]


def test_the_json_report_names_the_twin_of_a_repeated_call():
    sent = [hit(seq, "page", {"userId": "u"}) for seq in (1, 2)]
    (result,) = plain(verdict_on("expect: [{page: }]", *sent))["scenarios"]
    assert result["expectations"][0]["surplus"] == [{"call": 2, "repeats": 1, "differs": []}]
    sent = [hit(seq, "page", {"userId": f"u{seq}"}) for seq in (1, 2)]
    (result,) = plain(verdict_on("expect: [{page: }]", *sent))["scenarios"]
    assert result["expectations"][0]["surplus"] == [
        {"call": 2, "repeats": None, "differs": ["userId"]}
    ]


HOSTILE = "\x1b[31m\x07\x9b\u202e\u2028\r\n\x00\ud800"


def test_nothing_that_was_sent_reaches_the_terminal_raw():
    payload = {
        "event": HOSTILE,
        "userId": HOSTILE,
        "properties": {HOSTILE: HOSTILE, "list": [HOSTILE], "map": {HOSTILE: 1}},
    }
    calls = [hit(seq, "track", payload | {"messageId": f"m{seq}"}) for seq in (1, 2)]
    calls.append(hit(3, "track", {"event": HOSTILE, "properties": payload["properties"]}))
    calls.append(judged(4, PixelRequest(target=HOSTILE[:-1].encode(), method="POST")))
    calls.append(hit(5, "track", {**payload, "event": "A"}))
    for wanted in (
        "[{group: , times: 0}]",
        "[{track: }, {track: , times: 9}]",
        "[{track: A, properties: {x: 1, list: [], map: x}, userId: u}]",
    ):
        for policy in ("fail", "warn"):
            policies = f"unexpected: {policy}\ndropped: {policy}\ndamaged: {policy}"
            report = text(verdict_on(f"{policies}\nexpect: {wanted}\n", *calls))
            assert all(line.isprintable() for line in report.splitlines())
            assert "\\u001b[31m" in report or "\\x1b[31m" in report


def test_values_are_cut_so_that_their_difference_is_seen():
    one, other = "x" * 500 + "A" + "y" * 500, "x" * 500 + "B" + "y" * 500
    sent = hit(1, "track", {"event": "E", "userId": "u", "properties": {"p": other}})
    report = text(verdict_on(f"expect: [{{track: E, properties: {{p: {one}}}}}]", sent))
    (line,) = [line for line in report.splitlines() if "want" in line and "got " in line][-1:]
    assert "xAy" in line
    assert "xBy" in line
    assert len(line) <= 100


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_any_width_will_do(width):
    for case in CASES:
        assert text(verdict_of(case), width=width).endswith("\n")


PROSE = ("missing", "nothing reached", "wanted", "differ in", "write `times", "call that")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sentences_are_wrapped_to_the_width(case):
    """Call lines may be longer, and what stands side by side, and what is to be copied."""
    for line in text(verdict_of(case), width=60).splitlines():
        if any(words in line for words in PROSE) and " #" not in line[:6]:
            words = line.partition("   wanted ")[2] or line
            assert len(words) <= 60


def test_a_long_call_line_is_cut_before_its_codes():
    sent = hit(1, "page", {"userId": "u" * 200, "anonymousId": "{{id}}", "messageId": "m"})
    (line,) = [
        line
        for line in text(verdict_on("damaged: ignore\nexpect: [{page: }]", sent)).splitlines()
        if " #1 " in line
    ]
    codes = ", ".join(dict.fromkeys(each.code for each in sent.problems))
    assert codes
    assert line.endswith(f"  {codes}")
    assert "uu…" in line


def test_an_expectation_from_no_file_is_shown_where_it_has_the_calls():
    twice = Scenario(
        steps=(Step(expectations=(Expectation(patterns=(Pattern(type=CallType.PAGE),)),) * 2),)
    )
    report = text(verify([twice], evidence(hit(1, "page", {"userId": "u"}))))
    assert "wanted 1, got 0: its calls went to page:" in report


def test_the_calls_are_not_listed_below_a_failure():
    sent = [hit(seq, "page", {"userId": "u"}) for seq in (1, 2)]
    wanted = "expect: [{page: , times: 3}]"
    for gaps in ((), ("the recording is torn",)):
        report = text(verdict_on(wanted, *sent, gaps=gaps))
        assert report.count("#2") == 1
    assert "calls seen" in text(verdict_on("expect: [{page: , times: 2}]", *sent, gaps=gaps))


def test_long_lists_are_cut_and_counted():
    calls = [hit(seq, "track", {"event": f"E{seq}", "userId": "u"}) for seq in range(1, 31)]
    assert "… and 10 more" in text(verdict_on("expect: []", *calls))
    assert "… and 10 more" in text(
        verdict_on("unexpected: ignore\nexpect: [{page: , times: 0}]", *calls)
    )
    assert "… and 10 more" in text(verdict_on("expect: [{track: }]", *calls))


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "0 ms"), (999, "999 ms"), (1_240, "1.2 s"), (119_999, "120.0 s"), (180_000, "3 min")],
)
def test_a_span_is_said_as_people_do(milliseconds, words):
    assert span(timedelta(milliseconds=milliseconds)) == words
    assert span(-timedelta(milliseconds=milliseconds)) == words


IDS = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["$x", "null", "12", "a: b", "~"]))


@given(type=st.sampled_from(CallType), name=IDS, user=IDS, visitor=IDS, group=IDS)
@settings(max_examples=200, deadline=None)
def test_the_yaml_below_an_unexpected_call_expects_it(type, name, user, visitor, group):
    payload = {"userId": user, "anonymousId": visitor, "groupId": group, "previousId": group}
    payload |= {"event": name} if type is CallType.TRACK else {"name": name}
    sent = hit(1, type, payload)
    if sent.outcome not in KEPT:
        return
    policies = "damaged: ignore\nunexpected: fail\nexpect:\n"
    assert verdict_on(policies + suggestion(sent), sent).exit_code == 0
    assert verdict_on(policies + suggestion(sent, 2), sent, sent).exit_code == 0


def test_a_call_too_long_to_copy_has_no_yaml():
    sent = hit(1, "track", {"event": "x" * 300, "userId": "u"})
    assert suggestion(sent) == ""
    assert "to expect it" not in text(verdict_on("expect: []", sent))


def test_a_request_that_is_no_call_has_no_yaml():
    assert suggestion(judged(1, PixelRequest(target=b"/x"))) == ""


def test_a_report_is_the_same_every_time():
    for case in CASES:
        assert text(verdict_of(case)) == text(verdict_of(case))
