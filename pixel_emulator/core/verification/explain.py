"""What is to be told of each expectation: claims, calls too many, and calls that came close."""

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
_SHOWN = 3  # calls in the way of one expectation that are explained; the others are too many


def explain(
    settlement: Assignment, hits: Sequence[Hit], *, masked: bool = False
) -> list[ExpectationResult]:
    """The results of all slots; `masked` says that the write keys stand masked in the hits."""
    return _Results(settlement, hits, masked=masked).tell()


class _Results:
    """What is known of the slots of one settlement."""

    def __init__(self, settlement: Assignment, hits: Sequence[Hit], *, masked: bool) -> None:
        self.slots = settlement.pool.slots
        self.settlement = settlement
        self.hits = hits
        self.masked = masked
        self.claims: dict[int, list[int]] = defaultdict(list)
        for position, index in sorted(settlement.claims.items()):
            self.claims[index].append(position)
        self.obstacles = NotCountedReasons(settlement.pool.layout, hits, self.claims)
        homes = {slot.scenario_index for slot in self.slots}
        self.bound: dict[int, Bindings] = {
            scenario_index: settlement.bound(scenario_index) for scenario_index in homes
        }
        self.extra_calls: dict[int, list[ExtraCall]] = defaultdict(list)
        self.closest_calls: dict[int, list[ClosestCall]] = defaultdict(list)

    def tell(self) -> list[ExpectationResult]:
        """One result for each slot."""
        idle, over = self._sort()
        over = self._explain(over)
        too_many = list(self._surplus(over))
        lacking = {index: self._lacking(self.slots[index]) for index in range(len(self.slots))}
        # A repeated call has its story; any other that is too many may be what was meant elsewhere.
        pool = [*idle, *(each.hit for _, each in too_many if each.twin is None)]
        told = self._come_close(lacking, pool)
        for index, each in too_many:
            if (self.slots[index].scenario_index, id(each.hit)) not in told:
                self.extra_calls[index].append(each)
        takers = self._takers()
        return [
            ExpectationResult(
                expectation=slot.wanted,
                claims=tuple(self.hits[position] for position in self.claims[slot.index]),
                extra_calls=tuple(self.extra_calls[slot.index]),
                closest_calls=tuple(self.closest_calls[slot.index]),
                taken_by=tuple(self.slots[index].wanted for index in takers[slot.index])
                if lacking[slot.index] > 0 and not self.claims[slot.index]
                else (),
                more_claims=self.settlement.more_claims.get(slot.index, 0),
                too_many=self.settlement.too_many.get(slot.index, 0),
                undecided=slot.index in self.settlement.undecided,
            )
            for slot in self.slots
        ]

    def _lacking(self, slot: Demand) -> int:
        return max(0, slot.low - len(self.claims[slot.index]) - len(self.closest_calls[slot.index]))

    def _sort(self) -> tuple[list[Hit], list[int]]:
        """The calls that nobody matches, and the positions of those that nobody claims; what is
        banned is noted at once."""
        idle, over = [], []
        for position, matched in enumerate(self.settlement.matched):
            banned = self._banned(matched)
            if banned:
                for index in banned:
                    self.extra_calls[index].append(ExtraCall(self.hits[position]))
            elif matched and position not in self.settlement.claims:
                over.append(position)
            elif not matched and self.hits[position].call:
                idle.append(self.hits[position])
        return idle, over

    def _banned(self, matched: Sequence[int]) -> list[int]:
        return [index for index in matched if self.slots[index].forbids]

    def _explain(self, over: Sequence[int]) -> list[int]:
        """Put calls that came too late or out of order beside what they were meant for."""
        left = []
        for position in over:
            obstructed = list(self._obstructed(position))
            if not obstructed:
                left.append(position)
                continue
            slot, obstacle, detail = next(
                (each for each in obstructed if self._lacking(each[0])), obstructed[0]
            )
            near = compare(
                slot.wanted,
                self.hits[position],
                self.bound[slot.scenario_index],
                masked=self.masked,
            )
            self.closest_calls[slot.index].append(
                replace(near, not_counted=obstacle, detail=detail)
            )
        return left

    def _obstructed(self, position: int) -> Iterator[tuple[Demand, NotCountedReason, str]]:
        for index in self.settlement.matched[position]:
            slot, room = self.slots[index], self.slots[index].high
            used = len(self.claims[index]) + len(self.closest_calls[index])
            if len(self.closest_calls[index]) < _SHOWN and (room is None or used < room):
                obstacle, detail = self.obstacles.of(slot, position)
                if obstacle is not NotCountedReason.NONE:
                    yield slot, obstacle, detail

    def _come_close(self, lacking: Mapping[int, int], pool: Sequence[Hit]) -> set[tuple[int, int]]:
        """Find the nearest calls; returns which of them are told, for which scenario."""
        missing = [(s.wanted, lacking[s.index], self.bound[s.scenario_index]) for s in self.slots]
        told = set()
        positions = {id(hit): position for position, hit in enumerate(self.hits)}
        for slot, found in zip(
            self.slots, closest_calls(missing, pool, masked=self.masked), strict=True
        ):
            for near in found:
                told.add((slot.scenario_index, id(near.hit)))
                obstacle, detail = self.obstacles.of(slot, positions[id(near.hit)])
                self.closest_calls[slot.index].append(
                    replace(near, not_counted=obstacle, detail=detail)
                )
        return told

    def _takers(self) -> dict[int, dict[int, None]]:
        """For each slot, the others that its calls went to."""
        takers: dict[int, dict[int, None]] = defaultdict(dict)
        for position, matched in enumerate(self.settlement.matched):
            owner = self.settlement.claims.get(position)
            others = self._banned(matched) if owner is None else (owner,)
            for index in matched:
                takers[index] |= dict.fromkeys(others)
        return takers

    def _surplus(self, over: Sequence[int]) -> Iterator[tuple[int, ExtraCall]]:
        """Each call too many, with the slot that it is laid to."""
        claimed: dict[tuple[int, str], Hit] = {}
        for index in {each for position in over for each in self.settlement.matched[position]}:
            for position in self.claims[index]:
                hit = self.hits[position]
                claimed.setdefault((index, _fingerprint(hit)), hit)
        for position in over:
            hit, matched = self.hits[position], self.settlement.matched[position]
            said = _fingerprint(hit)
            owner = next((index for index in matched if (index, said) in claimed), None)
            if owner is not None:
                twin = claimed[owner, said]
                yield owner, ExtraCall(hit, twin, _differing(hit, twin))
            else:
                first = self.claims[matched[0]][:1]
                differs = _differing(hit, self.hits[first[0]]) if first else ()
                yield matched[0], ExtraCall(hit, None, differs)


def _fingerprint(hit: Hit) -> str:
    """Equal for calls that say the same."""
    if hit.call is None or hit.call.payload is None:
        return hit.request.url
    said = {key: value for key, value in hit.call.payload.items() if key not in _VARYING}
    return f"{hit.call.type} {json_codec.write(said)}"


def _differing(one: Hit, other: Hit) -> tuple[str, ...]:
    both = (call_facts(one), call_facts(other)), (call_facts(other), call_facts(one))
    paths = (path_text(at) for pair in both for at, _, _ in differences(*pair))
    return tuple(dict.fromkeys(paths))
