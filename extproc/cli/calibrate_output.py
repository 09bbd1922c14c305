"""How ``extproc calibrate`` shows what was fitted, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.calibrate_shapes import CalibratedJson, VersionCalibrationJson
from extproc.cli.gpu_days import SettledSpan, utc_moment
from extproc.cli.tables import plain_text, print_line, print_table
from extproc.ledger.allocation.calibrating import VersionCalibration


def calibrated_data(
    span: SettledSpan, versions: Sequence[VersionCalibration], kept: Sequence[VersionCalibration]
) -> CalibratedJson:
    """All versions as data."""
    return {
        "begin": utc_moment(span.begin_us),
        "end": utc_moment(span.end_us),
        "versions": [_version_data(one, one in kept) for one in versions],
    }


def _version_data(one: VersionCalibration, is_kept: bool) -> VersionCalibrationJson:
    data: VersionCalibrationJson = {
        "model": one.model,
        "version": one.version,
        "servers": one.servers,
        "costs": [],
        "equations": 0,
        "equations_left_out": 0,
        "condition": None,
        "residual": None,
        "sizes": [],
        "problems": [one.refused] if one.refused else [],
        "kept": is_kept,
    }
    if one.found is None:
        return data
    counted, all_of_them = one.found.equations
    data |= {
        "costs": [
            {"name": cost.name, "microseconds": cost.value, "error": cost.error, "part": cost.part}
            for cost in one.found.fitted
        ],
        "equations": counted,
        "equations_left_out": all_of_them - counted,
        "condition": one.found.condition if math.isfinite(one.found.condition) else None,
        "residual": one.found.residual,
        "sizes": [
            {
                "requests_min": size.requests[0],
                "requests_max": size.requests[1],
                "equations": size.equations,
                "residual": size.residual,
            }
            for size in one.found.sizes
        ],
        "problems": list(one.found.problems),
    }
    return data


def print_calibrated(console: Console, found: CalibratedJson) -> None:
    """A heading for each version, its coefficients, and what is wrong with them."""
    print_line(console, Text(f"Step costs, fitted to {found['begin']} to {found['end']}", "bold"))
    if not found["versions"]:
        print_line(console, Text("No server ran anything then."))
    for one in found["versions"]:
        print_line(console, Text(""))
        _print_version(console, one)


def _print_version(console: Console, one: VersionCalibrationJson) -> None:
    servers = "1 server" if one["servers"] == 1 else f"{one['servers']} servers"
    print_line(console, Text(plain_text(f"{one['model']}/{one['version']}, {servers}"), "bold"))
    if one["costs"]:
        print_table(console, _table(one))
        condition = "infinite" if one["condition"] is None else f"{one['condition']:.0f}"
        print_line(
            console,
            Text(
                f"{one['equations']:,} answers, {one['equations_left_out']:,} left out; residual "
                f"{one['residual'] or 0.0:.1%}, condition {condition}"
            ),
        )
    for problem in one["problems"]:
        print_line(console, Text(plain_text(f"not usable: {problem}"), "red"))
    if one["kept"]:
        print_line(console, Text("kept: what is allocated from now on is divided by it"))


def _table(one: VersionCalibrationJson) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cost", no_wrap=True)
    for name in ("us", "error", "part of time"):
        table.add_column(name, justify="right", no_wrap=True)
    for cost in one["costs"]:
        table.add_row(cost["name"], f"{cost['microseconds']:.4g}", f"{cost['error']:.2g}", f"{cost['part']:.1%}")
    return table
