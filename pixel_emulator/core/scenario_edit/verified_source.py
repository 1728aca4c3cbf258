"""A scenario file with the verdict on it, by its expectations."""

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
    """One expectation of the file; it has several results if the file has `cases`.

    `at` is its path, or None if it is in another file. Each result comes with the values of the
    variables in its scenario.
    """

    expectation: Expectation
    at: JsonPath | None
    results: tuple[tuple[ExpectationResult, Bindings], ...]

    @property
    def met(self) -> bool:
        """True if the expectation is met in all cases."""
        return all(result.met for result, _ in self.results)


@dataclass(frozen=True, slots=True)
class VerifiedSource:
    """A source, and the verdict on its scenarios."""

    source: Source
    verdict: Verdict

    def expectations(self, only: Collection[int] | None = None) -> Iterator[ExpectationInFile]:
        """Yield the expectations that were tried, or only those that begin on one of these
        lines."""
        results: dict[Location, list[tuple[ExpectationResult, Bindings]]] = defaultdict(list)
        for scenario in self.verdict.scenarios:
            for step in scenario.steps:
                for result in step.expectations:
                    results[result.expectation.location].append((result, scenario.bindings))
        for location, group in results.items():
            at = self.source.path_at(location)
            if only is None or (at and location.line in only):
                yield ExpectationInFile(group[0][0].expectation, at, tuple(group))

    def first_lines(self, lines: Collection[int]) -> frozenset[int]:
        """Return the first lines of the expectations that are on these lines.

        Raises InputError for a line without an expectation.
        """
        file = self.source.document.file
        first_line_of: dict[int, int] = {}
        for expected in self.expectations() if lines else ():
            if expected.at:
                first = expected.expectation.location.line
                first_line_of |= dict.fromkeys(self.source.lines_of(expected.at), first)
        allowed = ", ".join(map(str, sorted({*first_line_of.values()}))) or "nowhere"
        wrong = [
            InputIssue(
                f"no expectation stands here; they begin at line {allowed}", Location(file, line)
            )
            for line in sorted(lines)
            if line not in first_line_of
        ]
        if wrong:
            raise InputError(*wrong)
        return frozenset(first_line_of[line] for line in lines)

    def issue(self, expected: ExpectationInFile, message: str, *path: str | int) -> InputIssue:
        """Return an issue of an expectation, or of the value at `path` inside it."""
        if expected.at is None:
            return InputIssue(message, expected.expectation.location)
        return self.source.document.issue(message, *expected.at, *path)


def sent_instead(result: ExpectationResult) -> Hit | None:
    """Return the call that was sent instead of the expected one and differs only in its fields, or
    None."""
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
    """Return a call that matches but came too late or out of order, or None."""
    late = (NotCountedReason.TIME, NotCountedReason.ORDER)
    right = (
        near for near in result.closest_calls if near.not_counted in late and not near.mismatches
    )
    return next(right, None)
