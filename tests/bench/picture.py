"""The picture of a run: latency added to Envoy alone, by load and subject, as an SVG without a plotting library.

Bars end at the added median, thin lines at the added 99th percentile; the scale is logarithmic, since what is compared
differs by factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from tests.bench.figures import Figures
from tests.bench.subjects import ENVOY, GO_NOOP, LITELLM

LEAST_MS, MOST_MS = 0.1, 10_000.0  # less is within the noise of two medians
LEFT, WIDTH, RIGHT = 230, 620, 150
ROW, GAP, TOP = 18, 30, 70
OURS, OTHERS = "#2f6fb5", {GO_NOOP: "#7a8794", LITELLM: "#c2703d"}
TEXT = 'font-family="sans-serif" font-size="12" fill="#24292f"'


def added_latency(raw: Figures, loads: Iterable[tuple[str, int]], titles: Mapping[str, str]) -> str:
    """The SVG.

    Args:
        loads: names and numbers of connections, in order; those without Envoy alone are left out.
        titles: of the subjects, by name, in order.
    """
    shapes: list[str] = []
    y = TOP
    for load, connections in loads:
        suffix = f"{load}.c{connections}"
        if f"p50_ms.{ENVOY}.{suffix}" not in raw:
            continue
        shapes.append(f'<text x="12" y="{y}" font-weight="bold" {TEXT}>{escape(_title(load, connections))}</text>')
        y += 8
        for name in (name for name in titles if name != ENVOY and f"p50_ms.{name}.{suffix}" in raw):
            p50, p99 = (raw[f"{end}.{name}.{suffix}"] - raw[f"{end}.{ENVOY}.{suffix}"] for end in ("p50_ms", "p99_ms"))
            shapes += _row(y, titles[name], OTHERS.get(name, OURS), p50, p99)
            y += ROW
        y += GAP
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{y}"'
    title = "Latency added to Envoy alone (of an event, where its pace is in the name): bar p50, line p99 [ms, log]"
    head = f'<rect {size} fill="white"/><text x="12" y="24" font-weight="bold" {TEXT}>{title}</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{head}{_grid(y)}{"".join(shapes)}</svg>\n'


def _title(load: str, connections: int) -> str:
    return f"{load}, {connections} connection{'s' if connections > 1 else ''}"


def _row(y: int, title: str, colour: str, p50: float, p99: float) -> list[str]:
    middle = y + ROW / 2
    return [
        f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end" {TEXT}>{escape(title)}</text>',
        f'<rect x="{LEFT}" y="{y + 3}" width="{_x(p50) - LEFT:.1f}" height="{ROW - 6}" fill="{colour}"/>',
        f'<line x1="{LEFT}" x2="{_x(p99):.1f}" y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{_x(max(p50, p99)) + 6:.1f}" y="{y + 13}" {TEXT}>{p50:.2f} / {p99:.2f}</text>',
    ]


def _grid(height: int) -> str:
    lines = []
    for power in range(round(math.log10(LEAST_MS)), round(math.log10(MOST_MS)) + 1):
        x = _x(10.0**power)
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="50" y2="{height}" stroke="#d8dee4"/>')
        lines.append(f'<text x="{x:.1f}" y="44" text-anchor="middle" {TEXT}>{10.0**power:g}</text>')
    return "".join(lines)


def _x(value_ms: float) -> float:
    share = math.log10(max(value_ms, LEAST_MS) / LEAST_MS) / math.log10(MOST_MS / LEAST_MS)
    return LEFT + WIDTH * min(share, 1.0)
