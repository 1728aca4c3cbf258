"""Figures of benchmarks, as data and as a table."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEAD = ("work", "against", "ours", "theirs", "ratio", "goal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table; `ratios` are ours divided by theirs, one for each run.

    `goal` is the ratio to reach: a minimum if `at_least`, else a maximum. A row without `theirs` is
    about ours alone.
    """

    work: str
    against: str = ""
    unit: str
    ours: float
    theirs: float | None = None
    ratios: tuple[float, ...] = ()
    goal: float | None = None
    at_least: bool = True

    @property
    def ratio(self) -> float | None:
        """The median of the runs."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool:
        """True if the goal is reached or there is none."""
        if self.goal is None or self.ratio is None:
            return True
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark found. `series` are lines for the plot, by name; `text` is what another
    module printed; `remarks` are for the reader of the table."""

    figures: tuple[Figure, ...] = ()
    series: Mapping[str, Sequence[float]] | None = None
    remarks: tuple[str, ...] = ()
    text: str = ""


def alternate(
    rounds: int, sides: Mapping[str, Callable[[], float]]
) -> dict[str, tuple[float, ...]]:
    """Measure the sides in turn, once a round, so that other load on the machine affects all."""
    measurements: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            measurements[name].append(measure())
    return {name: tuple(values) for name, values in measurements.items()}


def compare(ours: Sequence[float], theirs: Sequence[float], **about: Any) -> Figure:
    """Return the figure of two sides that were measured in turn."""
    return Figure(
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        ratios=tuple(mine / other for mine, other in zip(ours, theirs, strict=True)),
        **about,
    )


def as_data(measured: Result, conditions: str) -> dict[str, Any]:
    """Return a result for the data file, with its conditions; floats have four digits."""
    return {"conditions": conditions, **_short(asdict(measured))}


def markdown(data: Mapping[str, dict[str, Any]]) -> str:
    """Return table, remarks and conditions, as printed and as in docs/performance.md."""
    results = {name: result(stored) for name, stored in data.items()}
    rows = [row(figure) for measured in results.values() for figure in measured.figures]
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *map(_line, rows)] if rows else []
    remarks = [
        f"- `{name}`: {remark}" for name, measured in results.items() for remark in measured.remarks
    ]
    lines += ["", *remarks] if remarks else []
    for measured in results.values():
        lines += ["", *measured.text.strip().splitlines()] if measured.text else []
    by_conditions: dict[str, list[str]] = {}
    for name, stored in data.items():
        by_conditions.setdefault(stored["conditions"], []).append(f"`{name}`")
    lines += [f"\n{', '.join(names)}: {said}." for said, names in by_conditions.items()]
    return "\n".join(lines).strip() + "\n"


def row(figure: Figure) -> tuple[str, ...]:
    """Return the cells of a figure's row."""
    goal = ""
    if figure.goal is not None:
        reached = "" if figure.met else ", missed"
        goal = f"{'≥' if figure.at_least else '≤'} {figure.goal:g} x{reached}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} x"
    theirs = "" if figure.theirs is None else amount(figure.theirs, figure.unit)
    return figure.work, figure.against, amount(figure.ours, figure.unit), theirs, ratio, goal


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, to about three digits."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit == '/s' else ' '}{unit}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def result(data: Mapping[str, Any]) -> Result:
    """Return a result from the data file."""
    figures = [
        Figure(**{**figure, "ratios": tuple(figure["ratios"])}) for figure in data["figures"]
    ]
    said = {key: data[key] for key in ("series", "text")}
    return Result(figures=tuple(figures), remarks=tuple(data["remarks"]), **said)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
