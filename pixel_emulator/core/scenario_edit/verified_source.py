"""A scenario file with the verdict on it: which of its lines did not come true."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.matching.expected import Bindings
from pixel_emulator.core.model import Hit, JsonPath, Outcome
from pixel_emulator.core.scenario_edit.source import Source
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.verification.closest_call import ClosestCall, NotCountedReason
from pixel_emulator.core.verification.verdict import ExpectationResult, Verdict


@dataclass(frozen=True, slots=True)
class ExpectationInFile:
    """One expectation of the file; it has several results where a file has `cases`.

    `at` leads to it, and is None where it stands in another file. Each result comes with the
    values of the variables in its scenario.
    """

    expectation: Expectation
    at: JsonPath | None
    results: tuple[tuple[ExpectationResult, Bindings], ...]

    @property
    def met(self) -> bool:
        """Whether it came true in all cases."""
        return all(result.met for result, _ in self.results)


@dataclass(frozen=True, slots=True)
class VerifiedSource:
    """A source, and the verdict on what it says."""

    source: Source
    verdict: Verdict

    def lines(self, only: Collection[int] | None = None) -> Iterator[ExpectationInFile]:
        """The expectations that were tried; all, or those that begin on one of these lines."""
        results: dict[Location, list[tuple[ExpectationResult, Bindings]]] = defaultdict(list)
        for scenario in self.verdict.scenarios:
            for step in scenario.steps:
                for each in step.expectations:
                    results[each.expectation.location].append((each, scenario.bindings))
        for place, found in results.items():
            at = self.source.path_at(place)
            if only is None or (at and place.line in only):
                yield ExpectationInFile(found[0][0].expectation, at, tuple(found))

    def begins(self, lines: Collection[int]) -> frozenset[int]:
        """The lines on which the expectations begin that stand on these lines.

        Raises InputError for a line without one.
        """
        file = self.source.document.file
        begin_of: dict[int, int] = {}
        for each in self.lines() if lines else ():
            if each.at:
                begin = each.expectation.location.line
                begin_of |= dict.fromkeys(self.source.lines_of(each.at), begin)
        known = ", ".join(map(str, sorted({*begin_of.values()}))) or "nowhere"
        wrong = [
            InputIssue(
                f"no expectation stands here; they begin at line {known}", Location(file, line)
            )
            for line in sorted(lines)
            if line not in begin_of
        ]
        if wrong:
            raise InputError(*wrong)
        return frozenset(begin_of[line] for line in lines)

    def mistake(self, line: ExpectationInFile, message: str, *path: str | int) -> InputIssue:
        """What is wrong with a line, or with the value to which `path` leads from it."""
        if line.at is None:
            return InputIssue(message, line.expectation.location)
        return self.source.document.mistake(message, *line.at, *path)


def sent_instead(result: ExpectationResult) -> Hit | None:
    """The call that was sent instead of the one that is wanted, and differs only in its fields."""
    near = next(iter(result.closest_calls), None)
    if (
        near is None
        or result.got
        or near.not_counted in (NotCountedReason.TIME, NotCountedReason.ORDER)
    ):
        return None
    kept = near.hit.outcome in (Outcome.DELIVERED, Outcome.DAMAGED)
    dropped = near.hit.outcome is Outcome.DROPPED
    return near.hit if (dropped if result.expectation.dropped else kept) else None


def mistimed_call(result: ExpectationResult) -> ClosestCall | None:
    """A call that is right but for when it came."""
    late = (NotCountedReason.TIME, NotCountedReason.ORDER)
    right = (
        near for near in result.closest_calls if near.not_counted in late and not near.mismatches
    )
    return next(right, None)
