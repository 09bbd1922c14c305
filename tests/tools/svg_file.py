"""A plot of ``extproc/reports`` as a file of its own, with size, colors and legend, which a page has elsewhere."""

from __future__ import annotations

from extproc.reports.plots import HEIGHT, WIDTH, Plot, lines

_COLORS = ("#4051b5", "#c2410c", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#57606a")


def lines_alone(plot: Plot) -> str:
    """Lines, as the text of an SVG file."""
    colors = "".join(
        f".c{number}{{fill:{color}}}.line.c{number}{{fill:none;stroke:{color}}}" for number, color in enumerate(_COLORS)
    )
    style = f"text{{font:12px sans-serif}}.grid{{stroke:#d0d7de}}.line{{stroke-width:1.5}}{colors}"
    legend = "".join(
        f'<text class="c{number}" x="90" y="{30 + 16 * number}">{one.name}</text>'
        for number, one in enumerate(plot.series)
    )
    opened, _, rest = lines(plot).partition(">")
    size = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    return f"{opened} {size}><style>{style}</style>{rest.removesuffix('</svg>')}{legend}</svg>\n"
