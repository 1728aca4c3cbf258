"""Reports are golden files: reading tests/cases/verify/*/report.txt is reviewing the feature.

Run with PIXEL_GOLDEN=update to rewrite them, then read what changed.
"""

import os
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import KEPT, CallType, HttpRequest
from pixel_emulator.core.redaction.known_keys import redact_text
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.report.page import duration_text
from pixel_emulator.core.report.side_by_side import masked_url
from pixel_emulator.core.report.snippets import expectation_snippet
from pixel_emulator.core.report.text_report import text
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.scenario import Scenario, Step
from pixel_emulator.core.verification.verify import verify
from tests.hits import KEY, changed, classified_hit, evidence, hit, redact
from tests.law_examples import examples
from tests.verdicts import CASES, MADE_BY_HAND, objections, shouted, verdict_of, verdict_on

ESCAPE = re.compile(r"\x1b\[\d+m")
EXIT_CODES = {"silence_unproven": 3, "gap": 3, "undecided": 3}
MET = {
    *("met", "unexpected_warned", "dropped_expected", "damaged_accepted", "duplicate"),
    *("unhandled", "silence_proven", "long_ids"),
}


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


HOSTILE = "\x1b[31m\x07\x9b\u202e\u2028\r\n\x00\ud800"


def test_sent_values_are_escaped_for_the_terminal():
    payload = {
        "event": HOSTILE,
        "userId": HOSTILE,
        "properties": {HOSTILE: HOSTILE, "list": [HOSTILE], "map": {HOSTILE: 1}},
    }
    calls = [hit(seq, "track", payload | {"messageId": f"m{seq}"}) for seq in (1, 2)]
    calls.append(hit(3, "track", {"event": HOSTILE, "properties": payload["properties"]}))
    calls.append(classified_hit(4, HttpRequest(target=HOSTILE[:-1].encode(), method="POST")))
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


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_every_width_is_possible(width):
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


@pytest.mark.parametrize("made", MADE_BY_HAND, ids=lambda made: made.__name__)
def test_output_and_descriptions_are_escaped_for_the_terminal(made):
    for verdict in (made(), shouted(made(), HOSTILE)):
        report = text(verdict, recording=HOSTILE)
        assert all(line.isprintable() for line in report.splitlines())
        assert ESCAPE.sub("", text(verdict, recording=HOSTILE, colour=True)) == report


def test_a_long_call_line_is_cut_before_its_codes():
    sent = hit(1, "page", {"userId": "u" * 200, "anonymousId": "{{id}}", "messageId": "m"})
    (line,) = [
        line
        for line in text(verdict_on("damaged: ignore\nexpect: [{page: }]", sent)).splitlines()
        if " #1 " in line
    ]
    codes = ", ".join(dict.fromkeys(problem.code for problem in sent.problems))
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
def test_a_duration_has_the_unit_that_people_use(milliseconds, words):
    assert duration_text(timedelta(milliseconds=milliseconds)) == words
    assert duration_text(-timedelta(milliseconds=milliseconds)) == words


IDS = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["$x", "null", "12", "a: b", "~"]))


@given(type=st.sampled_from(CallType), name=IDS, user=IDS, visitor=IDS, group=IDS)
@examples(200)
def test_the_yaml_below_an_unexpected_call_expects_it(type, name, user, visitor, group):
    payload = {"userId": user, "anonymousId": visitor, "groupId": group, "previousId": group}
    payload |= {"event": name} if type is CallType.TRACK else {"name": name}
    sent = hit(1, type, payload)
    if sent.outcome not in KEPT:
        return
    policies = "damaged: ignore\nunexpected: fail\nexpect:\n"
    assert verdict_on(policies + expectation_snippet(sent), sent).exit_code == 0
    assert verdict_on(policies + expectation_snippet(sent, 2), sent, sent).exit_code == 0


def raw(sent, **more):
    """The lines about the URL of a call that comes close."""
    lines = text(verdict_on("expect: [{any: , userId: v}]", sent), **more).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("    raw  "))
    return [line.strip() for line in lines[at : at + 2] if line]


def test_a_url_is_cut_in_the_middle_and_a_short_one_is_not():
    (line,) = raw(hit(1, "page", {"userId": "u"}))
    assert re.fullmatch(r"raw  GET https://api\.segment\.io/v1/pixel/page\?data=\w{12}…\w{8}", line)
    short = classified_hit(1, HttpRequest(target=b"/v1/pixel/page?writeKey=k&userId=u"))
    assert raw(short) == ["raw  GET https://api.segment.io/v1/pixel/page?writeKey=_&userId=u"]


def test_the_command_for_a_whole_call_is_shown_if_the_recording_is_known():
    sent, show = hit(3, "page", {"userId": "u"}), "pixel-emulator recording show calls.yaml 3"
    assert raw(sent, recording="calls.yaml")[1] == show
    assert raw(sent, recording="calls.yaml", width=150)[0].endswith(f"   {show}")
    assert raw(sent, recording="my calls.yaml")[1].endswith(" 'my calls.yaml' 3")


def test_a_url_holds_no_write_key_and_a_masked_one_is_masked_once():
    flat = hit(1, "page", {"userId": "u"}, form="flat")
    masked = redact(changed(flat, digest=flat.request.digest))
    assert KEY not in masked_url(flat)
    assert masked_url(flat) == masked_url(masked) == masked.request.url


@pytest.mark.parametrize("size", [*range(1, 9), 12, 20, 32, 40])
@pytest.mark.parametrize("before", ["", "a=1&", "userId=u&a=123&"])
def test_a_cut_url_shows_the_whole_mask_of_its_key(size, before):
    """The finished text is redacted once more, and changes no mask."""
    key = "wk_test_00000000000000000000000000000000"[-size:]
    target = f"/v1/pixel/page?{before}writeKey={key}&properties.plan=pro&userId=user_1"
    (line,) = raw(classified_hit(1, HttpRequest(target=target.encode())))
    shown = f"page?{before}writeKey={mask(key)}"
    assert line.endswith("…d=user_1")
    assert shown.startswith(line.partition("/pixel/")[2].partition("…")[0][: len(shown)])
    assert redact_text(line) == line


def test_columns_stay_readable_where_there_is_no_room():
    assert "order_id is required" in text(objections(), width=30)


def test_a_call_too_long_to_copy_has_no_yaml():
    sent = hit(1, "track", {"event": "x" * 300, "userId": "u"})
    assert expectation_snippet(sent) == ""
    assert "to expect it" not in text(verdict_on("expect: []", sent))


def test_a_request_that_is_no_call_has_no_yaml():
    assert expectation_snippet(classified_hit(1, HttpRequest(target=b"/x"))) == ""


def test_a_report_is_the_same_every_time():
    for case in CASES:
        assert text(verdict_of.__wrapped__(case)) == text(verdict_of(case))
