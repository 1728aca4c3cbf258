"""Verdicts of runs that followed each other, as one: for one report and one exit code."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pixel_emulator.core.scenarios.model import Level
from pixel_emulator.core.verdicts.verdict import Finding, Verdict


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict that says what all of them say.

    Each is on calls of its own; a finding of one concerns the scenarios of the others not, so
    theirs ignore it. A gap that several name is named once. Raises ValueError without a verdict.
    """
    if not verdicts:
        raise ValueError("without a verdict there is none of them all")
    return Verdict(
        scenarios=tuple(each for verdict in verdicts for each in verdict.scenarios),
        findings=tuple(_findings(verdicts)),
        hits=tuple(hit for verdict in verdicts for hit in verdict.hits),
        connections=sum(each.connections for each in verdicts),
        command=next((each.command for each in verdicts if each.command), None),
        gaps=tuple(dict.fromkeys(gap for verdict in verdicts for gap in verdict.gaps)),
    )


def _findings(verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    total = sum(len(each.scenarios) for each in verdicts)
    before = 0
    for verdict in verdicts:
        for each in verdict.findings:
            after = total - before - len(each.levels)
            levels = (*[Level.IGNORE] * before, *each.levels, *[Level.IGNORE] * after)
            yield replace(each, levels=levels)
        before += len(verdict.scenarios)
