"""``make bench``: what a processor costs, in one run on one machine, so that only ratios are compared.

Every subject stands behind a real Envoy with one worker; all are started once and then take their turns, load by load
and round by round (A B C, A B C), so that what the machine does meanwhile falls on each alike. What needs a processor
of its own comes after: idle streams, slow readers, pauses of the garbage collector. Medians go to tables and to
``bench.json``. Without Go nothing is measured: the clients and the model server are Go programs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from extproc.demo.installation import LOOPBACK
from extproc.demo.processor_process import ProcessorFailedError
from extproc.envoy_config.envoy_process import EnvoyFailedError, EnvoyMissingError
from extproc.server.sockets.free_ports import free_ports
from tests.bench.against import (
    CommitUnusable,
    Difference,
    checked_out,
    needs_no_places,
    of_subjects,
    print_differences,
    take_turns,
)
from tests.bench.against import differences as differences_of
from tests.bench.budgets import measure_budgets
from tests.bench.collector import measure_collector
from tests.bench.compiled_detectors import measure_compiled_detectors
from tests.bench.detectors import measure_detectors
from tests.bench.event_rates import measure_rates, rate_figures
from tests.bench.figures import RATIOS, Figures, ratios, raw_figures, slower
from tests.bench.idle_streams import measure_idle_streams
from tests.bench.intervals import intervals_of_ratios, widest_spread
from tests.bench.ledger import measure_ledger
from tests.bench.loads import OTHER_CONNECTIONS, loads
from tests.bench.otel import measure_otel
from tests.bench.picks import measure_picks
from tests.bench.picture import added_latency
from tests.bench.processes import busy_share, child, cpu_seconds, end_of
from tests.bench.programs import Missing, cache_directory, go_program, litellm_program
from tests.bench.rate_limits import measure_rate_limits
from tests.bench.report import Ratios, print_detectors, print_measurements, print_others, print_ratios
from tests.bench.rollout_arms import measure_rollout_arms
from tests.bench.rounds import ROUNDS_MAX, Rounds, Samples
from tests.bench.signals import measure_signals
from tests.bench.slow_reader import measure_slow_readers
from tests.bench.starts import measure_starts
from tests.bench.steps import measure_steps, print_steps
from tests.bench.subjects import TRANSPORTS, Places, Subject, ours_full, subjects
from tests.bench.text_costs import measure_text_costs, print_text_costs

BASELINE = Path(__file__).parent / "baseline.json"
BUSY_SHARE_MAX = 0.1
_PERCENT = 100
EVENT_RATES = "event_rates"
ALONE: dict[str, Callable[[Places], Figures]] = {
    "idle_streams": measure_idle_streams,
    "slow_readers": measure_slow_readers,
    "collector": measure_collector,
    "steps": measure_steps,
    "detectors": measure_detectors,
    "compiled_detectors": measure_compiled_detectors,
    "text_costs": measure_text_costs,
    "picks": measure_picks,
    "rate_limits": measure_rate_limits,
    "budgets": measure_budgets,
    "rollouts": measure_rollout_arms,
    "signals": measure_signals,
    "ledger": measure_ledger,
    "otel": measure_otel,
    "starts": measure_starts,
}
"""What needs a processor of its own, by the name that ``--loads`` takes."""

FAILURES = (CommitUnusable, RuntimeError, OSError, EnvoyFailedError, EnvoyMissingError, ProcessorFailedError)


class Run:
    """One run: what it found, and whether all of it could be done."""

    def __init__(self, asked: argparse.Namespace, programs: dict[str, Path], console: Console) -> None:
        self.asked = asked
        self.programs = programs
        self.console = console
        self.samples: Samples = {}
        self.titles: dict[str, str] = {}
        self.found: Figures = {}
        self.differences: list[Difference] = []
        self.complete = True

    def measure(self) -> None:
        """Everything that was asked for; what fails is said, and the rest goes on."""
        with tempfile.TemporaryDirectory(prefix="llm-bench-") as folder:
            (port,) = free_ports(1)
            upstream = f"{LOOPBACK}:{port}"
            command = [str(self.programs["upstream"]), "-listen", upstream]
            log = Path(folder) / "upstream.log"
            try:
                with child(command, upstream, log) as upstream_pid:
                    self._measure_all(Path(folder), upstream, upstream_pid)
            except CommitUnusable as error:
                self._say_failure(self.asked.against, error)
            except RuntimeError as error:
                self._say_failure("the model server", f"{error}\n{end_of(log)}")

    def _measure_all(self, folder: Path, upstream: str, upstream_pid: int) -> None:
        """Raises: CommitUnusable; RuntimeError, when the model server has ended."""
        with contextlib.ExitStack() as checkout:
            commit = checkout.enter_context(checked_out(self.asked.against, folder)) if self.asked.against else None
            places = Places(upstream, folder, self.programs, self._say, commit)
            self._take_turns(places, upstream_pid)
            if commit is None:
                self._measure_alone(places, upstream_pid)
                return
            self.differences = of_subjects(self.samples)
            for name, measure in ALONE.items():
                if self._wanted(name) and needs_no_places(measure):
                    with self.console.status(f"{name}, in turns with {self.asked.against}"):
                        self.differences += differences_of(*take_turns(commit, measure, self.asked.rounds))

    def _take_turns(self, places: Places, upstream_pid: int) -> None:
        """The subjects beside each other. Raises: RuntimeError, when the model server has ended."""
        chosen = [load for load in loads(self.asked.full) if self._wanted(load.name)]
        if not chosen and not self._wanted(EVENT_RATES):
            return
        rounds = Rounds(self.programs["load"], places.directory, upstream_pid, self.console, self.samples)
        with contextlib.ExitStack() as running:
            started = self._start(places, running)
            self.titles = {one.name: one.title for one in started}
            rounds.run(started, chosen, self.asked.rounds, self._is_wide if self.asked.spread else None)
            if self._wanted(EVENT_RATES):
                measure_rates(rounds, started, places, self.asked.rounds, self.asked.full)
        self.complete = self.complete and not rounds.broken and not rounds.dropped

    def _is_wide(self) -> bool:
        return bool(widest_spread(self.samples) > self.asked.spread / _PERCENT)

    def _start(self, places: Places, running: contextlib.ExitStack) -> list[Subject]:
        started = []
        for name, open_ in subjects(self.programs, places.commit).items():
            if self.asked.subjects and name not in self.asked.subjects:
                continue
            try:
                started.append(running.enter_context(open_(places)))
            except FAILURES as error:
                self._say_failure(name, error)
        return started

    def _measure_alone(self, places: Places, upstream_pid: int) -> None:
        for name, measure in ALONE.items():
            if not self._wanted(name) or (self.asked.subjects and ours_full(TRANSPORTS[-1]) not in self.asked.subjects):
                continue
            cpu_seconds(upstream_pid)
            try:
                with self.console.status(name):
                    self.found |= measure(places)
            except FAILURES as error:
                self._say_failure(name, error)

    def _wanted(self, load: str) -> bool:
        return not self.asked.loads or load in self.asked.loads

    def _say(self, remark: str) -> None:
        self.console.print(remark, style="yellow", markup=False)

    def _say_failure(self, name: str, error: object) -> None:
        self.complete = False
        self.console.print(f"{name} does not run: {error}", style="red", markup=False)


def main() -> int:
    """Measure, print, write. Returns: 1 when something could not be run, else 0."""
    asked = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        programs = _programs(asked.litellm, console)
    except Missing as missing:
        console.print(f"Nothing can be measured: {missing}", style="red", markup=False)
        return 1
    began, busy = time.monotonic(), busy_share(1.0)
    if busy > BUSY_SHARE_MAX:
        console.print(f"Other processes use {busy:.0%} of the machine: expect a wide spread.", style="yellow")
    run = Run(asked, programs, console)
    run.found["busy_share_before"] = busy
    run.measure()
    _report(run, asked, console)
    console.print(f"took {time.monotonic() - began:.0f} s", style="dim")
    return 0 if run.complete else 1


def _arguments() -> argparse.Namespace:
    names = [*dict.fromkeys(load.name for load in loads(full=True)), EVENT_RATES, *ALONE]
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="What a processor costs. Pass options in ARGS=...",
        epilog=f"Loads: {', '.join(names)}. docs/benchmarks.md says what the figures mean.",
    )
    parser.add_argument("--full", action="store_true", help="every load with 1, 8 and 64 connections; unpaced streams")
    parser.add_argument("--litellm", action="store_true", help="also LiteLLM's proxy, installed in its own environment")
    parser.add_argument("--against", default="", metavar="COMMIT", help="compare with a commit, in turns")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each subject at each load (default: 4)")
    parser.add_argument(
        "--spread",
        type=float,
        default=0.0,
        metavar="PERCENT",
        help=f"more rounds, until each ratio of CPU times is so sure, at most {ROUNDS_MAX} (default: no more)",
    )
    parser.add_argument("--subjects", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--loads", nargs="+", default=[], metavar="NAME", choices=names, help="only these")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("bench.json"),
        help="the figures; a picture goes beside them (default: bench.json)",
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help=f"keep the ratios of a whole run as tests/bench/{BASELINE.name}"
    )
    asked = parser.parse_args()
    if not asked.full:
        usual = {load.name for load in loads(full=False)} | {EVENT_RATES, *ALONE}
        for name in (name for name in asked.loads if name not in usual):
            parser.error(f"{name} is measured in full runs only: add --full")
    if asked.write_baseline and (asked.loads or asked.subjects):
        parser.error("a baseline is that of a whole run: leave out --loads and --subjects")
    return asked


def _programs(with_litellm: bool, console: Console) -> dict[str, Path]:
    """Build what is needed; say what is skipped. Raises: Missing, without what every measurement needs."""
    cache = cache_directory()

    def say(text: str) -> None:
        console.print(text, style="dim", markup=False)

    say(f"building Go programs in {cache}")
    programs = {name: go_program(name, cache, say) for name in ("upstream", "load", "streams")}
    optional: dict[str, Callable[[], Path]] = {"noop": partial(go_program, "noop", cache, say)}
    if with_litellm:
        optional["litellm"] = partial(litellm_program, cache, say)
    for name, build in optional.items():
        try:
            programs[name] = build()
        except Missing as missing:
            console.print(f"skipped {name}: {missing}", style="yellow", markup=False)
    if not with_litellm:
        say("skipped LiteLLM: ask for it with ARGS=--litellm")
    return programs


def _report(run: Run, asked: argparse.Namespace, console: Console) -> None:
    raw = raw_figures(run.samples)
    found = {transport: ratios(raw, transport, loads(full=True)) for transport in TRANSPORTS}
    judged, others = found[TRANSPORTS[-1]], {**run.found, **rate_figures(raw)}
    judged |= {figure.name: others.pop(figure.name) for figure in RATIOS if figure.name in others}
    baseline = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {}
    print_measurements(console, raw, list(run.samples), run.titles)
    busy = ratios(raw, TRANSPORTS[-1], loads(full=True), OTHER_CONNECTIONS[-1])
    told = Ratios(found, busy, intervals_of_ratios(run.samples), baseline, slower(judged, baseline))
    print_ratios(console, told)
    print_steps(console, others)
    print_detectors(console, {**judged, **others})
    print_text_costs(console, others)
    print_others(console, others)
    if run.differences:
        print_differences(console, asked.against, run.differences)
    figures = {**judged, **others, **raw} | {f"{name}.c{OTHER_CONNECTIONS[-1]}": value for name, value in busy.items()}
    for transport in TRANSPORTS[:-1]:
        figures |= {f"{name}.{transport}": value for name, value in found[transport].items()}
    _write(asked.output, figures)
    picture = asked.output.with_suffix(".svg")
    picture.write_text(added_latency(raw, dict.fromkeys(key[1:] for key in run.samples), run.titles))
    console.print(f"written: {asked.output}, {picture}", markup=False)
    if asked.write_baseline and run.complete:
        _write(BASELINE, judged)
        console.print(f"written: {BASELINE}", markup=False)
    elif asked.write_baseline:
        console.print(f"not written, since something could not be measured: {BASELINE}", style="red", markup=False)


def _write(file: Path, figures: Figures) -> None:
    file.write_text(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
