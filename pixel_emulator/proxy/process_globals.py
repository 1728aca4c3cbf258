"""What an emulator asks of its process: to be the only one, a quiet log, a loop in a thread."""

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

from pixel_emulator.proxy.addon import MITMPROXY
from pixel_emulator.runtime.clock import monotonic, seconds, utc_now

# mitmproxy keeps its options and addons in globals: a second master would take over the first.
_THE_ONLY = threading.Lock()


@contextmanager
def the_only() -> Iterator[None]:
    """Be the only emulator of this process; raises RuntimeError where there is another one."""
    if not _THE_ONLY.acquire(blocking=False):
        raise RuntimeError("an emulator is running in this process: stop it, or share it")
    try:
        yield
    finally:
        _THE_ONLY.release()


@contextmanager
def kept_quiet() -> Iterator[None]:
    """Keep mitmproxy's log from the handlers of this process, and from stderr."""
    silence, level, propagate = logging.NullHandler(), MITMPROXY.level, MITMPROXY.propagate
    MITMPROXY.addHandler(silence)
    MITMPROXY.setLevel(logging.ERROR)
    MITMPROXY.propagate = False
    try:
        yield
    finally:
        MITMPROXY.removeHandler(silence)
        MITMPROXY.setLevel(level)
        MITMPROXY.propagate = propagate


@contextmanager
def real_clock() -> Iterator[None]:
    """Have mitmproxy date certificates and count deadlines by the real clock, whatever a test
    patches."""
    now = SimpleNamespace(now=lambda _zone=UTC: utc_now())
    time = SimpleNamespace(time=seconds)  # these two ask it for nothing else
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
    """An event loop whose timers run by the real clock, whatever a test patches."""

    def time(self) -> float:
        """Return the seconds of `clock.monotonic`."""
        return monotonic()


@contextmanager
def loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    runner = asyncio.Runner(loop_factory=RealTimeLoop)
    loop = runner.get_loop()

    def live() -> None:
        with runner:  # at its end it cancels what still runs
            loop.run_forever()

    thread = threading.Thread(target=live, name="pixel-emulator", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
