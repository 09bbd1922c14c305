"""What ``docs/scale.md`` says in figures: what ``extproc size`` prints, and the coefficients that it multiplies."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Final

import numpy as np
from rich.console import Console

from extproc.cli.size import measured, unconfigured
from extproc.cli.size_output import GROWTH_COLUMNS, bytes_in_words, growth_cells, large, print_size, size_data
from extproc.sizing.waiting import QueueWait, messages_of, simulated_wait
from extproc.sizing.workload import LedgerPlace, LimitPlace
from tests.bench.loads import SIZING_FITTED
from tests.bench.sizing import REPORT, compared
from tests.bench.sizing_fit import load_sizes
from tests.bench.turns import LOADS, UTILIZATIONS, wait_of_model, wait_of_turns, workload_of

SHOWN: Final = replace(
    unconfigured(2_000), ledger=LedgerPlace.POSTGRESQL, limit_store=LimitPlace.VALKEY, teams=50, versions=4
)
"""The load of the page; ``COMMAND`` asks for it."""
COMMAND: Final = "extproc size --requests-per-s 2000 --ledger postgresql --limit-store valkey --teams 50 --versions 4"
_SUBJECTS: Final = {
    "none": "processor without guards",
    "light": "with `pii` and `refusal`",
    "standard": "with the guards of `extproc init`",
    "standard_remembered": "the same, each text remembered, as in `make bench`",
    "envoy": "Envoy with the processor",
    "envoy_alone": "Envoy without it",
}
_EACH: Final = {
    "memory.rest_mb": ("a worker at rest, warm", 1e6),
    "memory.stream_kb": ("an open stream in a worker", 1e3),
    "envoy.stream_kb": ("an open stream in Envoy", 1e3),
    "memory.shipper_mb": ("the process that ships a ledger", 1e6),
    "memory.supervisor_mb": ("the supervisor of several workers", 1e6),
    "ledger.postgresql_bytes": ("an entry in PostgreSQL, with indexes", 1.0),
    "ledger.sqlite_bytes": ("an entry in SQLite", 1.0),
    "ledger.spool_bytes": ("an entry in the spool", 1.0),
    "ledger.parquet_bytes": ("an entry in Parquet", 1.0),
    "limits.key_bytes": ("a rate limit's key in Valkey", 1.0),
}
"""Bytes of each, and of how many bytes its unit is."""


def size_output_block() -> str:
    """What the command prints, without the growth."""
    console = Console(file=io.StringIO(), width=170, markup=False, color_system=None)
    print_size(console, size_data(SHOWN, measured(), None, growth=False))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    return "\n".join(["```text", *lines, "```"])


def growth_table() -> str:
    """A row for each rate."""
    rows = size_data(SHOWN, measured(), None, growth=True)["growth"]
    head = ["| " + " | ".join(GROWTH_COLUMNS) + " |", "|" + "---:|" * len(GROWTH_COLUMNS)]
    return "\n".join([*head, *("| " + " | ".join(growth_cells(one)) + " |" for one in rows)])


def cost_table() -> str:
    """CPU of each part of an exchange, by subject."""
    of = measured()
    head = f"| {of.date}, {of.machine} | request | KB of it | KB of an answer | stream | event |"
    rows = [head, "|---|---:|---:|---:|---:|---:|"]
    for name, title in _SUBJECTS.items():
        cost = of.cost(name)
        values = (cost.request_us, cost.prompt_kb_us, cost.answer_kb_us, cost.stream_us, cost.event_us)
        rows.append(f"| {title} | " + " | ".join(large(round(value, 1)) for value in values) + " |")
    return "\n".join(rows)


def bytes_table() -> str:
    """Bytes of what there are many of."""
    of = measured()
    rows = (f"| {title} | {bytes_in_words(of[name] * unit)} |" for name, (title, unit) in _EACH.items())
    return "\n".join(["| | bytes |", "|---|---:|", *rows])


def predictions_table() -> str:
    """The loads that nothing was fitted to, beside what is predicted of them."""
    rows = ["| | load | measured | predicted | predicted / measured |", "|---|---|---:|---:|---:|"]
    for one in compared(json.loads(REPORT.read_text()), measured()):
        if one.load not in SIZING_FITTED and one.subject in _SUBJECTS:
            figures = f"{one.measured_us:,.0f} | {one.predicted_us:,.0f} | {one.times:.2f}"
            rows.append(f"| {_SUBJECTS[one.subject]} | `{one.load}` | {figures} |")
    return "\n".join(rows)


def turns_table() -> str:
    """What a message waits at two loads of the benchmarks, as the model says and behind real turns."""
    of, report = measured(), json.loads(REPORT.read_text())
    head = [f"`{name}`, {kind}" for name in LOADS for kind in ("model", "real turns")]
    rows = ["| utilization | " + " | ".join(head) + " |", "|---:|" + "---:|" * len(head)]
    for utilization in UTILIZATIONS:
        cells = []
        for name in LOADS:
            sizes = load_sizes(report, name)
            real = wait_of_turns(report["turns"][name], of.cost("standard").of(**sizes), utilization)
            cells += [_wait(wait_of_model(workload_of(sizes), of, utilization)), _wait(real)]
        rows.append(f"| {100 * utilization:.0f} % | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _wait(found: QueueWait) -> str:
    return f"{found.p50_us / 1e3:.2f} / {found.p99_us / 1e3:.1f} ms"


def waits_table() -> str:
    """What a message waits at some utilization: of the load of the page, and of others."""
    of = measured()
    kinds = {
        "as above": SHOWN,
        "prompts of 3,000 tokens": replace(SHOWN, prompt_tokens=3_000),
        "no streams": replace(SHOWN, streamed=0.0),
    }
    rows = ["| utilization | " + " | ".join(kinds) + " |", "|---:|" + "---:|" * len(kinds)]
    for utilization in UTILIZATIONS:
        waits = [
            simulated_wait(messages_of(load, of), utilization, np.random.default_rng(1)) for load in kinds.values()
        ]
        rows.append(f"| {100 * utilization:.0f} % | " + " | ".join(map(_wait, waits)) + " |")
    return "\n".join(rows)
