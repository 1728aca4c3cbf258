"""The closest calls: for each unmet expectation the calls that may have been meant for it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from heapq import merge, nsmallest
from itertools import islice
from typing import cast

from pixel_emulator.core.matching.bipartite import min_cost_pairs
from pixel_emulator.core.matching.diff import (
    Mismatch,
    describe_expected,
    differences,
    leaf_count,
    mismatches,
)
from pixel_emulator.core.matching.expected import (
    ABSENT,
    Binding,
    Bindings,
    Constraints,
    Expected,
    Matcher,
    Value,
    describe_value,
)
from pixel_emulator.core.matching.unification import bind
from pixel_emulator.core.model import CallType, Form, Hit, JsonPath, Payload
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, call_facts, call_name
from pixel_emulator.core.scenarios.mail_clients import request_facts
from pixel_emulator.core.verification.demands import Demand, DemandPlan, Timing, precedes

# Limits of the search, for each expectation: calls that are compared, and that compete.
_MAX_COMPARED = 1_000
_MAX_COMPARED_BY_ALL = 100_000
_MAX_COMPETING = 8
_MAX_SHOWN = 3
_MAX_SOLUTIONS = 100  # of one matcher, to find values for the variables of a call that is shown
_MIN_RATIO = 0.7  # difflib's ratio above which two names are one name, misspelt
_MAX_NAME = 200  # characters of a name that are compared: difflib takes quadratic time
_WITH_NAMES = (CallType.TRACK, CallType.PAGE, CallType.SCREEN)


class NotCountedReason(StrEnum):
    """Why a call does not count, apart from its fields."""

    NONE = ""
    TIME = "too late"
    ORDER = "out of order"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosestCall:
    """A call that comes close to an expectation; `matched` of the expected `fields` agree.

    `not_counted` is the reason why a call does not count although its fields may all match,
    `detail` a phrase about it: `2.3 s after the 5.0 s of "within"`, `before "opened" (line 12)`.
    """

    hit: Hit
    mismatches: tuple[Mismatch, ...]
    matched: int
    fields: int
    not_counted: NotCountedReason = NotCountedReason.NONE
    detail: str = ""


type Shortage = tuple[Expectation, int, Bindings]
"""An expectation, the number of calls that it is missing, and the values of the variables."""


def closest_calls(
    shortages: Sequence[Shortage], hits: Sequence[Hit], *, masked: bool = False
) -> list[tuple[ClosestCall, ...]]:
    """Return, for each expectation that is missing calls, the hits that come closest.

    It is the best assignment in total, so no hit is listed for two expectations. Write keys are
    masked; `masked` means that they are masked already.
    """
    rows = [
        index
        for index, (_, count, _) in enumerate(shortages)
        for _ in range(min(count, _MAX_SHOWN))
    ]
    calls = _CallIndex(hits)
    most = min(_MAX_COMPARED, _MAX_COMPARED_BY_ALL // max(1, len(rows)))
    costs = [
        dict(_costs(expectation, calls.similar(expectation, most), hits, bindings))
        if count > 0
        else {}
        for expectation, count, bindings in shortages
    ]
    pairs = zip(rows, min_cost_pairs([costs[index] for index in rows]), strict=True)
    closest: list[list[int]] = [[] for _ in shortages]
    for index, position in pairs:
        if position is not None:
            closest[index].append(position)
    return [
        tuple(
            compare(expectation, hits[position], bindings, masked=masked)
            for position in sorted(positions)
        )
        for (expectation, _, bindings), positions in zip(shortages, closest, strict=True)
    ]


def compare(
    expectation: Expectation, hit: Hit, bindings: Bindings, *, masked: bool = False
) -> ClosestCall:
    """Return the differences of a hit from the closest pattern of an expectation."""
    patterns = (pattern.resolved_for(hit) for pattern in expectation.patterns)
    pattern = min(patterns, key=lambda pattern: _unmatched(pattern, hit, bindings) / _size(pattern))
    bindings = _with_first_values(pattern, hit, bindings)
    flat = hit.call is not None and hit.call.form is Form.FLAT
    expected, actual = pattern.fields, call_facts(hit)
    differing = [
        mismatch if masked or mismatch.path != "writeKey" else _masked(mismatch, expected, actual)
        for mismatch in mismatches(expected, actual, flat=flat, bindings=bindings)
    ]
    if pattern.request:
        request: Payload = {"request": request_facts(hit)}
        differing += mismatches({"request": dict(pattern.request)}, request, bindings=bindings)
    fields = _size(pattern)
    return ClosestCall(
        hit=hit,
        mismatches=tuple(differing),
        matched=fields - _unmatched(pattern, hit, bindings),
        fields=fields,
    )


class _CallIndex:
    """The positions of calls by type, and by type and name."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.by_type: dict[CallType, list[int]] = defaultdict(list)
        self.by_name: dict[tuple[CallType, str | None], list[int]] = defaultdict(list)
        for position, hit in enumerate(hits):
            if hit.call:
                self.by_type[hit.call.type].append(position)
                self.by_name[hit.call.type, call_name(hit)].append(position)

    def similar(self, expectation: Expectation, most: int) -> list[int]:
        """Return the first calls of its types, those with its names before all others."""
        types = {pattern.type for pattern in expectation.patterns}
        names = {pattern.name for pattern in expectation.patterns}
        matching = [type for type in self.by_type if types & {None, type}]
        lists = (self.by_name.get((type, name), []) for type in matching for name in names)
        named = dict.fromkeys(islice(merge(*lists), most))
        others = merge(*(self.by_type[type] for type in matching))
        return [*islice(dict.fromkeys((*named, *islice(others, most))), most)]


