"""The tables of ``docs/quality.md``: every signal, as ``domain/signals.py`` lists them."""

from __future__ import annotations

from extproc.domain.signals import RATES, VALUES


def rates_table() -> str:
    """One row for each rate."""
    rows = ["| signal | of | an answer has it if |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{rate.name}` | {rate.of} | {rate.meaning} |" for rate in RATES)])


def values_table() -> str:
    """One row for each value."""
    rows = ["| signal | unit | what it is |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{value.name}` | `{value.unit}` | {value.meaning} |" for value in VALUES)])
