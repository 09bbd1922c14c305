"""How long the garbage collector stops the full processor: the longest pause, and all of them in 10,000 requests."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.loads import CONNECTIONS, Load, loads, measure
from tests.bench.processes import child, needed
from tests.bench.subjects import TRANSPORTS, Places, Subject, full_installation, ours_full, subject_of

REQUESTS = 10_000
SECONDS_MAX = 20.0
LOADS = {"json_1k": "gc", "stream_100": "gc_stream"}  # and what the names of their figures begin with
_STEP_S = 2.0
_STREAM_SECONDS = 4.0  # a stream costs as much as many requests: the sum is for 10,000, what is measured is less


@dataclass(frozen=True, slots=True)
class _Span:
    """From when to when a load was on [ns, monotonic], and how many requests it was."""

    began_ns: int
    ended_ns: int
    requests: int


def measure_collector(places: Places) -> dict[str, float]:
    """Pauses while 8 connections ask without a break: JSON, and guarded streams."""
    name, transport = f"{ours_full(TRANSPORTS[-1])}_gc", TRANSPORTS[-1]
    chosen = {load.name: load for load in loads(full=False)}
    noted = places.directory / "pauses.txt"
    with full_installation(places, name, transport, with_processor=False) as installation:
        command = [sys.executable, "-m", "tests.bench.collector_pauses", str(installation.config), str(noted)]
        log = installation.directory / "processor.log"
        with child(command, f"unix:{installation.socket}", log) as pid, needed(pid, log):
            subject = subject_of(installation, name, "ours, fast, full", pid)
            spans = {prefix: _put(places, subject, chosen[load]) for load, prefix in LOADS.items()}
    found: dict[str, float] = {}
    for prefix, span in spans.items():
        found |= pause_figures(prefix, _pauses(noted, span), span.requests)
    return found


def pause_figures(prefix: str, pauses_ms: list[float], requests: int) -> dict[str, float]:
    """The longest pause, and their sum and number for 10,000 requests."""
    per = REQUESTS / requests
    return {
        f"{prefix}_pause_longest_ms": max(pauses_ms, default=0.0),
        f"{prefix}_pause_total_ms": sum(pauses_ms) * per,
        f"{prefix}_pauses": len(pauses_ms) * per,
    }


def _put(places: Places, subject: Subject, load: Load) -> _Span:
    """A load until there were 10,000 requests, or for as long as it may take."""
    wanted_s = SECONDS_MAX if not load.events else _STREAM_SECONDS
    measure(places.programs["load"], subject, load, CONNECTIONS, places.directory, 1.0)  # warm
    began_ns, requests = time.monotonic_ns(), 0
    while requests < REQUESTS and time.monotonic_ns() - began_ns < wanted_s * 1e9:
        requests += measure(places.programs["load"], subject, load, CONNECTIONS, places.directory, _STEP_S).requests
    return _Span(began_ns, time.monotonic_ns(), requests)


def _pauses(noted: Path, span: _Span) -> list[float]:
    """Those within a span. [ms] Raises: RuntimeError, when the processor has left none behind."""
    if not noted.is_file():
        raise RuntimeError("the processor ended without noting its pauses")
    rows = [line.split() for line in noted.read_text().splitlines()]
    return [int(took) / 1e6 for began, took, _ in rows if span.began_ns <= int(began) < span.ended_ns]
