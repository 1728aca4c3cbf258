"""The end of a test: its calls are judged while it can still fail, and told to its report."""

from collections.abc import Generator

import pytest

from pixel_emulator.pytest_plugin.fixtures import MADE


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the pixels of a test that did not fail by itself."""
    __tracebackhide__ = True
    try:
        result = yield
    except BaseException as error:
        _tell(item, error)
        raise
    _tell(item, None)
    return result


def _tell(item: pytest.Item, error: BaseException | None) -> None:
    __tracebackhide__ = True
    made = item.stash.get(MADE, None)
    if not made:
        return
    from pixel_emulator.pytest_plugin.ending import conclude

    try:
        conclude(item, made, error)
    except Exception as failure:
        found = getattr(item, "_excinfo", None)  # what unittest has to say of its test
        if found and str(found[0].value).startswith("Unexpected success"):
            # unittest.expectedFailure: it was expected, only that unittest does not see it.
            found.clear()
            raise pytest.xfail.Exception(str(failure).partition("\n")[0]) from failure
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Warn of calls that came when the pixels of a test were judged already."""
    made = [*item.stash.get(MADE, ())]
    result = yield
    if made:
        from pixel_emulator.pytest_plugin.ending import warn_of_late

        warn_of_late(item, made)
    return result


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test with a scenario by mark uses pixels, also if it does not say so."""
    names = getattr(item, "fixturenames", None)
    if names is not None and "pixels" not in names and item.get_closest_marker("pixel_scenario"):
        names.append("pixels")
