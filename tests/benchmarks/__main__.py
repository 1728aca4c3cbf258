"""`uv run python -m tests.benchmarks [NAME…]`: measure, and print the table of the README."""

import argparse
import importlib
import importlib.util
import io
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from pixel_emulator.core.mistakes import likely
from tests.benchmarks import figures
from tests.benchmarks.ceiling import ceiling
from tests.benchmarks.growth import growth, memory
from tests.benchmarks.plain import plain
from tests.benchmarks.plan import Plan, conditions, say
from tests.benchmarks.plot import svg
from tests.benchmarks.startup import startup
from tests.benchmarks.tunnel import connections, tunnel

Benchmark = Callable[[Plan], figures.Result]
BENCHMARKS: dict[str, Benchmark] = {
    each.__name__: each for each in (tunnel, connections, plain, ceiling, memory, growth, startup)
}
PRINTERS = ("judging", "recordings", "claims", "contract")
"""Modules that measure and print for themselves."""
LONG = ("growth", "claims", "contract")
"""Only run where they are asked for by name."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a module prints, as a benchmark."""

    module: str

    def __call__(self, _plan: Plan) -> figures.Result:
        with redirect_stdout(io.StringIO()) as printed:
            importlib.import_module(self.module).main()
        return figures.Result(text=printed.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the table goes to stdout, what is going on to stderr."""
    known = _known()
    asked = _parser().parse_args(arguments)
    if asked.list:
        for name, benchmark in known.items():
            print(f"{name:12} {_about(benchmark)}{' (by name only)' * (name in LONG)}")
        return 0
    if unknown := [name for name in asked.names if name not in known]:
        say(f"no benchmark is called {unknown[0]}{likely(unknown[0], known)}; see --list")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that runs is stopped
    data, said = {}, ""
    for name in asked.names or [name for name in known if name not in LONG]:
        with tempfile.TemporaryDirectory(prefix="pixel-benchmark-") as folder:
            plan = Plan(folder=Path(folder), rounds=asked.rounds, seconds=asked.seconds)
            said = said or conditions(plan)  # once: its load average is of before
            say(f"{name}: {_about(known[name])}")
            try:
                data[name] = figures.kept(known[name](plan), said)
            except RuntimeError as error:  # a server that fails, or an answer that is none
                say(f"{name}: {error}")
                return 1
        if asked.save:  # after each: the next one may be stopped
            figures.merge({name: data[name]})
            figures.PLOT.write_text(svg(figures.load()), encoding="utf-8")
    print(figures.markdown(data), end="")
    return 0


def _known() -> dict[str, Benchmark]:
    modules = {name: f"{__package__}.{name}" for name in PRINTERS}
    there = {
        name: Printed(each) for name, each in modules.items() if importlib.util.find_spec(each)
    }
    return {**BENCHMARKS, **there}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (5)")
    parser.add_argument("--seconds", type=float, default=3, help="of a load, each time (3)")
    parser.add_argument(
        "--save", action="store_true", help=f"keep it in {figures.DATA.name}, and draw the plot"
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
