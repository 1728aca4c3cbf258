"""The line at the end of a run: `pixels: 14 calls in 9 tests, 2 dropped`."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pixel_emulator.pytest_plugin.collecting import unmatched

PREFIX = "pixel_"
CALLS = f"{PREFIX}calls"
"""The property of a test's report that says how many calls it had."""
COUNTED = ("damaged", "duplicate", "dropped", "unhandled")
"""The outcomes that the line counts, where there are any."""

STRAYS = f"{PREFIX}strays"
"""Where a worker of xdist says what came late."""

ASKED = pytest.StashKey[Callable[[], tuple[str, ...]]]()
"""Who is asked what came late, once there is an emulator."""
_NOTED = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what the reports of all tests tell, also those of xdist's workers."""
    counts: Counter[str] = Counter()
    tests = 0
    for report in _reports(terminalreporter):
        told = [(name, value) for name, value in report.user_properties if name.startswith(PREFIX)]
        if CALLS in dict(told):
            tests += 1
            wanted = (CALLS, *(f"{PREFIX}{outcome}" for outcome in COUNTED))
            counts.update({name: int(str(value)) for name, value in told if name in wanted})
    if tests:
        others = (
            f", {counts[PREFIX + outcome]} {outcome}"
            for outcome in COUNTED
            if counts[PREFIX + outcome]
        )
        calls = _counted(counts[CALLS], "call")
        terminalreporter.write_line(
            f"pixels: {calls} in {_counted(tests, 'test')}{''.join(others)}"
        )
    for each in unmatched(terminalreporter.config):
        terminalreporter.write_line(f"pixels: pixel_scenarios: no file matches {each}")
    for stray in strays_of(terminalreporter.config):
        terminalreporter.write_line(f"pixels: {stray}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Note what came late, here or in a worker of xdist."""
    asked = session.config.stash.get(ASKED, None)
    strays = list(asked()) if asked else []
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[STRAYS] = strays
    else:
        _note(session.config, strays)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of xdist has noted; behind one that has died, put in order."""
    _note(node.config, getattr(node, "workeroutput", {}).get(STRAYS, []))
    if error:
        from pixel_emulator.runtime.server_info import remove_stale

        remove_stale()


def strays_of(config: pytest.Config) -> Sequence[str]:
    """What came late, as far as it is noted."""
    return config.stash.get(_NOTED, [])


def _note(config: pytest.Config, strays: Sequence[str]) -> None:
    config.stash[_NOTED] = [*config.stash.get(_NOTED, []), *strays]


def _reports(terminalreporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        and report.when == "call"
        and str(report.outcome) != "rerun"  # of pytest-rerunfailures: only the last run counts
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
