"""Order, `after` and `within`: the claims that they allow, and why other calls do not count."""

from datetime import timedelta

import pytest

from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.branch_and_bound import Search
from pixel_emulator.core.verification.closest_call import NotCountedReason
from pixel_emulator.core.verification.components import MatchGraph
from pixel_emulator.core.verification.demands import DemandPlan
from pixel_emulator.core.verification.solve import BUDGET
from pixel_emulator.core.verification.verdict import Explanation, Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import START, changed, evidence, hit

OF_STEP = "s.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


def verify_text(text, sent, **options):
    return verify(parse(parse_document(text, "s.yaml")), evidence(*calls(sent), **options))


def calls(text):
    """Yield calls written as `A@0.5`: event, seconds since the first call.

    Without a time a call comes 0.1 s after the one before.
    """
    for seq, word in enumerate(text.split(), 1):
        event, _, at = word.partition("@")
        milliseconds = round(1_000 * float(at)) if at else 100 * (seq - 1)
        yield hit(seq, "track", {"event": event, "userId": "u"}, at=milliseconds)


def ordered(order, *lines):
    return "\n".join([f"order: {order}", "expect:", *(f"  - {line}" for line in lines)])


A, B, C = "track: A", "track: B", "track: C"
SOME_A = "{track: A, times: 0..}"
ANY = "{any: , times: 0..}"

# The lines, the calls, and the exit code if the order is any, listed, strict.
ORDERS = [
    ([A, B], "A B", (0, 0, 0)),
    ([A, B], "B A", (0, 1, 1)),
    ([A, B], "A C B", (1, 1, 1)),
    ([A, B, "{track: C, times: 0..1}"], "A B", (0, 0, 0)),
    ([A, "{track: C, times: 0..1}", B], "A B", (0, 0, 0)),
    ([A, "{track: C, times: 0..1}", B], "A C B", (0, 0, 0)),
    ([A, "{track: C, times: 0..1}", B], "C A B", (0, 1, 1)),
    ([A, A], "A A", (0, 0, 0)),
    ([SOME_A, B], "A A B", (0, 0, 0)),
    ([SOME_A, B], "A B A", (0, 1, 1)),
    ([SOME_A, B, SOME_A], "A B A", (0, 0, 0)),
    ([ANY, B], "A B", (0, 0, 0)),
    ([ANY, B], "A B A", (0, 1, 1)),
    ([ANY, B, ANY], "A B A", (0, 0, 0)),
    ([ANY, B, "any:"], "B A B A", (0, 0, 0)),
    (["{any: , times: 2}", B], "B A B", (0, 0, 0)),
    (["{track: A, times: 2}", B], "A B A", (0, 1, 1)),
    ([A, "{track: B, times: 0}", C], "A C", (0, 0, 0)),
]


@pytest.mark.parametrize(("lines", "sent", "codes"), ORDERS)
def test_calls_come_in_the_order_of_their_list(lines, sent, codes):
    exit_codes = [
        verify_text(ordered(order, *lines), sent).exit_code for order in ("any", "listed", "strict")
    ]
    assert tuple(exit_codes) == codes


@pytest.mark.parametrize(
    ("sent", "code"), [("C A B", 0), ("A B C", 0), ("A C B", 1), ("C A B C", 0)]
)
def test_in_a_strict_list_no_other_call_comes_between(sent, code):
    text = f"unexpected: ignore\n{ordered('strict', A, B)}"
    assert verify_text(text, sent).exit_code == code
    assert verify_text(text.replace("strict", "listed"), sent).exit_code == 0


def test_a_call_that_another_scenario_claims_breaks_a_strict_list():
    both = [
        *parse(parse_document(ordered("strict", A, B), "s.yaml")),
        *parse(parse_document(f"expect: [{ANY}]", "t.yaml")),
    ]
    codes = [verify(both, evidence(*calls(sent))).exit_code for sent in ("A B C", "A C B")]
    assert codes == [0, 1]


