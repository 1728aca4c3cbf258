"""JUnit XML: valid, one testcase for each scenario or step, and never kinder than the verdict."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from pixel_emulator.core.errors import Location
from pixel_emulator.core.model import HttpRequest
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.report.junit import junit
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import classified_hit, evidence, hit
from tests.verdicts import (
    CASES,
    MADE_BY_HAND,
    MET,
    NOT_SENT,
    live_steps,
    shouted,
    step,
    verdict,
    verdict_of,
    verdict_on,
)

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[2] / "cases" / "junit.xsd")
VERDICTS = [
    *(pytest.param(lambda case=case: verdict_of(case), id=case.name) for case in CASES),
    *(pytest.param(made, id=made.__name__) for made in MADE_BY_HAND),
]
HOSTILE = "\x00\x1b[31m\ufffe\uffff\ud800<&\"'>]]>\u2028"


def parsed(verdict):
    return ET.fromstring(junit(verdict).encode())


def outcomes(verdict):
    """The name of each testcase with its outcome."""
    return {
        case.get("name"): next((child.tag for child in case if child.tag != "system-out"), "")
        for case in parsed(verdict).iter("testcase")
    }


@pytest.mark.parametrize("made", VERDICTS)
def test_it_is_valid(made):
    SCHEMA.validate(junit(made()))


@pytest.mark.parametrize("made", VERDICTS)
def test_it_passes_where_the_verdict_does(made):
    verdict = made()
    root = parsed(verdict)
    bad = {"failure", "error"} & set(outcomes(verdict).values())
    assert (not bad) == (verdict.exit_code == 0)
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error")):
            assert int(element.get(attribute)) == sum(case.find(tag) is not None for case in cases)
        assert int(element.get("tests")) == len(cases)


def test_a_step_is_a_testcase_and_so_is_the_whole_run():
    title = "receipt mail, then checkout [n=1] \u203a"
    assert outcomes(live_steps()) == {
        f"{title} customer opens the mail": "",
        f"{title} customer signs up": "failure",
        f"{title} step 3": "skipped",
        f"{title} the whole run": "",
    }


def test_a_policy_fails_its_scenario_although_another_shows_the_call():
    sent = hit(1, "track", {"event": "A", "userId": "u", "properties": {"x": 1}})
    texts = ("name: one\nexpect: []\n", "name: two\nexpect: [{track: A, properties: {x: 2}}]\n")
    both = [scenario for text in texts for scenario in parse(parse_document(text, "s.yaml"))]
    judged_both = verify(both, evidence(sent))
    assert outcomes(judged_both) == {"one": "failure", "two": "failure"}
    assert "1 call that no expectation matches" in junit(judged_both)


def test_what_cannot_be_decided_is_an_error():
    decided = verdict(step(MET), status=Status.MET)
    (result,) = decided.scenarios
    for status in (Status.UNDECIDED, Status.INCOMPLETE):
        other = replace(decided, scenarios=(replace(result, status=status),))
        assert set(outcomes(other).values()) == {"error"}
    assert set(outcomes(replace(decided, gaps=("torn",))).values()) == {"error"}


def test_an_unmet_scenario_without_a_reason_fails():
    assert set(outcomes(verdict(step(MET))).values()) == {"failure"}
    named = step(MET, name="a"), step(MET, name="b")
    assert list(outcomes(verdict(*named)).values()) == ["", "", "failure"]
    skipped = step(MET), step(NOT_SENT, reached=False)
    assert list(outcomes(verdict(*skipped)).values()) == ["", "skipped", "failure"]


def test_characters_that_xml_forbids_are_replaced():
    calls = [
        hit(1, "track", {"event": HOSTILE, "userId": HOSTILE}),
        classified_hit(2, HttpRequest(target=b"/\xff\x00", method="PUT")),
    ]
    SCHEMA.validate(junit(verdict_on("unhandled: fail\nexpect: [{track: A}]", *calls)))
    for made in MADE_BY_HAND:
        loud = shouted(made(), HOSTILE)
        SCHEMA.validate(junit(loud))
        assert "\ufffd" in parsed(loud)[0].get("name")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("checkout.yaml", "checkout"),
        ("scenarios/mail/drip.yaml", "scenarios.mail.drip"),
        ("../a.b/c.d.yaml", "a.b.c.d"),
        ("", "scenarios"),
        (".yaml", "yaml"),
    ],
)
def test_a_file_becomes_a_class_name(file, name):
    made = verdict(step(MET))
    (result,) = made.scenarios
    moved = replace(result, scenario=replace(result.scenario, location=Location(file)))
    (case,) = parsed(replace(made, scenarios=(moved,))).iter("testcase")
    assert case.get("classname") == name


def test_an_error_says_why_calls_may_be_missing():
    verdict = verdict_on("expect: [{track: A}]", hit(1, "track", {"event": "A", "userId": "u"}))
    (error,) = parsed(replace(verdict, gaps=("torn", "edited"))).iter("error")
    words = "calls may be missing, so nothing can pass: torn (and 1 more)"
    assert error.get("message") == words


def test_a_failure_names_the_unexpected_call():
    hits = [hit(n, "track", {"event": event, "userId": "u"}) for n, event in enumerate("ABC", 1)]
    (failure,) = parsed(verdict_on("expect: [{track: A}]", *hits)).iter("failure")
    assert failure.get("message") == '2 calls that no expectation matches: #2 track "B"'
