"""A dashboard as one SVG: our own drawing of its panels, for the docs. Grafana draws them in its own way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

from tests.tools.dashboards.grafana import Dashboard, Json, Panel, Row, placed

WIDTH: Final = 1_200
_COLUMN: Final = WIDTH / 24
_ROW: Final = 25
_COLORS: Final = (
    "#3274d9",
    "#e0752d",
    "#629e51",
    "#ba43a9",
    "#c9a100",
    "#1f9e9e",
    "#bf1b00",
    "#705da0",
    "#508642",
    "#888",
)
_SERIES_MAX: Final = 6
_ROWS_MAX: Final = 6
_NAME_CHARS: Final = 5.4  # pixels of a character of a name
_STYLE: Final = """
text { font: 11px system-ui, sans-serif; fill: #333 }
.row { font-size: 14px; font-weight: 600 } .title { font-size: 12px; font-weight: 600 }
.small { font-size: 9.5px; fill: #666 } .big { font-size: 26px; font-weight: 600 }
.panel { fill: #fff; stroke: #d8d9da } .grid { stroke: #eee } .limit { stroke: #d44; stroke-dasharray: 4 3 }
polyline { fill: none; stroke-width: 1.4 } .area { stroke: none; opacity: .25 }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A series: its name, its labels, and a value for each point in time; None: there is none."""

    name: str
    labels: Mapping[str, str]
    values: Sequence[float | None]

    @property
    def last(self) -> float | None:
        """The last value that there is."""
        return next((value for value in reversed(self.values) if value is not None), None)


class _Size(NamedTuple):
    width: float
    height: float


def drawn(dashboard: Dashboard, lines: Sequence[Sequence[Line]], caption: str) -> str:
    """The whole picture. Args: lines: of each panel, in their order."""
    places = list(placed(dashboard.rows))
    height = max(place["y"] + place["h"] for _, place in places) * _ROW + 60
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    parts = [head, f"<title>{escape(dashboard.title)}</title>", f"<style>{_STYLE}</style>"]
    parts += ['<rect width="100%" height="100%" fill="#f4f5f5"/>', _text(10, 24, dashboard.title, "row")]
    parts.append(_text(10, 42, caption, "small"))
    of_panels = iter(lines)
    for one, place in places:
        if isinstance(one, Row):
            parts.append(_text(10, place["y"] * _ROW + 50 + 18, one.title, "row"))
        else:
            parts += _panel(one, next(of_panels), place)
    return "\n".join([*parts, "</svg>\n"])


def in_words(value: float, unit: str) -> str:
    """A value with its unit, in three digits."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "percent":
        return f"{value:.3g} %"
    if unit == "currencyUSD":
        return f"${value:.3g}"
    if unit == "dateTimeFromNow":
        return f"{value:.0f}"
    scale, prefix = next(((scale, prefix) for scale, prefix in _PREFIXES[unit == "s"] if abs(value) >= scale), (1, ""))
    suffix = {"s": "s", "bytes": "B", "reqps": "req/s", "cps": "/s"}.get(unit, "")
    return f"{value / scale:.3g} {prefix}{suffix}".strip()


_PREFIXES: Final = {True: ((1, ""), (1e-3, "m"), (1e-6, "µ")), False: ((1e9, "G"), (1e6, "M"), (1e3, "k"))}


# --- panels --------------------------------------------------------------------------------------------------------


def _panel(panel: Panel, lines: Sequence[Line], place: Json) -> Iterator[str]:
    x, y = place["x"] * _COLUMN + 3, place["y"] * _ROW + 53
    width, height = place["w"] * _COLUMN - 6, place["h"] * _ROW - 6
    yield f'<g transform="translate({x:.0f} {y:.0f})">'
    yield f'<rect class="panel" width="{width:.0f}" height="{height:.0f}" rx="3"/>'
    yield _text(8, 16, panel.title, "title")
    known = [line for line in lines if line.last is not None]
    if not known:
        yield _text(width / 2, height / 2 + 6, "No data", "small", "middle")
    else:
        yield from _DRAW[panel.kind](panel, known, _Size(width, height))
    yield "</g>"


def _stat(panel: Panel, lines: Sequence[Line], size: _Size) -> Iterator[str]:
    value = lines[0].last or 0.0
    words, color = panel.texts.get(f"{value:g}", (in_words(value, panel.unit), ""))
    steps = [color for color, least in panel.steps if least is None or value >= least]
    yield _text(size.width / 2, size.height / 2 + 16, words, "big", "middle", color or (steps[-1] if steps else ""))


def _bars(panel: Panel, lines: Sequence[Line], size: _Size) -> Iterator[str]:
    most = panel.max or max(line.last or 0.0 for line in lines) or 1.0
    for number, line in enumerate(sorted(lines, key=lambda one: -(one.last or 0.0))[:_ROWS_MAX]):
        y, value = 34 + number * 25, line.last or 0.0
        steps = [color for color, least in panel.steps if least is None or value >= least]
        long = max(min(value / most, 1.0) * (size.width - 90), 2)
        yield _text(8, y, shortened(line.name, size.width - 20), "small")
        yield f'<rect x="8" y="{y + 3}" width="{long:.0f}" height="9" fill="{steps[-1] if steps else _COLORS[0]}"/>'
        yield _text(14 + long, y + 11, in_words(value, panel.unit), "small")


def _table(panel: Panel, lines: Sequence[Line], size: _Size) -> Iterator[str]:
    names = [name for name in lines[0].labels if name not in panel.hidden]
    columns = [*names, *(["value"] if "Value" not in panel.hidden else [])]
    wide = (size.width - 16) / len(columns)
    rows = sorted(lines, key=lambda one: -(one.last or 0.0))[:_ROWS_MAX]
    for number, name in enumerate(columns):
        yield _text(8 + number * wide, 36, shortened(panel.named.get(name, name), wide - 20), "title")
        for place, line in enumerate(rows):
            shown = in_words(line.last or 0.0, panel.unit) if name == "value" else line.labels[name]
            yield _text(8 + number * wide, 56 + place * 18, shortened(shown, wide - 6), "")


def _series(panel: Panel, lines: Sequence[Line], size: _Size) -> Iterator[str]:
    width, height = size.width, size.height
    shown = sorted(lines, key=lambda one: one.last or 0.0, reverse=not panel.low_is_bad)[:_SERIES_MAX]
    columns = 2 if width > 300 else 1
    legend = math.ceil(len(shown) / columns) * 12 + 6
    left, right, top, bottom = 52.0, width - 8, 26.0, height - legend - 6
    tops = _stacked(shown) if panel.stacked else [list(line.values) for line in shown]
    most = panel.max or max((value for values in tops for value in values if value is not None), default=0.0) or 1.0
    step = _tick(most)
    ceiling = step * math.ceil(most / step - 1e-9)
    for tick in range(round(ceiling / step) + 1):
        y = bottom - tick * step / ceiling * (bottom - top)
        yield f'<path class="grid" d="M{left:.0f} {y:.0f}H{right:.0f}"/>'
        yield _text(left - 4, y + 3, in_words(tick * step, panel.unit), "small", "end")
    for color, least in panel.steps:
        if least is not None and color == "red" and least <= ceiling:
            y = bottom - least / ceiling * (bottom - top)
            yield f'<path class="limit" d="M{left:.0f} {y:.0f}H{right:.0f}"/>'
    for number, values in enumerate(tops):
        color = _COLORS[number % len(_COLORS)]
        for run in _runs(values):
            points = " ".join(
                f"{left + at / max(len(values) - 1, 1) * (right - left):.0f},"
                f"{bottom - min(value / ceiling, 1.0) * (bottom - top):.0f}"
                for at, value in run
            )
            yield f'<polyline points="{points}" stroke="{color}"/>'
    for number, line in enumerate(shown):
        x = 8 + (number % columns) * width / columns
        y = height - legend + 6 + (number // columns) * 12
        yield f'<rect x="{x:.0f}" y="{y - 6:.0f}" width="8" height="3" fill="{_COLORS[number % len(_COLORS)]}"/>'
        told = f"{line.name}  {in_words(line.last or 0.0, panel.unit)}"
        yield _text(x + 12, y, shortened(told, width / columns - 24), "small")


_DRAW: Final = {"timeseries": _series, "stat": _stat, "bargauge": _bars, "table": _table}


# --- pieces --------------------------------------------------------------------------------------------------------


def _stacked(lines: Sequence[Line]) -> list[list[float | None]]:
    tops: list[list[float | None]] = []
    below = [0.0] * len(lines[0].values)
    for line in lines:
        below = [low + (value or 0.0) for low, value in zip(below, line.values, strict=True)]
        tops.append([top if value is not None else None for top, value in zip(below, line.values, strict=True)])
    return tops


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for at, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((at, value))
    if run:
        yield run


def _tick(most: float) -> float:
    power = 10.0 ** math.floor(math.log10(most / 3))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most / 3 - 1e-12)


def shortened(words: str, width: float) -> str:
    """As much of a text as has room."""
    most = max(int(width / _NAME_CHARS), 4)
    return words if len(words) <= most else f"{words[: most - 1]}\u2026"


def _text(x: float, y: float, words: str, kind: str, anchor: str = "", color: str = "") -> str:
    more = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    more += f' style="fill: {color}"' if color else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(words)}</text>'
