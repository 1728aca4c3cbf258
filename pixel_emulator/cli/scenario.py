"""`scenario check` and `scenario schema`: scenario files without a run."""

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.cli.decode import one_of
from pixel_emulator.cli.inputs import Lets, read_evidence, read_lets
from pixel_emulator.cli.terminal import Exit, say, show
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.scenario_edit.update import update as rewrite
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.schemas.recording_schema import recording_schema
from pixel_emulator.core.schemas.scenario_schema import scenario_schema
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import ScenarioFile, issues_of, load_text, read_files
from pixel_emulator.files.yaml_spans import read_source

KINDS = ("scenario", "recording")


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.")],
    *,
    let: Lets = None,
) -> int:
    """Check scenario files without running them.

    Exit code: 0 if all are well, 2 if there is a mistake; each is shown with its place.
    """
    given = read_lets(let)
    found = read_files(files, given=given)
    for each in found:
        if not each.mistakes:
            show(f"{each.path}: {_summary(each)}")
    if mistakes := issues_of(found, given):
        raise InputError(*mistakes)
    return 0


def schema(
    *,
    kind: Annotated[str, typer.Option("--kind", help="scenario or recording.")] = "scenario",
) -> int:
    """Print the JSON Schema of scenario files or of recordings, for an editor."""
    one_of("--kind", kind, KINDS)
    made = {"scenario": scenario_schema, "recording": recording_schema}
    sys.stdout.write(json_codec.write(made[kind](), indent=2) + "\n")
    return 0


def _summary(file: ScenarioFile) -> str:
    """`1 scenario, 2 cases, 3 expectations`; a scenario counts once, with all of its cases."""
    scenarios: dict[object, Scenario] = {}
    for each in file.scenarios:
        scenarios.setdefault(each.location, each)
    counts = {
        "scenario": len(scenarios),
        "case": sum(bool(each.case) for each in file.scenarios),
        "expectation": sum(len(each.expectations) for each in scenarios.values()),
        "definition": file.definitions,
    }
    always = ("scenario", "expectation") if scenarios else ()
    said = [_count(n, word) for word, n in counts.items() if n or word in always]
    return ", ".join(said) or "nothing"


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


_NO_CALLS = "holds no calls, so no scenario can be drafted of it"
_ALLOW_OPEN = typer.Option("--allow-open", help="Accept a recording without an end.")


def new(
    recordings: Annotated[list[Path], typer.Argument(metavar="RECORDING...")],
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the scenario.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file, instead of stdout.")
    ] = None,
) -> int:
    """Draft a scenario that a recording meets: every call of it, read literally.

    Several recordings count as one run. What changes from run to run is left out, and the write
    key too. Exit code: 0 drafted, 1 nothing to draft: no calls, 2 a mistake in a file, 3 calls may
    be missing in the draft.
    """
    evidence = read_evidence(recordings)
    if not any(hit.call for hit in evidence.hits):
        for each in recordings:
            say(f"pixel-emulator: {InputIssue(_NO_CALLS, Location(str(each)))}")
        return _say_gaps(evidence, "the draft would lack calls") or Exit.UNMET
    text = draft(evidence.hits, name=name or recordings[0].stem)
    if output is None:
        show(text.rstrip("\n"))
    else:
        read_write.write_new(output, text)
    return _say_gaps(evidence, "the draft may lack calls")


def update(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO")],
    *,
    recording: Annotated[
        list[Path] | None,
        typer.Option("--recording", help="What happened; several recordings count as one run."),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", help="Lines, such as 35,38: change nothing else.")
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the file would change.")
    ] = False,
    allow_open: Annotated[bool, _ALLOW_OPEN] = False,
    let: Lets = None,
) -> int:
    """Rewrite a scenario to what happened, and show what changes.

    Comments, order and hand-written matchers stay; what cannot be rewritten is listed. Exit code:
    0 the scenario is met now, 1 it is not, 2 a mistake in a file, 3 incomplete evidence.
    """
    if not recording:
        message = "what happened? make a recording, and give it with --recording"
        how = f"pixel-emulator run --record calls.yaml --scenario {scenario} -- COMMAND"
        raise InputError(InputIssue(f"{message}: {how}"))
    evidence = read_evidence(recording, allow_open=allow_open)
    if gaps := _say_gaps(evidence, "nothing is accepted while calls may be missing"):
        return gaps
    old, given = read_write.read_text(scenario), read_lets(let)

    def judge(text: str) -> VerifiedSource:
        scenarios = load_text(text, str(scenario), given=given)
        return VerifiedSource(read_source(text, str(scenario)), verify(scenarios, evidence))

    found = rewrite(old, judge, _lines(only))
    changed = found.text != old
    if changed:
        show(_diff(str(scenario), old, found.text))
        if not check:
            read_write.overwrite(scenario, found.text)
    elif found.verified.verdict.status is Status.MET:
        say(f"{scenario}: nothing changes, it is met")
    for mistake in found.kept:
        say(f"pixel-emulator: {mistake}")
    status = found.verified.verdict.status
    if status in (Status.UNDECIDED, Status.INCOMPLETE):
        return Exit.INCOMPLETE
    unmet = bool(found.kept) if only else status is not Status.MET
    if unmet and not found.kept:
        say("pixel-emulator: it is still not met; `pixel-emulator verify` says why")
    return Exit.UNMET if unmet or (check and changed) else Exit.MET


def _say_gaps(evidence: Evidence, so: str) -> Exit:
    for gap in evidence.gaps:
        say(f"pixel-emulator: {so}: {gap}")
    return Exit.INCOMPLETE if evidence.gaps else Exit.MET


def _lines(text: str) -> frozenset[int]:
    words = [each.strip() for each in text.split(",")] if text else []
    wrong = [
        each
        for each in words
        if not (each.isascii() and each.isdigit() and len(each) < 10 and int(each))
    ]
    if wrong:
        raise InputError(
            InputIssue(f'--only takes line numbers, such as 35,38; not "{shortened(wrong[0])}"')
        )
    return frozenset(map(int, words))


def _diff(file: str, old: str, new: str) -> str:
    """A unified diff, as git and patch read it."""
    read_write = old.splitlines(keepends=True), new.splitlines(keepends=True)
    lines = (
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in unified_diff(*read_write, f"a/{file}", f"b/{file}")
    )
    return "".join(lines).rstrip("\n")
