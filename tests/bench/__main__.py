"""``make bench``: what a processor costs, in one run on one machine, so that only ratios are compared.

Every subject stands behind a real Envoy with one worker; all are started once and then take their turns, load by load
and round by round (A B C, A B C), so that what the machine does meanwhile falls on each alike. Medians go to a table
and to ``bench.json``. Without Go nothing is measured: the clients and the model server are Go programs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from extproc.demo.envoy_process import EnvoyFailedError, EnvoyMissingError
from extproc.demo.installation import LOOPBACK, free_ports
from extproc.demo.processor_process import ProcessorFailedError
from tests.bench.figures import CONNECTIONS, ratios, raw_figures, slower
from tests.bench.loads import Load, loads
from tests.bench.picture import added_latency
from tests.bench.processes import busy_share, child
from tests.bench.programs import Missing, cache_directory, go_program, litellm_program
from tests.bench.report import print_measurements, print_ratios
from tests.bench.rounds import Rounds, Samples
from tests.bench.subjects import TRANSPORTS, Places, Subject, subjects

BASELINE = Path(__file__).parent / "baseline.json"
BUSY_SHARE_MAX = 0.1


def main() -> int:
    """Measure, print, write. Returns: 1 when something could not be run, else 0."""
    asked = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        programs = _programs(asked.litellm, console)
    except Missing as missing:
        console.print(f"Nothing can be measured: {missing}", style="red", markup=False)
        return 1
    busy = busy_share(1.0)
    if busy > BUSY_SHARE_MAX:
        console.print(f"Other processes use {busy:.0%} of the machine: expect a wide spread.", style="yellow")
    chosen = [load for load in loads(asked.full) if not asked.loads or load.name in asked.loads]
    with tempfile.TemporaryDirectory(prefix="llm-bench-") as folder, contextlib.ExitStack() as running:
        started, complete = _start(programs, Path(folder), asked.subjects, running, console)
        connections = [1, CONNECTIONS, 64] if asked.full else [CONNECTIONS]
        rounds = Rounds(programs["load"], Path(folder), console)
        rounds.run(started, chosen, connections, asked.rounds)
    _report(rounds.samples, chosen, {one.name: one.title for one in started}, busy, asked.output, console)
    return 0 if complete and not rounds.broken else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="What a processor costs. Pass options in ARGS=...")
    parser.add_argument("--full", action="store_true", help="also 1 and 64 connections, and unpaced streams")
    parser.add_argument("--litellm", action="store_true", help="also LiteLLM's proxy, installed in its own environment")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each subject at each load (default: 3)")
    parser.add_argument("--subjects", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--loads", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("bench.json"),
        help="the figures; a picture goes beside them (default: bench.json)",
    )
    return parser.parse_args()


def _programs(with_litellm: bool, console: Console) -> dict[str, Path]:
    """Build what is needed; say what is skipped. Raises: Missing, without what every measurement needs."""
    cache = cache_directory()

    def say(text: str) -> None:
        console.print(text, style="dim", markup=False)

    say(f"building Go programs in {cache}")
    programs = {name: go_program(name, cache, say) for name in ("upstream", "load")}
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


def _start(
    programs: dict[str, Path], folder: Path, only: list[str], running: contextlib.ExitStack, console: Console
) -> tuple[list[Subject], bool]:
    """Start the model server and every subject. Returns: those that run, and whether that is all."""
    (port,) = free_ports(1)
    upstream = f"{LOOPBACK}:{port}"
    running.enter_context(child([str(programs["upstream"]), "-listen", upstream], upstream, folder / "upstream.log"))
    places = Places(upstream, folder, programs)
    started: list[Subject] = []
    wanted = {name: open_ for name, open_ in subjects(programs).items() if not only or name in only}
    for name, open_ in wanted.items():
        try:
            started.append(running.enter_context(open_(places)))
        except (RuntimeError, EnvoyFailedError, EnvoyMissingError, ProcessorFailedError) as error:
            console.print(f"{name} does not run: {error}", style="red", markup=False)
    return started, len(started) == len(wanted)


def _report(
    samples: Samples, chosen: list[Load], titles: dict[str, str], busy: float, output: Path, console: Console
) -> None:
    raw = raw_figures(samples)
    found = {transport: ratios(raw, transport, chosen) for transport in TRANSPORTS}
    judged = found[TRANSPORTS[-1]]
    baseline = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {}
    print_measurements(console, raw, list(samples), titles)
    print_ratios(console, found, baseline, slower(judged, baseline))
    figures = {**judged, "busy_share_before": busy, **raw}
    for transport in TRANSPORTS[:-1]:
        figures |= {f"{name}.{transport}": value for name, value in found[transport].items()}
    output.write_text(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=1) + "\n")
    picture = output.with_suffix(".svg")
    picture.write_text(added_latency(raw, [load.name for load in chosen], titles))
    console.print(f"written: {output}, {picture}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
