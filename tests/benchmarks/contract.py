"""`uv run python -m tests.benchmarks contract`: what the pytest plugin costs, against others."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contract_tests import AGAINST, CONFTEST, HEAD, NOTHING, OURS, PLAIN, WAITS

RUNS = 5
# A user's imports are compiled; without that everything here would measure the compiler.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:playwright")

START = """
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.pytest_plugin.local_emulator import LocalEmulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.session import LocalSession
host = LocalEmulator(Settings(port=0))
host.take_over(LocalSession(Journal(host.settings), host.settings))
host.close()
"""


def main() -> None:
    """Print the tables; every figure is a median of alternating runs, or of many tests."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {RUNS} runs each\n")
    start()
    phases()
    unused()
    waits()
    many()


def start() -> None:
    """Measure the start of a session in this process, against the import that it needs."""
    ours, theirs = alternate(
        [sys.executable, "-W", "ignore", "-c", START],
        [sys.executable, "-W", "ignore", "-c", "import mitmproxy.tools.dump"],
    )
    say("session start / import mitmproxy.tools.dump", ours / theirs, "x", 2.0)


def phases() -> None:
    """Measure what `pixels` adds to a test that does nothing."""
    phases = pytest_run(NOTHING + PLAIN).phases
    medians = {name: statistics.median(times) for name, times in phases.items()}
    added = sum(
        medians[f"test_pixels.{phase}"] - medians[f"test_nothing.{phase}"]
        for phase in ("setup", "teardown")
    )
    say("`pixels`, set-up and tear-down of a test", added * 1000, "ms", 5)


def unused() -> None:
    """Measure what the plugin costs a run that does not use it: the minimum, since noise adds."""
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_nothing.py"
        test.write_text("def test_nothing(): pass\n")
        command = [sys.executable, "-m", "pytest", *QUIET, str(test)]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(3 * RUNS):
            for seconds, more in zip(times, ([], ["-p", "no:pixel_emulator"]), strict=True):
                seconds.append(cpu([*command, *more], folder))
    ours, theirs = map(min, times)
    say("a run without pixels, with the plugin or not", (ours - theirs) * 1000, "ms", 5)


def waits() -> None:
    """Measure the time from the response to a call to the return of `wait_for`."""
    delays = sorted(pytest_run(WAITS).delays)
    say("`wait_for` returns after the answer, median", statistics.median(delays) * 1000, "ms", 5)
    say("the same, 95 of 100", delays[len(delays) * 95 // 100] * 1000, "ms", 5)


def many() -> None:
    """Measure 500 tests with one pixel each, alternating with the same on pytest-httpserver."""
    print("\n| 500 tests | wall, ms a test | CPU | httpserver, wall | CPU | ratio | whole run |")
    print("|---|---|---|---|---|---|---|")
    for name, body in OURS.items():
        rows: tuple[list[list[float]], list[list[float]]] = ([], [])
        for _ in range(RUNS):
            for row, tests in zip(rows, (body, AGAINST[name]), strict=True):
                begun = time.perf_counter()
                spans = pytest_run(tests).spans[1:-1]  # these start and stop the server
                whole = time.perf_counter() - begun
                row.append([*(sum(every) for every in zip(*spans, strict=True)), whole])
        ours, theirs = (
            [statistics.median(every) for every in zip(*row, strict=True)] for row in rows
        )
        print(
            f"| {name} | {ours[0] * 2:.2f} | {ours[1] * 2:.2f} | {theirs[0] * 2:.2f} "
            f"| {theirs[1] * 2:.2f} | {ours[0] / theirs[0]:.2f} "
            f"| {ours[2]:.2f} s / {theirs[2]:.2f} s = {ours[2] / theirs[2]:.2f} |"
        )


def say(what: str, value: float, unit: str, goal: float) -> None:
    """Print a figure and its goal."""
    print(f"{what}: {value:.2f} {unit} (goal {goal})")


def alternate(*commands: Sequence[str]) -> list[float]:
    """Return the median wall times of commands, run in turn."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(RUNS):
        for seconds, command in zip(times, commands, strict=True):
            begun = time.perf_counter()
            subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in times]


def cpu(command: Sequence[str], folder: str) -> float:
    """Return the CPU time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass(frozen=True, slots=True)
class Times:
    """What a run took, in seconds: the phases of its tests, each test (wall and CPU), and what
    the tests have measured themselves."""

    phases: dict[str, list[float]]
    spans: list[tuple[float, float]]
    delays: list[float]


def pytest_run(tests: str) -> Times:
    """Run tests in a pytest of their own and return their times. Raises if one fails."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_it.py").write_text(HEAD + tests)
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *QUIET, "--rootdir", folder, "test_it.py"],
            cwd=folder,
            env=ENVIRONMENT,
            check=False,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            raise RuntimeError(ran.stdout[-3000:])
        return Times(**json.loads((Path(folder) / "times.json").read_text()))


if __name__ == "__main__":
    main()
