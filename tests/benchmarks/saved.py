"""The saved figures: a data file, and the plot and the table of the manual made from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import markdown
from tests.benchmarks.plot import svg

DATA = Path(__file__).with_name("figures.json")
PLOT = Path(__file__).with_name("figures.svg")
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: from tests/benchmarks/figures.json -->\n", "<!-- end of figures -->\n"


def save(name: str, measured: dict[str, Any], *, order: Sequence[str]) -> None:
    """Save the result of a benchmark in place of the previous one, in this order of names."""
    data = {**load(), name: measured}
    write({known_name: data[known_name] for known_name in order if known_name in data})


def write(data: dict[str, dict[str, Any]]) -> None:
    """Write the data file, the plot and the table of the manual."""
    page = put_in(PAGE.read_text(encoding="utf-8"), data)
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PLOT.write_text(svg(data), encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


def load() -> dict[str, dict[str, Any]]:
    """Return the saved results by the names of their benchmarks."""
    if not DATA.exists():
        return {}
    loaded: dict[str, dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
    return loaded


def put_in(page: str, data: dict[str, dict[str, Any]]) -> str:
    """Return the page with this table. Raises ValueError if the place for it is not marked."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/performance.md needs {BEGIN!r} and {END!r}")
    return f"{before}{begin}\n{markdown(data)}\n{end}{after}"