def test_a_dropped_call_may_come_within_a_strict_list():
    scenario = parse(parse_document(f"dropped: ignore\n{ordered('strict', A, B)}", "s.yaml"))
    first, last = calls("A B")
    dropped = hit(2, "track", {"event": "C"})
    assert verify(scenario, evidence(first, dropped, changed(last, seq=3))).exit_code == 0


AFTER = "{track: B, after: first, within: 1s}"

# The lines, the calls with their times, and the exit code.
TIMES = [
    (["{track: A, id: first}", "{track: B, after: first}"], "A B", 0),
    (["{track: A, id: first}", "{track: B, after: first}"], "B A", 1),
    (["{track: B, after: first}", "{track: A, id: first}"], "A B", 0),
    (["{track: A, id: first, times: 0..}", "{track: B, after: first}"], "B", 0),
    (["{track: A, id: first, times: 0..}", "{track: B, after: first}"], "A B A", 1),
    (["{track: A, id: first, times: 2}", "{track: B, after: first, times: 2}"], "A B A B", 1),
    (["{track: A, id: first}", "{track: A, after: first}"], "A A", 0),
    (["{track: A, id: first}", AFTER], "A@0 B@1", 0),
    (["{track: A, id: first}", AFTER], "A@0 B@1.001", 1),
    (["{track: A, id: first, times: 1..}", AFTER], "A@0 A@5 B@6", 0),
    (["{track: A, id: first, times: 0..}", "track: C", AFTER], "C@0 B@1", 0),
    (["{track: A, id: first, times: 0..}", "track: C", AFTER], "C@0 B@2", 1),
    (["{track: A, within: 1s}", "track: B"], "B@0 A@1", 0),
    (["{track: A, within: 1s}", "track: B"], "B@0 A@1.2", 1),
    (["{track: A, within: 1s, times: 2}"], "A@0 A@1.2", 1),
    (["{track: A, within: 1s}", "{track: A}"], "A@0 A@3", 0),
]


@pytest.mark.parametrize(("lines", "sent", "code"), TIMES)
def test_calls_come_after_one_another_and_in_time(lines, sent, code):
    text = "\n".join(["expect:", *(f"  - {line}" for line in lines)])
    assert verify_text(text, sent).exit_code == code


def test_a_late_call_fails_although_unexpected_calls_are_ignored():
    text = "unexpected: ignore\nexpect: [track: B, {track: A, within: 1s, times: 0..}]"
    assert verify_text(text, "B@0 A@2").exit_code == 1


def test_a_step_counts_its_time_from_the_end_of_its_actions():
    text = "expect: [{track: A, within: 1s}]"
    assert (
        verify_text(text, "A@0", acted={f"{OF_STEP}1": START - timedelta(seconds=1)}).exit_code == 0
    )
    assert (
        verify_text(text, "A@0", acted={f"{OF_STEP}1": START - timedelta(seconds=2)}).exit_code == 1
    )


@pytest.mark.parametrize(("within", "code"), [("1s", 1), ("2s", 0)])
def test_within_of_a_scenario_bounds_all_its_expectations(within, code):
    assert verify_text(f"within: {within}\nexpect: [{A}, {B}]", "A@0 B@2").exit_code == code


# The lines, the calls, and the explanation, reason and detail of the first unmet expectation.
REASONS = [
    (["{track: A, within: 1s}", B], "B@0 A@3.3", Explanation.TOO_LATE, NotCountedReason.TIME,
     '2.3 s after the 1.0 s of "within"'),
    (["{track: A, id: opened}", "{track: B, after: opened, within: 50ms}"], "A@0 B@0.08",
     Explanation.TOO_LATE, NotCountedReason.TIME, '30 ms after the 50 ms of "within"'),
    (["{track: A, id: opened}", "{track: B, after: opened}"], "B A", Explanation.OUT_OF_ORDER,
     NotCountedReason.ORDER, 'came before "opened" (#2)'),
    # The last A is named, because B has to come after it.
    (["{track: A, id: opened, times: 2}", "{track: B, after: opened}"], "B A A",
     Explanation.OUT_OF_ORDER, NotCountedReason.ORDER, 'came before "opened" (#3)'),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "sent", "explanation", "reason", "detail"), REASONS)
