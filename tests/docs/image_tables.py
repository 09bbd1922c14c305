"""The tables of the image: what it weighs, by the report of ``make image-check``, and its licenses, by the lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from deploy.image.licenses import license_of, license_of_debian
from tests.deploy.image.lock import carried
from tests.tools.image_check.figures import REPORT, ImageFigures, read


def reported() -> ImageFigures:
    """The committed report."""
    return read(REPORT.read_text())


def image_figures_table() -> str:
    """One row for each figure."""
    figures = reported()
    rows = {
        "all files, with Python and libraries; there is no base under it": f"{figures.image_mb:g} MB",
        "the same, compressed": f"{figures.compressed_mb:g} MB",
        "start to ready": f"{figures.ready_s:g} s",
        "memory at rest": f"{figures.memory_mb:g} MB",
        "Python packages": f"{figures.packages}",
        "packages of Debian that files are from": f"{len(figures.debian)}",
        "compiled modules": f"{figures.compiled}",
    }
    head = [f"| {figures.date}, {figures.machine} | |", "|---|---|"]
    return "\n".join([*head, *(f"| {what} | {value} |" for what, value in rows.items())])


def image_parts_table() -> str:
    """One row for each part, the largest first."""
    rows = (f"| {_name(part)} | {size:g} |" for part, size in reported().parts_mb.items())
    return "\n".join(["| part | MB |", "|---|---|", *rows])


def image_licenses_table() -> str:
    """One row for each license, with the packages under it."""
    python = ((license_of(name), f"`{name}`") for name in carried())
    debian = ((license_of_debian(name), f"`{name}` (Debian)") for name in reported().debian)
    rows = (f"| {license_name} | {', '.join(names)} |" for license_name, names in _grouped([*python, *debian]))
    return "\n".join(["| license | packages |", "|---|---|", *rows])


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for license_name, package in pairs:
        found[license_name].append(package)
    return sorted(found.items())


def _name(part: str) -> str:
    """Names of packages as code; of other parts as words."""
    return part if " " in part else f"`{part}`"
