"""Scenario files as tests: one item for each scenario and case, with failures on its lines."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Evidence
from pixel_emulator.core.parser.vocabulary import SCENARIO
from pixel_emulator.core.scenarios.scenario import Open, Run, Scenario
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.email.render import find_browser
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import ScenarioFile, read_files
from pixel_emulator.pytest_plugin.lazy_emulator import DeferredSession, LazyEmulator
from pixel_emulator.pytest_plugin.lifecycle import emulator_of, open_session, set_properties
from pixel_emulator.pytest_plugin.options import is_argument
from pixel_emulator.pytest_plugin.run_recording import recording_of
from pixel_emulator.pytest_plugin.snapshots import Snapshot
from pixel_emulator.pytest_plugin.source_lines import SourceLines
from pixel_emulator.pytest_plugin.verdicts import message, unmet_locations
from pixel_emulator.runner.actions import WRITE_KEY, ActionContext, missing_files
from pixel_emulator.runner.runner import Runner

_DRAIN_SECONDS = 2.0
"""Seconds for connections to close, as in `pixel-emulator run`."""

_MARK_NAME = re.compile(r"[^\W_][^:(\s]*")  # a name that pytest can register as a mark
_NO_TAGS = ("skip", "skipif", "xfail")
"""Marks by which a test passes without being met: no tag becomes one of them."""


def collected(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return the collector of a file, or None if the file is no scenario file."""
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
        """Yield the scenarios with actions.

        Raises CollectError with all issues of the file, and if the command line names a file
        without actions.
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

    def __init__(self, *, scenario: Scenario, file: ScenarioFile, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type] # they are pytest's own
        self.scenario = scenario
        self.file = file
        for tag in dict.fromkeys(scenario.tags):
            self._add_tag(tag)

    def runtest(self) -> None:
        """Run the steps. Raises AssertionError, on a line of the file, if these are not met."""
        if issues := list(missing_files([self.scenario])):
            self._source.fail(InputError(*issues), self.scenario.location)
        emulator = emulator_of(self.config)
        session = open_session(self, emulator, emulator.settings)
        part = recording_of(self, 0, session, emulator.settings)
        try:
            verdict = self._run(emulator, session)
            set_properties(self, verdict.hits, [self.file.path])
        finally:
            session.close()
            if part:
                part.close()
        if verdict.status is not Status.MET:
            at = next(unmet_locations(verdict), self.scenario.location)
            self._source.fail(AssertionError(f"{message(verdict)}{self._row}"), at)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException]) -> str | TerminalRepr:  # type: ignore[override] # its `style` is never given
        """Return a failure on its line of the file; any other error with its whole traceback."""
        last = excinfo.traceback[-1]
        if str(last.path) == str(self.path):
            excinfo.traceback = excinfo.traceback[-1:]
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line where the scenario or its case begins, and the name."""
        return self.path, max(0, self.scenario.row.line - 1), self.name

    def _add_tag(self, tag: str) -> None:
        """Make a tag usable with `-k` and `-m`; `strict_markers` accepts only registered marks."""
        self.extra_keyword_matches.add(tag)
        if not _MARK_NAME.fullmatch(tag) or tag in _NO_TAGS:
            return
        line = f"{tag}: a tag of scenario files."
        if line not in self.config.getini("markers"):
            self.config.addinivalue_line("markers", line)
        self.add_marker(tag)

    @property
    def _row(self) -> str:
        """Return the line of the case, for a failure on a line that all cases share."""
        row = self.scenario.row
        where = f"{row.file}:{row.line}"
        return f"\n\n  {where}   the case {self.scenario.case}" if self.scenario.case else ""

    @property
    def _source(self) -> SourceLines:
        location = self.scenario.location
        line = max(1, location.line)
        return SourceLines(
            path=str(self.path), file=location.file, name=self.name, first_line=line, def_line=line
        )

    def _run(self, emulator: LazyEmulator, session: DeferredSession) -> Verdict:
        context = action_context(emulator, session, self.scenario)
        runner = Runner(session, context, lambda: emulator.drain(_DRAIN_SECONDS))
        verdict = runner.run(self.scenario).verdict
        alone = len(self.file.scenarios) == 1
        if alone and verdict.status is Status.UNMET and self.config.getoption("--pixel-update"):
            return self._updated(session.evidence(), verdict)
        return verdict

    def _updated(self, evidence: Evidence, verdict: Verdict) -> Verdict:
        """Return the verdict on the rewritten file; the file stays if an action failed."""
        if any(step.failure for step in verdict.scenarios[0].steps):
            return verdict
        return Snapshot(self.file.path).rewrite(evidence) or verdict


def action_context(
    emulator: LazyEmulator, session: DeferredSession, scenario: Scenario
) -> ActionContext:
    """Return the context in which the actions of a scenario reach a session."""
    actions = {type(action) for step in scenario.steps for action in step.actions}
    return ActionContext(
        proxy=session.proxy,
        ca=session.ca,
        spki=session.spki,
        hosts=session.hosts,
        environ={**os.environ, **emulator.environ(session)} if Run in actions else {},
        write_key=next(iter(emulator.settings.sources()), WRITE_KEY),
        browser=find_browser(os.environ) if Open in actions else None,
    )
