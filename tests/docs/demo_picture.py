"""The picture of the demo in the README: ``python -m tests.docs.demo_picture`` draws it from a run on a real Envoy.

It shows the tour as a terminal of 80 columns does. Fonts are those of the reader: the picture fetches nothing.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from extproc.cli.demo import print_beginning, print_end
from extproc.demo.installation import Installation
from extproc.demo.ledger_tour import keep_ledger
from extproc.demo.lines import print_stop
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from extproc.demo.stop import Stop
from extproc.demo.tour import Tour
from tests.docs.pages import DOCS

PICTURE = DOCS / "demo.svg"
COLUMNS = 80

_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_LINE = re.compile(r'<text class="demo-r\d+" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>(?P<text>[^<]*)</text>')
_COLUMN_PX = 12.2


def drawn(stops: Sequence[Stop]) -> str:
    """The picture of a tour."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print("[bold]$ make demo[/bold]")
    print_beginning(console)
    for stop in stops:
        print_stop(console, stop)
    print_end(console, stops)
    svg = console.export_svg(title="llm-extproc: a real Envoy, recorded vLLM", theme=DIMMED_MONOKAI, unique_id="demo")
    return _FONT.sub("", svg) + "\n"


def lines(svg: str) -> list[str]:
    """The lines that a picture shows, without blanks at their end."""
    rows: dict[float, str] = {}
    for piece in _LINE.finditer(svg):
        row = rows.get(y := float(piece["y"]), "")
        rows[y] = row.ljust(round(float(piece["x"]) / _COLUMN_PX)) + unescape(piece["text"]).replace("\xa0", " ")
    return [row.rstrip() for _, row in sorted(rows.items()) if row.strip()]


def _run() -> str:
    """Raises: SystemExit where a stop is wrong: then there is nothing to show."""
    models = {name: ModelServer(name, rules=DEMO_RULES) for name in ("v1", "v2")}
    with (
        tempfile.TemporaryDirectory() as scratch,
        Installation(Path(scratch), models, change=keep_ledger) as installation,
    ):
        stops = list(Tour(installation).stops())
    if wrong := [line for stop in stops for line in stop.wrong]:
        sys.exit("\n".join(wrong))
    return drawn(stops)


if __name__ == "__main__":
    PICTURE.write_text(_run())
