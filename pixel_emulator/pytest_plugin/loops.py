"""Event loops of a test, of asyncio or of trio: a wait must not hold them up."""

import asyncio
import inspect
import sys
from collections.abc import Callable

from pixel_emulator.pytest_plugin.places import frames

BLOCKED = (
    "the wait held up the event loop of the test: write `async with pixels.expecting(…)`, "
    "or `await asyncio.to_thread(pixels.wait_for, …)`"
)
"""What is said of a wait in vain, in whose thread a coroutine was running."""

_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


async def in_thread[T](work: Callable[[], T]) -> T:
    """Do some work that waits, in a thread beside the loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # No loop of asyncio, so it is trio that runs this; anyio stands on one of the two.
        done: T = await sys.modules["trio"].to_thread.run_sync(work)
        return done
    return await asyncio.to_thread(work)


def is_held_up() -> bool:
    """Whether a coroutine is running in this thread.

    To ask asyncio would not do: with the sync API of Playwright a loop seems to run, and is idle.
    """
    return any(each.f_code.co_flags & _ASYNC for each in frames())
