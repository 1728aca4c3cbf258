"""The pytest plugin: fixtures for tests that send pixel calls, and scenario files as tests.

pytest loads this package in every run, because the package is installed. Under a pytest that is not
supported its hooks are left out: the header of the run says so, and the fixtures fail.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import pluggy
import pytest


def _unsupported() -> str:
    """Return why this pytest is not supported, or an empty string."""
    host = f"pytest {pytest.__version__} with pluggy {pluggy.__version__}"
    reason = f"pixel-emulator is not active: it needs pytest 7.4 and pluggy 1.2, but this is {host}"
    if getattr(pytest, "version_tuple", ())[:2] < (7, 4):
        return reason
    try:
        pytest.hookimpl(wrapper=True)
    except TypeError:  # of pluggy before 1.2
        return reason
    return ""


_REASON = _unsupported()

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.pixel_calls import Pixels
    from pixel_emulator.pytest_plugin.scenario_types import CallDict, ScenarioDict
else:

    def __getattr__(name: str) -> object:
        """Import a type of annotations. A run of pytest without pixels does without them."""
        modules = {
            "Pixels": "pixel_calls",
            "CallDict": "scenario_types",
            "ScenarioDict": "scenario_types",
        }
        if name in modules:
            return getattr(import_module(f"{__name__}.{modules[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if TYPE_CHECKING or not _REASON:
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
        "CallDict",
        "PixelWarning",
        "Pixels",
        "ScenarioDict",
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
else:

    def pytest_report_header() -> str:
        """Return the reason as a line of the header."""
        return _REASON

    def _failing_fixture(name: str) -> object:
        @pytest.fixture(name=name)
        def fixture() -> None:
            pytest.fail(_REASON, pytrace=False)

        return fixture

    pixels = _failing_fixture("pixels")
    pixel_emulator = _failing_fixture("pixel_emulator")
    pixel_session_factory = _failing_fixture("pixel_session_factory")
