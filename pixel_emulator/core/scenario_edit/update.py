"""A scenario file rewritten to what happened: only what differs changes, by the smallest piece."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.add_calls import accept
from pixel_emulator.core.scenario_edit.fix_values import Removal, count, rewrite
from pixel_emulator.core.scenario_edit.source import Edit, apply, moved
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.verification.verdict import Status

_ROUNDS = 5  # values, counts, removals, new calls, and a look at the result
type _Change = Edit | InputIssue


@dataclass(frozen=True, slots=True)
class Update:
    """A rewritten text, the verdict on it, and what stays as it was although it does not hold."""

    text: str
    judged: VerifiedSource
    kept: tuple[InputIssue, ...]


def update(text: str, judge: Callable[[str], VerifiedSource], only: Collection[int] = ()) -> Update:
    """Rewrite a scenario file to what happened.

    `judge` reads a text and gives the verdict on it. Literal values become what was sent, `times`
    follows, what never came is removed, and what nobody expected is added. With `only`, nothing
    but the expectations on these lines changes. Raises InputError for lines without one, and what
    `judge` raises.
    """
    judged = judge(text)
    left = judged.begins(only) if only else None
    kept: list[InputIssue] = []
    for _ in range(_ROUNDS):
        changes: list[Edit] = []
        kept = []
        for phase in _phases(judged, left):
            changes = [each for each in phase if isinstance(each, Edit)]
            kept += [each for each in phase if isinstance(each, InputIssue)]
            if changes:
                break
        if not changes:
            break
        rewritten = apply(text, changes)
        try:
            judged = judge(rewritten)
        except InputError as error:  # such as `expect: []` where unexpected calls are let through
            kept += error.mistakes
            break
        left = None if left is None else moved(text, left, changes)
        text = rewritten
    return Update(text, judged, tuple(dict.fromkeys(kept)))


def _phases(judged: VerifiedSource, only: Collection[int] | None) -> Iterator[Sequence[_Change]]:
    """The kinds of changes, one after the other: only the first that changes anything is made.

    `only` holds the lines that may change and are still there; with None, all may.
    """
    if judged.verdict.status is Status.MET:
        return
    unmet = [line for line in judged.lines(only) if not line.met]
    yield [each for line in unmet for each in rewrite(judged, line)]
    counted = [each for line in unmet for each in count(judged, line)]
    yield [each for each in counted if not isinstance(each, Removal)]
    yield _removed(judged, [each.at for each in counted if isinstance(each, Removal)])
    if only is None:
        yield list(accept(judged))
        yield list(_beyond_calls(judged))


def _removed(judged: VerifiedSource, items: Sequence[JsonPath]) -> list[Edit]:
    lists: dict[JsonPath, list[int]] = defaultdict(list)
    for *around, index in items:
        lists[tuple(around)].append(int(index))
    return [
        edit for at, indexes in lists.items() for edit in source.remove(judged.source, at, indexes)
    ]


def _beyond_calls(judged: VerifiedSource) -> Iterator[InputIssue]:
    """What no change of an expectation mends."""
    for scenario in judged.verdict.scenarios:
        for denied in scenario.forbidden:
            message = f"is kept; call #{denied.hit.seq} holds it at {denied.path}"
            yield _mistake_at(judged, message, denied.rule.location)
        home = judged.source.path_at(scenario.scenario.location) or ()
        for each in scenario.state:
            message = f"is kept; {each.path} is {each.actual}"
            yield judged.source.document.mistake(message, *home, "state")
        for hit, violation in scenario.violations:
            message = f"is kept; call #{hit.seq} violates it: {violation.description}"
            yield judged.source.document.mistake(message, *home, "plan")


def _mistake_at(judged: VerifiedSource, message: str, location: Location) -> InputIssue:
    at = judged.source.path_at(location)
    document = judged.source.document
    return InputIssue(message, location) if at is None else document.mistake(message, *at)
