"""The results of all expectations: claims, extra calls, and the calls that come closest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pixel_emulator.core.matching.diff import differences
from pixel_emulator.core.matching.expected import Bindings
from pixel_emulator.core.model import Hit, path_text
from pixel_emulator.core.scenarios.expectation import call_facts
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.closest_call import (
    ClosestCall,
    NotCountedReason,
    NotCountedReasons,
    closest_calls,
    compare,
)
from pixel_emulator.core.verification.demands import Demand
from pixel_emulator.core.verification.solve import Assignment
from pixel_emulator.core.verification.verdict import ExpectationResult, ExtraCall

_VARYING = {"messageId", "timestamp", "sentAt", "originalTimestamp", "receivedAt"}
_MAX_EXPLAINED = 3  # calls of one expectation with a reason not to count; the others are extra


def explain(
    assignment: Assignment, hits: Sequence[Hit], *, masked: bool = False
) -> list[ExpectationResult]:
    """Return the result of each demand; `masked` means that the write keys in the hits are masked
    already."""
    return _Results(assignment, hits, masked=masked).results()


class _Results:
    """The results of one assignment, by demand."""

    def __init__(self, assignment: Assignment, hits: Sequence[Hit], *, masked: bool) -> None:
        self.demands = assignment.instance.demands
        self.assignment = assignment
        self.hits = hits
        self.masked = masked
        self.claims: dict[int, list[int]] = defaultdict(list)
        for position, index in sorted(assignment.claims.items()):
            self.claims[index].append(position)
        self.reasons = NotCountedReasons(assignment.instance.plan, hits, self.claims)
        scenario_indexes = {demand.scenario_index for demand in self.demands}
        self.bindings: dict[int, Bindings] = {
            index: assignment.bindings(index) for index in scenario_indexes
        }
        self.extra_calls: dict[int, list[ExtraCall]] = defaultdict(list)
        self.closest_calls: dict[int, list[ClosestCall]] = defaultdict(list)

    def results(self) -> list[ExpectationResult]:
        """Return one result for each demand."""
        unmatched, unclaimed = self._sort()
        unclaimed = self._explain(unclaimed)
        extra_calls = list(self._extra_calls(unclaimed))
        missing = {index: self._missing(demand) for index, demand in enumerate(self.demands)}
        # A repeated call is explained; any other extra call may be meant for another expectation.
        pool = [*unmatched, *(extra.hit for _, extra in extra_calls if extra.original is None)]
        shown = self._add_closest_calls(missing, pool)
        for index, extra in extra_calls:
            if (self.demands[index].scenario_index, id(extra.hit)) not in shown:
                self.extra_calls[index].append(extra)
        takers = self._takers()
        return [
            ExpectationResult(
                expectation=demand.expectation,
                claims=tuple(self.hits[position] for position in self.claims[demand.index]),
                extra_calls=tuple(self.extra_calls[demand.index]),
                closest_calls=tuple(self.closest_calls[demand.index]),
                taken_by=tuple(self.demands[index].expectation for index in takers[demand.index])
                if missing[demand.index] > 0 and not self.claims[demand.index]
                else (),
                counted_claims=self.assignment.counted_claims.get(demand.index, 0),
                counted_extra=self.assignment.counted_extra.get(demand.index, 0),
                undecided=demand.index in self.assignment.undecided,
            )
            for demand in self.demands
        ]

    def _missing(self, demand: Demand) -> int:
        explained = len(self.claims[demand.index]) + len(self.closest_calls[demand.index])
        return max(0, demand.low - explained)

    def _sort(self) -> tuple[list[Hit], list[int]]:
        """Return the calls that no demand matches, and the positions of those that one matches
        but none claims; add calls that a demand with `times: 0` matches to its extra calls."""
        unmatched, unclaimed = [], []
        for position, matched in enumerate(self.assignment.matched):
            if forbidding := self._forbidding(matched):
                for index in forbidding:
                    self.extra_calls[index].append(ExtraCall(self.hits[position]))
            elif matched and position not in self.assignment.claims:
                unclaimed.append(position)
            elif not matched and self.hits[position].call:
                unmatched.append(self.hits[position])
        return unmatched, unclaimed

    def _forbidding(self, matched: Sequence[int]) -> list[int]:
        return [index for index in matched if self.demands[index].forbids]

    def _explain(self, unclaimed: Sequence[int]) -> list[int]:
        """Add calls that came too late or out of order to the closest calls of the demands that
        they match; return the positions of the others."""
        others = []
        for position in unclaimed:
            explanations = list(self._explanations(position))
            if not explanations:
                others.append(position)
                continue
            demand, reason, detail = next(
                (explanation for explanation in explanations if self._missing(explanation[0])),
                explanations[0],
            )
            call = compare(
                demand.expectation,
                self.hits[position],
                self.bindings[demand.scenario_index],
                masked=self.masked,
            )
            self.closest_calls[demand.index].append(
                replace(call, not_counted=reason, detail=detail)
            )
        return others

    def _explanations(self, position: int) -> Iterator[tuple[Demand, NotCountedReason, str]]:
        for index in self.assignment.matched[position]:
            demand, high = self.demands[index], self.demands[index].high
            shown = len(self.closest_calls[index])
            used = len(self.claims[index]) + shown
            if shown < _MAX_EXPLAINED and (high is None or used < high):
                reason, detail = self.reasons.find(demand, position)
                if reason is not NotCountedReason.NONE:
                    yield demand, reason, detail

    def _add_closest_calls(
        self, missing: Mapping[int, int], pool: Sequence[Hit]
    ) -> set[tuple[int, int]]:
        """Add the closest calls of each demand; return those calls, each with its scenario."""
        shortages = [
            (demand.expectation, missing[demand.index], self.bindings[demand.scenario_index])
            for demand in self.demands
        ]
        shown = set()
        positions = {id(hit): position for position, hit in enumerate(self.hits)}
        closest = closest_calls(shortages, pool, masked=self.masked)
        for demand, calls in zip(self.demands, closest, strict=True):
            for call in calls:
                shown.add((demand.scenario_index, id(call.hit)))
                reason, detail = self.reasons.find(demand, positions[id(call.hit)])
                self.closest_calls[demand.index].append(
                    replace(call, not_counted=reason, detail=detail)
                )
        return shown

    def _takers(self) -> dict[int, dict[int, None]]:
        """Return, for each demand, the demands that the calls it matches went to."""
        takers: dict[int, dict[int, None]] = defaultdict(dict)
        for position, matched in enumerate(self.assignment.matched):
            claimant = self.assignment.claims.get(position)
            others = self._forbidding(matched) if claimant is None else (claimant,)
            for index in matched:
                takers[index] |= dict.fromkeys(others)
        return takers

    def _extra_calls(self, unclaimed: Sequence[int]) -> Iterator[tuple[int, ExtraCall]]:
        """Yield the extra calls, each with the demand that it is an extra call of."""
        claimed: dict[tuple[int, str], Hit] = {}
        matching = {index for position in unclaimed for index in self.assignment.matched[position]}
        for index in matching:
            for position in self.claims[index]:
                hit = self.hits[position]
                claimed.setdefault((index, _fingerprint(hit)), hit)
        for position in unclaimed:
            hit, matched = self.hits[position], self.assignment.matched[position]
            fingerprint = _fingerprint(hit)
            owner = next((index for index in matched if (index, fingerprint) in claimed), None)
            if owner is not None:
                original = claimed[owner, fingerprint]
                yield owner, ExtraCall(hit, original, _differing_paths(hit, original))
            else:
                first = self.claims[matched[0]][:1]
                differs = _differing_paths(hit, self.hits[first[0]]) if first else ()
                yield matched[0], ExtraCall(hit, None, differs)


def _fingerprint(hit: Hit) -> str:
    """Return a text that is equal for calls that differ only in fields that always vary."""
    if hit.call is None or hit.call.payload is None:
        return hit.request.url
    constant = {key: value for key, value in hit.call.payload.items() if key not in _VARYING}
    return f"{hit.call.type} {json_codec.write(constant)}"


def _differing_paths(one: Hit, other: Hit) -> tuple[str, ...]:
    both = (call_facts(one), call_facts(other)), (call_facts(other), call_facts(one))
    paths = (path_text(at) for pair in both for at, _, _ in differences(*pair))
    return tuple(dict.fromkeys(paths))
