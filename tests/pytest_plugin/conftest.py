"""Runs of pytest inside a test, with the plugin, against a real emulator."""

import sys

import dirty_equals  # noqa: F401 - an inner run would import these again and again
import pytest

import pixel_emulator.proxy.emulator
import pixel_emulator.pytest_plugin.lifecycle
import pixel_emulator.pytest_plugin.scenario_items  # noqa: F401 - the same
from tests.pytest_plugin.examples import CLIENT, PLUGIN

_QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly", "-o", "asyncio_mode=auto")
# These import for longer than such a run takes.
_SLOW = ("anyio", "hypothesispytest", "playwright", "pytest_httpserver")
_INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings =
    default
    ignore::DeprecationWarning
    ignore::pytest.PytestAssertRewriteWarning
    ignore::pytest.PytestDeprecationWarning
"""


@pytest.fixture
def inner(pytester, monkeypatch):
    """Run pytest on files (name -> text) in a folder of their own; returns its result.

    A run with processes of its own loads the slow plugins only with `all_plugins`.
    """
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    pytester.makepyfile(client=CLIENT)

    def run(*arguments, ini="", apart=False, all_plugins=False, **files):
        pytester.makeini(_INI + ini)
        if files:
            pytester.makepyfile(**files)
        how = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        has_processes = apart or any(argument.startswith("-n") for argument in arguments)
        # pytest-playwright 0.10 refuses a second scope of soft assertions in one process, so a run
        # in this one would break all later ones if it left its scope open.
        in_the_way = _SLOW if has_processes else ("playwright",)
        without = () if all_plugins else in_the_way
        return how(*PLUGIN, *_QUIET, *(f"-pno:{name}" for name in without), *arguments)

    return run


@pytest.fixture
def python(pytester):
    """Run Python code in a process of its own."""
    return lambda code: pytester.run(sys.executable, "-c", code)
