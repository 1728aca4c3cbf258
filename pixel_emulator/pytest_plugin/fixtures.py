"""The fixtures; nothing heavy is imported before one of them is asked for."""

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
    from pixel_emulator.pytest_plugin.lifecycle import host_of

    return host_of(request.config)


@pytest.fixture
def pixel_session_factory(
    request: pytest.FixtureRequest, pixel_emulator: "LazyEmulator"
) -> "Iterator[Callable[..., Pixels]]":
    """Makes further sessions for a test: `factory()`, or `factory("label")`.

    A label names a session in reports and recordings; a test may use each one once.
    """
    from pixel_emulator.pytest_plugin.lifecycle import make

    made = request.node.stash.setdefault(PIXELS, [])
    ours: list[Pixels] = []

    def factory(label: str = "") -> "Pixels":
        __tracebackhide__ = True
        opened = make(request.node, pixel_emulator, label, made)
        made.append(opened)
        ours.append(opened)
        return opened

    yield factory
    for opened in ours:
        made.remove(opened)  # a test may be run again
        opened.close()


@pytest.fixture
def pixels(request: pytest.FixtureRequest) -> "Iterator[Pixels]":
    """The pixel calls of this test, on a session of its own."""
    from pixel_emulator.pytest_plugin.lifecycle import host_of, make

    # Not by the fixture: pytest takes longer to hand that on than all that is done here.
    host = host_of(request.config)
    made = request.node.stash.setdefault(PIXELS, [])
    own = make(request.node, host, "", made)
    made.insert(0, own)  # marks speak of this one
    yield own
    made.remove(own)
    own.close()
