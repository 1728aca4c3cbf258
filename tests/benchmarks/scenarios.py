"""The cost of a live scenario in addition to recording: memory, and CPU at the end."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.benchmarks.client import keep_alive
from tests.benchmarks.figures import Figure, Result, compare
from tests.benchmarks.plan import Plan, say
from tests.benchmarks.servers import cpu_seconds, emulator

_EVERY = 0.02  # seconds
_SCENARIOS = {
    "": "",
    "expected": "expect: [{track: Email Opened, times: 1..}]\n",
    "counted": "expect: [{track: Email Opened, times: 250000}]\n",
    "ignored": "unexpected: ignore\nexpect: [{track: Other, times: 0..}]\nnever: [track: Secret]\n",
    "denied": "expect: [{track: Email Opened, times: 1..}, {any: , times: 0..}]\n"
    "deny: [{contains: hunter2}]\n",
    "unexpected": "expect: [track: Other]\n",
}
"""Expectations for calls that are all `track: Email Opened`, by name."""


def scenarios(plan: Plan) -> Result:
    """Memory and CPU of `serve --record` with a scenario, against without; takes minutes."""
    alone, _ = _measured(plan, "", "")
    figures = []
    for name, text in _SCENARIOS.items():
        if not text:
            continue
        used, end = _measured(plan, name, text)
        figures += [
            compare(
                [used], [alone], against="without one", unit="MB", goal=1.3, at_least=False,
                work=f"memory of {plan.live:,} calls and their end, live scenario: {name}",
            ),
            Figure(work=f"CPU at the end of {plan.live:,} calls: {name}", unit="s", ours=end),
        ]  # fmt: skip
    return Result(figures=tuple(figures))


def _measured(plan: Plan, name: str, text: str) -> tuple[float, float]:
    """Return the maximum memory in MB, and the seconds of CPU after SIGTERM."""
    file = plan.folder / f"{name or 'alone'}.yaml"
    file.write_text(text)
    arguments = ("--scenario", str(file)) if text else ()
    with emulator(plan.folder, *arguments) as ours:
        keep_alive(ours.plain, first=0, calls=plan.live)
        before, busy, most = cpu_seconds(ours.pid), 0.0, _most(ours.pid)
        os.kill(ours.pid, signal.SIGTERM)
        with suppress(OSError, IndexError):  # the process may have ended
            while True:
                most = _most(ours.pid)
                busy = cpu_seconds(ours.pid) - before
                time.sleep(_EVERY)
        say(f"  {name or 'alone'}: {most:.0f} MB, {busy:.1f} s of CPU at the end")
    return most, busy


def _most(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
