"""`plan infer` and `plan diff`."""

import json

import pytest

from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY
from tests.recordings import write_recording

OLD = """\
rules:
  events:
    - name: Paid
      rules: {properties: {properties: {properties: {total: {type: number}}}}}
"""
NEW = """\
rules:
  events:
    - name: Paid
      rules:
        properties:
          properties: {properties: {total: {type: number}, tax: {}}, required: [tax]}
"""
CALLS = [
    ("track", {"event": "Paid", "properties": {"total": 49.9}}),
    ("track", {"event": "Paid", "properties": {"total": 5, "tax": 1}}),
    ("identify", {"traits": {"plan": "pro"}}),
    ("track", {"event": "Lost", "userId": None}),
]


@pytest.fixture
def recording(tmp_path):
    return write_recording(tmp_path / "calls.yaml", *CALLS)


@pytest.fixture
def plans(tmp_path):
    for name, text in (("old.yaml", OLD), ("new.yaml", NEW)):
        (tmp_path / name).write_text(text)
    return tmp_path / "old.yaml", tmp_path / "new.yaml"


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_a_drafted_plan_takes_the_recording(run_cli, recording, output):
    code, out, err = run_cli("plan", "infer", "--format", output, recording)
    assert (code, err) == (0, "")
    plan = parse(parse_document(out, "plan"))
    assert plan.events == ("Paid",)
    hits = read_recording(recording).hits
    assert [violation for hit in hits for violation in violations({1: plan}, hit)] == []
    assert KEY not in out
    assert "user_1" not in out


def test_the_name_is_that_of_the_recording_or_given(run_cli, recording):
    assert "\nname: calls\n" in run_cli("plan", "infer", recording)[1]
    assert "\nname: shop\n" in run_cli("plan", "infer", "--name", "shop", recording)[1]


def test_nothing_kept_is_nothing_to_plan(run_cli, tmp_path):
    path = write_recording(tmp_path / "lost.yaml", CALLS[3], ("page", {"name": "Home"}))
    code, out, err = run_cli("plan", "infer", path)
    assert (code, out) == (2, "")
    assert "there is nothing to plan" in err


def test_an_open_recording_may_lack_calls(run_cli, plans, tmp_path):
    path = write_recording(tmp_path / "open.yaml", *CALLS, closed=False)
    assert run_cli("plan", "infer", path)[0] == 3
    assert run_cli("plan", "infer", "--allow-open", path)[0] == 0
    code, _, err = run_cli("plan", "diff", *plans, "--against", path)
    assert code == 3
    assert "has no `end`" in err


def test_diff_says_what_changed(run_cli, plans):
    old, new = plans
    expected = 'track "Paid"\n  properties.tax  is new: required\n'
    assert run_cli("plan", "diff", old, new) == (0, expected, "")
    assert run_cli("plan", "diff", old, old) == (0, "Nothing changed.\n", "")


def test_diff_says_which_calls_break(run_cli, plans, recording):
    code, out, err = run_cli("plan", "diff", *plans, "--against", recording)
    assert (code, err) == (1, "")
    assert out.endswith(
        """
1 of 4 recorded calls breaks:
  #1  delivered  track "Paid"  userId=user_1
      Required: properties.tax is required
"""
    )


def test_diff_against_calls_that_keep_to_both(run_cli, plans, tmp_path):
    path = write_recording(tmp_path / "good.yaml", CALLS[1])
    code, out, _ = run_cli("plan", "diff", *plans, "--against", path)
    assert code == 0
    assert out.endswith("\n0 of 1 recorded calls break\n")


def test_diff_as_json(run_cli, plans, recording):
    _, out, _ = run_cli("plan", "diff", *plans, "--against", recording, "--format", "json")
    assert json.loads(out) == {
        "changes": [
            {"rule": 'track "Paid"', "field": "properties.tax", "words": "is new: required"}
        ],
        "broken": [
            {
                "seq": 1,
                "call": 'track "Paid"',
                "violations": [
                    {
                        "type": "Required",
                        "field": "properties.tax",
                        "description": "properties.tax is required",
                    }
                ],
            }
        ],
        "gaps": [],
    }


def test_many_broken_calls_are_counted(run_cli, plans, tmp_path):
    path = write_recording(tmp_path / "many.yaml", *[CALLS[0]] * 53)
    out = run_cli("plan", "diff", *plans, "--against", path)[1]
    assert out.count("\n  #") == 50
    assert out.endswith("\n  and 3 more\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules: {events: [{name: A, rules: {type: strin}}]}", "bad.yaml:1:36: rules.events[0]"),
        ("rules: {identify: {$ref: 'file:///etc/hostname'}}", "is never fetched"),
        ("rules: [", "not YAML"),
        ("[" * 5_000, "nested deeper than 200 levels"),
        ("\udcff", "is not UTF-8"),
    ],
)
def test_a_bad_plan_is_a_mistake(run_cli, plans, recording, tmp_path, text, words):
    bad = tmp_path / "bad.yaml"
    bad.write_text(text, errors="surrogateescape")
    code, out, err = run_cli("plan", "diff", plans[0], bad, "--against", recording)
    assert (code, out) == (2, "")
    assert words in err


def test_a_recording_is_no_plan(run_cli, plans, recording):
    assert run_cli("plan", "diff", plans[0], recording)[0] == 2
