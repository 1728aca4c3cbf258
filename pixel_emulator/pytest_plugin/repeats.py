"""An expectation that was asked for again and again, as by a loop that polls: it is told once."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from pixel_emulator.core.matching.expected import Expected, Matcher
from pixel_emulator.core.verification.verdict import ExpectationResult, StepResult, Verdict


def told_once(verdict: Verdict) -> Verdict:
    """The verdict with one result for those that are lacking by the same words on the same line."""
    return replace(
        verdict,
        scenarios=tuple(
            replace(each, steps=tuple(map(_once, each.steps))) for each in verdict.scenarios
        ),
    )


def _once(step: StepResult) -> StepResult:
    alike: dict[Hashable, list[ExpectationResult]] = defaultdict(list)
    for each in step.expectations:
        alike[_words(each)].append(each)
    kept: dict[int, ExpectationResult] = {}
    for same in alike.values():
        kept |= {id(each): each for each in same if each.met or each.claims}
        lacking = [each for each in same if id(each) not in kept]
        if lacking:
            told = max(lacking, key=lambda each: len(each.closest_calls))
            kept[id(told)] = told if len(lacking) == 1 else _counted(told, same)
    results = tuple(kept[id(each)] for each in step.expectations if id(each) in kept)
    return replace(step, expectations=results)


def _counted(told: ExpectationResult, same: Sequence[ExpectationResult]) -> ExpectationResult:
    wanted = told.expectation
    note = f"expected {len(same)} times at line {wanted.location.line}; `wait_for` waits"
    return replace(told, expectation=replace(wanted, note=note))


def _words(result: ExpectationResult) -> Hashable:
    """What an expectation says, and where."""
    wanted = result.expectation
    patterns = tuple(
        (each.type, _key({**each.fields}), _key({**each.request})) for each in wanted.patterns
    )
    return wanted.location, wanted.dropped, wanted.code, wanted.times, patterns


def _key(want: Expected) -> Hashable:
    if isinstance(want, Matcher):
        return want.describe().text
    if isinstance(want, dict):
        return tuple((key, _key(each)) for key, each in want.items())
    return tuple(map(_key, want)) if isinstance(want, list) else repr(want)
