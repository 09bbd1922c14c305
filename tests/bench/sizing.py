"""``make size-check``: is what ``extproc size`` says of CPU and memory true of this machine, now?

The sizing model has coefficients that ``--record`` fits to four loads, and writes to the package with the measurements
they come from. Without it, the loads are measured and laid beside what the recorded coefficients predict: four that
they were fitted to, and four that they were not. CPU time is counted, so that other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from extproc import sizing
from extproc.demo.installation import LOOPBACK
from extproc.server.sockets.free_ports import free_ports
from extproc.sizing.coefficients import FILE, Coefficients
from tests.bench.budgets import measure_budgets
from tests.bench.detectors import measure_detectors
from tests.bench.figures import Figures
from tests.bench.idle_streams import measure_idle_streams
from tests.bench.ledger import measure_ledger
from tests.bench.loads import CONNECTIONS, SIZING_FITTED, Sample, sizing_loads
from tests.bench.otel import measure_otel
from tests.bench.processes import busy_share, child
from tests.bench.programs import Missing, cache_directory, go_program
from tests.bench.rate_limits import measure_rate_limits
from tests.bench.rollout_arms import measure_rollout_arms
from tests.bench.rounds import Rounds
from tests.bench.signals import measure_signals
from tests.bench.sizes import measure_ledger_sizes, measure_limit_store, measure_processes, measure_series
from tests.bench.sizing_fit import coefficients_of, load_sizes
from tests.bench.starts import measure_starts
from tests.bench.subjects import (
    ENVOY,
    LIGHT,
    METERED,
    UNREMEMBERED,
    Open,
    Places,
    ours_full,
    ours_unremembered,
    subjects,
)
from tests.bench.turns import measure_turns
from tests.tools.valkey import valkey
from tests.unit.databases import running

REPORT = Path(__file__).parent / "sizing.json"
COEFFICIENTS = Path(sizing.__file__).with_name(FILE)
TIMES_MAX = 1.5
"""By which a prediction may be off the measurement, either way."""
COMMAND = "make size-check ARGS=--record"
LEVELS = {METERED: "none", LIGHT: "light", UNREMEMBERED: "standard", ours_full("fast"): "standard_remembered"}
"""What ``--guards`` of ``extproc size`` calls the subjects. The last is the one of ``make bench``, whose clients repeat
a text, which is then remembered as clean.
"""
PARTS = (
    measure_idle_streams,
    measure_starts,
    measure_detectors,
    measure_ledger,
    measure_rate_limits,
    measure_budgets,
    measure_rollout_arms,
    measure_signals,
    measure_otel,
)
"""What is measured once, with a processor of its own or in this process."""


class Compared(NamedTuple):
    """A measurement beside its prediction [us of CPU an exchange]."""

    subject: str
    load: str
    measured_us: float
    predicted_us: float

    @property
    def times(self) -> float:
        """Predicted, of measured."""
        return self.predicted_us / self.measured_us


def measure(rounds: int, parts: bool, console: Console) -> dict[str, Any]:
    """All that the model is made from: a report. Raises: RuntimeError, when a subject does not run."""
    say = partial(console.print, style="dim", markup=False)
    programs = {name: go_program(name, cache_directory(), say) for name in ("upstream", "load", "streams")}
    report: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "busy_share": round(busy_share(1.0), 2),
        "command": COMMAND,
        "loads": _sizes(),
    }
    with tempfile.TemporaryDirectory(prefix="llm-bench-") as folder:
        (port,) = free_ports(1)
        upstream = f"{LOOPBACK}:{port}"
        command = [str(programs["upstream"]), "-listen", upstream]
        with child(command, upstream, Path(folder) / "upstream.log") as upstream_pid:
            places = Places(upstream, Path(folder), programs, say)
            report |= _of_loads(places, upstream_pid, rounds, console)
            report["parts"] = _of_parts(places, console) if parts else {}
            report["turns"] = measure_turns(places) if parts else {}
    return report


def machine() -> str:
    """The processor's model, how many cores there are, and what runs on them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores of {model or platform.machine()}, Python {platform.python_version()}"


def _sizes() -> dict[str, dict[str, int]]:
    """Of all loads."""
    return {
        load.name: {"prompt_bytes": len(load.body), "answer_bytes": _answer_bytes(load.body), "events": load.events}
        for load in sizing_loads()
    }


def _answer_bytes(body: bytes) -> int:
    """Of an unstreamed answer, which `max_tokens` asks of the model server of the benchmarks; 0 of a stream."""
    asked = json.loads(body)
    return 0 if asked.get("stream") else int(asked["max_tokens"])


