"""How ``extproc drift`` shows what is compared, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.drift_shapes import DriftSignalJson, DriftVersionJson
from extproc.cli.tables import plain_text, print_table
from extproc.domain.signals import RATES, VALUES
from extproc.ledger.quality.states import ShownDrift

_UNITS: Final = {**{rate.name: "1" for rate in RATES}, **{value.name: value.unit for value in VALUES}}
_PLACES: Final = {name: place for place, name in enumerate(_UNITS)}
_NOT_READY: Final = {"empty": "no reference", "few_events": "few events"}


def version_data(model: str, version: str, shown: Iterable[ShownDrift]) -> DriftVersionJson:
    """A version as data."""
    found = sorted(
        (one for one in shown if (one.model, one.version) == (model, version)),
        key=lambda one: _PLACES.get(one.signal, len(_PLACES)),
    )
    newest = max(found, key=lambda one: one.at_us, default=None)
    return {
        "model": model,
        "version": version,
        "fingerprint": "" if newest is None else newest.fingerprint,
        "signals": [_signal_data(one) for one in found if newest is None or one.fingerprint == newest.fingerprint],
    }


def _signal_data(one: ShownDrift) -> DriftSignalJson:
    return {
        "signal": one.signal,
        "unit": _UNITS.get(one.signal, "1"),
        "now": one.now,
        "expected": one.expected,
        "effect": one.effect,
        "evidence": one.evidence,
        "alarm": one.alarm,
        "since": _moment(one.raised_us) if one.raised_us else None,
        "effect_since": one.since,
        "low": one.low,
        "high": one.high,
        "stratum": one.stratum,
        "reference": one.reference,
        "answers": one.answers,
        "left_out": one.left_out,
        "at": _moment(one.at_us),
    }


def print_drift(console: Console, version: DriftVersionJson) -> None:
    """A heading for the version, and a line for each signal."""
    console.print(Text(f"{version['model']}/{version['version']}", "bold"), highlight=False)
    if not version["signals"]:
        console.print("No answers were seen.", highlight=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("signal", overflow="fold")
    for name in ("now", "reference", "effect", "evidence"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for one in version["signals"]:
        compared = one["now"] is not None
        table.add_row(
            one["signal"],
            _level(one["now"], one["unit"]),
            _level(one["expected"], one["unit"]),
            f"{100 * one['effect']:+.0f} %" if compared else "-",
            f"{100 * one['evidence']:.0f} %" if compared else "-",
            Text(plain_text(_state(one))),
        )
    print_table(console, table)


def _state(one: DriftSignalJson) -> str:
    if one["alarm"]:
        where = f" in {one['stratum']}" if one["stratum"] else ""
        return f"DRIFT since {one['since']}{where}"
    return _NOT_READY.get(one["reference"], "")


def _level(level: float | None, unit: str) -> str:
    if level is None:
        return "-"
    if unit == "1":
        return f"{100 * level:.3g} %"
    return f"{level:.3g} s" if unit == "s" else f"{level:.3g}"


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()
