"""Scenario files as tests: one for each scenario and case, with the lines of the file."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.parser.vocabulary import SCENARIO
from pixel_emulator.core.scenarios.model import Open, Run, Scenario
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.email.render import find_browser
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import ScenarioFile, read_files
from pixel_emulator.pytest_plugin.lazy_emulator import DeferredSession, LazyEmulator
from pixel_emulator.pytest_plugin.lifecycle import host_of, open_for, tell
from pixel_emulator.pytest_plugin.options import is_argument
from pixel_emulator.pytest_plugin.run_recording import part_of
from pixel_emulator.pytest_plugin.snapshots import Snapshot
from pixel_emulator.pytest_plugin.source_lines import Home
from pixel_emulator.pytest_plugin.verdicts import message, places
from pixel_emulator.runner.actions import WRITE_KEY, ActionContext, missing_files
from pixel_emulator.runner.runner import Runner

_AT_REST = 2.0
"""Seconds for clients to go, as for `pixel-emulator run`."""

_MARK = re.compile(r"[^\W_][^:(\s]*")  # what pytest can register as the name of a mark
_EXCUSES = ("skip", "skipif", "xfail")
"""Marks by which a test passes without being met: no tag is one of them."""


def collected(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The collector of a file, if it is one of scenarios."""
    try:
        data = read_write.read_document(path).data
    except InputError:
        data = None if str(path) not in parent.config.args else {"scenarios": None}
    if not isinstance(data, dict) or not data.keys() & {*SCENARIO, "scenarios"}:
        return None
    return ScenarioCollector.from_parent(parent, path=path)


class ScenarioCollector(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Its scenarios that act by themselves.

        Raises CollectError with all its mistakes, and where it is named and none acts.
        """
        acts = False
        (file,) = read_files([os.path.relpath(self.path)])
        if file.issues:
            raise self.CollectError("\n".join(map(str, file.issues)))
        for scenario in file.scenarios:
            if scenario.has_actions:
                acts = True
                name = scenario.name or self.path.stem
                label = f"{name}[{scenario.case}]" if scenario.case else name
                yield ScenarioItem.from_parent(self, name=label, scenario=scenario, file=file)
        if not acts and is_argument(self.config, self.path):
            instead = "a test meets it by `pixels.expecting`, or by the mark `pixel_scenario`"
            raise self.CollectError(f"{file.path}: has no `do`, so it is no test: {instead}")


class ScenarioItem(pytest.Item):
    """One scenario, in one of its cases."""

    def __init__(self, *, scenario: Scenario, file: ScenarioFile, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type] # they are pytest's own
        self.scenario = scenario
        self.file = file
        for tag in dict.fromkeys(scenario.tags):
            self._carry(tag)

    def runtest(self) -> None:
        """Do what its steps say. Raises AssertionError, on a line of the file, if it is not met."""
        if issues := list(missing_files([self.scenario])):
            self._home.fail(InputError(*issues), self.scenario.location)
        host = host_of(self.config)
        session = open_for(self, host, host.settings)
        part = part_of(self, 0, session, host.settings)
        try:
            verdict = self._run(host, session)
            tell(self, verdict.hits, [self.file.path])
        finally:
            session.close()
            if part:
                part.close()
        if verdict.status is not Status.MET:
            at = next(places(verdict), self.scenario.location)
            self._home.fail(AssertionError(f"{message(verdict)}{self._row}"), at)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException]) -> str | TerminalRepr:  # type: ignore[override] # its `style` is never given
        """A failure on its line of the file; everything else with its whole traceback."""
        last = excinfo.traceback[-1]
        if str(last.path) == str(self.path):
            excinfo.traceback = excinfo.traceback[-1:]
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Its file, the line on which it begins, or its case, and its name."""
        return self.path, max(0, self.scenario.row.line - 1), self.name

    def _carry(self, tag: str) -> None:
        """Have `-k` find a tag, and `-m`, which under `strict_markers` takes what is registered."""
        self.extra_keyword_matches.add(tag)
        if not _MARK.fullmatch(tag) or tag in _EXCUSES:
            return
        line = f"{tag}: a tag of scenario files."
        if line not in self.config.getini("markers"):
            self.config.addinivalue_line("markers", line)
        self.add_marker(tag)

    @property
    def _row(self) -> str:
        """Where its case stands, for a failure on a line that all cases share."""
        row = self.scenario.row
        where = f"{row.file}:{row.line}"
        return f"\n\n  {where}   the case {self.scenario.case}" if self.scenario.case else ""

    @property
    def _home(self) -> Home:
        location = self.scenario.location
        line = max(1, location.line)
        return Home(path=str(self.path), file=location.file, name=self.name, first=line, named=line)

    def _run(self, host: LazyEmulator, session: DeferredSession) -> Verdict:
        access = access_to(host, session, self.scenario)
        runner = Runner(session, access, lambda: host.drain(_AT_REST))
        verdict = runner.run(self.scenario).verdict
        alone = len(self.file.scenarios) == 1
        if alone and verdict.status is Status.UNMET and self.config.getoption("--pixel-update"):
            return self._updated(session.evidence(), verdict)
        return verdict

    def _updated(self, evidence: Evidence, verdict: Verdict) -> Verdict:
        """The verdict on the file as it is rewritten; where an action failed it stays."""
        if any(step.failure for step in verdict.scenarios[0].steps):
            return verdict
        return Snapshot(self.file.path).rewrite(evidence) or verdict


def access_to(host: LazyEmulator, session: DeferredSession, scenario: Scenario) -> ActionContext:
    """How the actions of a scenario reach a session."""
    actions = {type(action) for step in scenario.steps for action in step.actions}
    return ActionContext(
        proxy=session.proxy,
        ca=session.ca,
        spki=session.spki,
        hosts=session.hosts,
        environ={**os.environ, **host.environ(session)} if Run in actions else {},
        write_key=next(iter(host.settings.sources()), WRITE_KEY),
        browser=find_browser(os.environ) if Open in actions else None,
    )
