"""The only module that reads the time.

A test may have put a fake in place of Python's clocks. freezegun replaces `datetime.datetime`,
`time.time`, `time.monotonic`, `time.perf_counter` and their kin in every module. time-machine
changes what `datetime.now`, `time.time` and `time.clock_gettime(CLOCK_REALTIME)` do inside, and in
its versions 2.13 to 2.19 `time.monotonic` too. Certificates, deadlines and the order of calls must
not follow it, so the clocks here are read where neither library reaches.
"""

import ctypes
import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

_POLL_INTERVAL = 0.02
"""Seconds after which a process is looked at again."""


class Waitable(Protocol):
    """A condition that its caller holds; see `threading.Condition`."""

    def wait(self, timeout: float | None = None) -> bool: ...


class Process(Protocol):
    """A process that was started; see `subprocess.Popen`."""

    def poll(self) -> int | None: ...


def _monotonic_clock() -> Callable[[], float]:
    """Return a monotonic clock. Both libraries pass other clocks than CLOCK_REALTIME through."""
    if sys.platform == "win32":  # time-machine leaves this one, freezegun cannot see it in here
        return time.perf_counter
    read, clock = time.clock_gettime, time.CLOCK_MONOTONIC
    return lambda: read(clock)


def _wall_clock() -> Callable[[], float]:
    """Return a clock of the seconds since 1970, asked from the operating system itself."""
    if sys.platform == "win32":
        read = ctypes.windll.kernel32.GetSystemTimePreciseAsFileTime

        def windows() -> float:
            ticks = ctypes.c_ulonglong()  # 100 nanoseconds each, since 1601
            read(ctypes.byref(ticks))
            return ticks.value / 1e7 - 11_644_473_600

        return windows

    # `PyDLL` keeps the interpreter lock: to give it up for this would cost more than the call.
    read, clock, timespec = ctypes.PyDLL(None).clock_gettime, time.CLOCK_REALTIME, ctypes.c_long * 2
    read.argtypes = (ctypes.c_int, timespec)

    def posix() -> float:
        time_of_day = timespec()
        read(clock, time_of_day)
        return float(time_of_day[0] + time_of_day[1] / 1e9)

    return posix


# In functions: what stands in a module itself, freezegun replaces.
monotonic = _monotonic_clock()
"""Seconds of a clock that only goes forward, from an unknown beginning."""

seconds = _wall_clock()
"""Seconds since 1970, of the real time of day."""


@contextmanager
def real_datetime() -> Iterator[None]:
    """Have `datetime.datetime` be the real class meanwhile.

    cryptography looks it up once, and from then on takes no times that are not instances of what it
    has found: under freezegun that is a class of freezegun's, for as long as the process lives.
    """
    current = dt.datetime
    real = next(base for base in current.__mro__ if base.__module__ == "datetime")
    vars(dt)["datetime"] = real
    try:
        yield
    finally:
        vars(dt)["datetime"] = current


def utc_now() -> datetime:
    """Return the real time of day, aware and in UTC."""
    return datetime.fromtimestamp(seconds(), UTC)


def faked_now() -> datetime:
    """Return the time of day as this process sees it, aware and in UTC: a test may fake it."""
    return datetime.now(UTC)


def has_ended(process: Process, timeout: float) -> bool:
    """Wait until a process has ended, at most `timeout` seconds; return True if it has.

    As `subprocess.Popen.wait`, whose deadline is counted by a clock that may be fake.
    """
    end = monotonic() + timeout
    while process.poll() is None:
        if monotonic() >= end:
            return False
        time.sleep(_POLL_INTERVAL)
    return True


def wait_until(condition: Waitable, predicate: Callable[[], bool], timeout: float) -> bool:
    """Wait until `holds` returns True, at most `timeout` seconds; return what it says then.

    As `threading.Condition.wait_for`, whose deadline is counted by a clock that may be fake.
    """
    end = monotonic() + timeout
    while not (result := predicate()) and (remaining := end - monotonic()) > 0:
        condition.wait(remaining)
    return result
