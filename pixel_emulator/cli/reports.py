"""Verdicts as text, JSON or JUnit XML: printed with `--format`, written with `--report`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from pixel_emulator.cli.terminal import wants_colour, width
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.report.junit import junit
from pixel_emulator.core.report.text_report import text
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.files import read_write
from pixel_emulator.runtime.output import redacted


def _text(verdict: Verdict, recording: str) -> str:
    return text(verdict, recording=recording)


def _json(verdict: Verdict, _recording: str) -> str:
    return json_codec.write(as_json(verdict), indent=2) + "\n"


def _junit(verdict: Verdict, _recording: str) -> str:
    return junit(verdict)


FORMATS: dict[str, Callable[[Verdict, str], str]] = {"text": _text, "json": _json, "junit": _junit}
"""What `--format` may say, and how it is made: of the verdict, and of the name of its recording."""

_BY_SUFFIX = {".txt": "text", ".json": "json", ".xml": "junit"}

Reports = Annotated[
    list[Path] | None,
    typer.Option("--report", metavar="FILE", help="Write the verdict to FILE.xml, .json or .txt."),
]
"""The option, as the annotation of a command's parameter."""


def check_reports(
    reports: Iterable[Path] | None, others: Iterable[Path] = (), *, asserts: bool = True
) -> None:
    """Find mistakes in `--report` before anything runs: a file of `others` is not written over.

    `asserts` says whether there is a scenario, and so a verdict. Raises InputError with all of
    them.
    """
    taken = {each.resolve() for each in others}
    mistakes = []
    if reports and not asserts:
        mistakes.append(InputIssue("--report writes a verdict, and so it needs a --scenario"))
    for report in reports or ():
        if report.suffix not in _BY_SUFFIX:
            allowed = ", ".join(f"`{each}`" for each in _BY_SUFFIX)
            mistakes.append(
                InputIssue(f"--report {report}: its name must end with one of {allowed}")
            )
        elif not report.parent.is_dir() or report.is_dir():
            mistakes.append(InputIssue(f"--report {report}: no file can be written there"))
        elif report.resolve() in taken:
            mistakes.append(InputIssue(f"--report {report}: this is one of the files to be read"))
    if mistakes:
        raise InputError(*mistakes)


def write_reports(reports: Iterable[Path] | None, verdict: Verdict, *, recording: str = "") -> None:
    """Write the verdict to each file. `recording` holds its calls under their numbers, if any does.

    Raises InputError where a file cannot be written.
    """
    for report in reports or ():
        made = FORMATS[_BY_SUFFIX[report.suffix]](verdict, recording)
        read_write.write_text(report, redacted(made))


def for_terminal(verdict: Verdict, stream: TextIO | None, *, recording: str = "") -> str:
    """The report in words, as wide as the terminal, and in colour if the stream is one."""
    colour = wants_colour(stream)
    return text(verdict, width=width(), colour=colour, recording=recording).rstrip("\n")
