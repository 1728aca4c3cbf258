"""A verdict that needs no search: every call is wanted just once, and all that is wanted came."""

from pixel_emulator.core.calls import Evidence
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Order, Scenario
from pixel_emulator.core.verdicts.findings import find_in


def plainly_met(scenario: Scenario, evidence: Evidence) -> bool:
    """Whether `verify` is sure to say "met", and to find nothing else worth a word.

    False says nothing. Most contract tests end so, and what `verify` does for any number of
    scenarios, steps and variables costs them more than their call.
    """
    silence = not (evidence.hits or evidence.connections)
    if silence or evidence.gaps or evidence.masked or not _is_simple(scenario):
        return False
    wanted = scenario.expectations
    counts = [0] * len(wanted)
    for hit in evidence.hits:
        ways = [(index, next(each.ways(hit), None)) for index, each in enumerate(wanted)]
        takers = [(index, needs) for index, needs in ways if needs is not None]
        if len(takers) > 1 or any(find_in([scenario], hit, (0,) if takers else ())):
            return False
        for index, needs in takers:
            if needs:  # values of variables, on which other calls may have a say
                return False
            counts[index] += 1
    return all(_holds(each, count) for each, count in zip(wanted, counts, strict=True))


def _is_simple(scenario: Scenario) -> bool:
    """Whether only the numbers of calls matter, and each call by itself."""
    if len(scenario.steps) != 1 or scenario.denials or scenario.plans or scenario.state is not None:
        return False
    (step,) = scenario.steps
    timed = step.within is not None or any(each.within is not None for each in step.expectations)
    return step.order is Order.ANY and not timed and not any(e.after for e in step.expectations)


def _holds(wanted: Expectation, count: int) -> bool:
    return wanted.times.low <= count and (wanted.times.high is None or count <= wanted.times.high)
