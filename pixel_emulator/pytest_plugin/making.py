"""Pixels for a test: where it stands, what its marks say; and its calls shown live."""

from pathlib import Path

import pytest

from pixel_emulator.core import explain
from pixel_emulator.core.calls import Hit
from pixel_emulator.pytest_plugin.choices import choices_of
from pixel_emulator.pytest_plugin.hosting import Host
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.places import Home, line_of_name
from pixel_emulator.session import Session


def make(item: pytest.Item, host: Host, name: str) -> Pixels:
    """Open a session for a test. Fails it for marks that say what is not allowed."""
    choices = choices_of(item.config, item.iter_markers("pixel"))
    session = host.open(name, choices.settings)
    if item.config.getoption("--pixel-show"):
        show_live(item.config, session)
    return Pixels(
        session,
        home=home_of(item),
        choices=choices,
        environ=host.environ,
        folders=(item.path.parent, item.config.rootpath),
        update=item.config.getoption("--pixel-update"),
    )


def home_of(item: pytest.Item) -> Home:
    """Where a test stands."""
    file, line, _ = item.location
    path, first = Path(item.reportinfo()[0]), (line or 0) + 1
    named = line_of_name(path, first)
    return Home(path=path, file=file, name=item.name, first=first, line=named)


def show_live(config: pytest.Config, session: Session) -> None:
    """Print the calls of a session; they arrive in other threads, as live logs of pytest may."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if terminal is None or capture is None:  # a worker of xdist has no terminal
        return

    def show(hit: Hit) -> None:
        line = explain.line(hit.call, hit.request, hit.outcome, hit.problems)
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(f"{session.name} #{hit.seq}  {line}")

    session.subscribe(show)
