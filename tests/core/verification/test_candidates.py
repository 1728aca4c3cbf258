"""With an index of the demands, each call has the same candidates as without."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.matching.unification import Variable
from pixel_emulator.core.model import CallType
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.scenario import Scenario, Step
from pixel_emulator.core.verification import candidates
from pixel_emulator.core.verification.candidates import CandidateFinder
from pixel_emulator.core.verification.demands import DemandPlan
from tests.hits import evidence, hit
from tests.law_examples import examples

_SCALARS = st.sampled_from([None, True, 1, 1.0, "1", "a", "", "b"])
_VALUES = _SCALARS | st.dictionaries(st.sampled_from("xy"), _SCALARS, max_size=2)
_NAMES = st.sampled_from(["one", "two", "context"])
_CALLS = st.dictionaries(_NAMES, _VALUES, max_size=3)
_WANTED = st.dictionaries(_NAMES, _VALUES | st.just(Variable("v")), max_size=3)
_SOUND = {"event": "A", "userId": "u"}


def finder(patterns, calls):
    expectations = tuple(
        Expectation(patterns=(Pattern(type=CallType.TRACK, fields=fields),)) for fields in patterns
    )
    scenario = Scenario(steps=(Step(expectations=expectations),))
    return CandidateFinder(DemandPlan([scenario], evidence(*calls), [1]).demands)


def found(patterns, calls, least, patch):
    """Return the demands that match each call, with an index from so many patterns on."""
    patch.setattr(candidates, "_MIN_INDEXED", least)
    made = finder(patterns, calls)
    return [[index for index, _ in made.candidates(call)] for call in calls]


@given(st.lists(_WANTED, min_size=1, max_size=6), st.lists(_CALLS, max_size=4))
@examples(400)
def test_the_index_leaves_out_no_match(patterns, payloads):
    calls = [hit(seq, "track", _SOUND | payload) for seq, payload in enumerate(payloads, 1)]
    with pytest.MonkeyPatch.context() as patch:
        indexed = found(patterns, calls, 1, patch)
        assert indexed == found(patterns, calls, 1_000_000, patch)


def test_a_call_is_compared_with_the_patterns_of_its_value_only():
    patterns = [{"properties": {"order": str(n)}} for n in range(100)]
    call = hit(1, "track", _SOUND | {"properties": {"order": "7"}})
    assert finder(patterns, [call]).possible(call) == [7]
    assert len(finder(patterns[:10], [call]).possible(call)) == 10
