"""The tables of model files and of their sources, from what ``packages/models`` states."""

from __future__ import annotations

import runpy

from tests.tools.models_wheel.__main__ import PACKAGE, PROJECT
from tests.tools.models_wheel.sources import recorded_sources


def model_files_table() -> str:
    """One row for each file of the wheel."""
    rows = ["| file | SHA-256 | license | made from |", "|---|---|---|---|"]
    files = runpy.run_path(str(PROJECT / PACKAGE / "__init__.py"))["FILES"]
    return "\n".join(rows + [f"| `{one.name}` | `{one.sha256}` | {one.license} | {one.source} |" for one in files])


def model_sources_table() -> str:
    """One row for each file of another project."""
    rows = ["| file | SHA-256 | license | upstream and revision | carrier |", "|---|---|---|---|---|"]
    return "\n".join(
        rows
        + [
            f"| `{one.name}` | `{one.sha256}` | {one.license} | {one.upstream}, {one.revision} | `{one.carrier}` |"
            for one in recorded_sources()
        ]
    )
