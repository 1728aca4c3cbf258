"""Variables across calls: solved if a solution exists, undecided if the budget is spent."""

from dataclasses import replace
from itertools import combinations, count

import pytest

from pixel_emulator.core.matching.expected import Binding, Matcher
from pixel_emulator.core.matching.unification import Variable
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.report.text_report import text
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import (
    DEFAULT_LEVELS,
    Forbidden,
    Level,
    Policy,
    Scenario,
    Step,
)
from pixel_emulator.core.verification.verdict import Explanation, Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import evidence, hit


def verify_text(text, *hits, **options):
    return verify(parse(parse_document(text, "s.yaml")), evidence(*hits), **options)


def calls(*texts):
    """Yield calls written as `A a=1 b=x`: the event, and its properties."""
    for seq, words in enumerate(texts, 1):
        event, *pairs = words.split()
        fields = dict(pair.split("=") for pair in pairs)
        user = fields.pop("user", "u")
        yield hit(seq, "track", {"event": event, "userId": user, "properties": fields})


# Expectations, calls, and the values of the variables; None if it is not met.
CAPTURES = [
    (["A: {a: $x}"], ["A a=1"], {"x": "1"}),
    (["A: {a: $x}", "B: {a: $x}"], ["A a=1", "B a=1"], {"x": "1"}),
    (["A: {a: $x}", "B: {a: $x}"], ["A a=1", "B a=2"], None),
    # The first of the expectations matches both calls.
    (["A: {a: $x}", "A: {a: $x, b: '1'}"], ["A a=1 b=1", "A a=1"], {"x": "1"}),
    (["A: {}", "A: {a: $x}", "B: {b: $x}"], ["A a=1", "A a=2", "B b=1"], {"x": "1"}),
    (["A: {a: $x}", "A: {}"], ["A a=1", "A a=1"], {"x": "1"}),
    # Only one assignment of the calls works.
    (["A: {a: $x}", "A: {a: $y}", "B: {a: $x, b: $y}"], ["A a=1", "A a=2", "B a=2 b=1"],
     {"x": "2", "y": "1"}),
    (["A: {a: $x, b: $y}", "B: {a: $y, b: $x}"], ["A a=1 b=2", "B a=2 b=1"],
     {"x": "1", "y": "2"}),
    (["A: {a: $x, b: $y}", "A: {a: $y, b: $x}"], ["A a=1 b=2", "A a=2 b=2"], None),
    # A chain over four calls.
    (["A: {a: $x}", "B: {a: $x, b: $y}", "C: {a: $y, b: $z}", "D: {a: $z}"],
     ["A a=1", "B a=1 b=2", "C a=2 b=3", "D a=3"], {"x": "1", "y": "2", "z": "3"}),
    (["A: {a: $x}", "B: {a: $x, b: $y}", "C: {a: $y, b: $z}", "D: {a: $z}"],
     ["A a=1", "B a=1 b=2", "C a=2 b=3", "D a=4"], None),
    # Inside a longer text.
    (["A: {a: $x}", 'B: {a: "order/${x}"}'], ["B a=order/7", "A a=7"], {"x": "7"}),
    (["A: {a: $x}", 'B: {a: "order/${x}"}'], ["B a=order/7", "A a=8"], None),
    (['A: {a: "${x}-1"}', 'B: {a: "2-${x}"}'], ["A a=7-1", "B a=2-7"], {"x": "7"}),
    # The same variable twice in one call.
    (["A: {a: $x, b: $x}"], ["A a=1 b=1"], {"x": "1"}),
    (["A: {a: $x, b: $x}"], ["A a=1 b=2"], None),
    # A variable that no claimed call requires stays without a value.
    (["A: {a: '1'}", "{track: B, properties: {a: $x}, times: 0..}"], ["A a=1"], {}),
]  # fmt: skip


def scenario(expected, policies="unexpected: fail"):
    lines = []
    for line in expected:
        event, _, fields = line.partition(": ")
        if line.startswith("{"):
            lines.append(f"  - {line}")
        else:
            lines.append(f"  - {{track: {event}, properties: {fields}}}")
    used = [
        name
        for name in "xyz"
        if any(f"${name}" in line or f"${{{name}}}" in line for line in lines)
    ]
    return "\n".join([policies, f"let: [{', '.join(used)}]", "expect:", *lines])


