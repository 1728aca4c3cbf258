"""Scenarios against the evidence of a run: claims, counts, policies, and what came close."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import CallType, Evidence, Hit, Outcome, path_text
from pixel_emulator.core.matching.differences import differences
from pixel_emulator.core.recordings.masking import mask
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, facts, name_of
from pixel_emulator.core.scenarios.model import Level, Scenario, Step
from pixel_emulator.core.verdicts.claims import claim
from pixel_emulator.core.verdicts.findings import find
from pixel_emulator.core.verdicts.nearest import nearest
from pixel_emulator.core.verdicts.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    StepResult,
    Surplus,
    Verdict,
)

SILENCE_UNPROVEN = (
    "nothing reached the emulator, so silence is not proven: does the client use its proxy?"
)
_VARYING = {"messageId", "timestamp", "sentAt", "originalTimestamp", "receivedAt"}


def verify(scenarios: Sequence[Scenario], evidence: Evidence) -> Verdict:
    """Judge all scenarios over one pool of calls.

    Each call that an expectation of any scenario matches is claimed by exactly one of them all,
    or is too many for one; it is unexpected to none. An expectation with `times: 0` is a ban: what
    matches it is too many for it, whatever else could claim the call. Raises ValueError without a
    scenario.
    """
    if not scenarios:
        raise ValueError("without a scenario there is no verdict")
    hits = evidence.hits
    if evidence.masked:
        scenarios = [_with_masked_keys(each) for each in scenarios]
    wanted = [each for scenario in scenarios for each in scenario.expectations]
    home = [index for index, each in enumerate(scenarios) for _ in each.expectations]
    accepting = _accepting(wanted, hits)
    wanted_by = [{home[index] for index in indexes} for indexes in accepting]
    findings = tuple(find(scenarios, hits, wanted_by))
    silence = not hits and not evidence.connections and not all(map(_asks, scenarios))
    gaps = (*evidence.gaps, SILENCE_UNPROVEN) if silence else evidence.gaps
    told = iter(_expectations(wanted, home, hits, accepting, masked=evidence.masked))
    results = []
    for index, scenario in enumerate(scenarios):
        parts = [tuple(islice(told, len(each.expectations))) for each in scenario.steps]
        met = tuple(each for part in parts for each in part)
        failed = any(each.levels[index] is Level.FAIL for each in findings)
        unmet = failed or not all(each.met for each in met)
        status = Status.UNMET if unmet else Status.INCOMPLETE if gaps else Status.MET
        results.append(
            ScenarioResult(
                scenario=scenario,
                steps=tuple(
                    StepResult(step=step, expectations=part)
                    for step, part in zip(scenario.steps, parts, strict=True)
                ),
                status=status,
            )
        )
    return Verdict(
        scenarios=tuple(results),
        findings=findings,
        hits=hits,
        connections=evidence.connections,
        gaps=gaps,
    )


def _with_masked_keys(scenario: Scenario) -> Scenario:
    def pattern(each: Pattern) -> Pattern:
        key = each.fields.get("writeKey")
        if not isinstance(key, str):
            return each
        return replace(each, fields={**each.fields, "writeKey": mask(key)})

    def expectation(each: Expectation) -> Expectation:
        return replace(each, patterns=tuple(map(pattern, each.patterns)))

    def step(each: Step) -> Step:
        return replace(each, expectations=tuple(map(expectation, each.expectations)))

    return replace(scenario, steps=tuple(map(step, scenario.steps)))


def _asks(scenario: Scenario) -> bool:
    """Whether it wants any call at all, so that silence fails it."""
    return any(each.times.low for each in scenario.expectations)


def _accepting(wanted: Sequence[Expectation], hits: Sequence[Hit]) -> list[tuple[int, ...]]:
    """For each hit, the expectations that accept it, as indexes."""
    by_line: dict[tuple[bool, CallType | None, str | None], list[int]] = defaultdict(list)
    for index, each in enumerate(wanted):
        for line in {(each.dropped, pattern.type, pattern.name) for pattern in each.patterns}:
            by_line[line].append(index)

    def accepting(hit: Hit) -> Iterator[int]:
        if hit.call is None:
            return
        dropped, type = hit.outcome is Outcome.DROPPED, hit.call.type
        lines = {(dropped, type, name_of(hit)), (dropped, type, None), (dropped, None, None)}
        for index in {index for line in lines for index in by_line.get(line, ())}:
            if next(wanted[index].ways(hit), None) is not None:
                yield index

    return [tuple(sorted(accepting(hit))) for hit in hits]


def _expectations(
    wanted: Sequence[Expectation],
    home: Sequence[int],
    hits: Sequence[Hit],
    accepting: Sequence[tuple[int, ...]],
    *,
    masked: bool,
) -> list[ExpectationResult]:
    """The results of all expectations; `home` holds the scenario of each."""
    bans = {index for index, each in enumerate(wanted) if each.times.high == 0}
    banned_by = [tuple(index for index in indexes if index in bans) for indexes in accepting]
    candidates = [banned or each for banned, each in zip(banned_by, accepting, strict=True)]
    owners = claim(candidates, [_bounds(each, len(hits)) for each in wanted])
    claims: list[list[Hit]] = [[] for _ in wanted]
    takers: list[dict[int, None]] = [{} for _ in wanted]
    surplus: list[list[Surplus]] = [[] for _ in wanted]
    over, idle = [], []
    for hit, indexes, banned, owner in zip(hits, accepting, banned_by, owners, strict=True):
        if owner is not None:
            claims[owner].append(hit)
        elif banned:
            for index in banned:
                surplus[index].append(Surplus(hit))
        elif indexes:
            over.append((hit, indexes))
        elif hit.call:
            idle.append(hit)
        for index in indexes:
            takers[index] |= dict.fromkeys(banned if owner is None else (owner,))
    too_many = list(_surplus(over, claims))
    missing = [each.times.low - len(found) for each, found in zip(wanted, claims, strict=True)]
    # A repeated call has its story; any other that is too many may be what was meant elsewhere.
    pool = [*idle, *(each.hit for _, each in too_many if each.twin is None)]
    close = nearest(list(zip(wanted, missing, strict=True)), pool, masked=masked)
    told = {(home[index], id(each.hit)) for index, found in enumerate(close) for each in found}
    for owner, each in too_many:
        if (home[owner], id(each.hit)) not in told:
            surplus[owner].append(each)
    return [
        ExpectationResult(
            expectation=each,
            claims=tuple(claimed),
            surplus=tuple(surplus[index]),
            nearest=close[index],
            taken_by=tuple(wanted[other] for other in takers[index] if lacks > 0 == len(claimed)),
        )
        for index, (each, lacks, claimed) in enumerate(zip(wanted, missing, claims, strict=True))
    ]


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
