"""Write keys masked in pytest's reports of tests, whoever made the text that they hold."""

import sys
from collections.abc import Generator
from typing import Any

import pytest
from _pytest._code.code import TerminalRepr


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mask the keys in a failure, its sections and the properties of its test."""
    report = yield
    if "pixel_emulator.runtime.output" not in sys.modules:  # nothing was shown to us
        return report
    report.user_properties = _redacted(report.user_properties)
    if report.longrepr is not None:
        report.longrepr = _redacted(report.longrepr)
        report.sections = _redacted(report.sections)
    return report


def _redacted(value: Any) -> Any:
    """Return the value with its texts redacted; representations of pytest are changed in place."""
    if isinstance(value, str):
        from pixel_emulator.runtime.output import redacted

        return redacted(value)
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    if isinstance(value, tuple):
        return tuple(_redacted(each) for each in value)
    if isinstance(value, TerminalRepr):
        for name, each in vars(value).items():
            setattr(value, name, _redacted(each))
    return value
