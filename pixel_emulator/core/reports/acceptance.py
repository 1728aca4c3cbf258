"""How to accept what happened: the commands that rewrite the scenario files."""

import shlex
from collections.abc import Iterator

from pixel_emulator.core.verification.verdict import Status, Verdict


def acceptable(verdict: Verdict) -> dict[str, list[int]]:
    """For each scenario file, the lines of expectations that may be rewritten to what happened.

    None where calls may be missing or nothing arrived, and not what stands under `never`.
    """
    lines: dict[str, set[int]] = {}
    for result in verdict.scenarios:
        if result.status is not Status.UNMET or verdict.gaps or not verdict.hits:
            continue
        for step in result.steps:
            for each in step.expectations if step.reached and not step.failure else ():
                place = each.expectation.location
                if place.line and not (each.met or each.expectation.never):
                    lines.setdefault(place.file, set()).add(place.line)
    return {file: sorted(found) for file, found in lines.items()}


def commands(verdict: Verdict, recording: str = "") -> Iterator[str]:
    """For each file, the command that rewrites these lines."""
    source = f" --recording {shlex.quote(recording or 'RECORDING')}"
    for file, lines in acceptable(verdict).items():
        only = ",".join(map(str, lines))
        yield f"pixel-emulator scenario update {shlex.quote(file)}{source} --only {only}"
