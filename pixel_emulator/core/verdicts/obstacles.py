"""Why a call does not count although its fields match: what it came too late for, or before."""

from collections.abc import Iterator, Mapping, Sequence

from pixel_emulator.core.model import Hit
from pixel_emulator.core.verdicts.nearest import Obstacle
from pixel_emulator.core.verdicts.slots import Layout, Slot, Timing, goes_before

_SECOND = 1_000_000


class Obstacles:
    """What keeps calls from slots, given the claims of a run: positions in order, by slot."""

    def __init__(
        self, layout: Layout, hits: Sequence[Hit], claims: Mapping[int, Sequence[int]]
    ) -> None:
        self.layout = layout
        self.hits = hits
        self.claims = claims

    def of(self, slot: Slot, position: int) -> tuple[Obstacle, str]:
        """The first obstacle that is found, and a phrase about it."""
        hit = self.hits[position]
        if not slot.wanted.wants_outcome(hit):
            return Obstacle.OUTCOME, ""
        if not slot.may_see(hit):
            return Obstacle.ORDER, f'came in "{hit.step}"' if hit.step else "came before any step"
        if order := next(self._order(slot, position), ""):
            return Obstacle.ORDER, order
        late = next(self._late(slot, self.layout.ticks(hit.time)), "")
        return (Obstacle.TIME, late) if late else (Obstacle.NONE, "")

    def _order(self, slot: Slot, position: int) -> Iterator[str]:
        if slot.after is not None:
            yield from self._before(slot.after, position)
        for other in self.layout.slots:
            if other.after == slot.index:
                yield from (
                    f"{words}, which waits for it" for words in self._behind(other, position)
                )
            elif goes_before(slot, other):
                yield from self._behind(other, position)
            elif goes_before(other, slot):
                yield from self._before(other.index, position)
        chain = None if slot.chain is None else self.layout.chains[slot.chain]
        if chain and chain.strict and any(self.claims.get(index) for index in chain.slots):
            yield "other calls came in between"

    def _before(self, index: int, position: int) -> Iterator[str]:
        """That the call came before the last claim of a slot that goes first."""
        claims = self.claims.get(index, ())
        if claims and position < claims[-1]:
            yield f"came before {self._named(index)} (#{self.hits[claims[-1]].seq})"

    def _behind(self, slot: Slot, position: int) -> Iterator[str]:
        """That the call came after the first claim of a slot that goes last."""
        claims = self.claims.get(slot.index, ())
        if claims and position > claims[0]:
            yield f"came after {self._named(slot.index)} (#{self.hits[claims[0]].seq})"

    def _named(self, index: int) -> str:
        wanted = self.layout.slots[index].wanted
        return f'"{wanted.id or wanted.line}"'

    def _late(self, slot: Slot, time: int) -> Iterator[str]:
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

    def _begin(self, slot: Slot) -> int | None:
        """When the first claim of the slot's step came."""
        firsts = [
            self.claims[other.index][0]
            for other in self.layout.slots
            if (other.home, other.phase) == (slot.home, slot.phase) and self.claims.get(other.index)
        ]
        return self._time([min(firsts)] if firsts else [])

    def _time(self, positions: Sequence[int]) -> int | None:
        return self.layout.ticks(self.hits[positions[0]].time) if positions else None


def _length(ticks: int) -> str:
    seconds = ticks / _SECOND
    return f"{seconds * 1_000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"
