"""The hooks of the plugin, in one list.

pytest loads this module in every run, also in runs without pixels. What takes long to import is
imported inside the hook that needs it.
"""

import sys
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import TerminalRepr

from pixel_emulator.pytest_plugin.options import (
    MARKS,
    arguments,
    declare,
    has_action,
    is_argument,
    is_chosen,
    recording_target,
    unmatched_globs,
)
from pixel_emulator.pytest_plugin.stash import (
    CALLS_PROPERTY,
    COUNTED_OUTCOMES,
    EMULATOR,
    PIXELS,
    PROPERTY,
    STRAYS,
    WORKER_ARGUMENTS,
    WORKER_STRAYS,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the command line and of the ini file."""
    declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks, and register the plugins that options or other plugins call for."""
    for mark, text in MARKS.items():
        config.addinivalue_line("markers", f"{mark}: {text}")
    target = recording_target(config)
    if target and not hasattr(config, "workerinput"):
        from pixel_emulator.pytest_plugin.run_recording import RunRecording

        recording = RunRecording(target, lambda: strays_of(config))
        config.pluginmanager.register(recording, "pixel_recording")
    if config.getoption("--pixel-show"):
        from pixel_emulator.pytest_plugin.lifecycle import LiveOutput

        config.pluginmanager.register(LiveOutput(config), "pixel_showing")
    if config.pluginmanager.hasplugin("playwright"):
        config.pluginmanager.import_plugin("pixel_emulator.pytest_plugin.playwright_fixtures")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Send the arguments to an xdist worker, which takes the folders of `testpaths` for them."""
    node.workerinput[WORKER_ARGUMENTS] = arguments(node.config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario file with a `do` that `pixel_scenarios` or the command line names.

    The command line names a file itself, or the folder that holds it: `pytest scenarios/`.
    """
    config = parent.config
    if not is_chosen(config, file_path):
        return None
    if not is_argument(config, file_path) and not has_action(file_path):
        return None
    from pixel_emulator.pytest_plugin.scenario_items import collected

    return collected(file_path, parent)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test with the mark `pixel_scenario` the fixture `pixels`."""
    names = getattr(item, "fixturenames", None)
    if names is not None and "pixels" not in names and item.get_closest_marker("pixel_scenario"):
        names.append("pixels")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Verify the calls of a test while it can still fail."""
    __tracebackhide__ = True
    try:
        result = yield
    except BaseException as error:
        _conclude(item, error)
        raise
    _conclude(item, None)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Warn of calls that came after the calls of the test were verified."""
    pixels = [*item.stash.get(PIXELS, ())]
    result = yield
    if pixels:
        from pixel_emulator.pytest_plugin.lifecycle import warn_of_late

        warn_of_late(item, pixels)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mask write keys in a failure, in its sections and in the properties of its test.

    This holds for all text of the report, whichever plugin wrote it.
    """
    report = yield
    if "pixel_emulator.runtime.output" not in sys.modules:  # then no write key is known
        return report
    report.user_properties = _redacted(report.user_properties)
    if report.longrepr is not None:
        report.longrepr = _redacted(report.longrepr)
        report.sections = _redacted(report.sections)
    return report


@pytest.hookimpl(trylast=True)  # pytest first ends the fixtures of a test that was interrupted
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the emulator, and keep the sentences about stray calls; an xdist worker sends them.

    pytest cleans up only after this hook, and an xdist worker that then needs more than 5 seconds,
    for the summaries of other plugins, gets a SIGINT from execnet: nothing is cleaned up any more.
    """
    emulator = session.config.stash.get(EMULATOR, None)
    strays = []
    if emulator:
        strays = list(emulator.stray_calls())
        emulator.close()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[WORKER_STRAYS] = strays
    else:
        _add_strays(session.config, strays)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the stray calls of an xdist worker; remove the temporary files of one that died."""
    _add_strays(node.config, getattr(node, "workeroutput", {}).get(WORKER_STRAYS, []))
    if error:
        from pixel_emulator.runtime.server_info import remove_stale

        remove_stale()


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Write the line `pixels: 14 calls in 9 tests, 2 dropped`, and what may be a mistake.

    It counts the reports of all tests, also of those that ran on xdist workers.
    """
    counts: Counter[str] = Counter()
    tests = 0
    for report in _call_reports(terminalreporter):
        properties = dict(report.user_properties)
        if CALLS_PROPERTY in properties:
            tests += 1
            counted = (CALLS_PROPERTY, *(f"{PROPERTY}{outcome}" for outcome in COUNTED_OUTCOMES))
            counts.update(
                {name: int(str(properties[name])) for name in counted if name in properties}
            )
    if tests:
        others = (
            f", {counts[PROPERTY + outcome]} {outcome}"
            for outcome in COUNTED_OUTCOMES
            if counts[PROPERTY + outcome]
        )
        calls = _counted(counts[CALLS_PROPERTY], "call")
        terminalreporter.write_line(
            f"pixels: {calls} in {_counted(tests, 'test')}{''.join(others)}"
        )
    for glob in unmatched_globs(terminalreporter.config):
        terminalreporter.write_line(f"pixels: pixel_scenarios: no file matches {glob}")
    for stray in strays_of(terminalreporter.config):
        terminalreporter.write_line(f"pixels: {stray}")


def strays_of(config: pytest.Config) -> Sequence[str]:
    """Return the sentences about stray calls that are known so far."""
    return config.stash.get(STRAYS, [])


def _add_strays(config: pytest.Config, strays: Sequence[str]) -> None:
    config.stash[STRAYS] = [*strays_of(config), *strays]


def _conclude(item: pytest.Item, error: BaseException | None) -> None:
    __tracebackhide__ = True
    pixels = item.stash.get(PIXELS, None)
    if not pixels:
        return
    from pixel_emulator.pytest_plugin.lifecycle import conclude

    try:
        conclude(item, pixels, error)
    except Exception as failure:
        unittest_error = getattr(item, "_excinfo", None)  # set by pytest for tests of unittest
        if unittest_error and str(unittest_error[0].value).startswith("Unexpected success"):
            # unittest.expectedFailure: unittest does not see that the test fails here.
            unittest_error.clear()
            raise pytest.xfail.Exception(str(failure).partition("\n")[0]) from failure
        raise


def _redacted(value: Any) -> Any:
    """Return the value with its strings redacted; pytest's representations change in place."""
    if isinstance(value, str):
        from pixel_emulator.runtime.output import redacted

        return redacted(value)
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_redacted(item) for item in value)
    if isinstance(value, TerminalRepr):
        for name, attribute in vars(value).items():
            setattr(value, name, _redacted(attribute))
    return value


def _call_reports(terminalreporter: "pytest.TerminalReporter") -> list[pytest.TestReport]:
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
