"""What claims calls: the expectations of all scenarios, each with its window, order and times."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pixel_emulator.core.model import KEPT, Evidence, Hit
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Order, Scenario, Step

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """How late a claim may come: `within` microseconds after `begin`; None for as late as it likes.

    `begin` counts from the first request; it is None where the step begins with its first claim,
    because its calls have no marks.
    """

    within: int | None = None
    begin: int | None = None

    @property
    def limit(self) -> int | None:
        """The latest time that no claim decides."""
        return None if self.within is None or self.begin is None else self.begin + self.within

    @property
    def span(self) -> int | None:
        """How long after the first claim of its step."""
        return self.within if self.begin is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An expectation as the search sees it.

    `scenario_index` and `step` say where it stands. It may claim the calls whose mark is in `sees`,
    None for all. `after` is the slot whose last claim comes before all claims of this one, at most
    `gap` microseconds before; if there is none, `alone` holds instead. `ordered_list` is the list
    in whose order it claims. `phase` is its step where the steps have no marks: all claims of a
    phase come before those of later phases.
    """

    index: int
    scenario_index: int
    step: int
    wanted: Expectation
    low: int
    high: int | None
    sees: frozenset[str] | None
    timing: Timing
    after: int | None
    gap: int | None
    alone: Timing
    ordered_list: int | None
    phase: int | None

    @property
    def forbids(self) -> bool:
        """Whether what matches it is always too many."""
        return self.high == 0

    @property
    def constrained(self) -> bool:
        """Whether it matters which calls it claims, not only how many."""
        return not (self.ordered_list is None and self.after is None and self.phase is None)

    def may_see(self, hit: Hit) -> bool:
        """Whether the call belongs to its step."""
        return self.sees is None or hit.step in self.sees


def precedes(one: Demand, other: Demand) -> bool:
    """Whether all claims of the one come before those of the other, by their list or phase."""
    if one.ordered_list is not None and one.ordered_list == other.ordered_list:
        return one.index < other.index
    phases = (
        one.phase is not None
        and other.phase is not None
        and one.scenario_index == other.scenario_index
    )
    return phases and one.step < other.step


def claimant_of_alike(slots: Sequence[Demand], matched: Sequence[int]) -> int:
    """The slot of those that match which takes what a call stands for: one without a limit."""
    return next((index for index in matched if slots[index].high is None), matched[0])


@dataclass(slots=True)
class OrderedList:
    """A list of slots in order; in a strict one no other kept call comes in between.

    `kept` are the positions of the kept calls that its step sees, where it is strict.
    """

    strict: bool
    sees: frozenset[str] | None
    slots: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def add(self, position: int, hit: Hit) -> None:
        """Note the next call."""
        if self.strict and hit.outcome in KEPT and (self.sees is None or hit.step in self.sees):
            self.kept.append(position)

    def broken(self, after: int, before: int) -> bool:
        """Whether a kept call comes between two positions."""
        return bisect_right(self.kept, after) < bisect_left(self.kept, before)


class DemandPlan:
    """The slots of the first `reach[n]` steps of each scenario, and the lists that order them.

    Later steps with `since: start` have slots too, which want nothing yet: they may need what
    came before. `live` says that more may come: what a step counts its time from is then known
    only when it has acted. `floating` says that a scenario has several steps without marks.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        evidence: Evidence,
        reach: Sequence[int],
        *,
        live: bool = False,
    ) -> None:
        self.slots: list[Demand] = []
        self.ordered_lists: list[OrderedList] = []
        self.floating = False
        self.marked: list[bool] = []
        self._live = live
        self._acted = evidence.acted
        self._calls = [each for each in evidence.hits if each.call]
        self._origin = evidence.hits[0].time if evidence.hits else None
        for scenario_index, (scenario, steps) in enumerate(zip(scenarios, reach, strict=True)):
            self._add(scenario_index, scenario, steps)

    def note(self, position: int, hit: Hit) -> None:
        """Note the next call."""
        for ordered_list in self.ordered_lists:
            ordered_list.add(position, hit)

    def ticks(self, time: datetime) -> int:
        """Microseconds since the first request."""
        return (time - self._origin) // _TICK if self._origin else 0

    def _add(self, scenario_index: int, scenario: Scenario, reach: int) -> None:
        titles = [scenario.step_title(each) for each in scenario.steps]
        several = len(titles) > 1
        marked = several and any(hit.step in titles for hit in self._calls if hit.step)
        self.marked.append(marked)
        self.floating |= several and not marked
        parts = [
            (number, step)
            for number, step in enumerate(scenario.steps)
            if number < reach or step.since_start
        ]
        by_id: dict[str, int] = {}
        index = len(self.slots)
        for _, step in parts:
            for wanted in step.expectations:
                by_id.setdefault(wanted.id, index)
                index += 1
        for number, step in parts:
            sees = frozenset(titles[0 if step.since_start else number : number + 1])
            self._add_step(
                step,
                by_id,
                scenario_index=scenario_index,
                number=number,
                title=titles[number],
                sees=sees if marked else None,
                phase=number if several and not (marked or step.since_start) else None,
                tried=number < reach,
            )

    def _add_step(
        self,
        step: Step,
        by_id: Mapping[str, int],
        *,
        scenario_index: int,
        number: int,
        title: str,
        sees: frozenset[str] | None,
        phase: int | None,
        tried: bool,
    ) -> None:
        ordered_list = None
        if tried and step.order is not Order.ANY:
            ordered_list = len(self.ordered_lists)
            self.ordered_lists.append(OrderedList(step.order is Order.STRICT, sees))
        begin = self._begin(title, sees)
        moving = bool(phase) and title not in self._acted
        for wanted in step.expectations:
            index, forbids = len(self.slots), wanted.times.high == 0
            after = by_id.get(wanted.after) if wanted.after and tried and not forbids else None
            own = _ticks(wanted.within)
            bounds = (_ticks(step.within), own if after is None else None)
            in_order = ordered_list is not None and not forbids
            if ordered_list is not None and in_order:
                self.ordered_lists[ordered_list].slots.append(index)
            self.slots.append(
                Demand(
                    index=index,
                    scenario_index=scenario_index,
                    step=number,
                    wanted=wanted,
                    low=wanted.times.low if tried else 0,
                    high=None if forbids and not tried else wanted.times.high,
                    sees=sees if tried or not forbids else frozenset(),
                    timing=_timing(begin, *bounds, moving=moving) if tried else Timing(),
                    after=after,
                    gap=None if after is None else own,
                    alone=_timing(begin, own, moving=moving) if after is not None else Timing(),
                    ordered_list=ordered_list if in_order else None,
                    phase=phase if tried and not forbids else None,
                )
            )

    def _begin(self, title: str, sees: frozenset[str] | None) -> int | None:
        """What a step counts its time from, in microseconds since the first request."""
        if title in self._acted:
            return self.ticks(self._acted[title])
        if self._live:
            return None
        seen = (hit.time for hit in self._calls if sees is None or hit.step in sees)
        first = next(seen, None)
        return None if first is None else self.ticks(first)


def _ticks(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


def _timing(begin: int | None, *bounds: int | None, moving: bool) -> Timing:
    within = min((each for each in bounds if each is not None), default=None)
    if within is None or (begin is None and not moving):
        return Timing()
    return Timing(within, None if moving else begin)
