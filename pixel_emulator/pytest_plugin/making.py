"""Pixels for a test: where it stands, and what its marks say."""

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count

import pytest

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.files.recording_parts import parts_of
from pixel_emulator.pytest_plugin.choices import choices_of, settings_of
from pixel_emulator.pytest_plugin.deferred_session import DeferredSession
from pixel_emulator.pytest_plugin.hosting import LazyEmulator, open_for
from pixel_emulator.pytest_plugin.options import recording_target
from pixel_emulator.pytest_plugin.parts import SessionRecording, begin
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.places import Home
from pixel_emulator.pytest_plugin.snapshots import Updating
from pixel_emulator.pytest_plugin.stash import FILE_HOLDERS
from pixel_emulator.runtime.sessions import NAME
from pixel_emulator.runtime.settings import Settings


def make(item: pytest.Item, host: LazyEmulator, label: str, made: Sequence[Pixels]) -> Pixels:
    """Open one more session for a test that has `made` these; its label tells them apart.

    Fails the test for marks that say what is not allowed. Raises InputError for a label that is no
    name, or that another one of the test has.
    """
    __tracebackhide__ = True
    label = _label(label, [each.label for each in made])
    choices = choices_of(item.config, item.iter_markers("pixel"))
    session = open_for(item, host, choices.settings, label, choices.clock)
    return Pixels(
        session,
        home=home_of(item, label),
        choices=choices,
        label=label,
        environ=lambda: host.environ(session),
        folders=(item.path.parent, item.config.rootpath),
        update=updating(item, is_new=not made),
        part=part_of(item, len(made), session, choices.settings),
    )


def updating(item: pytest.Item, *, is_new: bool) -> Updating | None:
    """What a test rewrites files with, if it shall. One that `is_new` has not held any so far, also
    if it is run again."""
    if not item.config.getoption("--pixel-update"):
        return None
    holders = item.config.stash.setdefault(FILE_HOLDERS, {})
    if is_new:
        for file in [file for file, test in holders.items() if test == item.nodeid]:
            del holders[file]
    return Updating(item.nodeid, holders)


def part_of(
    item: pytest.Item, number: int, session: DeferredSession, settings: Settings
) -> SessionRecording | None:
    """Where the calls of a session are written down, in a run that is recorded.

    Fails the test where that is not possible.
    """
    target = recording_target(item.config)
    if target is None:
        return None
    try:
        # Which keys are masked is the business of the whole run.
        common = replace(settings, keep_write_keys=settings_of(item.config).keep_write_keys)
        return begin(parts_of(target), item.nodeid, number, session, common)
    except InputError as error:
        session.close()
        raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None


def home_of(item: pytest.Item, label: str) -> Home:
    """Where a test stands; its name says which of its sessions is meant."""
    file, line, _ = item.location
    # What `file` was made of; to ask `reportinfo` again would look for the file on disk.
    path = os.path.normpath(os.path.join(item.config.rootpath, file))  # noqa: PTH118 - as text
    name = f"{item.name} ({label})" if label else item.name
    return Home(path=path, file=file, name=name, first=(line or 0) + 1)


def _label(wanted: str, taken: Collection[str]) -> str:
    """What tells a session from the others of its test: its name, else its number; of the first
    one nothing."""
    __tracebackhide__ = True
    if not wanted:
        numbers = map(str, count(len(taken) + 1))
        return next(each for each in numbers if each not in taken) if taken else ""
    if not NAME.fullmatch(wanted):
        allowed = "1 to 64 letters, digits, `-` or `_`"
        raise InputError(InputIssue(f'the label of a session is {allowed}, not "{wanted}"'))
    if wanted in taken:
        raise InputError(InputIssue(f'this test has a session "{wanted}" already'))
    return wanted
