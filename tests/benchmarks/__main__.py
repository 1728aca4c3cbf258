"""`uv run python -m tests.benchmarks [NAME…]`: measure, and print the figures."""

import argparse
import importlib
import importlib.util
import io
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from pixel_emulator.core.errors import did_you_mean
from tests.benchmarks import figures, saved
from tests.benchmarks.ceiling import ceiling
from tests.benchmarks.growth import growth, memory
from tests.benchmarks.pieces import classifying, recording
from tests.benchmarks.plain import plain
from tests.benchmarks.plan import Plan, conditions, say
from tests.benchmarks.scenarios import scenarios
from tests.benchmarks.startup import startup
from tests.benchmarks.tunnel import connections, tunnel

Benchmark = Callable[[Plan], figures.Result]
BENCHMARKS: dict[str, Benchmark] = {
    benchmark.__name__: benchmark
    for benchmark in (
        tunnel,
        connections,
        plain,
        classifying,
        recording,
        memory,
        growth,
        scenarios,
        startup,
        ceiling,
    )
}
PRINTERS = ("claims", "contract")
"""Modules that measure and print by themselves."""
LONG = ("growth", "scenarios", "claims", "contract")
"""Run only if named."""
_FAILURES = (RuntimeError, OSError, subprocess.SubprocessError)
"""Errors of servers and clients that fail."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A benchmark made of the output of a module."""

    module: str

    def __call__(self, _plan: Plan) -> figures.Result:
        with redirect_stdout(io.StringIO()) as printed:
            importlib.import_module(self.module).main()
        return figures.Result(text=printed.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; print the table to stdout and progress to stderr."""
    there, asked = benchmarks(), _parser().parse_args(arguments)
    if asked.list:
        for name, benchmark in there.items():
            print(f"{name:12} {_about(benchmark)}{' (by name only)' * (name in LONG)}")
        return 0
    if unknown := [name for name in asked.names if name not in there]:
        say(f"no benchmark is called {unknown[0]}{did_you_mean(unknown[0], there)}; see --list")
        return 2
    if asked.redraw:
        saved.write(saved.load())
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that runs is stopped
    data, said, code = {}, "", 0
    for name in asked.names or [name for name in there if name not in LONG]:
        with tempfile.TemporaryDirectory(prefix="pixel-benchmark-") as folder:
            plan = Plan(folder=Path(folder), rounds=asked.rounds, seconds=asked.seconds)
            said = said or conditions(plan)  # once: its load average is of before
            say(f"{name}: {_about(there[name])}")
            try:
                data[name] = figures.as_data(there[name](plan), said)
            except _FAILURES as error:
                say(f"{name} failed: {error}")
                code = 1
                continue
        if asked.save:  # after each: the next one may be stopped
            saved.save(name, data[name], order=list(there))
    print(figures.markdown(data), end="")
    return code


def benchmarks() -> dict[str, Benchmark]:
    """Return all benchmarks, in the order of the table."""
    modules = {name: f"{__package__}.{name}" for name in PRINTERS}
    there = {
        name: Printed(module)
        for name, module in modules.items()
        if importlib.util.find_spec(module)
    }
    return {**BENCHMARKS, **there}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (5)")
    parser.add_argument("--seconds", type=float, default=3, help="of a load, each time (3)")
    parser.add_argument(
        "--save",
        action="store_true",
        help="keep it: the table of docs/performance.md, and the plot",
    )
    parser.add_argument(
        "--redraw", action="store_true", help="only make table and plot again, of what is kept"
    )
    return parser


def _about(benchmark: Benchmark) -> str:
    of = importlib.import_module(benchmark.module) if isinstance(benchmark, Printed) else benchmark
    return (of.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
