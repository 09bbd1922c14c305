"""The tables that a run prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.bench.figures import OTHERS, RATIOS, Figures, Key
from tests.bench.intervals import Interval
from tests.bench.loads import CONNECTIONS, OTHER_CONNECTIONS
from tests.bench.subjects import ENVOY, GO_NOOP


def print_measurements(console: Console, raw: Figures, keys: list[Key], titles: Mapping[str, str]) -> None:
    """One row a measurement, one section a load; loads of requests and loads of events have a table each."""
    events = [key for key in keys if f"events_per_s.{key[0]}.{key[1]}.c{key[2]}" in raw]
    requests = [key for key in keys if key not in events]
    columns = ("CPU a request us", "/ grpc-go", "messages", "requests/s", "p50 ms", "p99 ms", "failed")
    if requests:
        title = "Medians of the rounds; CPU of the subject's process alone (min-max)"
        _print(console, title, columns, requests, titles, lambda subject, load: _cells(raw, subject, load))
    columns = ("CPU an event us", "/ grpc-go", "Envoy us", "events/s", "delay p50 ms", "delay p99 ms", "failed")
    if events:
        title = "Streams with their events at a steady pace; delay of an event, from the model server to the client"
        _print(console, title, columns, events, titles, lambda subject, load: _event_cells(raw, subject, load))


def _print(
    console: Console,
    title: str,
    columns: Sequence[str],
    keys: list[Key],
    titles: Mapping[str, str],
    cells: Callable[[str, str], list[str]],
) -> None:
    table = Table(title=title)
    table.add_column("load")
    table.add_column("subject")
    for column in columns:
        table.add_column(column, justify="right")
    for load, connections in dict.fromkeys((key[1], key[2]) for key in keys):
        table.add_section()
        for subject in (key[0] for key in keys if key[1:] == (load, connections)):
            table.add_row(f"{load} c{connections}", titles[subject], *cells(subject, f"{load}.c{connections}"))
    console.print(table)


def _event_cells(raw: Figures, subject: str, load: str) -> list[str]:
    cpu, go = raw[f"cpu_us_an_event.{subject}.{load}"], raw.get(f"cpu_us_an_event.{GO_NOOP}.{load}")
    least, most = (raw[f"cpu_us_an_event.{subject}.{load}.{end}"] for end in ("min", "max"))
    return [
        f"{cpu:,.1f} ({least:,.1f}-{most:,.1f})",
        f"{cpu / go:.2f}" if go and subject != ENVOY else "-",
        f"{raw[f'envoy_cpu_us_an_event.{subject}.{load}']:,.1f}",
        f"{raw[f'events_per_s.{subject}.{load}']:,.0f}",
        f"{raw[f'p50_ms.{subject}.{load}']:,.2f}",
        f"{raw[f'p99_ms.{subject}.{load}']:,.2f}",
        f"{raw[f'failed.{subject}.{load}.max']:,.0f}",
    ]


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


@dataclass(frozen=True, slots=True)
class Ratios:
    """What was measured of the ratios of one run.

    Attributes:
        now: by transport; the judged one comes last.
        busy: of the judged one, with many busy connections.
        intervals: of the judged one, over the rounds.
        baseline: of an earlier run.
        slower: those that are called slower than that, by how many times.
    """

    now: Mapping[str, Figures]
    busy: Figures
    intervals: Mapping[str, Interval]
    baseline: Figures
    slower: Mapping[str, float]


def print_ratios(console: Console, found: Ratios) -> None:
    """Beside their targets and the baseline."""
    judged = list(found.now)[-1]
    measured = [one for one in RATIOS if any(one.name in figures for figures in found.now.values())]
    if not measured:
        return
    busy = f"{OTHER_CONNECTIONS[-1]} busy connections"
    table = Table(title=f"Ratios (transport {judged} is judged, with {CONNECTIONS} connections)")
    table.add_column("name")
    for column in (*found.now, "95 % interval", busy, "at most", "baseline"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("meaning")
    for ratio in measured:
        value, interval = found.now[judged].get(ratio.name), found.intervals.get(ratio.name)
        reached = "" if value is None or ratio.target is None else "yes" if value <= ratio.target else "no"
        slower = found.slower.get(ratio.name)
        table.add_row(
            ratio.name,
            *(_number(figures.get(ratio.name)) for figures in found.now.values()),
            "-" if interval is None else f"{_number(interval.low)} to {_number(interval.high)}",
            *(_number(figures) for figures in (found.busy.get(ratio.name), ratio.target)),
            _number(found.baseline.get(ratio.name)),
            reached if slower is None else f"{reached} (slower: {slower:.2f} times)",
            ratio.meaning,
        )
    console.print(table)


def print_detectors(console: Console, found: Figures) -> None:
    """``detector_us_GUARD_TEXT``, a row for each guard."""
    prefix = "detector_us_"
    measured = {name.removeprefix(prefix): us for name, us in found.items() if name.startswith(prefix)}
    if not measured:
        return
    texts = ("chat_1k", "chat_4k", "document_100k", "event")
    table = Table(title="Guards by themselves, on text with nothing in it: CPU in us")
    table.add_column("guard")
    for text in texts:
        table.add_column(text, justify="right")
    guards = dict.fromkeys(name.removesuffix(f"_{text}") for name in measured for text in texts if name.endswith(text))
    for guard in guards:
        table.add_row(guard, *(_number(measured.get(f"{guard}_{text}")) for text in texts))
    console.print(table)


def print_others(console: Console, found: Figures) -> None:
    """The figures that have neither target nor baseline."""
    table = Table(title="Other figures")
    table.add_column("name")
    table.add_column("value", justify="right")
    table.add_column("meaning")
    for figure in (one for one in OTHERS if one.name in found):
        table.add_row(figure.name, _number(found[figure.name]), figure.meaning)
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
