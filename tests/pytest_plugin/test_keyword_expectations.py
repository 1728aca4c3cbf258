"""The keywords of `expect`: the words of the scenario language."""

import re
from fnmatch import fnmatch
from unittest.mock import ANY

import pytest
from dirty_equals import IsStr

from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import matches
from pixel_emulator.core.model import CallType
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.core.scenarios.scenario import Order
from pixel_emulator.pytest_plugin.keyword_expectations import expectation_of, scenarios_of

HERE = Location("test_mail.py", 12)


def pattern(**call):
    (expected,) = expectation_of(call, HERE).patterns
    return expected


def test_an_expectation_stands_on_its_line_of_the_test():
    assert expectation_of({"track": "Email Opened"}, HERE).location == HERE


@pytest.mark.parametrize(
    ("wanted", "yes", "no"),
    [
        ("$string", "a", 1),
        ("$$string", "$string", "a"),
        ("$/^FC-/i", "fc-1", "C-1"),
        ({"$in": ["A", re.compile("^B")]}, "Bc", "C"),
        ({"$not": IsStr()}, 1, "a"),
        ({"$$in": "$$$$5"}, {"$in": "$$5"}, {"$in": "$5"}),
        ("a $5", "a $5", "a"),
    ],
)
def test_a_text_is_what_it_is_in_a_scenario_file(wanted, yes, no):
    expected = {**pattern(track="A", properties={"k": wanted}).fields}
    assert matches(expected, {"event": "A", "properties": {"k": yes}})
    assert not matches(expected, {"event": "A", "properties": {"k": no}})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("$5", "properties.k: what begins with `$` is special: for this very text, write `$$5`"),
        ("$strin", "properties.k: `$strin` *did you mean*; `$$` writes a dollar sign"),
        ("Hi ${user}", "properties.k: *user*"),
    ],
)
def test_a_text_that_is_no_matcher_is_an_error_that_says_how_to_write_it(wanted, said):
    with pytest.raises(TypeError) as error:
        expectation_of({"track": "A", "properties": {"k": wanted}}, HERE)
    assert fnmatch(str(error.value), said)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ({"track": "A"}, "track: A"),
        ({"page": None}, "page:"),
        ({"any": "identify"}, "identify:"),
        ({"any": None}, "any:"),
        ({"dropped": True}, "dropped:"),
        ({"dropped": "bad_request", "type": "track"}, "dropped: bad_request (track:)"),
        ({"one_of": [{"track": "A"}, {"track": "B"}]}, "track: A or track: B"),
        ({"track": re.compile("^A")}, "track: matching /^A/"),
    ],
)
def test_the_call_line_says_which_call(call, line):
    assert expectation_of(call, HERE).line == line


@pytest.mark.parametrize(
    ("times", "wanted"), [(2, Times(2, 2)), (0, Times(0, 0)), ("1..", Times(1, None))]
)
def test_times_are_numbers_or_ranges(times, wanted):
    assert expectation_of({"track": "A", "times": times}, HERE).times == wanted


def test_the_wire_can_be_expected():
    assert pattern(page=None, request={"form": "flat"}).request == {"form": "flat"}
    assert pattern(page=None).type is CallType.PAGE


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"trakc": "A"}, 'trakc: no such key here (did you mean "track"?)'),
        ({"track": "A", "propertis": {}}, "propertis: no such key here"),
        ({"track": 404}, 'track: must be text, but is 404 (number): quote it, "404"'),
        ({"track": "A", "times": -1}, "times: must be like 1, 0, 2..4 or 1..; it is -1 (number)"),
        ({"dropped": "nope"}, "dropped: `nope` is no problem that drops a call"),
        ({"userId": "x"}, "which call? give one of identify, track,"),
        ({}, "which call?"),
        ({"track": "A", "page": "B"}, "one call cannot be both `track` and `page`"),
        ({"track": "A", "after": "x"}, "after: it stands in a scenario: `pixels.expecting("),
        ({"track": "A", "within": "5s"}, "within: give `timeout` to `wait_for`"),
        ({"track": "A", "timeout": 2}, "timeout: `expect` looks at once; `wait_for(…, timeout=…)`"),
        (
            {"track": "A", "times": range(1, 3)},
            "times: must be like 1, 0, 2..4 or 1..; it is r",
        ),
        ({"any": ANY, "userId": ANY}, "any: must be one of identify, track, "),
        ({"track": "A", "properties": {"a": b""}}, "properties.a: b'' can never arrive"),
    ],
)
def test_what_is_no_call_is_refused_in_the_words_of_the_language(call, said):
    with pytest.raises(TypeError) as error:
        expectation_of(call, HERE)
    assert str(error.value).startswith(said)


