"""What all tests share."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--no-skips", action="store_true", help="Fail if a test was skipped, as CI must."
    )


def pytest_sessionfinish(session, exitstatus):
    if not session.config.getoption("--no-skips"):
        return
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
