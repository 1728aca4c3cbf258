"""Which of the tests of a run have ended, so that a recording tells if the run was cut short."""

from collections.abc import Sequence

import pytest

_SHOWN = 200
"""Characters of a reason that are told."""


class RunProgress:
    """A plugin that counts; with xdist it stands in the process that runs no tests itself."""

    def __init__(self) -> None:
        self._selected: set[str] = set()
        self._ended: set[str] = set()
        self._failed_collectors: set[str] = set()
        self._stopped_by = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the tests that are to be run; deselected ones are not among them."""
        self._selected = {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note the tests that a worker of xdist has found: all find the same ones."""
        self._selected.update(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._failed_collectors.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test has ended."""
        self._ended.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what xdist says no more of: the failure it stops at, a test whose worker died."""
        if report.when not in ("setup", "teardown") or report.failed:
            self._ended.add(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note Ctrl-C, and `pytest.exit`."""
        # pytest and xdist have an `Interrupted` each; under these the missing tests tell enough.
        if type(excinfo.value).__name__ != "Interrupted":
            self._stopped_by = excinfo.exconly().splitlines()[0]

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note an error of pytest or of a plugin."""
        self._stopped_by = f"an internal error: {excinfo.exconly().splitlines()[0]}"

    def gaps(self, session: pytest.Session, exitstatus: int) -> list[str]:
        """Return why calls may be missing, one sentence without a full stop for each reason."""
        found = []
        if failed := len(self._failed_collectors):
            files = "file" if failed == 1 else "files"
            found.append(f"the run is incomplete: {failed} {files} could not be collected")
        missing = len(self._selected - self._ended)
        stopped = self._stopped_by or str(session.shouldfail or session.shouldstop or "")
        if not stopped and exitstatus == pytest.ExitCode.USAGE_ERROR:
            stopped = "a wrong command line"
        if missing or self._stopped_by or exitstatus == pytest.ExitCode.USAGE_ERROR:
            tests = f"{missing} of {len(self._selected)} selected tests did not run to their end"
            why = f" ({stopped[:_SHOWN]})" if stopped else ""
            found.append(f"the run was stopped{why}: {tests}")
        return found