def _of_loads(places: Places, upstream_pid: int, rounds: int, console: Console) -> dict[str, Any]:
    every: dict[str, Open] = subjects(places.programs)
    every |= {name: partial(ours_unremembered, name=name) for name in (LIGHT, UNREMEMBERED)}
    taking = Rounds(places.programs["load"], places.directory, upstream_pid, console)
    with contextlib.ExitStack() as running:
        started = [running.enter_context(every[name](places)) for name in (ENVOY, *LEVELS)]
        taking.run(started, sizing_loads(), rounds)
    if taking.broken or taking.dropped:
        raise RuntimeError("not all could be measured")
    cpu_us: dict[str, dict[str, float]] = {name: {} for name in (*LEVELS.values(), "envoy", "envoy_alone")}
    for (subject, load, _), samples in taking.samples.items():
        found = [one for one in samples if isinstance(one, Sample)]
        envoy = statistics.median(one.envoy_cpu_us for one in found)
        if subject == ENVOY:
            cpu_us["envoy_alone"][load] = round(envoy, 1)
            continue
        if subject == METERED:
            cpu_us["envoy"][load] = round(envoy, 1)
        cpu_us[LEVELS[subject]][load] = round(statistics.median(one.cpu_us for one in found), 1)
    return {"connections": CONNECTIONS, "cpu_us": cpu_us}


def _of_parts(places: Places, console: Console) -> Figures:
    found = measure_series()
    with valkey(places.directory) as store:
        found |= measure_limit_store(store)
    with running() as postgres:
        found |= measure_ledger_sizes(places.directory, postgres)
    found |= measure_processes(places)
    for part in PARTS:
        with console.status(part.__name__):
            found |= part(places)
    return {name: round(value, 4) for name, value in found.items()}


def compared(report: Mapping[str, Any], of: Coefficients) -> list[Compared]:
    """Each measurement beside what the coefficients predict for it."""
    return [
        Compared(subject, load, measured_us, of.cost(subject).of(**load_sizes(report, load)))
        for subject, loads in report["cpu_us"].items()
        for load, measured_us in loads.items()
    ]


def bench_report(figures: Mapping[str, float]) -> dict[str, Any]:
    """What a ``bench.json`` has of subjects and loads that the model knows, as a report.

    Args: figures: by name, such as ``cpu_us.ours_fast_full.json_1k.c8``.
    """
    measures = {level: ("cpu_us", subject) for subject, level in LEVELS.items()}
    measures |= {"envoy": ("envoy_cpu_us", METERED), "envoy_alone": ("envoy_cpu_us", ENVOY)}
    cpu_us: dict[str, dict[str, float]] = {}
    for name, (measure_name, subject) in measures.items():
        for load in sizing_loads():
            if (figure := f"{measure_name}.{subject}.{load.name}.c{CONNECTIONS}") in figures:
                cpu_us.setdefault(name, {})[load.name] = figures[figure]
    return {"loads": _sizes(), "cpu_us": cpu_us}


def print_compared(console: Console, rows: Sequence[Compared]) -> None:
    """A table of CPU an exchange."""
    table = Table(title="CPU an exchange [us]", title_justify="left", box=None, header_style="bold")
    for name in ("of", "load", "", "measured", "predicted", "predicted / measured"):
        table.add_column(name, justify="left" if name in ("of", "load", "") else "right")
    for one in rows:
        kept = "" if one.load in SIZING_FITTED else "not fitted to"
        table.add_row(
            one.subject, one.load, kept, f"{one.measured_us:,.0f}", f"{one.predicted_us:,.0f}", f"{one.times:.2f}"
        )
    console.print(table)


def main() -> int:
    """Measure, compare, and perhaps record. Returns: 1 if a prediction is further off than ``TIMES_MAX``."""
    asked = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        if asked.bench is None:
            report = measure(asked.rounds, asked.record, console)
        else:
            report = bench_report(json.loads(asked.bench.read_text()))
    except (Missing, RuntimeError, OSError, ValueError) as error:
        console.print(f"There is nothing to compare: {error}", style="red", markup=False)
        return 1
    if asked.record:
        REPORT.write_text(json.dumps(report, indent=1) + "\n")
        COEFFICIENTS.write_text(json.dumps(coefficients_of(report), indent=1) + "\n")
        console.print(f"written: {REPORT}, {COEFFICIENTS}", markup=False)
    rows = compared(report, Coefficients.of(json.loads(COEFFICIENTS.read_text())))
    print_compared(console, rows)
    far = [one for one in rows if not 1 / TIMES_MAX <= one.times <= TIMES_MAX]
    if far:
        console.print(
            f"{len(far)} predictions are off by more than {TIMES_MAX:g} times: record on this machine", style="red"
        )
    return int(bool(far))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make size-check", description="Is what `extproc size` says true here?")
    parser.add_argument("--record", action="store_true", help="keep the measurements, and fit the coefficients to them")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each subject at each load (default: 3)")
    parser.add_argument(
        "--bench", type=Path, metavar="FILE", help="measure nothing: compare with what `make bench` has written there"
    )
    asked = parser.parse_args()
    if asked.bench is not None and asked.record:
        parser.error("a report has more than a bench.json: --record measures")
    return asked


if __name__ == "__main__":
    sys.exit(main())
