"""Update of a scenario file to a recording, by the smallest edits that make it pass."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.add_calls import expect_failing_calls
from pixel_emulator.core.scenario_edit.fix_values import Removal, fix_times, fix_values
from pixel_emulator.core.scenario_edit.source import Edit, apply_edits, moved_lines
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.verification.verdict import Status

_MAX_ROUNDS = 5  # values, counts, removals, new calls, and a last check
type _Change = Edit | InputIssue


@dataclass(frozen=True, slots=True)
class Update:
    """The updated text, the verdict on it, and issues for what is kept although it is not met."""

    text: str
    verified: VerifiedSource
    kept: tuple[InputIssue, ...]


def update(
    text: str, verify: Callable[[str], VerifiedSource], only: Collection[int] = ()
) -> Update:
    """Update the text of a scenario file to the calls of a verdict.

    `verify` reads a text and returns it with its verdict. Literal values become those that were
    sent, `times` becomes the number of calls, expectations without a call are removed, and calls
    that nothing expects are added. With `only`, nothing changes but the expectations on these
    lines. Raises InputError for a line of `only` without an expectation, and whatever `verify`
    raises.
    """
    verified = verify(text)
    lines = verified.first_lines(only) if only else None
    kept: list[InputIssue] = []
    for _ in range(_MAX_ROUNDS):
        changes: list[Edit] = []
        kept = []
        for phase in _phases(verified, lines):
            changes = [change for change in phase if isinstance(change, Edit)]
            kept += [change for change in phase if isinstance(change, InputIssue)]
            if changes:
                break
        if not changes:
            break
        rewritten = apply_edits(text, changes)
        try:
            verified = verify(rewritten)
        except InputError as error:  # such as `expect: []` where unexpected calls are let through
            kept += error.issues
            break
        lines = None if lines is None else moved_lines(text, lines, changes)
        text = rewritten
    return Update(text, verified, tuple(dict.fromkeys(kept)))


def _phases(verified: VerifiedSource, only: Collection[int] | None) -> Iterator[Sequence[_Change]]:
    """Yield the changes by kind. The caller applies only the first kind that has edits.

    `only` are the lines that may change, or None if all may.
    """
    if verified.verdict.status is Status.MET:
        return
    unmet = [expected for expected in verified.expectations(only) if not expected.met]
    yield [change for expected in unmet for change in fix_values(verified, expected)]
    changes = [change for expected in unmet for change in fix_times(verified, expected)]
    yield [change for change in changes if not isinstance(change, Removal)]
    yield _removal_edits(verified, [change.at for change in changes if isinstance(change, Removal)])
    if only is None:
        yield list(expect_failing_calls(verified))
        yield list(_unfixable(verified))


def _removal_edits(verified: VerifiedSource, items: Sequence[JsonPath]) -> list[Edit]:
    lists: dict[JsonPath, list[int]] = defaultdict(list)
    for *parent, index in items:
        lists[tuple(parent)].append(int(index))
    return [
        edit
        for at, indexes in lists.items()
        for edit in source.remove(verified.source, at, indexes)
    ]


def _unfixable(verified: VerifiedSource) -> Iterator[InputIssue]:
    """Yield an issue for each failure that no change of an expectation fixes."""
    for scenario in verified.verdict.scenarios:
        for denied in scenario.forbidden_values:
            message = f"is kept; call #{denied.hit.seq} holds it at {denied.path}"
            yield _issue_at(verified, message, denied.forbidden.location)
        parent = verified.source.path_at(scenario.scenario.location) or ()
        for mismatch in scenario.state:
            message = f"is kept; {mismatch.path} is {mismatch.actual}"
            yield verified.source.document.issue(message, *parent, "state")
        for hit, violation in scenario.violations:
            message = f"is kept; call #{hit.seq} violates it: {violation.description}"
            yield verified.source.document.issue(message, *parent, "plan")


def _issue_at(verified: VerifiedSource, message: str, location: Location) -> InputIssue:
    at = verified.source.path_at(location)
    document = verified.source.document
    return InputIssue(message, location) if at is None else document.issue(message, *at)
