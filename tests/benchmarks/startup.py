"""The start of commands, against the imports that they need."""

import subprocess
import sys
import time
from collections.abc import Callable

from tests.benchmarks.figures import Result, alternate, compare
from tests.benchmarks.plan import Plan
from tests.benchmarks.servers import ENVIRONMENT, PROGRAM, emulator

TARGET = "/v1/pixel/track?userId=user_1&event=Email%20Opened&writeKey=wk_test_0000"
_DUMP, _LIGHT = "mitmproxy.tools.dump", "yaml, click"


def startup(plan: Plan) -> Result:
    """The start of `serve`, `decode` and `check`."""
    mail = plan.folder / "mail.html"
    mail.write_text(f'<img src="https://api.segment.io{TARGET}">')
    rows: dict[str, tuple[Callable[[], float], str]] = {
        "`serve` is ready": (lambda: _served(plan), _DUMP),
        "`decode URL`": (_running("decode", TARGET), _LIGHT),
        "`check mail.html`": (_running("check", str(mail)), _LIGHT),
    }
    figures = []
    for work, (ours, imports) in rows.items():
        times = alternate(plan.rounds, {"ours": ours, "theirs": _importing(imports)})
        about = {"work": work, "against": f"`import {imports}`", "unit": "s", "at_least": False}
        figures.append(compare(times["ours"], times["theirs"], goal=1.5, **about))
    return Result(figures=tuple(figures))


def _served(plan: Plan) -> float:
    start = time.perf_counter()
    with emulator(plan.folder, record=False):
        return time.perf_counter() - start


def _running(*arguments: str) -> Callable[[], float]:
    return lambda: _time([*PROGRAM, *arguments])


def _importing(modules: str) -> Callable[[], float]:
    return lambda: _time([sys.executable, "-W", "ignore", "-c", f"import {modules}"])


def _time(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    return time.perf_counter() - start
