"""The tables that a run prints."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from tests.bench.figures import RATIOS, Figures, Key
from tests.bench.subjects import ENVOY, GO_NOOP


def print_measurements(console: Console, raw: Figures, keys: list[Key], titles: Mapping[str, str]) -> None:
    """One row a measurement, one section a load."""
    table = Table(title="Medians of the rounds; CPU of the subject's process alone (min-max)")
    table.add_column("load")
    table.add_column("subject")
    for column in ("CPU a request us", "/ grpc-go", "messages", "requests/s", "p50 ms", "p99 ms", "failed"):
        table.add_column(column, justify="right")
    for load, connections in dict.fromkeys((key[1], key[2]) for key in keys):
        table.add_section()
        for subject in (key[0] for key in keys if key[1:] == (load, connections)):
            table.add_row(f"{load} c{connections}", titles[subject], *_cells(raw, subject, f"{load}.c{connections}"))
    console.print(table)


def _cells(raw: Figures, subject: str, load: str) -> list[str]:
    cpu, go = raw[f"cpu_us.{subject}.{load}"], raw.get(f"cpu_us.{GO_NOOP}.{load}")
    least, most = (raw[f"cpu_us.{subject}.{load}.{end}"] for end in ("min", "max"))
    return [
        f"{cpu:,.0f} ({least:,.0f}-{most:,.0f})",
        f"{cpu / go:.2f}" if go and subject != ENVOY else "-",
        f"{raw[f'messages.{subject}.{load}']:,.1f}",
        f"{raw[f'requests_per_s.{subject}.{load}']:,.0f}",
        f"{raw[f'p50_ms.{subject}.{load}']:,.2f}",
        f"{raw[f'p99_ms.{subject}.{load}']:,.2f}",
        f"{raw[f'failed.{subject}.{load}.max']:,.0f}",
    ]


def print_ratios(console: Console, now: Mapping[str, Figures], baseline: Figures, slower: Mapping[str, float]) -> None:
    """The ratios by transport, the judged one last, beside their targets and the baseline.

    Args:
        slower: the ratios that are called slower, by how many times.
    """
    judged = list(now)[-1]
    table = Table(title=f"Ratios (transport {judged} is judged)")
    table.add_column("name")
    for column in (*now, "at most", "baseline"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("meaning")
    for ratio in RATIOS:
        value = now[judged].get(ratio.name)
        reached = "" if value is None or ratio.target is None else "yes" if value <= ratio.target else "no"
        note = f"{reached} (slower: {slower[ratio.name]:.2f} times)" if ratio.name in slower else reached
        cells = [_number(figures.get(ratio.name)) for figures in now.values()]
        table.add_row(ratio.name, *cells, _number(ratio.target), _number(baseline.get(ratio.name)), note, ratio.meaning)
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
