"""How to accept what happened: the commands that rewrite the scenario files."""

import shlex
from collections.abc import Iterator

from pixel_emulator.core.model import JSON, NAMED_BY, Hit, Payload
from pixel_emulator.core.parser.context import escape
from pixel_emulator.core.text import yaml_writer
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


_IDS = ("userId", "anonymousId", "previousId", "groupId")
_LONGEST = 200  # characters: what is copied must not be cut, and a report is not a data dump


def suggestion(hit: Hit, times: int = 1) -> str:
    """A list item of `expect` that `times` such calls meet; empty where a value is too long."""
    if hit.call is None:
        return ""
    payload = hit.call.payload or {}
    named = NAMED_BY[hit.call.type]
    name = payload.get(named)
    item: Payload = {hit.call.type: _written(name) if isinstance(name, str) else None}
    # An anonymousId changes from visitor to visitor, so a userId speaks for it.
    ids = [key for key in _IDS if key != "anonymousId" or payload.get("userId") is None]
    for key in ids:
        value = payload.get(key)
        if isinstance(value, str | int | float) and (key != named or not isinstance(name, str)):
            item[key] = _written(value)
    if times > 1:
        item["times"] = times
    lines = yaml_writer.write([item]).splitlines()
    if item[hit.call.type] is None:
        lines[0] = f"- {hit.call.type}:"
    return "" if any(len(line) > _LONGEST for line in lines) else "\n".join(lines)


def _written(value: JSON) -> JSON:
    return escape(value) if isinstance(value, str) else value
