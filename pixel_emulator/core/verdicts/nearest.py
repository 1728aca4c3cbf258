"""What was sent instead: the calls that come closest to the unmet expectations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from heapq import nsmallest

from pixel_emulator.core.calls import CallType, Form, Hit, Payload
from pixel_emulator.core.matching.differences import (
    Mismatch,
    described,
    differences,
    leaves,
    mismatches,
)
from pixel_emulator.core.matching.values import ABSENT, describe
from pixel_emulator.core.matching.wants import Want
from pixel_emulator.core.recordings.masking import mask
from pixel_emulator.core.scenarios.expectation import Expectation, facts, name_of
from pixel_emulator.core.verdicts.claims import pair

# Bounds of the search, for each expectation: calls that are looked at, and that compete.
_LOOKED_AT = 1_000
_COMPETING = 8
_SHOWN = 3
_SIMILAR = 0.7  # difflib's ratio above which two names are one name, misspelt
_WITH_NAMES = (CallType.TRACK, CallType.PAGE, CallType.SCREEN)


class Obstacle(StrEnum):
    """What keeps a call from counting, besides its fields."""

    NONE = ""
    TIME = "too late"
    ORDER = "out of order"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A call that comes close to an expectation; `matched` of the `fields` it wants agree.

    `obstacle` says what keeps a call from counting although its fields may all match, `detail`
    says it in a phrase: `2.3 s after the 5.0 s of "within"`, `before "opened" (line 12)`.
    """

    hit: Hit
    mismatches: tuple[Mismatch, ...]
    matched: int
    fields: int
    obstacle: Obstacle = Obstacle.NONE
    detail: str = ""


def nearest(
    missing: Sequence[tuple[Expectation, int]], pool: Sequence[Hit], *, masked: bool = False
) -> list[tuple[Nearest, ...]]:
    """For each expectation that lacks so many calls, the hits of the pool that come closest.

    The best assignment in total, so that no hit stands beside two expectations. Write keys are
    shown masked; `masked` says that they are so already.
    """
    slots = [index for index, (_, count) in enumerate(missing) for _ in range(min(count, _SHOWN))]
    costs = [dict(_costs(expectation, pool)) for expectation, _ in missing]
    pairs = zip(slots, pair([costs[index] for index in slots]), strict=True)
    found: list[list[int]] = [[] for _ in missing]
    for index, position in pairs:
        if position is not None:
            found[index].append(position)
    return [
        tuple(
            _nearest(expectation, pool[position], masked=masked) for position in sorted(positions)
        )
        for (expectation, _), positions in zip(missing, found, strict=True)
    ]


def _costs(expectation: Expectation, pool: Sequence[Hit]) -> Iterator[tuple[int, int]]:
    """The positions of the most similar hits, each with the cost of taking it."""
    same_type = [
        (name_of(hit) != expectation.patterns[0].name, position)
        for position, hit in enumerate(pool)
        if hit.call and expectation.patterns[0].type in (None, hit.call.type)
    ]
    fields = leaves(expectation.patterns[0].fields)
    ranked = []
    for _, position in nsmallest(_LOOKED_AT, same_type):
        hit = pool[position]
        wrong = _unmatched(expectation, hit)
        if 2 * (fields - wrong) > fields or _same_name(expectation, hit):
            misses = wrong + (not expectation.wants_outcome(hit))
            ranked.append((1_000 * misses // (fields + 1), position))
    return ((position, cost) for cost, position in nsmallest(_COMPETING, ranked))


def _unmatched(expectation: Expectation, hit: Hit) -> int:
    return sum(
        leaves(want) for _, want, _ in differences(expectation.patterns[0].fields, facts(hit))
    )


def _same_name(expectation: Expectation, hit: Hit) -> bool:
    """Whether the hit may be meant although its name differs."""
    want, got = expectation.patterns[0].name, name_of(hit) or ""
    if want is None or want == got or expectation.patterns[0].type not in _WITH_NAMES:
        return True
    return SequenceMatcher(a=want.casefold(), b=got.casefold()).ratio() > _SIMILAR


def _nearest(expectation: Expectation, hit: Hit, *, masked: bool) -> Nearest:
    flat = hit.call is not None and hit.call.form is Form.FLAT
    wanted, found = expectation.patterns[0].fields, facts(hit)
    fields = leaves(wanted)
    return Nearest(
        hit=hit,
        mismatches=tuple(
            each if masked or each.path != "writeKey" else _masked(each, wanted, found)
            for each in mismatches(wanted, found, flat=flat)
        ),
        matched=fields - _unmatched(expectation, hit),
        fields=fields,
    )


def _masked(mismatch: Mismatch, wanted: Mapping[str, Want], found: Payload) -> Mismatch:
    """A mismatch of write keys that a report may show."""
    want, got = wanted["writeKey"], found.get("writeKey", ABSENT)
    return replace(
        mismatch,
        expected=described(mask(want) if isinstance(want, str) else want),
        actual=describe(mask(got) if isinstance(got, str) else got),
    )
