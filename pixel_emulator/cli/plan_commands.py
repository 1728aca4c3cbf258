"""`plan infer` and `plan diff`: drafts and comparisons of tracking plans."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pixel_emulator.cli.commands import PATH, argument, command, option
from pixel_emulator.cli.decode import FORMATS, one_of
from pixel_emulator.cli.inputs import allow_open_option, read_evidence
from pixel_emulator.cli.recording_commands import (
    STATE_FORMATS,
    formatted,
    print_gaps,
    recordings_argument,
)
from pixel_emulator.cli.terminal import ExitCode, print_result
from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Evidence, Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.tracking_plan import plan_diff
from pixel_emulator.core.tracking_plan.infer import infer as draft
from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.plan_diff import BrokenCall, Change
from pixel_emulator.files import read_write

_MAX_BROKEN = 50  # broken calls that the text report lists

_HEAD = """\
# A draft: `required`, `enum` and `format` say what these calls had in common, not what was meant.
"""


@command(example="pixel-emulator plan infer calls.yaml > plan.yaml")
@recordings_argument
@option("--name", default="", help="Name of the plan.")
@option("--format", "output", default="yaml", choices=STATE_FORMATS, help="yaml or json.")
@allow_open_option
def infer(recordings: tuple[Path, ...], *, name: str, output: str, allow_open: bool) -> int:
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
    print_result(f"{_HEAD if output == 'yaml' else ''}{formatted(plan, output)}")
    return print_gaps(evidence)


@command(example="pixel-emulator plan diff plan.yaml new.yaml --against calls.yaml")
@argument("old", metavar="OLD", type=PATH, help="A tracking plan.")
@argument("new", metavar="NEW", type=PATH, help="Its new version.")
@option(
    "--against",
    multiple=True,
    type=PATH,
    help="A recording: which of its calls does NEW break?",
)
@option("--format", "output", default="text", choices=FORMATS, help="text or json.")
@allow_open_option
def diff(old: Path, new: Path, *, against: tuple[Path, ...], output: str, allow_open: bool) -> int:
    """Say what a new version of a tracking plan changes, and which recorded calls it breaks.

    Exit code: 0 none, 1 some, 2 a mistake in a file, 3 calls may be missing.
    """
    one_of("--format", output, FORMATS)
    before, after = (parse(read_write.read_document(path)) for path in (old, new))
    evidence = read_evidence(against, allow_open=allow_open) if against else Evidence(hits=())
    changes = list(plan_diff.changes(before, after))
    broken = list(plan_diff.broken_calls(before, after, evidence.hits))
    if output == "json":
        print_result(json_codec.write(_as_json(changes, broken, evidence), indent=2))
    else:
        lines = [*_change_lines(changes), *(_broken_lines(broken, evidence) if against else ())]
        print_result("\n".join(lines))
    return print_gaps(evidence) or (ExitCode.UNMET if broken else ExitCode.MET)


def _change_lines(changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        yield "Nothing changed."
    for rule, parts in groupby(changes, key=lambda change: change.rule):
        yield rule
        yield from (f"  {f'{change.field}  '.lstrip()}{change.description}" for change in parts)


def _broken_lines(broken: Sequence[BrokenCall], evidence: Evidence) -> Iterator[str]:
    calls = f"{len(broken)} of {len(evidence.hits)} recorded calls"
    yield f"\n{calls} {'breaks' if len(broken) == 1 else 'break'}{':' if broken else ''}"
    for broken_call in broken[:_MAX_BROKEN]:
        hit = broken_call.hit
        yield f"  #{hit.seq}  {call_text.line(hit.call, hit.request, hit.outcome, ())}"
        for violation in broken_call.violations:
            yield f"      {violation.type}: {violation.description}"
    if len(broken) > _MAX_BROKEN:
        yield f"  and {len(broken) - _MAX_BROKEN} more"


def _as_json(
    changes: Sequence[Change], broken: Sequence[BrokenCall], evidence: Evidence
) -> Payload:
    return {
        "changes": [
            {"rule": change.rule, "field": change.field, "words": change.description}
            for change in changes
        ],
        "broken": [
            {
                "seq": call.hit.seq,
                "call": call_text.title(call.hit.call, call.hit.request),
                "violations": [
                    {
                        "type": violation.type,
                        "field": violation.field,
                        "description": violation.description,
                    }
                    for violation in call.violations
                ],
            }
            for call in broken
        ],
        "gaps": [*evidence.gaps],
    }
