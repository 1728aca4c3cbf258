"""`demo`: opens the sample mails, records their calls and verifies them, all on this machine."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_emulator.cli.commands import command, takes_settings
from pixel_emulator.cli.emulator_run import emulation
from pixel_emulator.cli.run_display import run_summary
from pixel_emulator.cli.terminal import print_result, wants_colour, width
from pixel_emulator.core import call_text
from pixel_emulator.core.model import Hit, Severity
from pixel_emulator.core.report.formats import TEXT, ReportOptions
from pixel_emulator.core.text.display import paint
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.email.render import BUILT_IN, RenderResult, fetch_images, find_browser, render
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.runtime.settings import Settings

_MAILS = (".html", ".eml")


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail and the scenario for the calls of its pixels; `name` is the stem of both files."""

    name: str
    mail: Path
    scenario: Path


def folder() -> Path:
    """Return the folder of the samples: inside the installed package, or at the top of a clone.

    The path is relative if the folder is below the current directory.
    """
    package = Path(__file__).parents[1]
    packed = package / "scenarios"  # their place in the wheel
    samples_folder = packed if packed.is_dir() else package.parent / "scenarios"
    return (
        samples_folder.relative_to(Path.cwd())
        if samples_folder.is_relative_to(Path.cwd())
        else samples_folder
    )


def samples() -> tuple[Sample, ...]:
    """Return each mail that has a scenario of its name, from Z to A so that `broken` comes last."""
    scenarios = sorted(folder().glob("*.yaml"), reverse=True)
    pairs = ((path, path.with_suffix(suffix)) for path in scenarios for suffix in _MAILS)
    return tuple(Sample(mail.stem, mail, path) for path, mail in pairs if mail.is_file())


if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator


@command(example="pixel-emulator demo")
@takes_settings("record", port=0)
def demo(*, settings: Settings) -> int:
    """Open the sample mails through the emulator, record their calls, and assert them."""
    if not settings.record:
        folder = tempfile.mkdtemp(prefix="pixel-emulator-demo-")
        settings = replace(settings, record=str(Path(folder) / "recording.yaml"))
    browser = find_browser(os.environ)
    colour = wants_colour(sys.stdout)
    errors = []
    with emulation(settings) as (journal, emulator):
        print_result(_introduction(emulator, browser, colour=colour))
        for sample in samples():
            seen = len(journal.hits)
            errors.append(_open_mail(sample, browser, emulator).error)
            hits = journal.hits[seen:]
            title = paint(sample.mail.name, "bold", colour=colour) + _NOTES.get(sample.name, "")
            print_result("\n".join([title, *_call_lines(hits)]) + "\n")
    evidence = journal.evidence()
    verdict = verify(load_scenarios(sample.scenario for sample in samples()), evidence)
    print_result(
        TEXT.render(verdict, ReportOptions(width=width(), colour=colour, list_calls=False))
    )
    print_result(run_summary(journal, recorded=settings.record))
    if errors := list(filter(None, errors)):
        print_result("\n".join(f"incomplete: {error}" for error in errors))
        return 3
    print_result(next_commands(os.environ))
    return verdict.exit_code


_NOTES = {"broken": "  (broken on purpose; a browser sees nothing wrong with it)"}
_NEXT = (
    ("check mail.html", "what would become of the pixels in it"),
    ("run -- COMMAND", "which calls a command makes"),
    ("serve", "a proxy that stays"),
)


def next_commands(environment: Mapping[str, str]) -> str:
    """Return the commands to try next, as the shell that started this process can run them."""
    name = command_name(environment)
    size = max(len(arguments) for arguments, _ in _NEXT)
    lines = [f"  {name} {arguments:{size}}   {result}" for arguments, result in _NEXT]
    heading = 'Segment would have answered "200, GIF" to every one of these calls. Now yours:'
    return "\n".join(["", heading, *lines])


def command_name(environment: Mapping[str, str]) -> str:
    """Return what the shell that started this process has to type for `pixel-emulator`.

    `uv run` sets UV_RUN_RECURSION_DEPTH and VIRTUAL_ENV, and puts the folder of its environment in
    front of PATH, for the command alone. `uvx` sets only UV and PATH.
    """
    clone = Path(__file__).parents[2]
    if "UV_RUN_RECURSION_DEPTH" in environment and environment.get("VIRTUAL_ENV") == sys.prefix:
        elsewhere = (clone / "pyproject.toml").is_file() and not Path.cwd().is_relative_to(clone)
        project = f"--project {shlex.quote(str(clone))} " if elsewhere else ""
        return f"uv run {project}{_NAME}"
    folders = environment.get("PATH", "").split(os.pathsep)
    if "UV" in environment:
        folders = [folder for folder in folders if folder != str(Path(sys.executable).parent)]
    if shutil.which(_NAME, path=os.pathsep.join(folders)):
        return _NAME
    return f"{shlex.quote(sys.executable)} -m pixel_emulator"


_NAME = "pixel-emulator"


def _introduction(emulator: "Emulator", browser: Path | None, *, colour: bool) -> str:
    opener = browser.name if browser else f"{BUILT_IN} (no Chromium was found)"
    return (
        f"{paint('Segment tracking pixels, emulated', 'bold', colour=colour)}\n"
        f"The emulator listens on {emulator.url}; nothing is sent to Segment.\n"
        f"The sample mails are opened with: {opener}\n"
    )


def _open_mail(sample: Sample, browser: Path | None, emulator: "Emulator") -> RenderResult:
    authority = emulator.authority
    if browser is None:
        hosts = emulator.settings.hosts
        return fetch_images(sample.mail, hosts=hosts, proxy=emulator.proxy, ca=authority.ca)
    return render(sample.mail, browser=browser, proxy=emulator.proxy, spki=authority.spki)


def _call_lines(hits: tuple[Hit, ...]) -> list[str]:
    """Return the calls of one mail as lines, with the reasons why Segment would drop or damage
    them."""
    colour = wants_colour(sys.stdout)
    lines = []
    for hit in hits:
        line = call_text.line(hit.call, hit.request, hit.outcome, hit.problems, colour=colour)
        lines.append(f"  {line}")
        decisive = [problem for problem in hit.problems if problem.severity is not Severity.NOTE]
        problems = call_text.problem_lines(decisive, width=width() - 4, colour=colour)
        lines += [f"    {text}" for text in problems]
    return lines or ["  no call"]
