"""`plan infer` and `plan diff`: tracking plans, drafted and compared."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.cli.decode import FORMATS, one_of
from pixel_emulator.cli.inputs import read_evidence
from pixel_emulator.cli.recording import STATE_FORMATS, AllowOpen, Recordings, plain_text, say_gaps
from pixel_emulator.cli.terminal import Exit, show
from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Evidence, Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.tracking_plan import plan_diff
from pixel_emulator.core.tracking_plan.infer import infer as draft
from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.plan_diff import BrokenCall, Change
from pixel_emulator.files import read_write

_MOST = 50  # broken calls that a person reads

_HEAD = """\
# A draft: `required`, `enum` and `format` say what these calls had in common, not what was meant.
"""


def infer(
    recordings: Recordings,
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the plan.")] = "",
    output: Annotated[str, typer.Option("--format", help="yaml or json.")] = "yaml",
    allow_open: AllowOpen = False,
) -> int:
    """Draft a tracking plan that the calls of a recording keep to.

    Exit code: 0, 2 a mistake in a file, 3 calls may be missing.
    """
    one_of("--format", output, STATE_FORMATS)
    evidence = read_evidence(recordings, allow_open=allow_open)
    plan = draft(evidence.hits, name=name or recordings[0].stem)
    rules = plan["rules"]
    if rules == {"events": []}:
        message = "no track, identify or group call in it is kept: there is nothing to plan"
        raise InputError(InputIssue(message, Location(str(recordings[0]))))
    show(f"{_HEAD if output == 'yaml' else ''}{plain_text(plan, output)}")
    return say_gaps(evidence)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD")],
    new: Annotated[Path, typer.Argument(metavar="NEW")],
    *,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="A recording: which of its calls does NEW break?"),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    allow_open: AllowOpen = False,
) -> int:
    """Say what a new version of a tracking plan changes, and which recorded calls it breaks.

    Exit code: 0 none, 1 some, 2 a mistake in a file, 3 calls may be missing.
    """
    one_of("--format", output, FORMATS)
    before, after = (parse(read_write.read_document(path)) for path in (old, new))
    evidence = read_evidence(against, allow_open=allow_open) if against else Evidence(hits=())
    found = list(plan_diff.changes(before, after))
    broken = list(plan_diff.broken_calls(before, after, evidence.hits))
    if output == "json":
        show(json_codec.write(_as_json(found, broken, evidence), indent=2))
    else:
        lines = [*_change_lines(found), *(_broken_lines(broken, evidence) if against else ())]
        show("\n".join(lines))
    return say_gaps(evidence) or (Exit.UNMET if broken else Exit.MET)


def _change_lines(found: Sequence[Change]) -> Iterator[str]:
    if not found:
        yield "Nothing changed."
    for rule, parts in groupby(found, key=lambda each: each.rule):
        yield rule
        yield from (f"  {f'{each.field}  '.lstrip()}{each.description}" for each in parts)


def _broken_lines(broken: Sequence[BrokenCall], evidence: Evidence) -> Iterator[str]:
    calls = f"{len(broken)} of {len(evidence.hits)} recorded calls"
    yield f"\n{calls} {'breaks' if len(broken) == 1 else 'break'}{':' if broken else ''}"
    for each in broken[:_MOST]:
        hit = each.hit
        yield f"  #{hit.seq}  {call_text.line(hit.call, hit.request, hit.outcome, ())}"
        yield from (f"      {about.type}: {about.description}" for about in each.violations)
    if len(broken) > _MOST:
        yield f"  and {len(broken) - _MOST} more"


def _as_json(found: Sequence[Change], broken: Sequence[BrokenCall], evidence: Evidence) -> Payload:
    return {
        "changes": [
            {"rule": each.rule, "field": each.field, "words": each.description} for each in found
        ],
        "broken": [
            {
                "seq": each.hit.seq,
                "call": call_text.title(each.hit.call, each.hit.request),
                "violations": [
                    {"type": about.type, "field": about.field, "description": about.description}
                    for about in each.violations
                ],
            }
            for each in broken
        ],
        "gaps": [*evidence.gaps],
    }
