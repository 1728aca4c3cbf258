"""Merged verdicts of consecutive runs."""

import pytest

from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenarios.scenario import Level
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import merge, verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import evidence, hit

OPENED = "expect:\n  - track: Email Opened\n"


def verdict(text, *hits, **options):
    return verify(parse(parse_document(text, "s.yaml")), evidence(*hits, **options))


def opened(seq, event="Email Opened"):
    return hit(seq, "track", {"event": event, "userId": "u"})


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([verdict(OPENED, opened(1))], Status.MET),
        ([verdict(OPENED, opened(1)), verdict(OPENED, opened(2))], Status.MET),
        ([verdict(OPENED, opened(1)), verdict(OPENED)], Status.UNMET),
        ([verdict(OPENED), verdict(OPENED, opened(1))], Status.UNMET),
        ([verdict(OPENED, opened(1), gaps=("g",)), verdict(OPENED)], Status.INCOMPLETE),
        ([verdict("expect: []\n", connections=0), verdict(OPENED)], Status.INCOMPLETE),
    ],
)
def test_merged_verdicts_are_met_only_if_all_are(verdicts, status):
    assert merge(verdicts).status is status


def test_verdicts_keep_their_order_and_add_up():
    merged = merge([verdict(OPENED, opened(1), connections=2), verdict(OPENED, opened(2))])
    assert [call.seq for call in merged.hits] == [1, 2]
    assert len(merged.scenarios) == 2
    assert merged.connections == 3


def test_a_gap_of_several_verdicts_is_listed_once():
    gaps = (("a", "b"), ("b", "c"))
    assert merge([verdict(OPENED, gaps=sentences) for sentences in gaps]).gaps == ("a", "b", "c")


def test_a_policy_hit_concerns_no_scenario_of_another_run():
    spoiled = verdict(OPENED, opened(1), opened(2, "Other"))
    for n, place in ((0, [spoiled, *[verdict(OPENED)] * 2]), (1, [verdict(OPENED), spoiled])):
        (policy_hit,) = merge(place).policy_hits
        assert [level is Level.FAIL for level in policy_hit.levels] == [
            index == n for index in range(len(place))
        ]
        assert policy_hit.level is Level.FAIL


def test_merging_nothing_is_an_error():
    with pytest.raises(ValueError, match="without a verdict"):
        merge([])
