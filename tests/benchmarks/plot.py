"""Draw the figures: ratios on a logarithmic scale, and time and memory as calls grow."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tests.benchmarks.figures import Figure, result

_MET, _MISSED, _GOAL, _TEXT, _GREY = "#2f6f9f", "#b5651d", "#1a7f37", "#1f2328", "#59636e"
_WIDTH, _ROW, _HEAD, _GROWTH = 9.0, 0.45, 1.1, 2.4  # inches
_SIDE, _LEFT, _RIGHT = 0.35, 4.1, 0.8  # inches, beside the axes
_TICKS = [n * 10.0**power for power in range(-6, 7) for n in (1, 2, 5)]
_METADATA = {"Title": "How fast the emulator is", "Date": None, "Creator": None}
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pixel-emulator",  # else the ids differ each time
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _TEXT,
    "axes.edgecolor": "#d1d9e0",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
}


def svg(data: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the picture of a data file; equal data give equal text."""
    results = {name: result(stored) for name, stored in data.items()}
    figures = [figure for measured in results.values() for figure in measured.figures]
    shown = [figure for figure in figures if figure.ratios and figure.goal and figure.at_least]
    # The longer series, if both are there.
    series = next((results[name].series for name in ("growth", "memory") if name in results), None)
    ratios_height = _HEAD + _ROW * len(shown) if shown else 0.0
    height = (ratios_height + (_GROWTH if series else 0)) or 1.0
    with mpl.rc_context(_STYLE):
        picture = Picture(figsize=(_WIDTH, height))
        if shown:
            width = _WIDTH - _LEFT - _RIGHT
            box = (_LEFT, height - ratios_height + 0.2, width, _ROW * len(shown))
            _draw_ratios(_axes(picture, box), shown)
        if series:
            width = _WIDTH / 2 - 2 * _SIDE
            for number, (key, title) in enumerate(
                (("cpu", "CPU of a call, µs"), ("mb", "memory of the emulator, MB"))
            ):
                box = (number * _WIDTH / 2 + _SIDE, 0.45, width, _GROWTH - 1.0)
                _draw_growth(_axes(picture, box), series["calls"][1:], series[key][1:], title)
        text = io.StringIO()
        picture.savefig(text, format="svg", metadata=_METADATA)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _axes(picture: Picture, box: tuple[float, float, float, float]) -> Axes:
    """Return axes at a box of (left, bottom, width, height), in inches."""
    width, height = picture.get_size_inches()
    left, bottom, box_width, box_height = box
    return picture.add_axes((left / width, bottom / height, box_width / width, box_height / height))


def _draw_ratios(axes: Axes, figures: Sequence[Figure]) -> None:
    """Draw a bar from 1 to the median ratio of each figure, with its range and its goal."""
    ends = [value for figure in figures for value in (*figure.ratios, figure.goal or 1, 1)]
    low = max(tick for tick in _TICKS if tick <= min(ends))
    high = min(tick for tick in _TICKS if tick >= max(ends))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} x"))
    axes.yaxis.set_major_locator(NullLocator())
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.grid(axis="x", color="#d1d9e0")
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axvline(1, color="#818b98", linewidth=1)
    work = ""
    for row, figure in enumerate(figures):
        ratio = figure.ratio or 1
        work = work if figure.work == "the same" else figure.work
        colour = _MET if figure.met else _MISSED
        axes.barh(row, ratio - 1, left=1, height=0.45, color=colour, gid=f"bar-{row}")
        axes.plot([min(figure.ratios), max(figure.ratios)], [row, row], color=_TEXT, linewidth=1)
        goal = figure.goal or 1
        axes.plot([goal, goal], [row - 0.35, row + 0.35], color=_GOAL, linewidth=2.5, clip_on=False)
        against = f"against {figure.against.replace('`', '')}"
        _label(axes, -_LEFT + _SIDE, row - 0.2, work)
        _label(axes, -_LEFT + _SIDE, row + 0.22, against, color=_GREY, fontsize=8)
        axes.annotate(
            f"{ratio:.2f} x",
            (1, row),
            (_RIGHT * 72 - 8, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="center",
            fontweight="bold",
            parse_math=False,
        )
    title = "Calls a second, ours by theirs; ours classifies and records each"
    key = "bar: median; thin line: lowest to highest run; green: goal; orange: missed"
    _label(axes, -_LEFT + _SIDE, -0.5, title, up=46, fontweight="bold")
    _label(axes, -_LEFT + _SIDE, -0.5, key, up=31, color=_GREY, fontsize=8)


def _label(axes: Axes, inches: float, row: float, text: str, up: float = 0, **style: Any) -> None:
    """Write a text beside axes, from some inches right of their left edge; `up` is in points."""
    axes.annotate(
        text,
        (0, row),
        (inches * 72, up),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        parse_math=False,
        annotation_clip=False,
        **style,
    )


def _draw_growth(axes: Axes, calls: Sequence[float], values: Sequence[float], title: str) -> None:
    """Draw one value over the number of calls, with the value at each point."""
    axes.set_title(f"{title}, by the number of calls", loc="left", fontsize=9, fontweight="bold")
    axes.semilogx(calls, values, color=_MET, marker="o", markersize=4)
    axes.set_ylim(0, max(values) * 1.25)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(FixedLocator(list(calls)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    for count, value in zip(calls, values, strict=True):
        axes.annotate(
            f"{value:,.0f}", (count, value), (0, 7), textcoords="offset points", ha="center",
            fontsize=8, color=_GREY,
        )  # fmt: skip
