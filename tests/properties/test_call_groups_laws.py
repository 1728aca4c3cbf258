"""If only few calls of a run are kept, the verdict and its numbers are those of the whole run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import count_hits
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.components import CallGroups
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import changed, evidence, hit
from tests.law_examples import examples

_EVENTS = ("A", "B", "C")
_ITEMS = st.sampled_from([
    "track: A", "track: B", "any: ", "track: A, properties: {a: 1}", "dropped: ",
    "track: A, properties: {a: $x}", "track: B, within: 1s",
])  # fmt: skip
_TIMES = st.sampled_from(["0", "1", "2", "5", "8", "0..", "1..", "3..", "7..", "0..4", "2..6"])
_LEVELS = st.sampled_from(["fail", "warn", "ignore"])


@st.composite
def _scenarios(draw):
    """The text of a file with one or two scenarios."""
    texts = []
    for name in ("one", "two")[: draw(st.integers(1, 2))]:
        items = draw(st.lists(st.tuples(_ITEMS, _TIMES), min_size=1, max_size=3))
        lines = [f"  - name: {name}"]
        lines += [
            f"    {policy}: {draw(_LEVELS)}" for policy in ("unexpected", "dropped", "damaged")
        ]
        if any("$x" in item for item, _ in items):
            lines.append("    let: [x]")
        if draw(st.integers(0, 3)) == 0:
            lines.append("    never: [track: C]")
        if draw(st.integers(0, 3)) == 0:
            lines.append("    deny: [{contains: secret}]")
        if draw(st.integers(0, 5)) == 0:
            lines.append(f"    order: {draw(st.sampled_from(['listed', 'strict']))}")
        lines.append("    expect:")
        lines += [f"    - {{{item}, times: {times}}}" for item, times in items]
        texts.append("\n".join(lines))
    return "scenarios:\n" + "\n".join(texts)


_CALLS = st.lists(
    st.tuples(st.sampled_from(_EVENTS), st.sampled_from([1, 2, "secret"]), st.booleans()),
    max_size=24,
)  # fmt: skip


def _hits(calls):
    for seq, (event, value, damaged) in enumerate(calls, 1):
        user = "{{ id }}" if damaged and value == 2 else "" if damaged and value == 1 else "u"
        payload = {"event": event, "properties": {"a": value}, "userId": user}
        yield hit(seq, "track", payload, at=10 * seq)


def _numbers(*verdicts):
    """Return the number of calls of each expectation; None if any has closest calls.

    Closest calls are only for display, and of fewer calls fewer can be shown.
    """
    by_verdict = [[scenario.expectations for scenario in verdict.scenarios] for verdict in verdicts]
    if any(
        result.closest_calls
        for by_scenario in by_verdict
        for results in by_scenario
        for result in results
    ):
        return [None] * len(verdicts)
    return [
        [[(result.got, result.met) for result in results] for results in by_scenario]
        for by_scenario in by_verdict
    ]


def _summary(verdict):
    """Return the statuses and numbers of a verdict."""
    return (
        verdict.status,
        count_hits(verdict.hits),
        [
            (
                result.status,
                count_hits(value.hit for value in result.forbidden_values),
            )
            for result in verdict.scenarios
        ],
        {
            (policy_hit.policy, policy_hit.levels): count_hits(
                other.hit
                for other in verdict.policy_hits
                if (other.policy, other.levels) == (policy_hit.policy, policy_hit.levels)
            )
            for policy_hit in verdict.policy_hits
        },
    )


@given(_scenarios(), _CALLS, st.integers(1, 3))
@examples(300)
def test_the_verdict_is_that_of_the_whole_run(text, calls, kept):
    scenarios = parse(parse_document(text, "s.yaml"))
    call_groups, hits = CallGroups(scenarios, kept=kept), tuple(_hits(calls))
    live, whole = LiveVerdict(scenarios), LiveVerdict(scenarios)
    for count, call in enumerate(hits, 1):
        call_groups.add(call)
        thinned = evidence(*call_groups.hits())
        assert thinned.total == count
        assert live.update(thinned) is whole.update(evidence(*hits[:count]))
    grouped = verify(scenarios, evidence(*call_groups.hits()))
    whole_run = verify(scenarios, evidence(*hits))
    assert _summary(grouped) == _summary(whole_run)
    numbers, whole_numbers = _numbers(grouped, whole_run)
    assert numbers == whole_numbers


@given(_scenarios(), _CALLS, st.lists(st.integers(1, 4), min_size=24, max_size=24), st.booleans())
@examples(300)
def test_the_verdict_is_the_same_if_requests_carry_several_calls(text, calls, widths, thins):
    scenarios = parse(parse_document(text, "s.yaml"))
    hits, alone, together = [*_hits(calls)], [], []
    for width in widths:
        group, hits = hits[:width], hits[width:]
        alone += [changed(hit, time=group[0].time) for hit in group]
        if group:
            judged = tuple(hit.judged for hit in group)
            together += replace(group[0].exchange, calls=judged).hits
    if thins:
        call_groups = CallGroups(scenarios, kept=2)
        for hit in together:
            call_groups.add(hit)
        together = [*call_groups.hits()]
    one, other = verify(scenarios, evidence(*together)), verify(scenarios, evidence(*alone))
    assert _summary(one) == _summary(other)
    numbers, other_numbers = _numbers(one, other)
    assert numbers == other_numbers


MANY = 2_000


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("expect: [{track: A, times: 1..}]", 10),
        ("expect: [{track: A, times: 100..}]", 10),
        ("expect: [{track: A, times: 2000}]", 10),
        ("expect: [{track: A, times: 3}]", 10),
        ("expect: []", 10),
        ("unexpected: ignore\nexpect: [track: B]", 10),
        ("never: [track: A]", 10),
        ("expect: [{track: A, times: 1..}]\ndeny: [{contains: secret}]", 10),
        ("expect: [{track: A, times: 1..}, {any: , times: 0..}]", 10),
        ("expect: [{track: A, times: 0..50}, {any: , times: 0..}]", 50),
        # Here every call matters.
        ("let: [x]\nexpect: [{track: A, properties: {a: $x}, times: 1..}]", MANY),
        ("order: strict\nexpect: [{track: A, times: 1..}]", MANY),
        ("within: 5s\nexpect: [{track: A, times: 1..}]", MANY),
        ("expect: [{track: A, times: 1..}]\nstate: {u: {events: {A: 2000}}}", MANY),
    ],
)
def test_a_limited_number_of_alike_calls_is_kept(text, kept):
    call_groups = CallGroups(parse(parse_document(text, "s.yaml")), kept=10)
    [one] = _hits([("A", 1, False)])
    for seq in range(1, MANY + 1):
        call_groups.add(changed(one, seq=seq))
    assert (len(call_groups.hits()), count_hits(call_groups.hits())) == (kept, MANY)
