"""What HTML pages of figures are made of: no network, no script, and any name is shown as the text that it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from extproc.reports.plots import SERIES_MAX, Plot, Series, shortened
from extproc.reports.time_plots import Curve, TimePlot

NAME_CHARS_MAX: Final = 80
_REPLACEMENT: Final = "\ufffd"
_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """\
:root { color-scheme: light dark; --text: #1b1f24; --page: #ffffff; --grid: #d5d9de; --dim: #57606a;
  --c0: #0b62b0; --c1: #b35900; --c2: #1a7f37; --c3: #8e3a9d; --c4: #b3261e; --c5: #00727f; --c6: #7a6a00;
  --c7: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --page: #0d1117; --grid: #30363d; --dim: #9aa4af;
  --c0: #6cb6ff; --c1: #f0883e; --c2: #56d364; --c3: #d2a8ff; --c4: #ff7b72; --c5: #56d4dd; --c6: #e3b341;
  --c7: #8b949e; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--page); }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--dim); }
.grid { stroke: var(--grid); } .mark { stroke: var(--dim); stroke-dasharray: 4 3; }
.band { stroke: none !important; opacity: .2; } .line { fill: none !important; stroke-width: 2; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; } th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--grid); }
th { text-align: left; } td, th.figure { text-align: right; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; } td.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; } .scroll { overflow-x: auto; }
""" + "".join(
    f".c{one} {{ fill: var(--c{one}); stroke: var(--c{one}); }} .key.c{one} {{ background: var(--c{one}); }}\n"
    for one in range(SERIES_MAX)
)


def page_of(title: str, lead: str, parts: Iterable[str]) -> str:
    """A page. Args: lead: a sentence below the title, as HTML; parts: sections, likewise."""
    head = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(title)}</h1>\n<p>{lead}</p>",
    ]
    return "\n".join([*head, *parts, "</main>\n</body>\n</html>\n"])


def section_of(plot: Plot | TimePlot, drawn: str) -> str:
    """A plot with its title and its colors. Args: drawn: the plot as SVG."""
    series: Sequence[Series | Curve] = plot.series
    keys = "".join(
        f'<span class="key c{number}" aria-hidden="true"></span>{shown_name(one.name)}'
        for number, one in enumerate(series)
    )
    legend = f"\n<p>{keys}</p>" if len(series) > 1 else ""
    return f"<section>\n<h2>{escape(plot.title)}</h2>{legend}\n{drawn}\n</section>"


def table_of(caption: str, heads: Sequence[str], body: Sequence[str]) -> str:
    """A table. Args: heads, body: cells and rows, as HTML."""
    head = f"<caption>{escape(caption)}</caption>\n<thead><tr>{''.join(heads)}</tr></thead>"
    return f'<div class="scroll"><table>{head}\n<tbody>\n' + "\n".join(body) + "\n</tbody></table></div>"


def name_cell(name: str) -> str:
    """A cell with a name."""
    return f'<td class="name">{shown_name(name) or "-"}</td>'


def text_cell(text: str) -> str:
    """A cell with a text, all of it."""
    return f'<td class="name">{escape(plain_name(text)) or "-"}</td>'


def shown_name(name: str) -> str:
    """A name as HTML: its beginning where it is long, and all of it in the tooltip."""
    plain = plain_name(name)
    short = shortened(plain, NAME_CHARS_MAX)
    return escape(short) if short == plain else f'<span title="{escape(plain)}">{escape(short)}</span>'


def plain_name(text: str) -> str:
    """A name without control characters."""
    return "".join([one if one.isprintable() else _REPLACEMENT for one in text])