def _costs(
    expectation: Expectation, positions: Iterable[int], hits: Sequence[Hit], bindings: Bindings
) -> Iterator[tuple[int, int]]:
    """Yield the positions of the most similar hits, each with the cost of its assignment."""
    ranked = []
    for position in positions:
        hit = hits[position]
        costs = [
            cost
            for pattern in expectation.patterns
            if (cost := _cost(pattern, hit, bindings, expectation)) is not None
        ]
        if costs:
            ranked.append((min(costs), position))
    return ((position, cost) for cost, position in nsmallest(_MAX_COMPETING, ranked))


def _cost(pattern: Pattern, hit: Hit, bindings: Bindings, expectation: Expectation) -> int | None:
    """Return the cost of assigning the hit to the pattern; None if they are too different."""
    if not hit.call or pattern.type not in (None, hit.call.type):
        return None
    fields, wrong = _size(pattern), _unmatched(pattern.resolved_for(hit), hit, bindings)
    if 2 * (fields - wrong) <= fields and not _has_similar_name(pattern, hit):
        return None
    return 1_000 * (wrong + (not expectation.accepts_outcome(hit))) // (fields + 1)


def _size(pattern: Pattern) -> int:
    return leaf_count(dict(pattern.fields)) + (
        leaf_count(dict(pattern.request)) if pattern.request else 0
    )


def _unmatched(pattern: Pattern, hit: Hit, bindings: Bindings) -> int:
    """Return the number of fields of a pattern that do not match."""
    wrong = _differing_leaves(dict(pattern.fields), call_facts(hit), bindings)
    if pattern.request:
        wrong += _differing_leaves(dict(pattern.request), request_facts(hit), bindings)
    return wrong


def _differing_leaves(expected: dict[str, Expected], actual: Payload, bindings: Bindings) -> int:
    """Return the number of leaves that differ.

    Differences inside a list, extra items among them, count at most as many as it has leaves.
    """
    counts: dict[JsonPath, int] = defaultdict(int)
    most: dict[JsonPath, int] = {}
    for at, leaf, _ in differences(expected, actual, bindings):
        depth, value = 0, cast("Expected", expected)
        while isinstance(value, dict) and depth < len(at):
            value = value[str(at[depth])]
            depth += 1
        most[at[:depth]] = leaf_count(value)
        counts[at[:depth]] += max(1, leaf_count(leaf))
    return sum(min(count, most[at]) for at, count in counts.items())


def _with_first_values(pattern: Pattern, hit: Hit, bindings: Bindings) -> Bindings:
    """Return the variables with their values; one without a value gets the first that matches."""
    constraints: Constraints = tuple(Binding(name, value) for name, value in bindings.items())
    stack: list[tuple[Expected, Value]] = [
        (dict(pattern.request), request_facts(hit)),
        (dict(pattern.fields), call_facts(hit)),
    ]
    while stack:
        expected, actual = stack.pop()
        if isinstance(expected, dict) and isinstance(actual, dict):
            members = [(member, actual.get(key, ABSENT)) for key, member in expected.items()]
            stack.extend(reversed(members))
        elif isinstance(expected, list) and isinstance(actual, list):
            stack.extend(reversed([*zip(expected, actual, strict=False)]))
        elif isinstance(expected, Matcher):
            solutions = islice(expected.solutions(actual), _MAX_SOLUTIONS)
            constraints += next(
                (solution for solution in solutions if bind((*constraints, *solution)) is not None),
                (),
            )
    return bind(constraints) or bindings


