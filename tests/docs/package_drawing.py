"""The drawing of packages and their imports: ``python -m tests.docs.package_drawing`` writes it from the code.

With the folder of another checkout it prints the drawing of that one, to compare two states of the code.

An arrow is an import. One that a path of other arrows implies is left out, else nearly every box would point at
``domain``. Places are chosen by hand, so that no arrow runs through a box; a test holds the drawing to that.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Final

import grimp

from tests.docs.pages import DOCS

DRAWING = DOCS / "packages.svg"
PLACES: Final = {
    "cli": (2.3, 0),
    "app": (2.3, 1),
    "launch": (0, 1),
    "demo": (1.3, 1),
    "server": (0.4, 2),
    "reports": (3.6, 2),
    "ledger": (4.1, 3),
    "classifiers": (2.3, 2),
    "sinks": (1.1, 3),
    "wire": (2.0, 3),
    "rate_limits": (5.9, 3),
    "token_counting": (4.9, 3),
    "tracing": (5.5, 2),
    "_pb": (1.8, 4),
    "dryrun": (4.8, 1),
    "exchange": (2.8, 4),
    "database": (5.8, 4),
    "children": (5.6, 6),
    "filters": (2.8, 5),
    "model_servers": (3.6, 5),
    "envoy_config": (0, 6),
    "payload": (3.3, 6),
    "rollout": (4.3, 6),
    "config": (0.8, 7),
    "detectors": (0.8, 8),
    "statistics": (4.7, 8),
    "sizing": (6.0, 1),
    "allocation": (5.1, 7),
    "domain": (1.3, 9),
}
"""The column and the row of each package."""
COLUMN, ROW, WIDTH, HEIGHT, EDGE = 150, 66, 118, 34, 20  # pixels

_STYLE: Final = (
    "text{font:14px ui-monospace,monospace;text-anchor:middle;fill:#1f2328}"
    "rect.box{fill:#eef2ff;stroke:#4051b5;rx:5}path{stroke:#57606a;fill:none}marker path{fill:#57606a}"
)

Import = tuple[str, str]
"""A package and one that it imports."""


def imports() -> set[Import]:
    """Which package imports which, as the code is."""
    graph = grimp.build_graph("extproc", cache_dir=None)
    return {
        (importer, imported)
        for module in graph.modules
        for target in graph.find_modules_directly_imported_by(module)
        if (importer := _package(module)) != (imported := _package(target)) and {importer, imported} <= PLACES.keys()
    }


def packages() -> set[str]:
    """Every package or module directly under ``extproc``."""
    graph = grimp.build_graph("extproc", cache_dir=None)
    return {_package(module) for module in graph.find_children("extproc")} - {"__main__"}


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def reduced(found: Collection[Import]) -> list[Import]:
    """Without the imports that a path of others implies, in order. Imports between packages have no cycle."""
    return sorted(one for one in found if not _leads(*one, set(found) - {one}))


def _leads(start: str, end: str, found: Collection[Import]) -> bool:
    return any(target == end or _leads(target, end, found) for source, target in found if source == start)


def drawn(found: Collection[Import]) -> str:
    """The drawing of imports."""
    width = EDGE * 2 + int(max(column for column, _ in PLACES.values()) * COLUMN) + WIDTH
    height = EDGE * 2 + max(row for _, row in PLACES.values()) * ROW + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_arrows(reduced(found)),
        *_boxes(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def line_of(one: Import) -> tuple[float, float, float, float]:
    """Where an arrow begins, under its package, and where it ends, above what is imported."""
    (x, y), (end_x, end_y) = corner(one[0]), corner(one[1])
    return x + WIDTH / 2, y + HEIGHT, end_x + WIDTH / 2, end_y


def corner(package: str) -> tuple[float, float]:
    """The upper left corner of a package's box."""
    column, row = PLACES[package]
    return EDGE + column * COLUMN, EDGE + row * ROW


def _arrows(found: Collection[Import]) -> Iterator[str]:
    for x, y, end_x, end_y in map(line_of, found):
        yield f'<path d="M{x:g} {y:g}L{end_x:g} {end_y:g}" marker-end="url(#head)"/>'


def _boxes() -> Iterator[str]:
    for package in PLACES:
        x, y = corner(package)
        yield f'<rect class="box" x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}"/>'
        yield f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 5:g}">{package}</text>'


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.path.insert(0, sys.argv[1])
        print(drawn(imports()), end="")
    else:
        DRAWING.write_text(drawn(imports()))
