"""The policies: which calls of a run are findings, and how badly each scenario takes them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core.model import Hit, Outcome, Severity
from pixel_emulator.core.scenarios.expectation import codes, name_of
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario
from pixel_emulator.core.verdicts.verdict import Finding

_POLICIES = {
    Outcome.DELIVERED: (Policy.UNEXPECTED,),
    Outcome.DAMAGED: (Policy.UNEXPECTED, Policy.DAMAGED),
    Outcome.DUPLICATE: (Policy.DUPLICATES,),
    Outcome.DROPPED: (Policy.DROPPED,),
    Outcome.UNHANDLED: (Policy.UNHANDLED,),
}


def find(
    scenarios: Sequence[Scenario], hits: Sequence[Hit], wanted_by: Sequence[Collection[int]]
) -> Iterator[Finding]:
    """Each finding once, in the order of the hits.

    `wanted_by` holds, for each hit, the indexes of the scenarios that have an expectation of it.
    """
    for hit, wanted in zip(hits, wanted_by, strict=True):
        yield from find_in(scenarios, hit, wanted)


def find_in(scenarios: Sequence[Scenario], hit: Hit, wanted: Collection[int]) -> Iterator[Finding]:
    """The findings about one hit.

    A damaged call concerns the scenarios that want it, or all where there are none.
    """
    for policy in _POLICIES[hit.outcome]:
        if wanted and policy in (Policy.UNEXPECTED, Policy.DROPPED):
            continue
        elsewhere = policy is Policy.DAMAGED and wanted
        levels = tuple(
            Level.IGNORE if elsewhere and index not in wanted else _level(each, policy, hit)
            for index, each in enumerate(scenarios)
        )
        if set(levels) != {Level.IGNORE}:
            yield Finding(policy=policy, hit=hit, levels=levels)


def for_one_row(finding: Finding, scenarios: Sequence[Scenario], home: int | None) -> Finding:
    """The finding about a call that comes close to what the scenario `home` misses.

    Of the rows of one scenario, which share its calls, it then concerns that row alone: that the
    call is wrong fails it already.
    """
    if home is None or finding.policy is not Policy.UNEXPECTED or not scenarios[home].case:
        return finding
    place = scenarios[home].location
    levels = (
        Level.IGNORE if index != home and each.location == place else level
        for index, (each, level) in enumerate(zip(scenarios, finding.levels, strict=True))
    )
    return replace(finding, levels=tuple(levels))


def _level(scenario: Scenario, policy: Policy, hit: Hit) -> Level:
    if policy is Policy.UNEXPECTED and scenario.same_event and hit.call:
        mentioned = scenario.mentions(hit.call.type, name_of(hit))
        return Level.FAIL if mentioned else Level.IGNORE
    if policy is Policy.DAMAGED:
        damage = set(codes(hit, Severity.DAMAGE))
        if damage and damage <= scenario.accepted:
            return Level.IGNORE
    return scenario.levels[policy]