@pytest.mark.parametrize(("expected", "sent", "bindings"), CAPTURES)
def test_a_variable_has_one_value_in_all_calls(expected, sent, bindings):
    """For both orders of the expectations."""
    for lines in (expected, expected[::-1]):
        verdict = verify_text(scenario(lines), *calls(*sent))
        assert (verdict.status is Status.MET) == (bindings is not None)
        if bindings is not None:
            assert verdict.scenarios[0].bindings == bindings


def test_of_equally_good_values_the_first_to_appear_is_taken():
    text = scenario(["A: {a: $x}"], "unexpected: ignore")
    verdict = verify_text(text, *calls("A a=2", "A a=1"))
    assert verdict.scenarios[0].bindings == {"x": "2"}
    assert verdict.status is Status.MET


@pytest.mark.parametrize(("times", "code"), [("1", 1), ("1..2", 0)])
def test_a_repeated_call_exceeds_times_although_other_calls_are_ignored(times, code):
    expected = [f"{{track: A, properties: {{a: $x}}, times: {times}}}", "B: {a: $x}"]
    text = scenario(expected, "unexpected: ignore")
    assert verify_text(text, *calls("A a=1", "A a=1", "B a=1", "A a=2")).exit_code == code


def test_times_zero_with_a_variable_forbids_only_its_value():
    text = scenario(["A: {a: $x}", "{track: B, properties: {a: $x}, times: 0}"])
    ignoring = f"{text}\n".replace("unexpected: fail", "unexpected: ignore")
    assert verify_text(ignoring, *calls("A a=1", "B a=2")).exit_code == 0
    assert verify_text(ignoring, *calls("A a=1", "B a=1")).exit_code == 1


def test_the_values_shown_are_those_of_least_cost():
    expected = ["A: {a: $x}", "B: {a: $x}", "C: {a: $x}"]
    verdict = verify_text(scenario(expected), *calls("A a=1", "B a=2", "C a=2"))
    (result,) = verdict.scenarios
    assert result.bindings == {"x": "2"}
    assert [outcome.explanation for outcome in result.expectations] == [
        Explanation.DIFFERENT,
        Explanation.MET,
        Explanation.MET,
    ]
    (mismatch,) = result.expectations[0].closest_calls[0].mismatches
    assert (mismatch.expected.text, mismatch.actual.text) == ('"2"', '"1"')


def test_scenarios_have_variables_of_their_own():
    both = [
        *parse(parse_document(scenario(["A: {a: $x}"]), "s.yaml")),
        *parse(parse_document(scenario(["B: {a: $x}"]), "t.yaml")),
    ]
    verdict = verify(both, evidence(*calls("A a=1", "B a=2")))
    assert [result.bindings for result in verdict.scenarios] == [{"x": "1"}, {"x": "2"}]


def test_a_value_with_which_a_scenario_would_match_a_damaged_call_is_avoided():
    expected = "let: [x]\nexpect: [{track: A, properties: {a: $x}, times: 0..1}]\n"
    both = [
        *parse(parse_document(f"damaged: fail\n{expected}", "s.yaml")),
        *parse(parse_document(f"damaged: ignore\n{expected}", "t.yaml")),
    ]
    verdict = verify(both, evidence(*calls("A a=1 user={{id}}")))
    assert verdict.status is Status.MET
    assert [result.bindings for result in verdict.scenarios] == [{}, {"x": "1"}]


ONE_OF = """
let: [x]
expect:
  - one-of:
      - {track: A, properties: {variant: a}}
      - {track: A, properties: {variant: b, hero: $x}}
    userId: u
  - {track: B, properties: {hero: $x}, times: 0..1}
"""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (["A variant=a"], 0),
        (["A variant=b hero=h"], 0),
        (["A variant=b"], 1),
        (["A variant=a user=v"], 1),
        (["A variant=a", "A variant=b hero=h"], 1),
        (["A variant=b hero=h", "B hero=h"], 0),
        (["A variant=b hero=h", "B hero=i"], 1),
        (["A variant=a", "B hero=i"], 0),
    ],
)
def test_one_of_several_patterns_is_enough(sent, code):
    assert verify_text(ONE_OF, *calls(*sent)).exit_code == code


