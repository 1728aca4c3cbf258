"""Why scenarios can no longer be met, in one sentence."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pixel_emulator.core.reports.phrases import objections_of_run, objections_of_steps, untold
from pixel_emulator.core.scenarios.model import Level
from pixel_emulator.core.verification.verdict import Story, Verdict

_HOPE: Mapping[str, int] = MappingProxyType(
    {
        Story.DIFFERENT: 1,
        Story.DROPPED: 1,
        Story.REPEATED: 1,
        Story.KEPT: 1,
        Story.NOT_SENT: 2,
        Story.TOO_FEW: 2,
        Story.TAKEN: 2,
        "state": 2,
    }
)
"""Objections that a further call may mend, each with how likely that is."""


def why_impossible(verdict: Verdict) -> str:
    """The objection that is the least likely to be mended by a further call; empty without any."""
    found = min(_objections(verdict), key=lambda each: _HOPE.get(each[0], 0), default=("", ""))
    return found[1]


def _objections(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for index, result in enumerate(verdict.scenarios):
        failing = [each for each in verdict.findings if each.levels[index] is Level.FAIL]
        yield from objections_of_steps(result.steps)
        yield from objections_of_run(result, untold(failing, [result]))