FILE = "/nowhere/test_mail.py"


def scenario(given, **values):
    (only,) = scenarios_of(given, values, HERE, FILE)
    return only


def test_a_scenario_has_all_that_a_file_has():
    wanted = scenario(
        {
            "name": "checkout",
            "let": {"user": re.compile("^u"), "plan": None},
            "order": "listed",
            "within": "2s",
            "expect": [
                {"track": "A", "id": "a", "userId": "$user", "properties": {"n": IsStr()}},
                {"track": "B", "after": "a", "within": "1s", "times": "0..2"},
                {"one-of": [{"page": "C"}, {"page": "$/^D/"}]},
            ],
            "never": [{"track": "Error"}],
            "deny": [{"contains": "$email", "in": "everything", "except": ["context.ip"]}],
            "state": {"u1": {"traits": {"plan": "$plan", "age": int}}},
            "unexpected": "same-event",
        }
    )
    (step,) = wanted.steps
    assert (step.order, step.within, wanted.same_event) == (Order.LISTED, 2.0, True)
    assert [expected.line for expected in wanted.expectations][-1] == "track: Error"
    assert {expected.location for expected in wanted.expectations} == {HERE}
    assert wanted.expectations[1].after == "a"
    assert wanted.state is not None
    assert wanted.variables.keys() == {"user", "plan"}


def test_steps_and_variables_with_a_value():
    wanted = scenario(
        {
            "let": ["user"],
            "steps": [{"name": "one", "expect": [{"track": "A", "userId": "$user"}]}],
        },
        user="u1",
    )
    assert wanted.expectations[0].patterns[0].fields == {"event": "A", "userId": "u1"}


@pytest.mark.parametrize("given", [{"track": "A"}, [{"track": "A"}], ({"track": "A"},)])
def test_a_call_or_a_list_of_calls_is_a_scenario(given):
    assert [expected.line for expected in scenario(given).expectations] == ["track: A"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expcet": []}, "expect[0].expcet: no such key here"),
        ({"expect": [], "ordr": "any"}, 'ordr: no such key here (did you mean "order"?)'),
        ({"expect": [{"track": "A", "properties": {"a": b""}}]}, "expect[0].properties.a: b'' can"),
        (
            {"expect": [{"track": "A", "times": range(2)}]},
            "expect[0].times: must be like 1, 0, 2..4",
        ),
        ({"expect": [{"track": "A"}], "within": re.compile("5")}, "within: "),
        ({"expect": [{"track": "A", "userId": "$user"}]}, "expect[0].userId: `$user` "),
        ({"expect": [{"track": "A", 1: "a"}]}, "expect[0]: the key 1 is no text"),
        ({"expect": [{"track": "A"}], "plan": "no.json"}, "plan: "),
        ({"never": "A"}, "never: "),
        (5, "expect: "),
        ({}, "expect[0]: which call? give one of"),
    ],
)
def test_a_mistake_in_a_scenario_names_its_path(given, said):
    with pytest.raises(TypeError) as error:
        scenario(given)
    assert str(error.value).startswith(said)


def test_a_mistake_shows_the_objects_of_the_test():
    with pytest.raises(TypeError, match=r"it is re.compile\('5'\)"):
        scenario({"expect": [{"track": "A", "times": re.compile("5")}]})


def test_values_are_given_only_to_variables_that_are_declared():
    with pytest.raises(TypeError, match="`user` is given a value, but"):
        scenario({"expect": [{"track": "A"}]}, user="u1")


def test_files_that_a_scenario_names_are_beside_the_test(tmp_path):
    (tmp_path / "terms.yaml").write_text("define: {money: {$gt: 0}}\n")
    given = {"use": ["terms.yaml"], "expect": [{"track": "A", "properties": {"total": "$money"}}]}
    (wanted,) = scenarios_of(given, {}, HERE, str(tmp_path / "test_mail.py"))
    (fields,) = (expected.patterns[0].fields for expected in wanted.expectations)
    assert not matches({**fields}, {"event": "A", "properties": {"total": -1}})
