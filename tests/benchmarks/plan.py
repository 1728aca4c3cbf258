"""The plan of a run: how much is measured, and under which conditions."""

import itertools
import os
import platform
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pixel_emulator.runtime.settings import Settings

_APART = 1_000_000
"""Most calls of one load: the calls of two loads differ. `growth` has numbers of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often each side is measured and for how many seconds; `folder` is for what they write.

    `warm` scales how long servers are loaded before they are measured, `bound` is the emulator's
    `--max-calls`, `most` what `growth` goes up to, and `live` the calls under a live scenario.
    """

    folder: Path
    rounds: int = 5
    seconds: float = 3
    warm: float = 1
    bound: int = Settings().max_calls
    most: int = 1_000_000
    live: int = 300_000
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(0, _APART))

    def number(self) -> int:
        """Return the number of the first call of another load."""
        return next(self._numbers)


def conditions(plan: Plan) -> str:
    """Return the machine, the versions and the method of measuring, as one line."""
    load = os.getloadavg()[0]
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{_processor()}, {os.cpu_count()} cores, load average {load:.1f} before",
        f"{platform.system()} {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        f"mitmproxy {version('mitmproxy')}",
        f"OpenSSL {ssl.OPENSSL_VERSION.split()[1]}",
        f"medians of {plan.rounds} alternating runs of {plan.seconds:g} s",
    ]
    return "; ".join(parts)


def say(text: str) -> None:
    """Print progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
