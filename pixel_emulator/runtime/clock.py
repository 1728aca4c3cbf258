"""The only module that reads the time.

A test may have replaced Python's clocks. freezegun replaces `datetime.datetime`, `time.time`,
`time.monotonic`, `time.perf_counter` and related functions in every module. time-machine changes
the results of `datetime.now`, `time.time` and `time.clock_gettime(CLOCK_REALTIME)`; its versions
2.13 to 2.19 also change `time.monotonic`. Certificates, deadlines and the order of calls must not
follow a fake clock, so this module reads clocks that neither library reaches.
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
"""Seconds between two checks of a process."""


class Waitable(Protocol):
    """A condition whose lock the caller holds; see `threading.Condition`."""

    def wait(self, timeout: float | None = None) -> bool: ...


class Process(Protocol):
    """A started process; see `subprocess.Popen`."""

    def poll(self) -> int | None: ...


def _monotonic_clock() -> Callable[[], float]:
    """Return a monotonic clock. Both libraries pass clocks other than CLOCK_REALTIME through."""
    # time-machine leaves `perf_counter` alone; freezegun does not look into functions.
    if sys.platform == "win32":
        return time.perf_counter
    read, clock = time.clock_gettime, time.CLOCK_MONOTONIC
    return lambda: read(clock)


def _wall_clock() -> Callable[[], float]:
    """Return a clock of the seconds since 1970 that calls the operating system directly."""
    if sys.platform == "win32":
        read = ctypes.windll.kernel32.GetSystemTimePreciseAsFileTime

        def windows() -> float:
            ticks = ctypes.c_ulonglong()  # units of 100 nanoseconds since 1601
            read(ctypes.byref(ticks))
            return ticks.value / 1e7 - 11_644_473_600

        return windows

    # `PyDLL` keeps the interpreter lock: releasing it would cost more than the call.
    read, clock, timespec = ctypes.PyDLL(None).clock_gettime, time.CLOCK_REALTIME, ctypes.c_long * 2
    read.argtypes = (ctypes.c_int, timespec)

    def posix() -> float:
        time_of_day = timespec()
        read(clock, time_of_day)
        return float(time_of_day[0] + time_of_day[1] / 1e9)

    return posix


# Made by functions: freezegun replaces clocks that are attributes of a module.
monotonic = _monotonic_clock()
"""Return the seconds of a clock that only goes forward, from an unspecified start."""

seconds = _wall_clock()
"""Return the seconds since 1970, of the real time of day."""


@contextmanager
def real_datetime() -> Iterator[None]:
    """Make `datetime.datetime` the real class while the context lasts.

    cryptography looks the class up once and afterwards accepts only instances of the class it
    found. Under freezegun that would be a class of freezegun's, for the rest of the process.
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
    """Return the time of day as this process sees it, aware and in UTC. A test may have faked
    it."""
    return datetime.now(UTC)


def has_ended(process: Process, timeout: float) -> bool:
    """Wait at most `timeout` seconds for the end of a process; return True if it has ended.

    Same as `subprocess.Popen.wait`, whose deadline is counted by a clock that may be fake.
    """
    end = monotonic() + timeout
    while process.poll() is None:
        if monotonic() >= end:
            return False
        time.sleep(_POLL_INTERVAL)
    return True


def wait_until(condition: Waitable, predicate: Callable[[], bool], timeout: float) -> bool:
    """Wait at most `timeout` seconds until `predicate` returns True; return its last result.

    Same as `threading.Condition.wait_for`, whose deadline is counted by a clock that may be fake.
    """
    end = monotonic() + timeout
    while not (result := predicate()) and (remaining := end - monotonic()) > 0:
        condition.wait(remaining)
    return result
