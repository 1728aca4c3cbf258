"""Demands: the expectations of all scenarios, each with its window of calls, order and times."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pixel_emulator.core.model import KEPT, Evidence, Hit
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import Order, Scenario, Step

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """Latest time of a claim: `within` microseconds after `start`; None for no limit.

    `start` is in microseconds since the first request. It is None if the step starts with its
    first claim, because the calls have no step marks.
    """

    within: int | None = None
    start: int | None = None

    @property
    def deadline(self) -> int | None:
        """Latest time in microseconds since the first request, if no claim decides it."""
        return None if self.within is None or self.start is None else self.start + self.within

    @property
    def span(self) -> int | None:
        """Longest time in microseconds after the first claim of the step, if that decides."""
        return self.within if self.start is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An expectation as the solver sees it.

    `scenario_index` and `step` (an index) locate it. It can claim calls whose step mark is in
    `visible_steps`; None for all calls. All its claims come after the last claim of the demand
    `after`, at most `max_delay` microseconds later; if that demand has no claim,
    `fallback_timing` applies instead. `ordered_list` is the list whose order its claims follow.
    `stage` is its step if the steps have no marks: all claims of a stage come before the claims
    of later stages.
    """

    index: int
    scenario_index: int
    step: int
    expectation: Expectation
    low: int
    high: int | None
    visible_steps: frozenset[str] | None
    timing: Timing
    after: int | None
    max_delay: int | None
    fallback_timing: Timing
    ordered_list: int | None
    stage: int | None

    @property
    def forbids(self) -> bool:
        """True if every call that matches is one too many (`times: 0`)."""
        return self.high == 0

    @property
    def is_constrained(self) -> bool:
        """True if it matters which calls it claims, not only how many."""
        return not (self.ordered_list is None and self.after is None and self.stage is None)

    def can_see(self, hit: Hit) -> bool:
        """Return True if the call belongs to its step."""
        return self.visible_steps is None or hit.step in self.visible_steps


def precedes(first: Demand, second: Demand) -> bool:
    """Return True if all claims of `first` come before those of `second`, by list or stage."""
    if first.ordered_list is not None and first.ordered_list == second.ordered_list:
        return first.index < second.index
    both_staged = (
        first.stage is not None
        and second.stage is not None
        and first.scenario_index == second.scenario_index
    )
    return both_staged and first.step < second.step


def claimant_of_alike(demands: Sequence[Demand], matched: Sequence[int]) -> int:
    """Return the demand that claims what a call stands for: the first without an upper bound, or
    else the first of those matched."""
    return next((index for index in matched if demands[index].high is None), matched[0])


@dataclass(slots=True)
class OrderedList:
    """Demands in order; in a strict list no other kept call comes between their claims.

    `kept_positions` are the positions of the kept calls that the step sees, if it is strict.
    """

    strict: bool
    visible_steps: frozenset[str] | None
    demands: list[int] = field(default_factory=list)
    kept_positions: list[int] = field(default_factory=list)

    def add(self, position: int, hit: Hit) -> None:
        """Add the next call."""
        if (
            self.strict
            and hit.outcome in KEPT
            and (self.visible_steps is None or hit.step in self.visible_steps)
        ):
            self.kept_positions.append(position)

    def is_broken(self, after: int, before: int) -> bool:
        """Return True if a kept call comes between two positions."""
        return bisect_right(self.kept_positions, after) < bisect_left(self.kept_positions, before)


