"""One recording of a whole run of pytest, `--pixel-recording`, also where xdist runs the tests."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import close_locked
from pixel_emulator.files.recording_file import open_locked
from pixel_emulator.files.recording_parts import make_folder, merge, parts_of, rescue
from pixel_emulator.pytest_plugin.choices import settings_of
from pixel_emulator.pytest_plugin.run_progress import RunProgress
from pixel_emulator.pytest_plugin.stash import WORKER_RECORDING

_START = 4096
"""Bytes of a recording in which its head ends."""
_NO_CALLS = b"\ncalls:\nend:"
"""What a recording without calls has, as it is written here."""


class RunRecording:
    """The plugin that puts the parts together; registered in a run that records, not in workers."""

    def __init__(self, target: Path, strays: Callable[[], Sequence[str]]) -> None:
        self._target = target
        self._previous = target.with_name(f"{target.name}.previous")
        self._strays = strays
        self._said: list[str] = []
        self._progress = RunProgress()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make room; what an earlier run that was killed has left is kept beside the file.

        Raises UsageError if the file is something else than a recording, or if another run, or an
        emulator, is recording to it.
        """
        if session.config.option.collectonly:
            return
        session.config.pluginmanager.register(self._progress, "pixel_run_progress")
        try:
            self._settings = settings_of(session.config)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            locked = open_locked(self._target)
            session.config.add_cleanup(lambda: close_locked(locked))
            self._state = _state(os.fstat(locked))
            if self._target.stat().st_size and not read_write.is_recording(self._target):
                raise pytest.UsageError(f"{self._target}: is no recording: it is not overwritten")
            if (killed := rescue(self._target, read_write.read_recording)) is not None:
                read_write.write_text(self._previous, killed)
                calls = _counted(len(read_write.read_recording(self._previous).hits))
                where = os.path.relpath(self._previous)
                self._said.append(f"an earlier run was killed: its {calls} stand in {where}")
            make_folder(parts_of(self._target))  # if this run is killed, it tells who reads it
        except (InputError, OSError, pytest.fail.Exception) as error:
            raise pytest.UsageError(f"--pixel-recording: {error}") from None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Merge the parts, once the workers have gone; say so if the run was cut short."""
        if session.config.option.collectonly:
            return
        folder, shown = parts_of(self._target), os.path.relpath(self._target)
        sources = self._settings.sources()
        # They name tests, and those may have been given a write key.
        strays = [hide(each, sources) for each in self._strays()]
        merged = merge(
            folder,
            self._settings,
            [*sorted(strays), *self._progress.gaps(session, exitstatus)],
            read_write.read_recording,
        )
        try:
            self._check_unchanged()
            if not merged.calls:
                self._keep_earlier()
            read_write.write_text(self._target, merged.text)
        except (InputError, OSError) as error:
            self._said.append(f"{error}; its parts are in {folder}")
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            return
        shutil.rmtree(folder, ignore_errors=True)
        self._said.append(f"{_counted(merged.calls)} recorded to {shown}")
        self._said += (f"{shown} is incomplete: {gap}" for gap in merged.gaps)

    def _keep_earlier(self) -> None:
        """Copy the recording of an earlier run to `NAME.previous`, as this one has no calls.

        Raises OSError if that is not possible.
        """
        if not self._target.exists():
            return
        with self._target.open("rb") as file:
            start = file.read(_START)
        if start and _NO_CALLS not in start:
            shutil.copyfile(self._target, self._previous)
            where = os.path.relpath(self._previous)
            self._said.append(f"no call came: the recording from before stands in {where}")

    def _check_unchanged(self) -> None:
        """Raise FileExistsError if the file is another one, or holds something else, by now."""
        if self._target.exists() and _state(self._target.stat()) != self._state:
            shown = os.path.relpath(self._target)
            message = f"{shown}: was changed while calls were recorded: it is not overwritten"
            raise FileExistsError(message)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where it is, and what may be missing."""
        for each in self._said:
            terminalreporter.write_line(f"pixels: {each}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist where its parts go."""
        node.workerinput[WORKER_RECORDING] = str(self._target)


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _counted(calls: int) -> str:
    return f"{calls} call{'' if calls == 1 else 's'}"
