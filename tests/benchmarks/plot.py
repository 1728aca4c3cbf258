"""The figures as a picture: ratios on a logarithmic scale, and what a call costs as they grow."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks.figures import Figure, result

WIDTH = 860
_LEFT, _RIGHT, _ROW, _TOP = 380, 100, 40, 84
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11.5px; fill: #59636e }
.title { font-weight: 600 }
.bar { fill: #2f6f9f } .missed { fill: #b5651d }
.grid { stroke: #d1d9e0 } .one { stroke: #818b98 }
.range { stroke: #1f2328 } .goal { stroke: #1a7f37; stroke-width: 2.5 }
.line { fill: none; stroke: #2f6f9f; stroke-width: 2 } .dot { fill: #2f6f9f }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .bar, .dot { fill: #58a6d6 } .missed { fill: #e0995e } .line { stroke: #58a6d6 }
  .grid { stroke: #3d444d } .one { stroke: #656c76 } .range { stroke: #f0f6fc }
  .goal { stroke: #3fb950 }
}"""


def svg(data: Mapping[str, Mapping[str, Any]]) -> str:
    """The picture of a data file; it has no size of its own but that of its content."""
    results = {name: result(each) for name, each in data.items()}
    figures = [each for found in results.values() for each in found.figures]
    shown = [each for each in figures if each.ratios and each.goal is not None and each.at_least]
    parts, height = _ratios(shown) if shown else ([], 0)
    for name in ("growth", "memory"):  # the longer one, if both are there
        if name in results and (series := results[name].series):
            parts += _grown(series, height + 30)
            height += 250
            break
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="How fast the emulator is">'
    )
    return "\n".join([head, f"<style>{_STYLE}\n</style>", *parts, "</svg>\n"])


def _ratios(figures: Sequence[Figure]) -> tuple[list[str], int]:
    ends = [value for each in figures for value in (*each.ratios, each.goal or 1, 1)]
    steps = [n * 10.0**power for power in range(-6, 7) for n in (1, 2, 5)]
    low = max(step for step in steps if step <= min(ends))
    high = min(step for step in steps if step >= max(ends))
    bottom = _TOP + _ROW * len(figures)
    across = _scale(math.log10(low), math.log10(high), _LEFT, WIDTH - _RIGHT)

    def at(value: float) -> float:
        return across(math.log10(value))

    parts = [
        _text(8, 22, "Calls a second, ours by theirs; ours judges and records each", "title"),
        _text(
            8,
            40,
            "bar: median; thin line: lowest to highest run; green: goal; orange: missed",
            "small",
        ),
    ]
    for step in (each for each in steps if low <= each <= high):
        parts.append(_stroke(at(step), _TOP - 6, at(step), bottom, "one" if step == 1 else "grid"))
        parts.append(_text(at(step), _TOP - 12, f"{step:g} x", "small", "middle"))
    work = ""
    for number, each in enumerate(figures):
        top, ratio = _TOP + number * _ROW, each.ratio or 1
        work = work if each.work == "the same" else each.work
        begin, end = sorted((at(1), at(ratio)))
        kind = "bar" if each.met else "missed"
        parts += [
            _text(8, top + 15, work),
            _text(8, top + 31, f"against {each.against.replace('`', '')}", "small"),
            _bar(begin, top + 9, end - begin, kind),
            _stroke(at(min(each.ratios)), top + 18, at(max(each.ratios)), top + 18, "range"),
            _stroke(at(each.goal or 1), top + 4, at(each.goal or 1), top + 32, "goal"),
            _text(WIDTH - 8, top + 23, f"{ratio:.2f} x", "title", "end"),
        ]
    return parts, bottom + 16


def _grown(series: Mapping[str, Sequence[float]], top: int) -> list[str]:
    """Two lines over the number of calls: the CPU time of one, and the memory of all."""
    calls = series["calls"][1:]
    half = WIDTH // 2
    return [
        *_line(calls, series["cpu"][1:], (40, top), half - 80, "CPU of a call, µs"),
        *_line(calls, series["mb"][1:], (half + 40, top), half - 80, "memory of the emulator, MB"),
    ]


def _line(
    calls: Sequence[float], values: Sequence[float], at: tuple[int, int], width: int, title: str
) -> list[str]:
    left, top = at
    height, most = 140, max(values) * 1.15
    across = _scale(math.log10(calls[0]), math.log10(calls[-1]), left + 8, left + width - 8)
    down = _scale(0, most, top + 30 + height, top + 30)
    points = [(across(math.log10(n)), down(v)) for n, v in zip(calls, values, strict=True)]
    parts = [
        _text(left - 32, top + 10, f"{title}, by the number of calls", "title"),
        _stroke(left, down(0), left + width, down(0), "one"),
        f'<polyline class="line" points="{" ".join(f"{x},{y}" for x, y in points)}"/>',
    ]
    for (x, y), count, value in zip(points, calls, values, strict=True):
        parts += [
            f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>',
            _text(x, y - 9, f"{value:,.0f}", "small", "middle"),
            _text(x, down(0) + 17, f"{count:,.0f}", "small", "middle"),
        ]
    return parts


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    size = (high - low) or 1
    return lambda value: round(begin + (value - low) / size * (end - begin), 1)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "") -> str:
    of = f' class="{kind}"' if kind else ""
    placed = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}"{of}{placed}>{escape(text)}</text>'


def _bar(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width:.1f}" height="18" rx="2"/>'


def _stroke(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}"/>'
