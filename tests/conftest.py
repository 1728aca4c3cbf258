"""What all tests share."""

import io
import sys

import hypothesis
import pytest

from pixel_emulator.cli.app import main


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


# A shared machine is slow now and then; speed is the business of the benchmarks.
hypothesis.settings.register_profile("calm", deadline=None)
hypothesis.settings.load_profile("calm")


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Run the command line in this process: arguments and stdin in; exit code, out, err out."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run