def _has_similar_name(pattern: Pattern, hit: Hit) -> bool:
    """Return True if the hit may be meant although its name differs."""
    expected, actual = pattern.name, call_name(hit) or ""
    if expected is None or expected == actual or pattern.type not in _WITH_NAMES:
        return True
    names = SequenceMatcher(a=expected[:_MAX_NAME].casefold(), b=actual[:_MAX_NAME].casefold())
    return names.quick_ratio() > _MIN_RATIO and names.ratio() > _MIN_RATIO


def _masked(mismatch: Mismatch, expected: Mapping[str, Expected], actual: Payload) -> Mismatch:
    """Return a mismatch of write keys in which the keys are masked."""
    expected_key, actual_key = expected["writeKey"], actual.get("writeKey", ABSENT)
    return replace(
        mismatch,
        expected=describe_expected(
            mask(expected_key) if isinstance(expected_key, str) else expected_key
        ),
        actual=describe_value(mask(actual_key) if isinstance(actual_key, str) else actual_key),
    )


_SECOND = 1_000_000  # microseconds


class NotCountedReasons:
    """Why calls do not count for demands; `claims` are the positions of the claims of a run, in
    order, by demand."""

    def __init__(
        self, plan: DemandPlan, hits: Sequence[Hit], claims: Mapping[int, Sequence[int]]
    ) -> None:
        self.plan = plan
        self.hits = hits
        self.claims = claims

    def find(self, demand: Demand, position: int) -> tuple[NotCountedReason, str]:
        """Return the first reason that applies, and a phrase about it."""
        hit = self.hits[position]
        if not demand.expectation.accepts_outcome(hit):
            return NotCountedReason.OUTCOME, ""
        if not demand.can_see(hit):
            return (
                NotCountedReason.ORDER,
                f'came in "{hit.step}"' if hit.step else "came before any step",
            )
        if phrase := next(self._order_phrases(demand, position), ""):
            return NotCountedReason.ORDER, phrase
        late = next(self._delay_phrases(demand, self.plan.microseconds(hit.time)), "")
        return (NotCountedReason.TIME, late) if late else (NotCountedReason.NONE, "")

    def _order_phrases(self, demand: Demand, position: int) -> Iterator[str]:
        if demand.after is not None:
            yield from self._came_before(demand.after, position)
        for other in self.plan.demands:
            if other.after == demand.index:
                yield from (
                    f"{phrase}, which waits for it" for phrase in self._came_after(other, position)
                )
            elif precedes(demand, other):
                yield from self._came_after(other, position)
            elif precedes(other, demand):
                yield from self._came_before(other.index, position)
        ordered_list = (
            None if demand.ordered_list is None else self.plan.ordered_lists[demand.ordered_list]
        )
        if (
            ordered_list
            and ordered_list.strict
            and any(self.claims.get(index) for index in ordered_list.demands)
        ):
            yield "other calls came in between"

    def _came_before(self, index: int, position: int) -> Iterator[str]:
        """Yield a phrase if the call came before the last claim of a demand."""
        claims = self.claims.get(index, ())
        if claims and position < claims[-1]:
            yield f"came before {self._name(index)} (#{self.hits[claims[-1]].seq})"

    def _came_after(self, demand: Demand, position: int) -> Iterator[str]:
        """Yield a phrase if the call came after the first claim of a demand."""
        claims = self.claims.get(demand.index, ())
        if claims and position > claims[0]:
            yield f"came after {self._name(demand.index)} (#{self.hits[claims[0]].seq})"

    def _name(self, index: int) -> str:
        expectation = self.plan.demands[index].expectation
        return f'"{expectation.id or expectation.line}"'

    def _delay_phrases(self, demand: Demand, time: int) -> Iterator[str]:
        timings = [demand.timing]
        if demand.after is not None and demand.max_delay is not None:
            last = self._time(self.claims.get(demand.after, ())[-1:])
            timings.append(
                demand.fallback_timing if last is None else Timing(demand.max_delay, last)
            )
        for timing in timings:
            start = self._start(demand) if timing.start is None else timing.start
            if timing.within is not None and start is not None:
                late = time - start - timing.within
                if late > 0:
                    yield f'{_duration(late)} after the {_duration(timing.within)} of "within"'

    def _start(self, demand: Demand) -> int | None:
        """Return the time of the first claim of the demand's step."""
        firsts = [
            self.claims[other.index][0]
            for other in self.plan.demands
            if (other.scenario_index, other.stage) == (demand.scenario_index, demand.stage)
            and self.claims.get(other.index)
        ]
        return self._time([min(firsts)] if firsts else [])

    def _time(self, positions: Sequence[int]) -> int | None:
        return self.plan.microseconds(self.hits[positions[0]].time) if positions else None


def _duration(microseconds: int) -> str:
    seconds = microseconds / _SECOND
    return f"{seconds * 1_000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"
