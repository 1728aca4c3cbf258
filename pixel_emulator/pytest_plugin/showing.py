"""Calls shown live, `--pixel-show`: at once, or from a worker of xdist with the next report."""

from collections import deque
from collections.abc import Callable, Generator

import pytest

from pixel_emulator.core import call_text
from pixel_emulator.core.model import Hit
from pixel_emulator.pytest_plugin.stash import LIVE_LINES, REPORT_LINES
from pixel_emulator.runtime.output import redacted
from pixel_emulator.runtime.session import Session


class Showing:
    """The plugin of a run that shows its calls; workers of xdist have it, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send what a worker has no terminal for."""
        report = yield
        if waiting := item.stash.get(LIVE_LINES, None):
            setattr(report, REPORT_LINES, [waiting.popleft() for _ in range(len(waiting))])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print what a worker has sent."""
        lines = getattr(report, REPORT_LINES, ())
        if not lines or self._config.pluginmanager.get_plugin("terminalreporter") is None:
            return
        terminal = self._config.get_terminal_writer()
        _begin_line(self._config)
        for line in lines:
            terminal.line(line)


def show_live(item: pytest.Item, session: Session, title: str) -> None:
    """Print the calls of a session; they arrive in other threads, as live logs of pytest may."""
    is_worker = hasattr(item.config, "workerinput")  # its terminal leads nowhere
    say = item.stash.setdefault(LIVE_LINES, deque()).append if is_worker else _printer(item.config)

    def show(hit: Hit) -> None:
        line = call_text.line(hit.call, hit.request, hit.outcome, hit.problems)
        say(redacted(f"{title} #{hit.seq}  {line}"))

    session.subscribe(show)


def _printer(config: pytest.Config) -> Callable[[str], None]:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    def print_line(line: str) -> None:
        if terminal is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            _begin_line(config)
            terminal.write_line(line)

    return print_line


def _begin_line(config: pytest.Config) -> None:
    """Leave the line in which the letters of tests stand, with `-q` too."""
    terminal = config.get_terminal_writer()
    if terminal.width_of_current_line:
        terminal.line()
