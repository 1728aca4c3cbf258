"""Fixtures over those of pytest-playwright: the browser of a test that uses pixels is diverted.

Registered only if that plugin is active. Its `browser_context_args` is not overridden, because that
fixture lives as long as the run, and the proxy of a test does not.
"""

from collections.abc import Callable
from typing import Any

import pytest

_CHROMIUM = "chromium"


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], request: pytest.FixtureRequest
) -> dict[str, Any]:
    """A Chromium trusts the CA by its hash; only in a run that has tests with pixels."""
    if request.getfixturevalue("browser_name") != _CHROMIUM:
        return browser_type_launch_args
    if not any(_uses_pixels(item) for item in request.session.items):
        return browser_type_launch_args
    spki = request.getfixturevalue("pixel_emulator").spki
    trusted = f"--ignore-certificate-errors-spki-list={spki}"
    args = [*browser_type_launch_args.get("args", ()), trusted]
    return {**browser_type_launch_args, "args": args}


@pytest.fixture
def new_context(
    new_context: Callable[..., Any],
    browser_context_args: dict[str, Any],
    browser_name: str,
    request: pytest.FixtureRequest,
) -> Callable[..., Any]:
    """Contexts, also that of `page`, go through the proxy of the test, unless they have one."""
    if not _uses_pixels(request.node) or "proxy" in browser_context_args:
        return new_context
    diverted: dict[str, Any] = {"proxy": {"server": request.getfixturevalue("pixels").proxy}}
    if browser_name != _CHROMIUM:  # these take no hash of a CA
        diverted["ignore_https_errors"] = True
    return lambda **chosen: new_context(**{**diverted, **chosen})


def _uses_pixels(item: pytest.Item) -> bool:
    return "pixels" in getattr(item, "fixturenames", ())
