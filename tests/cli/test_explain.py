"""`explain`: the page of a problem code, the list of all, and what is said to a wrong code."""

import json
from textwrap import dedent

import pytest

from pixel_emulator.cli.decode import MAX_URL
from pixel_emulator.core.problems.catalog import RULES


def test_a_page_says_what_the_code_means_and_how_to_mend_the_call(run_cli):
    code, out, err = run_cli("explain", "id_not_string")
    assert (code, err) == (0, "")
    assert out == dedent("""\
        id_not_string

        What is wrong
          <path> is <value>.

        What it means
          Segment drops a call whose id is empty or no string.

        Severity
          drop: Segment drops the call.

        Evidence
          documented: Segment's documentation says so.

        An example
          https://api.segment.io/v1/pixel/page?writeKey=wk_example&userId=user_1&anonymousId=

        How to mend it
          Send text, or leave it out.
        """)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_example_of_a_page_can_be_pasted(run_cli, rule):
    """`decode` finds the code in it, unless the page says why the URL alone does not have it."""
    url = rule.example.whole_url()
    code, page, err = run_cli("explain", rule.code)
    assert (code, err) == (0, "")
    if len(url) > MAX_URL:
        assert f"shortened: the URL has {len(url):,} characters" in page
    else:
        assert f"  {url}\n" in page
    code, out, err = run_cli("decode", "--format", "json", url)
    assert (code, err) == (0, "")
    codes = {problem["code"] for problem in json.loads(out)["problems"]}
    assert (rule.code in codes) is (rule.example.requests == 1)
    assert ("  requested 2 times\n" in page) is (rule.example.requests == 2)


def test_without_a_code_all_are_listed_worst_first(run_cli):
    code, out, err = run_cli("explain")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        [rule.code, rule.severity, rule.source] for rule in RULES.values()
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("constnt_id", 'there is no code "constnt_id" (did you mean "constant_id"?)'),
        ("Constant_ID", 'there is no code "Constant_ID" (did you mean "constant_id"?)'),
        ("xyz", 'there is no code "xyz"; `pixel-emulator explain` lists all'),
    ],
)
def test_an_unknown_code_is_a_mistake_of_the_user(run_cli, word, message):
    code, out, err = run_cli("explain", word)
    assert (code, out) == (2, "")
    assert message in err
