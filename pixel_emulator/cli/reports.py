"""The option `--report`: report files are checked before a run and written after it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from pixel_emulator.cli.commands import PATH, alternatives, option
from pixel_emulator.cli.terminal import wants_colour, width
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.report.formats import FORMATS, TEXT, ReportOptions
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.files import read_write
from pixel_emulator.runtime.output import redacted

_BY_SUFFIX = {format.suffix: format for format in FORMATS.values()}

report_option = option(
    "--report",
    metavar="FILE",
    multiple=True,
    type=PATH,
    help=f"Write the verdict to a file: {alternatives(f'FILE{suffix}' for suffix in _BY_SUFFIX)}.",
)
"""Decorator that adds the option to a command."""


def check_reports(
    reports: Iterable[Path], others: Iterable[Path] = (), *, asserts: bool = True
) -> None:
    """Check the files of `--report` before anything runs; none may be one of `others`.

    `asserts` is True if there is a scenario, and so a verdict. Raises InputError with the mistakes
    of all files.
    """
    read_files = {path.resolve() for path in others}
    issues = []
    if reports and not asserts:
        issues.append(InputIssue("--report writes a verdict, and so it needs a --scenario"))
    for report in reports:
        if report.suffix not in _BY_SUFFIX:
            allowed = ", ".join(f"`{suffix}`" for suffix in _BY_SUFFIX)
            issues.append(InputIssue(f"--report {report}: its name must end with one of {allowed}"))
        elif not report.parent.is_dir() or report.is_dir():
            issues.append(InputIssue(f"--report {report}: no file can be written there"))
        elif report.resolve() in read_files:
            issues.append(InputIssue(f"--report {report}: this is one of the files to be read"))
    if issues:
        raise InputError(*issues)


def write_reports(reports: Iterable[Path], verdict: Verdict, *, recording: str = "") -> None:
    """Write the verdict to each file. `recording` holds its calls under their numbers, if any does.

    Raises InputError if a file cannot be written.
    """
    for path in reports:
        report = _BY_SUFFIX[path.suffix].render(verdict, ReportOptions(recording=recording))
        read_write.write_text(path, redacted(report))


def for_terminal(verdict: Verdict, stream: TextIO | None, *, recording: str = "") -> str:
    """Return the text report as wide as the terminal, in colour if `stream` takes colours."""
    options = ReportOptions(width=width(), colour=wants_colour(stream), recording=recording)
    return TEXT.render(verdict, options).rstrip("\n")
