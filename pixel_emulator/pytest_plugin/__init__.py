"""Door: pytest. Fixtures for tests whose pixels arrive here, and scenario files as tests."""

from pixel_emulator.pytest_plugin.call_phase import (
    pytest_itemcollected,
    pytest_runtest_call,
    pytest_runtest_teardown,
)
from pixel_emulator.pytest_plugin.collecting import pytest_collect_file, pytest_configure_node
from pixel_emulator.pytest_plugin.fixtures import pixel_emulator, pixel_session_factory, pixels
from pixel_emulator.pytest_plugin.options import PixelWarning, pytest_addoption, pytest_configure
from pixel_emulator.pytest_plugin.report_redaction import pytest_runtest_makereport
from pixel_emulator.pytest_plugin.summary import (
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
