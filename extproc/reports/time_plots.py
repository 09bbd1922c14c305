"""Plots over time as SVG: curves, an interval around one of them, and lines that are named.

What is beyond the bounds of a plot is drawn at its edge, so an interval of nearly everything does not hide what came of
it. As with ``plots``, the figures stand in a table of the same page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from extproc.reports.plots import WIDTH
from extproc.reports.units import duration_in_words

HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 10, 12, 34
_LINES: Final = 4
_TIMES: Final = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """What has one color: times [s] and values. ``holds``: each value stays until the next one."""

    name: str
    points: Sequence[tuple[float, float]]
    holds: bool = False


@dataclass(frozen=True, slots=True)
class TimePlot:
    """``series``: the curves. ``band``: around the first one, as times [s], low and high. ``marks``: values with a line
    of their own. ``span_s``: of the axis. ``description``: what a reader would see first.
    """

    id: str
    title: str
    description: str
    span_s: float
    bounds: tuple[float, float]
    in_words: Callable[[float], str]
    series: Sequence[Curve]
    band: Sequence[tuple[float, float, float]] = ()
    marks: Sequence[float] = ()


def curves(plot: TimePlot) -> str:
    """The plot."""
    inner = [*_grid(plot), *_band(plot)]
    for value in plot.marks:
        y = f"{_y(plot, value):.1f}"
        inner.append(f'<line class="mark" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
    for number, curve in enumerate(plot.series):
        if curve.points:
            inner.append(f'<polyline class="line c{number}" points="{_path(plot, _drawn_points(plot, curve))}"/>')
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{plot.id}-title {plot.id}-desc">',
            f'<title id="{plot.id}-title">{escape(plot.title)}</title>',
            f'<desc id="{plot.id}-desc">{escape(plot.description)}</desc>',
            *inner,
            "</svg>",
        ]
    )


def _drawn_points(plot: TimePlot, curve: Curve) -> list[tuple[float, float]]:
    if not curve.holds:
        return list(curve.points)
    found = [curve.points[0]]
    for at_s, value in curve.points[1:]:
        found += [(at_s, found[-1][1]), (at_s, value)]
    return [*found, (plot.span_s, found[-1][1])]


def _band(plot: TimePlot) -> list[str]:
    if not plot.band:
        return []
    outline = [(at_s, high) for at_s, _, high in plot.band] + [(at_s, low) for at_s, low, _ in reversed(plot.band)]
    return [f'<polygon class="band c0" points="{_path(plot, outline)}"/>']


def _path(plot: TimePlot, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_x(plot, at_s):.1f},{_y(plot, value):.1f}" for at_s, value in points)


def _x(plot: TimePlot, at_s: float) -> float:
    return _LEFT + min(max(at_s / plot.span_s, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT) if plot.span_s > 0 else _LEFT


def _y(plot: TimePlot, value: float) -> float:
    low, high = plot.bounds
    known = 0.0 if math.isnan(value) else min(max(value, low), high)
    return HEIGHT - _BOTTOM - (known - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)


def _grid(plot: TimePlot) -> list[str]:
    low, high = plot.bounds
    grid = []
    for number in range(_LINES + 1):
        value = low + (high - low) * number / _LINES
        y = f"{_y(plot, value):.1f}"
        grid.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        grid.append(f'<text x="{_LEFT - 8}" y="{y}" dy=".32em" text-anchor="end">{escape(plot.in_words(value))}</text>')
    for number in range(_TIMES):
        at_s = plot.span_s * number / (_TIMES - 1)
        at, anchor = f'x="{_x(plot, at_s):.1f}" y="{HEIGHT - _BOTTOM + 18}"', _anchor(number)
        grid.append(f'<text {at} text-anchor="{anchor}">{escape(duration_in_words(round(at_s * 1_000)))}</text>')
    return grid


def _anchor(number: int) -> str:
    return "end" if number == _TIMES - 1 else "middle"
