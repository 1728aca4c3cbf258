"""`scenario check`, `schema`, `new` and `update`: scenario files without a run."""

import sys
from difflib import unified_diff
from pathlib import Path

from pixel_emulator.cli.commands import PATH, argument, command, option
from pixel_emulator.cli.decode import one_of
from pixel_emulator.cli.inputs import allow_open_option, let_option, parse_variables, read_evidence
from pixel_emulator.cli.terminal import ExitCode, print_message, print_result
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.scenario_edit.update import update as rewrite
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.schemas.recording_schema import SCENARIO_SCHEMA, recording_schema
from pixel_emulator.core.schemas.scenario_schema import scenario_schema
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import ScenarioFile, issues_of, load_text, read_files
from pixel_emulator.files.yaml_spans import read_source

KINDS = ("scenario", "recording")


@command(example="pixel-emulator scenario check opened.yaml")
@argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH, help="Scenario files.")
@let_option
def check(files: tuple[Path, ...], *, let: tuple[str, ...]) -> int:
    """Check scenario files without running them, and that the files that they open are there.

    Exit code: 0 if all are well, 2 if there is a mistake; each is shown with its place.
    """
    given = parse_variables(let)
    scenario_files = read_files(files, given=given)
    missing: list[InputIssue] = []
    for file in scenario_files:
        absent = () if file.issues else _missing_files(file)
        missing += absent
        if not (file.issues or absent):
            print_result(f"{file.path}: {_summary(file)}")
    if issues := (*issues_of(scenario_files, given), *missing):
        raise InputError(*issues)
    return 0


def _missing_files(file: ScenarioFile) -> tuple[InputIssue, ...]:
    """Return an issue for each unreadable mail or recording; see `runner.actions.missing_files`."""
    if not any(scenario.has_actions for scenario in file.scenarios):
        return ()
    from pixel_emulator.runner.actions import missing_files  # reads mails: slow to import

    return tuple(dict.fromkeys(missing_files(file.scenarios)))


@command(example="pixel-emulator scenario schema > scenario.schema.json")
@option("--kind", default="scenario", choices=KINDS, help="scenario or recording.")
def schema(*, kind: str) -> int:
    """Print the JSON Schema of scenario files or of recordings, for an editor."""
    one_of("--kind", kind, KINDS)
    made = {"scenario": scenario_schema, "recording": recording_schema}
    sys.stdout.write(json_codec.write(made[kind](), indent=2) + "\n")
    return 0


def _summary(file: ScenarioFile) -> str:
    """Return `1 scenario, 2 cases, 3 expectations`; a scenario with cases counts once."""
    scenarios: dict[object, Scenario] = {}
    for scenario in file.scenarios:
        scenarios.setdefault(scenario.location, scenario)
    counts = {
        "scenario": len(scenarios),
        "case": sum(bool(scenario.case) for scenario in file.scenarios),
        "expectation": sum(len(scenario.expectations) for scenario in scenarios.values()),
        "definition": file.definitions,
    }
    always = ("scenario", "expectation") if scenarios else ()
    parts = [_count(number, word) for word, number in counts.items() if number or word in always]
    return ", ".join(parts) or "nothing"


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


_NO_CALLS_MESSAGE = "holds no calls, so no scenario can be drafted of it"


@command(example="pixel-emulator scenario new calls.yaml -o opened.yaml")
@argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=PATH)
@option("--name", default="", help="Name of the scenario.")
@option("--output", "-o", type=PATH, help="A new file, instead of stdout.")
def new(recordings: tuple[Path, ...], *, name: str, output: Path | None) -> int:
    """Draft a scenario that a recording meets: every call of it, read literally.

    Several recordings count as one run. What changes from run to run is left out, and the write
    key too. Exit code: 0 drafted, 1 nothing to draft: no calls, 2 a mistake in a file, 3 calls may
    be missing in the draft.
    """
    evidence = read_evidence(recordings)
    if not any(hit.call for hit in evidence.hits):
        for path in recordings:
            print_message(f"pixel-emulator: {InputIssue(_NO_CALLS_MESSAGE, Location(str(path)))}")
        return _print_gaps(evidence, "the draft would lack calls") or ExitCode.UNMET
    has_schema = output is not None and (output.parent / SCENARIO_SCHEMA).exists()
    schema = SCENARIO_SCHEMA if has_schema else ""
    text = draft(evidence.hits, name=name or recordings[0].stem, schema=schema)
    if output is None:
        print_result(text.rstrip("\n"))
    else:
        read_write.write_new(output, text)
    return _print_gaps(evidence, "the draft may lack calls")


@command(example="pixel-emulator scenario update opened.yaml --recording calls.yaml")
@argument("scenario", metavar="SCENARIO", type=PATH)
@option(
    "--recording",
    multiple=True,
    type=PATH,
    help="What happened; several recordings count as one run.",
)
@option("--only", default="", help="Lines, such as 35,38: change nothing else.")
@option("--check", is_flag=True, help="Write nothing; exit 1 if the file would change.")
@allow_open_option
@let_option
def update(
    scenario: Path,
    *,
    recording: tuple[Path, ...],
    only: str,
    check: bool,
    allow_open: bool,
    let: tuple[str, ...],
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
    if gaps := _print_gaps(evidence, "nothing is accepted while calls may be missing"):
        return gaps
    old, given = read_write.read_text(scenario), parse_variables(let)

    def verified(text: str) -> VerifiedSource:
        scenarios = load_text(text, str(scenario), given=given)
        return VerifiedSource(read_source(text, str(scenario)), verify(scenarios, evidence))

    result = rewrite(old, verified, _lines(only))
    changed = result.text != old
    if changed:
        print_result(_diff(str(scenario), old, result.text))
        if not check:
            read_write.overwrite(scenario, result.text)
    elif result.verified.verdict.status is Status.MET:
        print_message(f"{scenario}: nothing changes, it is met")
    for issue in result.kept:
        print_message(f"pixel-emulator: {issue}")
    status = result.verified.verdict.status
    if status in (Status.UNDECIDED, Status.INCOMPLETE):
        return ExitCode.INCOMPLETE
    unmet = bool(result.kept) if only else status is not Status.MET
    if unmet and not result.kept:
        print_message("pixel-emulator: it is still not met; `pixel-emulator verify` says why")
    return ExitCode.UNMET if unmet or (check and changed) else ExitCode.MET


def _print_gaps(evidence: Evidence, so: str) -> ExitCode:
    for gap in evidence.gaps:
        print_message(f"pixel-emulator: {so}: {gap}")
    return ExitCode.INCOMPLETE if evidence.gaps else ExitCode.MET


def _lines(text: str) -> frozenset[int]:
    words = [word.strip() for word in text.split(",")] if text else []
    wrong = [
        word
        for word in words
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word))
    ]
    if wrong:
        raise InputError(
            InputIssue(f'--only takes line numbers, such as 35,38; not "{shortened(wrong[0])}"')
        )
    return frozenset(map(int, words))


def _diff(file: str, old: str, new: str) -> str:
    """Return a unified diff in the format of git and patch."""
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    lines = (
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in unified_diff(old_lines, new_lines, f"a/{file}", f"b/{file}")
    )
    return "".join(lines).rstrip("\n")
