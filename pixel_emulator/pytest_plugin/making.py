"""Pixels for a test: where it stands, and what its marks say."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pixel_emulator.config import Settings
from pixel_emulator.core.mistakes import InputError
from pixel_emulator.pytest_plugin.choices import choices_of, settings_of
from pixel_emulator.pytest_plugin.hosting import Host
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.places import Home
from pixel_emulator.pytest_plugin.run_recording import parts_of, target_of
from pixel_emulator.pytest_plugin.showing import show_live
from pixel_emulator.session import Session

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.parts import Part


def make(item: pytest.Item, host: Host, name: str, number: int) -> Pixels:
    """Open session `number` of a test. Fails it for marks that say what is not allowed."""
    choices = choices_of(item.config, item.iter_markers("pixel"))
    session = host.open(name, choices.settings)
    if item.config.getoption("--pixel-show"):
        show_live(item, session)
    return Pixels(
        session,
        home=home_of(item),
        choices=choices,
        environ=host.environ,
        folders=(item.path.parent, item.config.rootpath),
        update=item.config.getoption("--pixel-update"),
        part=part_of(item, number, session, choices.settings),
    )


def part_of(item: pytest.Item, number: int, session: Session, settings: Settings) -> "Part | None":
    """Where the calls of a session are written down, in a run that is recorded.

    Fails the test where that is not possible.
    """
    target = target_of(item.config)
    if target is None:
        return None
    from pixel_emulator.pytest_plugin.parts import begin  # noqa: PLC0415 - few runs need it

    try:
        # Which keys are masked is the business of the whole run.
        common = replace(settings, keep_write_keys=settings_of(item.config).keep_write_keys)
        return begin(parts_of(target), item.nodeid, number, session, common)
    except InputError as error:
        session.close()
        raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None


def home_of(item: pytest.Item) -> Home:
    """Where a test stands."""
    file, line, _ = item.location
    # What `file` was made of; to ask `reportinfo` again would look for the file on disk.
    path = os.path.normpath(os.path.join(item.config.rootpath, file))  # noqa: PTH118 - as text
    return Home(path=path, file=file, name=item.name, first=(line or 0) + 1)
