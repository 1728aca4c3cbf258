"""The pytest plugin: fixtures for tests that send pixel calls, and scenario files as tests."""

from pixel_emulator.pytest_plugin.fixtures import pixel_emulator, pixel_session_factory, pixels
from pixel_emulator.pytest_plugin.options import PixelWarning
from pixel_emulator.pytest_plugin.plugin import (
    pytest_addoption,
    pytest_collect_file,
    pytest_configure,
    pytest_configure_node,
    pytest_itemcollected,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_teardown,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

__all__ = [
    "PixelWarning",
    "pixel_emulator",
    "pixel_session_factory",
    "pixels",
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_itemcollected",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]
