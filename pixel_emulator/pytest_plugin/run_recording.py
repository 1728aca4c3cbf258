"""One recording of a whole run of pytest, `--pixel-recording`, also where xdist runs the tests."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

_TARGET = "pixel_recording"


class RunRecording:
    """The plugin that puts the parts together; registered in a run that records, not in workers."""

    def __init__(self, target: Path, strays: Callable[[], Sequence[str]]) -> None:
        self._target = target
        self._strays = strays
        self._said: tuple[str, ...] = ()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make room. Raises UsageError where the file is something else than a recording."""
        from pixel_emulator import files  # noqa: PLC0415 - heavy
        from pixel_emulator.core.mistakes import InputError  # noqa: PLC0415 - the same
        from pixel_emulator.pytest_plugin.choices import settings_of  # noqa: PLC0415 - the same

        try:
            self._settings = settings_of(session.config)
            exists = self._target.exists() and self._target.stat().st_size
            if exists and not files.is_recording(self._target):
                raise pytest.UsageError(f"{self._target}: is no recording: it is not overwritten")
            shutil.rmtree(parts_of(self._target), ignore_errors=True)  # of a run that was killed
            self._target.parent.mkdir(parents=True, exist_ok=True)
        except (InputError, OSError, pytest.fail.Exception) as error:
            raise pytest.UsageError(f"--pixel-recording: {error}") from None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Merge the parts, once the workers have gone."""
        if session.config.option.collectonly:
            return
        from pixel_emulator import files  # noqa: PLC0415 - heavy
        from pixel_emulator.core.mistakes import InputError  # noqa: PLC0415 - the same
        from pixel_emulator.core.recordings.masking import hide  # noqa: PLC0415 - the same
        from pixel_emulator.pytest_plugin.merging import merge  # noqa: PLC0415 - the same

        folder, shown = parts_of(self._target), os.path.relpath(self._target)
        sources = self._settings.sources()
        # They name tests, and those may have been given a write key.
        strays = [hide(each, sources) for each in self._strays()]
        merged = merge(folder, self._settings, strays)
        try:
            files.write_text(self._target, merged.text)
        except InputError as error:
            self._said = (f"{error}; its parts are in {folder}",)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            return
        shutil.rmtree(folder, ignore_errors=True)
        calls = f"{merged.calls} call{'' if merged.calls == 1 else 's'}"
        self._said = (
            f"{calls} recorded to {shown}",
            *(f"{shown} is incomplete: {gap}" for gap in merged.gaps),
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where it is, and what may be missing."""
        for each in self._said:
            terminalreporter.write_line(f"pixels: {each}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist where its parts go."""
        node.workerinput[_TARGET] = str(self._target)


def target_of(config: pytest.Config) -> Path | None:
    """The file that a run is recorded to, if any."""
    if hasattr(config, "workerinput"):
        told = config.workerinput.get(_TARGET)
        return Path(told) if told else None
    if given := config.getoption("--pixel-recording"):
        return Path(os.path.abspath(given))  # noqa: PTH100 - links stay as the user has named them
    named = config.getini(_TARGET)
    return config.rootpath / named if named else None


def parts_of(target: Path) -> Path:
    """The folder of the parts, as long as the run lasts."""
    return target.with_name(f".{target.name}.parts")
