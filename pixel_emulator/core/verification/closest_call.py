"""What was sent instead: the calls that come closest to the unmet expectations."""

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

# Bounds of the search, for each expectation: calls that are looked at, and that compete.
_LOOKED_AT = 1_000
_LOOKED_AT_BY_ALL = 100_000
_COMPETING = 8
_SHOWN = 3
_WAYS = 100  # of one matcher, to find values for the variables of a call that is shown
_SIMILAR = 0.7  # difflib's ratio above which two names are one name, misspelt
_LONGEST = 200  # characters of a name that are compared: difflib takes quadratic time
_WITH_NAMES = (CallType.TRACK, CallType.PAGE, CallType.SCREEN)


class NotCountedReason(StrEnum):
    """What keeps a call from counting, besides its fields."""

    NONE = ""
    TIME = "too late"
    ORDER = "out of order"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosestCall:
    """A call that comes close to an expectation; `matched` of the `fields` it wants agree.

    `obstacle` says what keeps a call from counting although its fields may all match, `detail`
    says it in a phrase: `2.3 s after the 5.0 s of "within"`, `before "opened" (line 12)`.
    """

    hit: Hit
    mismatches: tuple[Mismatch, ...]
    matched: int
    fields: int
    not_counted: NotCountedReason = NotCountedReason.NONE
    detail: str = ""


type Shortage = tuple[Expectation, int, Bindings]
"""An expectation, how many calls it lacks, and the values of the variables."""


