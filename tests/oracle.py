"""What a verdict has to be, found out by trying everything: for small cases only."""

from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import Any

from pixel_emulator.core.matching.expected import identity, written
from pixel_emulator.core.model import KEPT
from pixel_emulator.core.scenarios.model import Level, Order
from pixel_emulator.core.verification.policies import policy_hits_of

NOTHING = object()
"""A value that no call offers."""


class Oracle:
    """Scenarios over hits, by all values, all assignments and all boundaries of steps."""

    def __init__(self, scenarios, evidence):
        self.scenarios, self.hits, self.acted = scenarios, evidence.hits, evidence.acted
        self.marked = [
            any(hit.step in {s.step_title(step) for step in s.steps} for hit in self.hits)
            for s in scenarios
        ]
        self.slots = [
            (home, number, wanted)
            for home, scenario in enumerate(scenarios)
            for number, step in enumerate(scenario.steps)
            for wanted in step.expectations
        ]

    def least_cost(self):
        """Lacking claims, calls too many and failing findings of the best answer."""
        return min(self._costs())

    def cost_of(self, verdict):
        """What a verdict costs by its own values and claims; None where these are not allowed."""
        bound = {
            (home, name): value
            for home, result in enumerate(verdict.scenarios)
            for name, value in result.bindings.items()
        }
        told = [
            expectation_result
            for result in verdict.scenarios
            for expectation_result in result.expectations
        ]
        places = {id(hit): position for position, hit in enumerate(self.hits)}
        claims = [
            sorted(places[id(hit)] for hit in expectation_result.claims)
            for expectation_result in told
        ]
        cost, choices = self._fixed(bound, self._ways())
        for index, positions in enumerate(claims):
            if any(index not in choices[at] for at in positions):
                return None
        return self._cost(cost, claims) if self._allowed(claims) else None

    def _ways(self):
        return [
            {
                index: solutions
                for index, (home, number, wanted) in enumerate(self.slots)
                if self._sees(home, number, hit) and (solutions := list(wanted.ways(hit)))
            }
            for hit in self.hits
        ]

    def _costs(self):
        ways = self._ways()
        domains: dict[Any, Any] = {}
        for options in ways:
            for index, solutions in options.items():
                for need in (binding for way in solutions for binding in way):
                    values = domains.setdefault((self.slots[index][0], need.name), {})
                    values[identity(need.value)] = need.value
        names = list(domains)
        for values in product(*([*domains[name].values(), NOTHING] for name in names)):
            yield from self._costs_under(dict(zip(names, values, strict=True)), ways)

    def _fixed(self, bound, ways):
        """What the calls cost before any is claimed, and who may claim each."""
        cost, choices = 0, []
        for hit, options in zip(self.hits, ways, strict=True):
            matched = [
                index
                for index, solutions in options.items()
                if any(self._holds(self.slots[index][0], way, bound) for way in solutions)
            ]
            homes = {self.slots[index][0] for index in matched}
            findings = policy_hits_of(self.scenarios, hit, homes)
            cost += sum(policy_hit.level is Level.FAIL for policy_hit in findings)
            bans = sum(self.slots[index][2].times.high == 0 for index in matched)
            cost += bans
            choices.append([None] if bans or not matched else [*matched, None])
            if not bans and matched:
                cost += 1
        return cost, choices

    def _costs_under(self, bound, ways):
        cost, choices = self._fixed(bound, ways)
        for way in product(*choices):
            claims = [
                [at for at, claimant in enumerate(way) if claimant == index]
                for index in range(len(self.slots))
            ]
            if self._allowed(claims):
                yield self._cost(cost, claims)

    def _cost(self, fixed, claims):
        lacking = sum(
            max(0, slot[2].times.low - len(positions))
            for slot, positions in zip(self.slots, claims, strict=True)
        )
        return fixed + lacking - sum(map(len, claims))

    def _holds(self, home, way, bound):
        for need in way:
            value = bound.get((home, need.name), NOTHING)
            if value is NOTHING:
                return False
            if need.in_text:
                if written(value) != need.value:
                    return False
            elif identity(value) != identity(need.value):
                return False
        return True

    def _sees(self, home, number, hit):
        scenario = self.scenarios[home]
        if len(scenario.steps) == 1 or not self.marked[home]:
            return True
        titles = [scenario.step_title(step) for step in scenario.steps]
        first = 0 if scenario.steps[number].since_start else number
        return hit.step in titles[first : number + 1]

    def _allowed(self, claims):
        for slot, positions in zip(self.slots, claims, strict=True):
            high = slot[2].times.high
            if high is not None and len(positions) > high:
                return False
        return all(self._scenario_allows(home, claims) for home in range(len(self.scenarios)))

    def _scenario_allows(self, home, claims):
        mine = [
            (number, wanted, positions)
            for (owner, number, wanted), positions in zip(self.slots, claims, strict=True)
            if owner == home
        ]
        scenario = self.scenarios[home]
        for number, step in enumerate(scenario.steps):
            listed = [positions for n, w, positions in mine if n == number and w.times.high != 0]
            if step.order is not Order.ANY and not self._in_order(home, number, listed):
                return False
        for _, wanted, positions in mine:
            last = self._last_of(wanted.after, mine)
            if last is not None and any(at < last for at in positions):
                return False
        floats = len(scenario.steps) > 1 and not self.marked[home]
        if not floats:
            begins = [self._begin(home, number) for number in range(len(scenario.steps))]
            return self._in_time(home, mine, begins)
        return any(
            self._fits(home, mine, bounds) and self._in_time(home, mine, self._begins(home, bounds))
            for bounds in combinations_with_replacement(
                range(len(self.hits) + 1), len(scenario.steps) - 1
            )
        )

    def _in_order(self, home, number, listed):
        ordered = [at for positions in listed for at in positions]
        if ordered != sorted(ordered):
            return False
        if self.scenarios[home].steps[number].order is Order.LISTED or not ordered:
            return True
        return all(
            at in ordered
            for at in range(ordered[0], ordered[-1] + 1)
            if self.hits[at].outcome in KEPT and self._sees(home, number, self.hits[at])
        )

    def _last_of(self, id, mine):
        lasts = (
            positions[-1] for _, wanted, positions in mine if positions and id and wanted.id == id
        )
        return next(lasts, None)

    def _windows(self, home, bounds):
        steps = self.scenarios[home].steps
        ends = [0, *bounds, len(self.hits)]
        return [
            (0, len(self.hits)) if step.since_start else (ends[n], ends[n + 1])
            for n, step in enumerate(steps)
        ]

    def _fits(self, home, mine, bounds):
        windows = self._windows(home, bounds)
        return all(
            windows[n][0] <= at < windows[n][1] for n, _, positions in mine for at in positions
        )

    def _begins(self, home, bounds):
        titles = [self.scenarios[home].step_title(step) for step in self.scenarios[home].steps]
        return [
            self.acted.get(title, self.hits[first].time if first < len(self.hits) else None)
            for title, (first, _) in zip(titles, self._windows(home, bounds), strict=True)
        ]

    def _begin(self, home, number):
        title = self.scenarios[home].step_title(self.scenarios[home].steps[number])
        seen = (hit.time for hit in self.hits if self._sees(home, number, hit))
        return self.acted.get(title, next(seen, None))

    def _in_time(self, home, mine, begins):
        for number, wanted, positions in mine:
            step, last = self.scenarios[home].steps[number], self._last_of(wanted.after, mine)
            own = begins[number] if last is None else self.hits[last].time
            for within, begin in ((step.within, begins[number]), (wanted.within, own)):
                if within is None or begin is None:
                    continue
                latest = begin + timedelta(seconds=within)
                if any(self.hits[at].time > latest for at in positions):
                    return False
        return True
