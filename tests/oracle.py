"""The least cost of a verdict by trying all assignments: for small cases only."""

from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import Any

from pixel_emulator.core.matching.expected import equality_key, text_form
from pixel_emulator.core.model import KEPT
from pixel_emulator.core.scenarios.scenario import Level, Order
from pixel_emulator.core.verification.policies import policy_hits_of

NOT_OFFERED = object()
"""A value that no call offers."""


class Oracle:
    """Scenarios over hits, by all values, all assignments and all boundaries of steps.

    A demand is a tuple of scenario index, step number and expectation. Claims are the positions
    of the calls that each demand claims.
    """

    def __init__(self, scenarios, evidence):
        self.scenarios, self.hits, self.acted = scenarios, evidence.hits, evidence.acted
        self.marked = [
            any(hit.step in {s.step_title(step) for step in s.steps} for hit in self.hits)
            for s in scenarios
        ]
        self.demands = [
            (scenario_index, number, expectation)
            for scenario_index, scenario in enumerate(scenarios)
            for number, step in enumerate(scenario.steps)
            for expectation in step.expectations
        ]

    def least_cost(self):
        """Return the missing claims, extra calls and failing policy hits of the best assignment."""
        return min(self._costs())

    def cost_of(self, verdict):
        """Return the cost of a verdict's own values and claims; None if they are not allowed."""
        values = {
            (scenario_index, name): value
            for scenario_index, result in enumerate(verdict.scenarios)
            for name, value in result.bindings.items()
        }
        results = [result for scenario in verdict.scenarios for result in scenario.expectations]
        positions_of = {id(hit): position for position, hit in enumerate(self.hits)}
        claims = [sorted(positions_of[id(hit)] for hit in result.claims) for result in results]
        cost, claimants = self._fixed_cost(values, self._solutions())
        for index, positions in enumerate(claims):
            if any(index not in claimants[position] for position in positions):
                return None
        return self._cost(cost, claims) if self._are_allowed(claims) else None

    def _solutions(self):
        """Return, for each call, the solutions of the demands that match it."""
        return [
            {
                index: solutions
                for index, (scenario_index, number, expectation) in enumerate(self.demands)
                if self._sees(scenario_index, number, hit)
                and (solutions := list(expectation.solutions(hit)))
            }
            for hit in self.hits
        ]

    def _costs(self):
        candidates = self._solutions()
        domains: dict[Any, Any] = {}
        for by_demand in candidates:
            for index, solutions in by_demand.items():
                for binding in (binding for solution in solutions for binding in solution):
                    variable = (self.demands[index][0], binding.name)
                    domain = domains.setdefault(variable, {})
                    domain[equality_key(binding.value)] = binding.value
        names = list(domains)
        for values in product(*([*domains[name].values(), NOT_OFFERED] for name in names)):
            yield from self._costs_under(dict(zip(names, values, strict=True)), candidates)

    def _fixed_cost(self, values, candidates):
        """Return the cost of the calls before any is claimed, and the possible claimants of each
        call."""
        cost, claimants = 0, []
        for hit, by_demand in zip(self.hits, candidates, strict=True):
            matched = [
                index
                for index, solutions in by_demand.items()
                if any(self._holds(self.demands[index][0], way, values) for way in solutions)
            ]
            matching = {self.demands[index][0] for index in matched}
            policy_hits = policy_hits_of(self.scenarios, hit, matching)
            cost += sum(policy_hit.level is Level.FAIL for policy_hit in policy_hits)
            forbids = sum(self.demands[index][2].times.high == 0 for index in matched)
            cost += forbids
            claimants.append([None] if forbids or not matched else [*matched, None])
            if not forbids and matched:
                cost += 1
        return cost, claimants

    def _costs_under(self, values, candidates):
        cost, claimants = self._fixed_cost(values, candidates)
        for assignment in product(*claimants):
            claims = [
                [position for position, claimant in enumerate(assignment) if claimant == index]
                for index in range(len(self.demands))
            ]
            if self._are_allowed(claims):
                yield self._cost(cost, claims)

    def _cost(self, fixed, claims):
        missing = sum(
            max(0, expectation.times.low - len(positions))
            for (_, _, expectation), positions in zip(self.demands, claims, strict=True)
        )
        return fixed + missing - sum(map(len, claims))

    def _holds(self, scenario_index, solution, values):
        for binding in solution:
            value = values.get((scenario_index, binding.name), NOT_OFFERED)
            if value is NOT_OFFERED:
                return False
            if binding.in_text:
                if text_form(value) != binding.value:
                    return False
            elif equality_key(value) != equality_key(binding.value):
                return False
        return True

    def _sees(self, scenario_index, number, hit):
        scenario = self.scenarios[scenario_index]
        if len(scenario.steps) == 1 or not self.marked[scenario_index]:
            return True
        titles = [scenario.step_title(step) for step in scenario.steps]
        first = 0 if scenario.steps[number].since_start else number
        return hit.step in titles[first : number + 1]

    def _are_allowed(self, claims):
        for (_, _, expectation), positions in zip(self.demands, claims, strict=True):
            high = expectation.times.high
            if high is not None and len(positions) > high:
                return False
        return all(self._scenario_allows(index, claims) for index in range(len(self.scenarios)))

    def _scenario_allows(self, scenario_index, claims):
        own = [
            (number, expectation, positions)
            for (owner, number, expectation), positions in zip(self.demands, claims, strict=True)
            if owner == scenario_index
        ]
        scenario = self.scenarios[scenario_index]
        for number, step in enumerate(scenario.steps):
            listed = [
                positions
                for step_number, expectation, positions in own
                if step_number == number and expectation.times.high != 0
            ]
            if step.order is not Order.ANY and not self._in_order(scenario_index, number, listed):
                return False
        for _, expectation, positions in own:
            last = self._last_of(expectation.after, own)
            if last is not None and any(position < last for position in positions):
                return False
        if len(scenario.steps) == 1 or self.marked[scenario_index]:
            starts = [self._start(scenario_index, n) for n in range(len(scenario.steps))]
            return self._in_time(scenario_index, own, starts)
        return any(
            self._fits(scenario_index, own, bounds)
            and self._in_time(scenario_index, own, self._starts(scenario_index, bounds))
            for bounds in combinations_with_replacement(
                range(len(self.hits) + 1), len(scenario.steps) - 1
            )
        )

    def _in_order(self, scenario_index, number, listed):
        ordered = [position for positions in listed for position in positions]
        if ordered != sorted(ordered):
            return False
        order = self.scenarios[scenario_index].steps[number].order
        if order is Order.LISTED or not ordered:
            return True
        return all(
            position in ordered
            for position in range(ordered[0], ordered[-1] + 1)
            if self.hits[position].outcome in KEPT
            and self._sees(scenario_index, number, self.hits[position])
        )

    def _last_of(self, id, own):
        """Return the position of the last claim of the expectation with this id."""
        lasts = (
            positions[-1]
            for _, expectation, positions in own
            if positions and id and expectation.id == id
        )
        return next(lasts, None)

    def _windows(self, scenario_index, bounds):
        steps = self.scenarios[scenario_index].steps
        ends = [0, *bounds, len(self.hits)]
        return [
            (0, len(self.hits)) if step.since_start else (ends[n], ends[n + 1])
            for n, step in enumerate(steps)
        ]

    def _fits(self, scenario_index, own, bounds):
        windows = self._windows(scenario_index, bounds)
        return all(
            windows[number][0] <= position < windows[number][1]
            for number, _, positions in own
            for position in positions
        )

    def _starts(self, scenario_index, bounds):
        scenario = self.scenarios[scenario_index]
        titles = [scenario.step_title(step) for step in scenario.steps]
        return [
            self.acted.get(title, self.hits[first].time if first < len(self.hits) else None)
            for title, (first, _) in zip(titles, self._windows(scenario_index, bounds), strict=True)
        ]

    def _start(self, scenario_index, number):
        scenario = self.scenarios[scenario_index]
        title = scenario.step_title(scenario.steps[number])
        times = (hit.time for hit in self.hits if self._sees(scenario_index, number, hit))
        return self.acted.get(title, next(times, None))

    def _in_time(self, scenario_index, own, starts):
        for number, expectation, positions in own:
            step = self.scenarios[scenario_index].steps[number]
            last = self._last_of(expectation.after, own)
            start = starts[number] if last is None else self.hits[last].time
            for within, begin in ((step.within, starts[number]), (expectation.within, start)):
                if within is None or begin is None:
                    continue
                deadline = begin + timedelta(seconds=within)
                if any(self.hits[position].time > deadline for position in positions):
                    return False
        return True
