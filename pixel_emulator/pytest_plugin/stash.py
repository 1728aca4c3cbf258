"""Keys under which the plugin keeps data in pytest's own objects."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections import deque

    from pixel_emulator.pytest_plugin.lazy_emulator import LazyEmulator
    from pixel_emulator.pytest_plugin.marks import MarkedOptions
    from pixel_emulator.pytest_plugin.pixel_calls import Pixels

PIXELS: "pytest.StashKey[list[Pixels]]" = pytest.StashKey()
"""Of a test: its `Pixels`, one for each session; all are verified at its end."""
LIVE_LINES: "pytest.StashKey[deque[str]]" = pytest.StashKey()
"""Of a test on an xdist worker: lines of `--pixel-show` that are not sent yet."""

EMULATOR: "pytest.StashKey[LazyEmulator]" = pytest.StashKey()
"""Of the config: the emulator of the run, once a test needed one."""
DEFAULT_OPTIONS: "pytest.StashKey[MarkedOptions]" = pytest.StashKey()
"""Of the config: the choices for tests without marks."""
FILE_HOLDERS = pytest.StashKey[dict[str, str]]()
"""Of the config: the id of the test that met or wrote a file, by the real path of the file."""
STRAYS = pytest.StashKey[list[str]]()
"""Of the config: sentences about calls that came too late or for no test."""

WORKER_ARGUMENTS = "pixel_named"
"""Input of an xdist worker: the files and folders that the command line names."""
WORKER_RECORDING = "pixel_recording"
"""Input of an xdist worker: the path of the recording of the run."""
WORKER_STRAYS = "pixel_strays"
"""Output of an xdist worker: its `STRAYS`."""
REPORT_LINES = "pixel_shown"
"""Attribute of a test report: lines of `--pixel-show` from an xdist worker."""

PROPERTY = "pixel_"
"""Prefix of the names of all our properties of a test report."""
CALLS_PROPERTY = f"{PROPERTY}calls"
"""The property that holds the number of pixel calls of a test."""
COUNTED_OUTCOMES = ("damaged", "duplicate", "dropped", "unhandled")
"""Outcomes that have a property of their own, named `PROPERTY` + outcome, if there are any."""
