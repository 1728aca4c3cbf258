"""The fixtures. Nothing heavy is imported before a test uses one of them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from pixel_emulator.pytest_plugin.stash import PIXELS

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.lazy_emulator import LazyEmulator
    from pixel_emulator.pytest_plugin.pixel_calls import Pixels


@pytest.fixture(scope="session")
def pixel_emulator(request: pytest.FixtureRequest) -> "LazyEmulator":
    """The emulator of this run."""
    from pixel_emulator.pytest_plugin.lifecycle import emulator_of

    return emulator_of(request.config)


@pytest.fixture
def pixel_session_factory(
    request: pytest.FixtureRequest, pixel_emulator: "LazyEmulator"
) -> "Iterator[Callable[..., Pixels]]":
    """Return a function that opens further sessions: `factory()`, or `factory("label")`.

    A label names a session in reports and recordings; a test may use each label once.
    """
    from pixel_emulator.pytest_plugin.lifecycle import make_pixels

    all_pixels = request.node.stash.setdefault(PIXELS, [])
    opened_here: list[Pixels] = []

    def factory(label: str = "") -> "Pixels":
        __tracebackhide__ = True
        opened = make_pixels(request.node, pixel_emulator, label, all_pixels)
        all_pixels.append(opened)
        opened_here.append(opened)
        return opened

    yield factory
    for opened in opened_here:
        all_pixels.remove(opened)  # a test may be run again
        opened.close()


@pytest.fixture
def pixels(request: pytest.FixtureRequest) -> "Iterator[Pixels]":
    """The pixel calls of this test, on a session of its own."""
    from pixel_emulator.pytest_plugin.lifecycle import emulator_of, make_pixels

    # Not by the fixture `pixel_emulator`: pytest needs more time for it than for all of this.
    emulator = emulator_of(request.config)
    all_pixels = request.node.stash.setdefault(PIXELS, [])
    own = make_pixels(request.node, emulator, "", all_pixels)
    all_pixels.insert(0, own)  # marks apply to the first session
    yield own
    all_pixels.remove(own)
    own.close()