def test_the_closest_of_several_patterns_is_compared():
    (result,) = verify_text(ONE_OF, *calls("A variant=b")).scenarios[0].expectations[:1]
    assert [mismatch.path for mismatch in result.closest_calls[0].mismatches] == ["properties.hero"]


def test_request_facts_are_compared_under_request():
    text = "expect: [{track: A, request: {form: flat}}]"
    (result,) = verify_text(text, *calls("A")).scenarios[0].expectations
    assert [mismatch.path for mismatch in result.closest_calls[0].mismatches] == ["request.form"]


def _cliques(points, size):
    """A scenario that requires points of which any two share a call; at most seven do."""
    expectations = [
        Expectation(
            patterns=(
                Pattern(
                    type=CallType.TRACK,
                    fields={"properties": {"a": Variable(f"x{i:02}"), "b": Variable(f"x{j:02}")}},
                ),
            )
        )
        for i, j in combinations(range(size), 2)
    ]
    levels = {**DEFAULT_LEVELS, Policy.UNEXPECTED: Level.IGNORE}
    pairs = [(a, b) for a, b in combinations(range(points), 2) if (a - b) % 7]
    hits = [
        hit(seq, "track", {"event": "E", "userId": "u", "properties": {"a": a, "b": b}})
        for seq, (a, b) in enumerate(pairs, 1)
    ]
    return Scenario(steps=(Step(expectations=tuple(expectations)),), levels=levels), hits


def test_a_small_puzzle_is_solved():
    scenario, hits = _cliques(8, 3)
    verdict = verify([scenario], evidence(*hits))
    assert verdict.status is Status.MET
    assert len(verdict.scenarios[0].bindings) == 3


def test_a_puzzle_that_is_too_hard_is_undecided_and_never_met():
    scenario, hits = _cliques(24, 8)
    verdict = verify([scenario], evidence(*hits), budget=1)
    assert (verdict.status, verdict.exit_code) == (Status.UNDECIDED, 3)


def _many_variables(count, times):
    names = [f"x{n:03}" for n in range(count)]
    fields = {name: Variable(name) for name in names}
    pattern = Pattern(type=CallType.TRACK, fields={"properties": fields})
    expectation = Expectation(patterns=(pattern,), times=times)
    values = dict.fromkeys(names, 1)
    sent = hit(1, "track", {"event": "A", "userId": "u", "properties": values})
    return verify([Scenario(steps=(Step(expectations=(expectation,)),))], evidence(sent))


def test_variables_that_have_no_choice_are_bound_at_once():
    assert _many_variables(100, Times()).status is Status.MET


def test_the_depth_of_the_search_is_limited():
    """A hostile file may declare a thousand variables."""
    verdict = _many_variables(300, Times(2, 2))
    assert verdict.status is Status.UNMET
    assert len(verdict.scenarios[0].bindings) < 100


def test_a_certain_failure_is_unmet_although_the_search_is_undecided():
    scenario, hits = _cliques(24, 8)
    strict = replace(scenario, levels={**scenario.levels, Policy.DROPPED: Level.FAIL})
    dropped = hit(999, "track", {"event": "A"})
    assert verify([strict], evidence(*hits, dropped), budget=1).exit_code == 1


class _Endless(Matcher):
    """Matches with infinitely many solutions."""

    __slots__ = ()

    def solutions(self, _):
        return ((Binding("x", number),) for number in count())

    def matches(self, *_):
        return True

    def describe(self):
        raise NotImplementedError


def test_too_many_solutions_are_undecided():
    expectation = Expectation(patterns=(Pattern(fields={"event": _Endless()}),), times=Times())
    verdict = verify([Scenario(steps=(Step(expectations=(expectation,)),))], evidence(*calls("A")))
    assert verdict.status is Status.UNDECIDED


