"""Choosing scenarios by their tags."""

from collections.abc import Iterator, Sequence

from pixel_emulator.core.errors import InputIssue, SelectionError, did_you_mean
from pixel_emulator.core.scenarios.model import Scenario

NOT = "!"
"""What a tag begins with whose scenarios are left out."""


def choose(scenarios: Sequence[Scenario], tags: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that have at least one of these tags, and none of those behind a `!`.

    Without any tag to have, all but those left out. Raises SelectionError for a tag that no
    scenario has, and where no scenario is chosen.
    """
    wanted = {each for each in tags if not each.startswith(NOT)}
    unwanted = {each.removeprefix(NOT) for each in tags if each.startswith(NOT)}
    known = {tag for each in scenarios for tag in each.tags}
    if mistakes := tuple(_unknown(tags, known)):
        raise SelectionError(*mistakes)
    chosen = tuple(
        each
        for each in scenarios
        if not unwanted.intersection(each.tags) and (not wanted or wanted.intersection(each.tags))
    )
    if scenarios and not chosen:
        said = " ".join(f"--tag {each}" for each in tags)
        raise SelectionError(InputIssue(f"{said}: no scenario is chosen, so nothing can be met"))
    return chosen


def _unknown(tags: Sequence[str], known: set[str]) -> Iterator[InputIssue]:
    for each in tags:
        tag = each.removeprefix(NOT)
        if tag not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "none has any"
            advice = did_you_mean(tag, known) or f"; {there}"
            yield InputIssue(f"--tag {each}: no scenario has this tag{advice}")