def closest_calls(
    missing: Sequence[Shortage], pool: Sequence[Hit], *, masked: bool = False
) -> list[tuple[ClosestCall, ...]]:
    """For each expectation that lacks calls, the hits of the pool that come closest.

    The best assignment in total, so that no hit stands beside two expectations. Write keys are
    shown masked; `masked` says that they are so already.
    """
    slots = [
        index for index, (_, count, _) in enumerate(missing) for _ in range(min(count, _SHOWN))
    ]
    lines = _Lines(pool)
    looks = min(_LOOKED_AT, _LOOKED_AT_BY_ALL // max(1, len(slots)))
    costs = [
        dict(_costs(each, lines.like(each, looks), pool, bound)) if count > 0 else {}
        for each, count, bound in missing
    ]
    pairs = zip(slots, min_cost_pairs([costs[index] for index in slots]), strict=True)
    found: list[list[int]] = [[] for _ in missing]
    for index, position in pairs:
        if position is not None:
            found[index].append(position)
    return [
        tuple(
            compare(expectation, pool[position], bound, masked=masked)
            for position in sorted(positions)
        )
        for (expectation, _, bound), positions in zip(missing, found, strict=True)
    ]


def compare(
    expectation: Expectation, hit: Hit, bound: Bindings, *, masked: bool = False
) -> ClosestCall:
    """How close a hit comes to the closest pattern of an expectation."""
    patterns = (each.resolved_for(hit) for each in expectation.patterns)
    pattern = min(patterns, key=lambda each: _unmatched(each, hit, bound) / _size(each))
    bound = _bound_by(pattern, hit, bound)
    flat = hit.call is not None and hit.call.form is Form.FLAT
    wanted, found = pattern.fields, call_facts(hit)
    differing = [
        each if masked or each.path != "writeKey" else _masked(each, wanted, found)
        for each in mismatches(wanted, found, flat=flat, bindings=bound)
    ]
    if pattern.request:
        wire: Payload = {"request": request_facts(hit)}
        differing += mismatches({"request": dict(pattern.request)}, wire, bindings=bound)
    fields = _size(pattern)
    return ClosestCall(
        hit=hit,
        mismatches=tuple(differing),
        matched=fields - _unmatched(pattern, hit, bound),
        fields=fields,
    )


class _Lines:
    """Where the calls of each type, and of each type and name, stand in a pool."""

    def __init__(self, pool: Sequence[Hit]) -> None:
        self.by_type: dict[CallType, list[int]] = defaultdict(list)
        self.by_name: dict[tuple[CallType, str | None], list[int]] = defaultdict(list)
        for position, hit in enumerate(pool):
            if hit.call:
                self.by_type[hit.call.type].append(position)
                self.by_name[hit.call.type, call_name(hit)].append(position)

    def like(self, expectation: Expectation, most: int) -> list[int]:
        """The first calls of its types, those of its names before all others."""
        types = {each.type for each in expectation.patterns}
        names = {each.name for each in expectation.patterns}
        wanted = [each for each in self.by_type if types & {None, each}]
        lists = (self.by_name.get((type, name), []) for type in wanted for name in names)
        found = dict.fromkeys(islice(merge(*lists), most))
        others = merge(*(self.by_type[each] for each in wanted))
        return [*islice(dict.fromkeys((*found, *islice(others, most))), most)]


def _costs(
    expectation: Expectation, positions: Iterable[int], pool: Sequence[Hit], bound: Bindings
) -> Iterator[tuple[int, int]]:
    """The positions of the most similar hits, each with the cost of taking it."""
    ranked = []
    for position in positions:
        hit = pool[position]
        costs = [
            cost
            for pattern in expectation.patterns
            if (cost := _cost(pattern, hit, bound, expectation)) is not None
        ]
        if costs:
            ranked.append((min(costs), position))
    return ((position, cost) for cost, position in nsmallest(_COMPETING, ranked))


def _cost(pattern: Pattern, hit: Hit, bound: Bindings, expectation: Expectation) -> int | None:
    """What it costs to take the hit for the pattern; None if it cannot be meant."""
    if not hit.call or pattern.type not in (None, hit.call.type):
        return None
    fields, wrong = _size(pattern), _unmatched(pattern.resolved_for(hit), hit, bound)
    if 2 * (fields - wrong) <= fields and not _same_name(pattern, hit):
        return None
    return 1_000 * (wrong + (not expectation.accepts_outcome(hit))) // (fields + 1)


def _size(pattern: Pattern) -> int:
    return leaf_count(dict(pattern.fields)) + (
        leaf_count(dict(pattern.request)) if pattern.request else 0
    )


def _unmatched(pattern: Pattern, hit: Hit, bound: Bindings) -> int:
    """How many of the fields of a pattern do not match."""
    wrong = _wrong(dict(pattern.fields), call_facts(hit), bound)
    if pattern.request:
        wrong += _wrong(dict(pattern.request), request_facts(hit), bound)
    return wrong


def _wrong(want: dict[str, Expected], got: Payload, bound: Bindings) -> int:
    """How many leaves of a want differ; all that differs in a list is no more than the list has,
    and what is too much there counts, too."""
    counts: dict[JsonPath, int] = defaultdict(int)
    most: dict[JsonPath, int] = {}
    for at, wanted, _ in differences(want, got, bound):
        depth, whole = 0, cast("Expected", want)
        while isinstance(whole, dict) and depth < len(at):
            whole = whole[str(at[depth])]
            depth += 1
        most[at[:depth]] = leaf_count(whole)
        counts[at[:depth]] += max(1, leaf_count(wanted))
    return sum(min(count, most[at]) for at, count in counts.items())


def _bound_by(pattern: Pattern, hit: Hit, bound: Bindings) -> Bindings:
    """The variables with their values; one that has none takes the first that it meets."""
    needs: Constraints = tuple(Binding(name, value) for name, value in bound.items())
    stack: list[tuple[Expected, Value]] = [
        (dict(pattern.request), request_facts(hit)),
        (dict(pattern.fields), call_facts(hit)),
    ]
    while stack:
        want, got = stack.pop()
        if isinstance(want, dict) and isinstance(got, dict):
            found = [(each, got.get(key, ABSENT)) for key, each in want.items()]
            stack.extend(reversed(found))
        elif isinstance(want, list) and isinstance(got, list):
            stack.extend(reversed([*zip(want, got, strict=False)]))
        elif isinstance(want, Matcher):
            ways = islice(want.solutions(got), _WAYS)
            needs += next((way for way in ways if bind((*needs, *way)) is not None), ())
    return bind(needs) or bound


def _same_name(pattern: Pattern, hit: Hit) -> bool:
    """Whether the hit may be meant although its name differs."""
    want, got = pattern.name, call_name(hit) or ""
    if want is None or want == got or pattern.type not in _WITH_NAMES:
        return True
    names = SequenceMatcher(a=want[:_LONGEST].casefold(), b=got[:_LONGEST].casefold())
    return names.quick_ratio() > _SIMILAR and names.ratio() > _SIMILAR


def _masked(mismatch: Mismatch, wanted: Mapping[str, Expected], found: Payload) -> Mismatch:
    """A mismatch of write keys that a report may show."""
    want, got = wanted["writeKey"], found.get("writeKey", ABSENT)
    return replace(
        mismatch,
        expected=describe_expected(mask(want) if isinstance(want, str) else want),
        actual=describe_value(mask(got) if isinstance(got, str) else got),
    )


_SECOND = 1_000_000


class NotCountedReasons:
    """What keeps calls from slots, given the claims of a run: positions in order, by slot."""

    def __init__(
        self, layout: DemandPlan, hits: Sequence[Hit], claims: Mapping[int, Sequence[int]]
    ) -> None:
        self.layout = layout
        self.hits = hits
        self.claims = claims

    def of(self, slot: Demand, position: int) -> tuple[NotCountedReason, str]:
        """The first obstacle that is found, and a phrase about it."""
        hit = self.hits[position]
        if not slot.wanted.accepts_outcome(hit):
            return NotCountedReason.OUTCOME, ""
        if not slot.may_see(hit):
            return (
                NotCountedReason.ORDER,
                f'came in "{hit.step}"' if hit.step else "came before any step",
            )
        if order := next(self._order(slot, position), ""):
            return NotCountedReason.ORDER, order
        late = next(self._late(slot, self.layout.ticks(hit.time)), "")
        return (NotCountedReason.TIME, late) if late else (NotCountedReason.NONE, "")

    def _order(self, slot: Demand, position: int) -> Iterator[str]:
        if slot.after is not None:
            yield from self._before(slot.after, position)
        for other in self.layout.slots:
            if other.after == slot.index:
                yield from (
                    f"{words}, which waits for it" for words in self._behind(other, position)
                )
            elif precedes(slot, other):
                yield from self._behind(other, position)
            elif precedes(other, slot):
                yield from self._before(other.index, position)
        ordered_list = (
            None if slot.ordered_list is None else self.layout.ordered_lists[slot.ordered_list]
        )
        if (
            ordered_list
            and ordered_list.strict
            and any(self.claims.get(index) for index in ordered_list.slots)
        ):
            yield "other calls came in between"

    def _before(self, index: int, position: int) -> Iterator[str]:
        """That the call came before the last claim of a slot that goes first."""
        claims = self.claims.get(index, ())
        if claims and position < claims[-1]:
            yield f"came before {self._named(index)} (#{self.hits[claims[-1]].seq})"

    def _behind(self, slot: Demand, position: int) -> Iterator[str]:
        """That the call came after the first claim of a slot that goes last."""
        claims = self.claims.get(slot.index, ())
        if claims and position > claims[0]:
            yield f"came after {self._named(slot.index)} (#{self.hits[claims[0]].seq})"

    def _named(self, index: int) -> str:
        wanted = self.layout.slots[index].wanted
        return f'"{wanted.id or wanted.line}"'

    def _late(self, slot: Demand, time: int) -> Iterator[str]:
        timings = [slot.timing]
        if slot.after is not None and slot.gap is not None:
            last = self._time(self.claims.get(slot.after, ())[-1:])
            timings.append(slot.alone if last is None else Timing(slot.gap, last))
        for timing in timings:
            begin = self._begin(slot) if timing.begin is None else timing.begin
            if timing.within is not None and begin is not None:
                late = time - begin - timing.within
                if late > 0:
                    yield f'{_length(late)} after the {_length(timing.within)} of "within"'

    def _begin(self, slot: Demand) -> int | None:
        """When the first claim of the slot's step came."""
        firsts = [
            self.claims[other.index][0]
            for other in self.layout.slots
            if (other.scenario_index, other.phase) == (slot.scenario_index, slot.phase)
            and self.claims.get(other.index)
        ]
        return self._time([min(firsts)] if firsts else [])

    def _time(self, positions: Sequence[int]) -> int | None:
        return self.layout.ticks(self.hits[positions[0]].time) if positions else None


def _length(ticks: int) -> str:
    seconds = ticks / _SECOND
    return f"{seconds * 1_000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"
