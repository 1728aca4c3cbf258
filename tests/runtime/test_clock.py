"""The real clock is not reached by libraries that fake time, and no other module reads the time."""

import ast
import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import freezegun
import pytest
import time_machine

from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.proxy.process_globals import RealTimeLoop, real_clock
from pixel_emulator.runtime import clock
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

PACKAGE = Path(clock.__file__).parent.parent
READS = {
    "time": {"time", "monotonic", "perf_counter", "process_time", "clock_gettime", "localtime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
WHEN = ["0001-01-02", "1970-01-02", "2024-02-29 12:00", "2099-12-31", "9999-12-30"]


def readings(tree: ast.AST) -> Iterator[str]:
    """Yield every use of a clock of Python, also by its `_ns` name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).removeprefix("datetime.")
            if node.attr.removesuffix("_ns") in READS.get(owner, ()):
                yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"from time import {alias.name}" for alias in node.names)


def test_no_other_module_reads_the_time():
    paths = (path for path in PACKAGE.rglob("*.py") if path != Path(clock.__file__))
    readings_by_path = {
        path: [*readings(ast.parse(path.read_text(encoding="utf-8")))] for path in paths
    }
    assert len(readings_by_path) > 100
    assert not {path: places for path, places in readings_by_path.items() if places}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import time\ntime.monotonic_ns()", ["time.monotonic_ns"]),
        ("import datetime\ndatetime.datetime.now()", ["datetime.now"]),
        ("from time import monotonic", ["from time import monotonic"]),
        ("import time\ntime.sleep(1)", []),
        ("from datetime import datetime\ndatetime.fromtimestamp(0)", []),
    ],
)
def test_reading_the_time_is_recognised(code, expected):
    assert [*readings(ast.parse(code))] == expected


def faked(library, when, *, tick):
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    if library == "freezegun":
        return freezegun.freeze_time(moment.replace(tzinfo=None), tick=tick)
    return time_machine.travel(moment, tick=tick)


@pytest.fixture(params=["freezegun", "time-machine"])
def library(request):
    return request.param


@pytest.mark.parametrize("tick", [False, True])
@pytest.mark.parametrize("when", WHEN)
def test_no_library_reaches_the_clocks(library, when, tick):
    before, steady = datetime.now(UTC), clock.monotonic()
    with faked(library, when, tick=tick):
        # Without this the test would prove nothing.
        assert abs(
            clock.faked_now() - datetime.fromisoformat(when).replace(tzinfo=UTC)
        ) < timedelta(hours=1)
        now, later = clock.utc_now(), clock.monotonic()
    assert before <= now <= datetime.now(UTC)
    assert steady <= later <= clock.monotonic()


@pytest.mark.parametrize(
    "freeze",
    [
        "import freezegun; freezegun.freeze_time('2024-02-29').start()",
        "import freezegun as f; f.configure(['nobody']); f.freeze_time('2024-02-29').start()",
        "import time_machine; time_machine.travel('2024-02-29', tick=False).start()",
    ],
)
def test_a_clock_that_is_first_imported_under_a_fake_is_real(freeze):
    before = datetime.now(UTC)
    code = (
        f"{freeze}\nfrom pixel_emulator.runtime import clock\nfrom threading import Condition\n"
        "begun = clock.monotonic()\n"
        "with Condition() as holds:\n    pass\n"
        "condition = Condition()\n"
        "with condition:\n    assert not clock.wait_until(condition, lambda: False, 0.05)\n"
        "assert clock.monotonic() >= begun + 0.05\nprint(clock.utc_now().timestamp())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert before.timestamp() <= float(done.stdout) <= datetime.now(UTC).timestamp()


def test_a_ca_that_is_made_under_freezegun_does_not_spoil_later_ones(tmp_path):
    """In a process of its own: cryptography looks up the class of times once."""
    code = f"""
import datetime
from pathlib import Path
import freezegun
from pixel_emulator.proxy.ca import CertificateAuthority
with freezegun.freeze_time("2024-02-29"):
    faked = datetime.datetime
    CertificateAuthority.create(Path({str(tmp_path)!r}), [])
    assert datetime.datetime is faked
CertificateAuthority.create(Path({str(tmp_path)!r}), [])
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("when", WHEN)
def test_a_journal_waits_and_stamps_by_the_real_clock(library, when):
    journal, before = Journal(Settings()), datetime.now(UTC)
    with faked(library, when, tick=False):
        hit = journal.record(request_from_url("/v1/pixel/unknown"))
        assert not journal.wait(1, 0.05)
        assert journal.wait(0, 0)
    assert before - timedelta(milliseconds=1) <= hit.time <= datetime.now(UTC)


@pytest.mark.parametrize("when", WHEN)
def test_the_timers_of_our_loop_run_by_the_real_clock(library, when):
    """A deadline set before the fake began, and one set under it."""
    loop, rang = RealTimeLoop(), threading.Semaphore(0)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        loop.call_soon_threadsafe(lambda: loop.call_later(0.05, rang.release))
        with faked(library, when, tick=False):
            loop.call_soon_threadsafe(lambda: loop.call_later(0.05, rang.release))
            assert rang.acquire(timeout=30)
            assert rang.acquire(timeout=30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_mitmproxy_asks_the_real_clock_while_an_emulator_runs(library):
    from mitmproxy import certs
    from mitmproxy.proxy import server

    def asked():
        watchdog = server.TimeoutWatchdog(1, lambda: asyncio.sleep(0))
        return vars(certs)["datetime"].datetime.now(UTC).timestamp(), watchdog.last_activity

    before, own = datetime.now(UTC).timestamp(), (vars(certs)["datetime"], vars(server)["time"])
    with faked(library, "2024-02-29", tick=False), real_clock():
        times = asked()
    assert (vars(certs)["datetime"], vars(server)["time"]) == own
    assert all(before <= time <= datetime.now(UTC).timestamp() for time in times)


def test_a_process_is_waited_for_by_the_real_clock(library):
    with (
        faked(library, "2024-02-29", tick=False),
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process,
    ):
        assert not clock.has_ended(process, 0.05)
        process.communicate()
        assert clock.has_ended(process, 30)


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999+00:00"], ids=["first", "last"]
)
def test_a_given_clock_may_stand_at_either_end_of_the_calendar(at):
    journal = Journal(Settings())
    journal.begin_run(datetime.fromisoformat(at))
    journal.mark_done("it")
    hits = [journal.record(request_from_url("/v1/pixel/unknown")) for _ in range(2)]
    assert [hit.time.year for hit in hits] == [int(at[:4])] * 2
    assert journal.now().year == int(at[:4])