def test_a_call_that_does_not_count_is_explained(lines, sent, explanation, reason, detail):
    text = "\n".join(["expect:", *(f"  - {line}" for line in lines)])
    (unmet,) = [e for e in verify_text(text, sent).scenarios[0].expectations if not e.met]
    (closest,) = unmet.closest_calls
    assert (unmet.explanation, closest.not_counted, closest.detail) == (explanation, reason, detail)
    assert closest.mismatches == ()


@pytest.mark.parametrize(
    ("order", "sent", "detail"),
    [
        ("listed", "B A", 'came after "track: B" (#1)'),
        ("listed", "B B A", 'came after "track: B" (#1)'),
        ("strict", "A C B", "other calls came in between"),
    ],
)
def test_a_call_out_of_its_list_is_explained(order, sent, detail):
    text = f"unexpected: ignore\n{ordered(order, A, '{track: B, times: 1..}')}"
    unmet = [
        result for result in verify_text(text, sent).scenarios[0].expectations if not result.met
    ]
    assert [result.explanation for result in unmet] == [Explanation.OUT_OF_ORDER]
    assert [closest.detail for result in unmet for closest in result.closest_calls] == [detail]


def test_a_long_list_is_solved_although_it_is_met_late():
    lines = [f"{{track: E{n:02}, times: 1..}}" for n in range(40)]
    sent = " ".join(f"E{n // 25:02}" for n in range(1_000))
    assert verify_text(ordered("listed", *lines), sent).status is Status.MET
    assert verify_text(ordered("listed", *lines), f"E39 {sent}").status is Status.UNMET


def test_too_many_states_are_undecided():
    """Only the cheapest states are kept."""
    lines = [
        f"{{any: , times: {1 + n % 3}..{1 + n % 3 + n % 4}, id: e{n}, after: e{n + 1}}}"
        for n in range(30)
    ]
    text = ordered("any", *lines, "{any: , id: e30}")
    scenario = parse(parse_document(text, "s.yaml"))
    verdict = verify(scenario, evidence(*calls("A " * 80)), budget=1)
    assert verdict.status is Status.UNDECIDED


@pytest.mark.parametrize(
    ("lines", "sent", "cost"),
    [
        (["track: A", "track: B"], "A B", 0),
        (["{track: A, times: 2}", "track: B"], "A B", 1),  # an A is missing
        (["{track: A, times: 2}", "track: B"], "B A", 3),  # and one of the two calls is extra
        (["{track: A, times: 3}", "track: B"], "B A", 4),
        (["track: A", "track: B"], "A A B", 1),
        (["{track: A, times: 0}", "{any: , times: 0}"], "A", 2),  # both match
    ],
)
def test_the_cost_counts_missing_claims_and_extra_calls(lines, sent, cost):
    scenario, hits = parse(parse_document(ordered("listed", *lines), "s.yaml")), [*calls(sent)]
    plan = DemandPlan(scenario, evidence(*hits), [1])
    graph = MatchGraph(scenario, plan, hits)
    components, _ = graph.components()
    best = [
        Search(graph.instance, BUDGET).cheapest(component.demands, component.nodes, 99)
        for component in components
    ]
    assert sum(assignment.cost if assignment else 99 for assignment in best) == cost


def test_a_second_call_in_time_is_extra_and_not_too_late():
    text = f"expect:\n  - {{track: A, within: 1s}}\n  - {B}\n"
    (unmet,) = [e for e in verify_text(text, "B@0 A@1 A@1").scenarios[0].expectations if not e.met]
    assert unmet.explanation is Explanation.TWICE
    assert not unmet.closest_calls
