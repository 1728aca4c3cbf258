"""Matchings are as good as the best of all assignments."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.matching.bipartite import b_matching, min_cost_pairs
from pixel_emulator.core.model import CallType, Evidence
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import DEFAULT_LEVELS, Level, Policy, Scenario, Step
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from tests.hits import hit
from tests.law_examples import examples

_bounds = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda ends: tuple(sorted(ends)))
_expectations = st.lists(_bounds, min_size=1, max_size=3)


@st.composite
def _tangles(draw):
    bounds = draw(_expectations)
    matched = st.sets(st.integers(0, len(bounds) - 1)).map(lambda indexes: tuple(sorted(indexes)))
    return draw(st.lists(matched, max_size=6)), bounds


def _every_way(candidates, bounds):
    """Yield each assignment that exceeds no upper bound."""
    for way in product(*((*matched, None) for matched in candidates)):
        if all(way.count(index) <= high for index, (_, high) in enumerate(bounds)):
            yield way


def _filled(claims, bounds):
    return sum(min(claims.count(index), low) for index, (low, _) in enumerate(bounds))


def _claimed(claims):
    return sum(claimant is not None for claimant in claims)


@given(_tangles())
@examples(200)
def test_claims_are_allowed(tangle):
    """A call is claimed only by an expectation that matches it, up to its upper bound."""
    candidates, bounds = tangle
    assert tuple(b_matching(candidates, bounds)) in set(_every_way(candidates, bounds))


@given(_tangles())
@examples(200)
def test_no_other_claims_are_better(tangle):
    """No assignment fills more of the lower bounds, and none claims more calls."""
    candidates, bounds = tangle
    claims = b_matching(candidates, bounds)
    ways = list(_every_way(candidates, bounds))
    assert _filled(claims, bounds) == max(_filled(way, bounds) for way in ways)
    assert _claimed(claims) == max(map(_claimed, ways))


@given(_tangles())
@examples(200)
def test_all_bounds_are_filled_if_any_assignment_fills_them(tangle):
    """An assignment that claims every matching call within all bounds is found if it exists."""
    candidates, bounds = tangle

    def meets(way):
        counts = all(low <= way.count(i) <= high for i, (low, high) in enumerate(bounds))
        return counts and all(w is not None for w, m in zip(way, candidates, strict=True) if m)

    exists = any(map(meets, _every_way(candidates, bounds)))
    assert meets(b_matching(candidates, bounds)) == exists


_EVENTS = "ABC"
_TIMES = st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 2, None])).map(
    lambda ends: Times(ends[0], None if ends[1] is None else max(ends[0], ends[1]))
)
_wanted = st.builds(
    lambda fields, times: Expectation(
        patterns=(Pattern(type=CallType.TRACK, fields=fields),), times=times
    ),
    st.sampled_from([{}, *({"event": event} for event in _EVENTS)]),
    _TIMES,
)
_pools = st.lists(st.lists(_wanted, max_size=2).map(tuple), min_size=1, max_size=3)


@given(_pools, st.lists(st.sampled_from(_EVENTS), max_size=5))
@examples(200)
def test_scenarios_are_met_exactly_if_one_assignment_meets_them_all(pools, events):
    """One expectation of all scenarios claims a call, unless one with `times: 0` matches it."""
    lenient = {**DEFAULT_LEVELS, Policy.UNEXPECTED: Level.IGNORE}
    scenarios = [
        Scenario(steps=(Step(expectations=expectations),), levels=lenient) for expectations in pools
    ]
    hits = [
        hit(seq, "track", {"event": event, "userId": "u"}) for seq, event in enumerate(events, 1)
    ]
    expectations = [expectation for pool in pools for expectation in pool]
    matched = [
        tuple(
            i
            for i, expectation in enumerate(expectations)
            if expectation.patterns[0].name in (None, event)
        )
        for event in events
    ]
    forbidden = any(expectations[i].times.high == 0 for indexes in matched for i in indexes)
    bounds = [
        (
            expectation.times.low,
            len(events) if expectation.times.high is None else expectation.times.high,
        )
        for expectation in expectations
    ]

    def meets(way):
        counts = all(way.count(i) >= low for i, (low, _) in enumerate(bounds))
        return counts and all(w is not None for w, m in zip(way, matched, strict=True) if m)

    exists = not forbidden and any(map(meets, _every_way(matched, bounds)))
    verdict = verify(scenarios, Evidence(hits=tuple(hits), connections=1))
    assert (verdict.status is Status.MET) == exists
    results = [
        expectation_result
        for result in verdict.scenarios
        for expectation_result in result.expectations
    ]
    claimed = [call.seq for result in results for call in result.claims]
    assert len(claimed) == len(set(claimed))
    assert [result.expectation for result in results] == expectations


_costs = st.lists(st.dictionaries(st.integers(0, 4), st.integers(0, 9), max_size=4), max_size=5)


@given(_costs)
@examples(200)
def test_pairs_are_the_cheapest_of_the_most(costs):
    """As many rows as possible get a column, at the least total cost."""

    def worth(way):
        return sum(c is None for c in way), sum(
            row[c] for row, c in zip(costs, way, strict=True) if c is not None
        )

    def allowed(way):
        taken = [c for c in way if c is not None]
        return len(taken) == len(set(taken))

    columns = min_cost_pairs(costs)
    assert allowed(columns)
    ways = product(*((*row, None) for row in costs))
    assert worth(columns) == min(worth(way) for way in ways if allowed(way))
