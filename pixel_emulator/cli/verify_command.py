"""`verify`: recordings against scenarios, without a run."""

import sys
from pathlib import Path

from pixel_emulator.cli.commands import PATH, alternatives, argument, command, option
from pixel_emulator.cli.decode import one_of
from pixel_emulator.cli.inputs import (
    allow_open_option,
    let_option,
    load_selected,
    parse_variables,
    read_evidence,
    tag_option,
)
from pixel_emulator.cli.reports import check_reports, for_terminal, report_option, write_reports
from pixel_emulator.cli.terminal import print_result
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.report.formats import FORMATS, ReportOptions
from pixel_emulator.core.verification.verify import verify as verify_scenarios
from pixel_emulator.files import read_write


@command(example="pixel-emulator verify opened.yaml calls.yaml")
@argument(
    "paths",
    metavar="SCENARIO... RECORDING...",
    nargs=-1,
    required=True,
    type=PATH,
    help="Told apart by what they hold; a folder is one of scenarios.",
)
@option(
    "--scenario",
    multiple=True,
    type=PATH,
    help="A scenario, a folder of them, or a recording whose calls are expected again.",
)
@allow_open_option
@tag_option
@let_option
@report_option
@option("--format", "output", default="text", choices=FORMATS, help=f"{alternatives(FORMATS)}.")
def verify(
    paths: tuple[Path, ...],
    *,
    scenario: tuple[Path, ...],
    allow_open: bool,
    tag: tuple[str, ...],
    let: tuple[str, ...],
    report: tuple[Path, ...],
    output: str,
) -> int:
    """Assert recordings against scenarios; several recordings count as one run.

    Exit code: 0 met, 1 unmet, 2 a mistake in a file, 3 incomplete evidence.
    """
    one_of("--format", output, FORMATS)
    check_reports(report, (*paths, *scenario))
    recordings = [path for path in paths if not path.is_dir() and read_write.is_recording(path)]
    named = [*scenario, *(path for path in paths if path not in recordings)]
    scenarios = load_selected(named, tag, parse_variables(let))
    if not scenarios or not recordings:
        missing = "scenario" if recordings else "recording"
        raise InputError(
            InputIssue(f"verify needs at least one scenario and one recording: no {missing}")
        )
    verdict = verify_scenarios(scenarios, read_evidence(recordings, allow_open=allow_open))
    source = str(recordings[0]) if len(recordings) == 1 else ""  # several are counted anew
    write_reports(report, verdict, recording=source)
    if output == "text":
        print_result(for_terminal(verdict, sys.stdout, recording=source))
    else:
        print_result(FORMATS[output].render(verdict, ReportOptions(recording=source)).rstrip("\n"))
    return verdict.exit_code