class DemandPlan:
    """The demands of the first `step_counts[n]` steps of each scenario, and their ordered lists.

    Later steps with `since: start` have demands with a lower bound of 0, because they can claim
    calls that came earlier. `live` means that more calls may come: the start of a step is then
    known only after its actions. `has_unmarked_steps` is True if a scenario has several steps and
    its calls have no step marks; `marked` tells it for each scenario.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        evidence: Evidence,
        step_counts: Sequence[int],
        *,
        live: bool = False,
    ) -> None:
        self.demands: list[Demand] = []
        self.ordered_lists: list[OrderedList] = []
        self.has_unmarked_steps = False
        self.marked: list[bool] = []
        self._live = live
        self._acted = evidence.acted
        self._calls = [hit for hit in evidence.hits if hit.call]
        self._origin = evidence.hits[0].time if evidence.hits else None
        for scenario_index, (scenario, count) in enumerate(
            zip(scenarios, step_counts, strict=True)
        ):
            self._add_scenario(scenario_index, scenario, count)

    def add(self, position: int, hit: Hit) -> None:
        """Add the next call."""
        for ordered_list in self.ordered_lists:
            ordered_list.add(position, hit)

    def microseconds(self, time: datetime) -> int:
        """Return the microseconds from the first request to `time`."""
        return (time - self._origin) // _MICROSECOND if self._origin else 0

    def _add_scenario(self, scenario_index: int, scenario: Scenario, step_count: int) -> None:
        titles = [scenario.step_title(step) for step in scenario.steps]
        several = len(titles) > 1
        marked = several and any(hit.step in titles for hit in self._calls if hit.step)
        self.marked.append(marked)
        self.has_unmarked_steps |= several and not marked
        included = [
            (number, step)
            for number, step in enumerate(scenario.steps)
            if number < step_count or step.since_start
        ]
        by_id: dict[str, int] = {}
        index = len(self.demands)
        for _, step in included:
            for expectation in step.expectations:
                by_id.setdefault(expectation.id, index)
                index += 1
        for number, step in included:
            visible = frozenset(titles[0 if step.since_start else number : number + 1])
            self._add_step(
                step,
                by_id,
                scenario_index=scenario_index,
                number=number,
                title=titles[number],
                visible_steps=visible if marked else None,
                stage=number if several and not (marked or step.since_start) else None,
                tried=number < step_count,
            )

    def _add_step(
        self,
        step: Step,
        by_id: Mapping[str, int],
        *,
        scenario_index: int,
        number: int,
        title: str,
        visible_steps: frozenset[str] | None,
        stage: int | None,
        tried: bool,
    ) -> None:
        list_index = None
        if tried and step.order is not Order.ANY:
            list_index = len(self.ordered_lists)
            self.ordered_lists.append(OrderedList(step.order is Order.STRICT, visible_steps))
        start = self._start(title, visible_steps)
        starts_with_claim = bool(stage) and title not in self._acted
        for expectation in step.expectations:
            index, forbids = len(self.demands), expectation.times.high == 0
            after = None
            if expectation.after and tried and not forbids:
                after = by_id.get(expectation.after)
            own = _microseconds(expectation.within)
            bounds = (_microseconds(step.within), own if after is None else None)
            is_listed = list_index is not None and not forbids
            if list_index is not None and is_listed:
                self.ordered_lists[list_index].demands.append(index)
            self.demands.append(
                Demand(
                    index=index,
                    scenario_index=scenario_index,
                    step=number,
                    expectation=expectation,
                    low=expectation.times.low if tried else 0,
                    high=None if forbids and not tried else expectation.times.high,
                    visible_steps=visible_steps if tried or not forbids else frozenset(),
                    timing=_timing(start, *bounds, starts_with_claim=starts_with_claim)
                    if tried
                    else Timing(),
                    after=after,
                    max_delay=None if after is None else own,
                    fallback_timing=Timing()
                    if after is None
                    else _timing(start, own, starts_with_claim=starts_with_claim),
                    ordered_list=list_index if is_listed else None,
                    stage=stage if tried and not forbids else None,
                )
            )

    def _start(self, title: str, visible_steps: frozenset[str] | None) -> int | None:
        """Return the start of a step in microseconds since the first request, None if unknown."""
        if title in self._acted:
            return self.microseconds(self._acted[title])
        if self._live:
            return None
        visible = (
            hit.time for hit in self._calls if visible_steps is None or hit.step in visible_steps
        )
        first = next(visible, None)
        return None if first is None else self.microseconds(first)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


def _timing(start: int | None, *bounds: int | None, starts_with_claim: bool) -> Timing:
    within = min((bound for bound in bounds if bound is not None), default=None)
    if within is None or (start is None and not starts_with_claim):
        return Timing()
    return Timing(within, None if starts_with_claim else start)
