"""Plots of a report as SVG, which a page holds in itself. Colors are classes, which the page defines.

Each plot has a title and a description for who does not see it, and the figures stand in a table of the same page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 820, 280
SERIES_MAX: Final = 8
"""Colors that can be told apart."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 10, 12, 34
_TICKS: Final = 4
_LABELS_MAX: Final = 9
_LABEL_CHARS_MAX: Final = 14
_GAP_SHARE: Final = 0.2  # of the room of a bar

InWords = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Series:
    """What has one color: a value for each place on the axis; None: there is none."""

    name: str
    values: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Plot:
    """``labels``: of the places. ``description``: what a reader would see first."""

    id: str
    title: str
    description: str
    labels: Sequence[str]
    series: Sequence[Series]
    in_words: InWords


def stacked_bars(plot: Plot) -> str:
    """The values of each place on top of each other."""
    heights = [sum(one.values[place] or 0 for one in plot.series) for place in range(len(plot.labels))]
    scale = _Scale(max(heights, default=0), len(plot.labels))
    marks = []
    for place, label in enumerate(plot.labels):
        below = 0
        for number, one in enumerate(plot.series):
            value = one.values[place] or 0
            if value > 0:
                told = f"{label}, {one.name}: {plot.in_words(value)}"
                marks.append(scale.bar(place, below, below + value, number, told))
                below += value
    return _drawn(plot, scale, marks)


def lines(plot: Plot) -> str:
    """A line for each series; a place without a value is a gap."""
    known = [value for one in plot.series for value in one.values if value is not None]
    scale = _Scale(max(known, default=0), len(plot.labels))
    marks = []
    for number, one in enumerate(plot.series):
        for run in _runs(one.values):
            path = " ".join(f"{scale.middle(place):.1f},{scale.y(value):.1f}" for place, value in run)
            marks.append(f'<polyline class="line c{number}" points="{path}"/>')
            marks += [scale.dot(place, value, number, _told(plot, one, place, value)) for place, value in run]
    return _drawn(plot, scale, marks)


def _told(plot: Plot, series: Series, place: int, value: int) -> str:
    return f"{plot.labels[place]}, {series.name}: {plot.in_words(value)}"


def _runs(values: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    runs: list[list[tuple[int, int]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]


class _Scale:
    """Where values and places are."""

    def __init__(self, most: int, places: int) -> None:
        self._step = _tick_step(most)
        self._top = self._step * max(math.ceil(most / self._step), 1)
        self._room = (WIDTH - _LEFT - _RIGHT) / max(places, 1)

    def ticks(self) -> range:
        """The values that have a line."""
        return range(0, self._top + 1, self._step)

    def y(self, value: int) -> float:
        """The height of a value, from above."""
        return HEIGHT - _BOTTOM - value / self._top * (HEIGHT - _TOP - _BOTTOM)

    def middle(self, place: int) -> float:
        """The middle of a place, from the left."""
        return _LEFT + (place + 0.5) * self._room

    def bar(self, place: int, low: int, high: int, number: int, told: str) -> str:
        """A piece of a bar."""
        width = self._room * (1 - _GAP_SHARE)
        x, y, height = self.middle(place) - width / 2, self.y(high), self.y(low) - self.y(high)
        shape = f'x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}"'
        return f'<rect class="c{number}" {shape}><title>{escape(told)}</title></rect>'

    def dot(self, place: int, value: int, number: int, told: str) -> str:
        """A point of a line."""
        at = f'cx="{self.middle(place):.1f}" cy="{self.y(value):.1f}"'
        return f'<circle class="c{number}" {at} r="2.5"><title>{escape(told)}</title></circle>'


def _tick_step(most: int) -> int:
    """The distance of lines: 1, 2 or 5 and zeros, so that there are a few."""
    least = max(most, 1) / _TICKS
    power = 10 ** max(math.floor(math.log10(least)), 0)
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least))


def _drawn(plot: Plot, scale: _Scale, marks: Sequence[str]) -> str:
    grid = []
    for value in scale.ticks():
        y = f"{scale.y(value):.1f}"
        grid.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        grid.append(f'<text x="{_LEFT - 8}" y="{y}" dy=".32em" text-anchor="end">{escape(plot.in_words(value))}</text>')
    every = math.ceil(len(plot.labels) / _LABELS_MAX) or 1
    for place in range(0, len(plot.labels), every):
        at = f'x="{scale.middle(place):.1f}" y="{HEIGHT - _BOTTOM + 18}"'
        grid.append(f'<text {at} text-anchor="middle">{escape(shortened(plot.labels[place], _LABEL_CHARS_MAX))}</text>')
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{plot.id}-title {plot.id}-desc">',
            f'<title id="{plot.id}-title">{escape(plot.title)}</title>',
            f'<desc id="{plot.id}-desc">{escape(plot.description)}</desc>',
            *grid,
            *marks,
            "</svg>",
        ]
    )


def shortened(words: str, chars_max: int) -> str:
    """The beginning of a name."""
    return words if len(words) <= chars_max else f"{words[: chars_max - 1]}\u2026"