def test_a_search_out_of_budget_leaves_variables_without_a_value():
    """Following one branch to its end may take a minute if every call matches every demand."""
    expectations = tuple(
        Expectation(patterns=(Pattern(type=CallType.TRACK, fields={"userId": Variable(f"x{n}")}),))
        for n in range(100)
    )
    hits = [hit(n, "track", {"event": "E", "userId": f"u{n}"}) for n in range(1, 101)]
    verdict = verify(
        [Scenario(steps=(Step(expectations=expectations),))], evidence(*hits), budget=0
    )
    assert verdict.status is Status.UNDECIDED
    assert 0 < len(verdict.scenarios[0].bindings) < 50


def test_more_matches_than_the_budget_are_undecided():
    """Each call is matched a limited number of times."""
    expectations = tuple(
        Expectation(
            patterns=(Pattern(type=CallType.TRACK, fields={"userId": Variable(f"x{n % 3}")}),),
            times=Times(0, None),
        )
        for n in range(20)
    )
    hits = [hit(n, "track", {"event": "E", "userId": f"u{n % 3}"}) for n in range(1, 101)]
    scenario = Scenario(steps=(Step(expectations=expectations),))
    assert verify([scenario], evidence(*hits), match_budget=1_999).status is Status.UNDECIDED
    assert verify([scenario], evidence(*hits), match_budget=2_000).status is Status.MET


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"forbidden": (Forbidden(contains=Variable("v0")),)}, Status.UNDECIDED),
        ({"forbidden": (Forbidden(contains="A"),)}, Status.UNMET),
        ({"state": {"nobody": {"traits": {"a": Variable("v0")}}}}, Status.UNDECIDED),
        ({"state": {"nobody": {"traits": {"a": 1}}}}, Status.UNMET),
    ],
)
def test_undecided_values_make_no_rule_fail(options, status):
    expectation = Expectation(
        patterns=(Pattern(type=CallType.TRACK, fields={"event": Variable("v0")}),)
    )
    scenario = Scenario(steps=(Step(expectations=(expectation,)),), **options)
    assert verify([scenario], evidence(*calls("A", "B")), match_budget=0).status is status


class _InVain(_Endless):
    """Has infinitely many solutions, all of which contradict themselves."""

    __slots__ = ()

    def solutions(self, _):
        return ((Binding("x", number), Binding("x", -1)) for number in count())


def test_a_call_that_may_still_match_is_not_unexpected():
    expectation = Expectation(
        patterns=(Pattern(fields={"event": _InVain()}),), times=Times(0, None)
    )
    verdict = verify([Scenario(steps=(Step(expectations=(expectation,)),))], evidence(*calls("A")))
    assert verdict.status is Status.UNDECIDED


def test_a_call_undecided_for_one_scenario_is_undecided_for_one_without_expectations():
    expectation = Expectation(patterns=(Pattern(fields={"event": Variable("x")}),))
    asking, silent = Scenario(steps=(Step(expectations=(expectation,)),)), Scenario()
    lenient = Scenario(levels={**DEFAULT_LEVELS, Policy.UNEXPECTED: Level.IGNORE})
    verdict = verify([asking, silent, lenient], evidence(*calls("A")), match_budget=0)
    assert [result.status for result in verdict.scenarios] == ["undecided", "undecided", "met"]


def test_an_undecided_expectation_does_not_count_as_met():
    asking = Expectation(patterns=(Pattern(type=CallType.TRACK, fields={"event": Variable("x")}),))
    there = Expectation(patterns=(Pattern(type=CallType.PAGE),))
    page = hit(2, "page", {"userId": "u"})
    both = Scenario(steps=(Step(expectations=(asking, there)),))
    report = text(verify([both], evidence(*calls("A"), page), match_budget=0))
    assert "1 of 2 expectations met, 1 undecided" in report


def test_undecided_goes_before_unmet():
    asking = Expectation(patterns=(Pattern(fields={"event": Variable("x")}),))
    missing = Expectation(patterns=(Pattern(type=CallType.PAGE),))
    both = [
        Scenario(steps=(Step(expectations=(expectation,)),)) for expectation in (asking, missing)
    ]
    verdict = verify(both, evidence(*calls("A")), match_budget=0)
    assert [result.status for result in verdict.scenarios] == ["undecided", "unmet"]
    assert verdict.exit_code == 3
