"""Process-wide state of an emulator: its lock, mitmproxy's log and clock, a loop in a thread."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, timedelta
from types import ModuleType, SimpleNamespace

from mitmproxy import certs
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http import _http2

from pixel_emulator.proxy.addon import MITMPROXY_LOGGER
from pixel_emulator.runtime.clock import monotonic, seconds, utc_now

# mitmproxy keeps options and addons in globals: a second master would replace the first one's.
_LOCK = threading.Lock()


@contextmanager
def single_instance() -> Iterator[None]:
    """Hold the lock of this process. Raises RuntimeError if another emulator holds it."""
    if not _LOCK.acquire(blocking=False):
        raise RuntimeError("an emulator is running in this process: stop it, or share it")
    try:
        yield
    finally:
        _LOCK.release()


@contextmanager
def silenced_log() -> Iterator[None]:
    """Keep mitmproxy's log records from the handlers of this process, and from stderr."""
    silence, level, propagate = (
        logging.NullHandler(),
        MITMPROXY_LOGGER.level,
        MITMPROXY_LOGGER.propagate,
    )
    MITMPROXY_LOGGER.addHandler(silence)
    MITMPROXY_LOGGER.setLevel(logging.ERROR)
    MITMPROXY_LOGGER.propagate = False
    try:
        yield
    finally:
        MITMPROXY_LOGGER.removeHandler(silence)
        MITMPROXY_LOGGER.setLevel(level)
        MITMPROXY_LOGGER.propagate = propagate


@contextmanager
def real_clock() -> Iterator[None]:
    """Make mitmproxy date certificates and count timeouts by the real clock, even if a test patches
    the time."""
    now = SimpleNamespace(now=lambda _zone=UTC: utc_now())
    time = SimpleNamespace(time=seconds)  # these two modules use nothing else of it
    clocks: tuple[tuple[ModuleType, str, object], ...] = (
        (server, "time", time),
        (_http2, "time", time),
        (certs, "datetime", SimpleNamespace(datetime=now, UTC=UTC, timedelta=timedelta)),
    )
    with ExitStack() as patched:
        for module, name, clock in clocks:
            patched.callback(setattr, module, name, vars(module)[name])
            setattr(module, name, clock)
        yield


class RealTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers use the real clock, even if a test patches the time."""

    def time(self) -> float:
        """Return the seconds of `clock.monotonic`."""
        return monotonic()


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own."""
    runner = asyncio.Runner(loop_factory=RealTimeLoop)
    loop = runner.get_loop()

    def run() -> None:
        with runner:  # at its end it cancels the tasks that still run
            loop.run_forever()

    thread = threading.Thread(target=run, name="pixel-emulator", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
