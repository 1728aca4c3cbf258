"""Scenarios against the evidence of a run: claims, counts, policies, and what came close."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import CallType, Evidence, Hit, Outcome, path_text
from pixel_emulator.core.recordings.masking import mask
from pixel_emulator.core.scenarios.expectation import (
    Expectation,
    Level,
    Scenario,
    facts,
    name_of,
)
from pixel_emulator.core.scenarios.matching import differences
from pixel_emulator.core.verdicts.claims import claim
from pixel_emulator.core.verdicts.findings import find
from pixel_emulator.core.verdicts.nearest import nearest
from pixel_emulator.core.verdicts.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    Surplus,
    Verdict,
)

SILENCE_UNPROVEN = (
    "nothing reached the emulator, so silence is not proven: does the client use its proxy?"
)
_VARYING = {"messageId", "timestamp", "sentAt", "originalTimestamp", "receivedAt"}


def verify(scenarios: Sequence[Scenario], evidence: Evidence) -> Verdict:
    """Judge each scenario over the whole pool of calls; a call that one wants surprises none.

    Raises ValueError without a scenario.
    """
    if not scenarios:
        raise ValueError("without a scenario there is no verdict")
    hits = evidence.hits
    if evidence.masked:
        scenarios = [_with_masked_keys(each) for each in scenarios]
    accepting = [_accepting(each, hits) for each in scenarios]
    wanted = [any(indexes) for indexes in zip(*accepting, strict=True)]
    idle = [hit for hit, is_wanted in zip(hits, wanted, strict=True) if hit.call and not is_wanted]
    findings = tuple(find(scenarios, hits, accepting))
    silence = not hits and not evidence.connections and not all(map(_asks, scenarios))
    gaps = (*evidence.gaps, SILENCE_UNPROVEN) if silence else evidence.gaps
    results = []
    for index, (scenario, indexes) in enumerate(zip(scenarios, accepting, strict=True)):
        met = _expectations(scenario, hits, indexes, idle, masked=evidence.masked)
        failed = any(each.levels[index] is Level.FAIL for each in findings)
        unmet = failed or not all(each.met for each in met)
        status = Status.UNMET if unmet else Status.INCOMPLETE if gaps else Status.MET
        results.append(ScenarioResult(scenario=scenario, expectations=met, status=status))
    return Verdict(
        scenarios=tuple(results),
        findings=findings,
        hits=hits,
        connections=evidence.connections,
        gaps=gaps,
    )


def _with_masked_keys(scenario: Scenario) -> Scenario:
    def masked(expectation: Expectation) -> Expectation:
        key = expectation.fields.get("writeKey")
        if not isinstance(key, str):
            return expectation
        return replace(expectation, fields={**expectation.fields, "writeKey": mask(key)})

    return replace(scenario, expectations=tuple(map(masked, scenario.expectations)))


def _asks(scenario: Scenario) -> bool:
    """Whether it wants any call at all, so that silence fails it."""
    return any(each.times.low for each in scenario.expectations)


def _accepting(scenario: Scenario, hits: Sequence[Hit]) -> list[tuple[int, ...]]:
    """For each hit, the expectations that may claim it, as indexes."""
    by_line: dict[tuple[bool, CallType | None, str | None], list[int]] = defaultdict(list)
    for index, each in enumerate(scenario.expectations):
        by_line[each.dropped, each.type, each.name].append(index)

    def accepting(hit: Hit) -> Iterator[int]:
        if hit.call is None:
            return
        dropped, type = hit.outcome is Outcome.DROPPED, hit.call.type
        for line in {(dropped, type, name_of(hit)), (dropped, type, None), (dropped, None, None)}:
            for index in by_line.get(line, ()):
                if scenario.expectations[index].accepts(hit):
                    yield index

    return [tuple(sorted(accepting(hit))) for hit in hits]


def _expectations(
    scenario: Scenario,
    hits: Sequence[Hit],
    accepting: Sequence[tuple[int, ...]],
    idle: Sequence[Hit],
    *,
    masked: bool,
) -> tuple[ExpectationResult, ...]:
    wanted = scenario.expectations
    owners = claim(accepting, [_bounds(each, len(hits)) for each in wanted])
    claims: list[list[Hit]] = [[] for _ in wanted]
    for hit, owner in zip(hits, owners, strict=True):
        if owner is not None:
            claims[owner].append(hit)
    over = [
        (hit, indexes)
        for hit, indexes, owner in zip(hits, accepting, owners, strict=True)
        if indexes and owner is None
    ]
    surplus = list(_surplus(over, claims))
    missing = [each.times.low - len(found) for each, found in zip(wanted, claims, strict=True)]
    # A repeated call has its story; any other that is too many may be what was meant elsewhere.
    pool = [*idle, *(each.hit for _, each in surplus if each.twin is None)]
    close = nearest(list(zip(wanted, missing, strict=True)), pool, masked=masked)
    told = {id(each.hit) for found in close for each in found}
    return tuple(
        ExpectationResult(
            expectation=each,
            claims=tuple(claims[index]),
            surplus=tuple(s for owner, s in surplus if owner == index and id(s.hit) not in told),
            nearest=close[index],
        )
        for index, each in enumerate(wanted)
    )


def _bounds(expectation: Expectation, hits: int) -> tuple[int, int]:
    times = expectation.times
    return times.low, max(hits, times.low) if times.high is None else times.high


def _surplus(
    over: Iterable[tuple[Hit, tuple[int, ...]]], claims: Sequence[Sequence[Hit]]
) -> Iterator[tuple[int, Surplus]]:
    """Each call too many, with the index of the expectation that it is laid to."""
    claimed: dict[tuple[int, str], Hit] = {}
    for index in {index for _, indexes in over for index in indexes}:
        for hit in claims[index]:
            claimed.setdefault((index, _fingerprint(hit)), hit)
    for hit, indexes in over:
        said = _fingerprint(hit)
        owner = next((index for index in indexes if (index, said) in claimed), None)
        if owner is not None:
            twin = claimed[owner, said]
            yield owner, Surplus(hit, twin, _differing(hit, twin))
        else:
            first = claims[indexes[0]][:1]
            yield indexes[0], Surplus(hit, None, _differing(hit, first[0]) if first else ())


def _fingerprint(hit: Hit) -> str:
    """Equal for calls that say the same."""
    if hit.call is None or hit.call.payload is None:
        return hit.request.url
    said = {key: value for key, value in hit.call.payload.items() if key not in _VARYING}
    return f"{hit.call.type} {json_text.write(said)}"


def _differing(one: Hit, other: Hit) -> tuple[str, ...]:
    both = (facts(one), facts(other)), (facts(other), facts(one))
    paths = (path_text(steps) for pair in both for steps, _, _ in differences(*pair))
    return tuple(dict.fromkeys(paths))
