"""The catalogue of problem codes."""

import string

import pytest

from pixel_emulator.core.model import RuleSource, Severity
from pixel_emulator.core.problems.catalog import RULES, problem

# https://segment.com/docs/connections/delivery-overview/
SEGMENTS_OWN = {
    "bad_request",
    "unknown_source",
    "no_user_anon_id",
    "id_not_string",
    "event_not_defined",
    "event_not_string",
    "properties_not_object",
    "traits_not_object",
    "name_not_string",
    "category_not_string",
}
RULE = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def test_segment_drops_for_its_own_codes_and_for_no_other():
    drops = [rule for rule in RULES.values() if rule.severity is Severity.DROP]
    assert {rule.code for rule in drops} == SEGMENTS_OWN
    assert {rule.source for rule in drops} == {RuleSource.DOCUMENTED}


def test_the_catalogue_lists_the_worst_first():
    ranks = [list(Severity).index(rule.severity) for rule in RULES.values()]
    assert ranks == sorted(ranks)


@RULE
def test_a_summary_is_one_sentence_of_one_table_cell(rule):
    assert rule.summary.endswith(".")
    assert ". " not in rule.summary
    assert not set(rule.summary) & set("|\n{}")
    assert len(rule.summary) < 200


@RULE
def test_effect_and_mend_are_the_sentences_of_a_summary(rule):
    if rule.code != "bad_request":  # the message of each case says how to correct the call
        assert f"{rule.effect[:-1]}; " in rule.summary
        assert rule.summary.endswith(rule.mend[1:])
    for sentence in (rule.effect, rule.mend):
        assert sentence[0].isupper() or sentence.startswith("`")
        assert sentence.endswith(".")


@RULE
def test_a_fact_has_only_named_details(rule):
    names = {name for _, name, _, _ in string.Formatter().parse(rule.fact) if name is not None}
    known = {"path", "value", "shown", "cause", "key", "name", "meant", "type", "length", "count"}
    assert names <= known
    assert not rule.fact.endswith(".")


def test_a_message_is_the_fact_the_summary_and_the_advice_for_this_case():
    made = problem("bad_request", cause="it is gzip", advice="Send plain JSON.")
    assert made.message == (
        "Undecodable: it is gzip. "
        "Segment drops what it cannot decode, although it answers 200 with the GIF. "
        "Send plain JSON."
    )


def test_a_problem_has_the_severity_and_source_of_its_rule():
    made = problem("constant_id", "userId", value="-1")
    assert (made.code, made.path) == ("constant_id", "userId")
    assert (made.severity, made.source) == (Severity.DAMAGE, RuleSource.DOCUMENTED)


def test_a_problem_without_a_path_is_about_the_url():
    assert problem("template_token", shown='"{{x}}"').message.startswith("The URL still holds")


def test_details_from_the_wire_are_made_printable():
    assert "amp;\\u001b[2J." in problem("amp_parameter", shown="amp;\x1b[2J").message


def test_braces_in_details_are_not_templates():
    assert "named {value}." in problem("amp_parameter", shown="{value}").message


@pytest.mark.parametrize(("code", "details"), [("no_such_code", {}), ("bad_request", {})])
def test_an_unknown_code_and_a_missing_detail_are_programming_errors(code, details):
    with pytest.raises(KeyError):
        problem(code, **details)
