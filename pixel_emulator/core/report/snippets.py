"""What a user can copy from a report: commands that update scenarios, YAML that expects a call."""

import shlex
from collections.abc import Iterator

from pixel_emulator.core.model import JSON, NAME_FIELDS, Hit, Payload
from pixel_emulator.core.parser.parse_context import escape
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.core.verification.verdict import Status, Verdict


def updatable_lines(verdict: Verdict) -> dict[str, list[int]]:
    """Return, for each scenario file, the lines of expectations that `scenario update` can rewrite.

    Scenarios are left out if calls may be missing or nothing arrived, and so are `never` lines.
    """
    lines: dict[str, set[int]] = {}
    for scenario in verdict.scenarios:
        if scenario.status is not Status.UNMET or verdict.gaps or not verdict.hits:
            continue
        for step in scenario.steps:
            for result in step.expectations if step.reached and not step.failure else ():
                place = result.expectation.location
                if place.line and not (result.met or result.expectation.never):
                    lines.setdefault(place.file, set()).add(place.line)
    return {file: sorted(numbers) for file, numbers in lines.items()}


def update_commands(verdict: Verdict, recording: str) -> Iterator[str]:
    """Yield, for each file, the command that rewrites its updatable lines."""
    source = f" --recording {shlex.quote(recording)}"
    for file, lines in updatable_lines(verdict).items():
        only = ",".join(map(str, lines))
        yield f"pixel-emulator scenario update {shlex.quote(file)}{source} --only {only}"


_IDS = ("userId", "anonymousId", "previousId", "groupId")
_MAX_LINE = 200  # characters: what is copied must not be cut, and a report is not a data dump


def expectation_snippet(hit: Hit, times: int = 1) -> str:
    """Return a list item of `expect` that `times` such calls meet, or "" if a value is too long."""
    if hit.call is None:
        return ""
    payload = hit.call.payload or {}
    named = NAME_FIELDS[hit.call.type]
    name = payload.get(named)
    item: Payload = {hit.call.type: _escaped(name) if isinstance(name, str) else None}
    # An anonymousId differs between visitors: it is left out if there is a userId.
    ids = [key for key in _IDS if key != "anonymousId" or payload.get("userId") is None]
    for key in ids:
        value = payload.get(key)
        if isinstance(value, str | int | float) and (key != named or not isinstance(name, str)):
            item[key] = _escaped(value)
    if times > 1:
        item["times"] = times
    lines = yaml_writer.write([item]).splitlines()
    if item[hit.call.type] is None:
        lines[0] = f"- {hit.call.type}:"
    return "" if any(len(line) > _MAX_LINE for line in lines) else "\n".join(lines)


def _escaped(value: JSON) -> JSON:
    return escape(value) if isinstance(value, str) else value
