"""Many streams, each with its events at a steady pace: CPU an event, its delay, and where the machine is full.

The rates go up to more than the machine holds. The clients, the model server and Envoy share its cores with the
processor, so that the most that was reached is that of the machine and not of the processor; Envoy alone stands beside.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.loads import Taken
from tests.bench.many_streams import Seen, open_gate, paced, streams
from tests.bench.processes import cpu_seconds
from tests.bench.rounds import Rounds
from tests.bench.subjects import COMPILED, ENVOY, GO_NOOP, METERED, TRANSPORTS, Places, Subject, ours_full

STREAMS = 500
HELD = 10  # events a second of each stream: the machine holds it, so that delays are those of the path
RATES = (HELD, 40, 300)
RATES_IN_FULL = (HELD, 20, 40, 60, 100, 300)
# Of the rate that was asked for, and half of its events no later: else the machine is full.
REACHED, DELAY_MS_MAX = 0.95, 50.0
SETTLE_S = 0.5
SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class EventSample(Taken):
    """Streams at once. CPU times are those of the subject's process and of its Envoy, an event."""

    cpu_us_an_event: float
    envoy_cpu_us_an_event: float
    events_per_s: float
    p50_ms: float  # delay of an event, from the model server to the client
    p99_ms: float


def load_name(rate: float) -> str:
    """Name of the load: so many events a second of each stream."""
    return f"events_{rate:g}_per_s"


def measure_rates(rounds: Rounds, started: Sequence[Subject], places: Places, times: int, full: bool) -> None:
    """Put every rate on the subjects; the one that the machine holds in every round, the others once.

    Args:
        times: rounds.
    """
    gates = itertools.count(1)
    wanted = [one for one in started if one.name in _subjects(full)]
    for turn in range(times):
        for rate in (RATES_IN_FULL if full else RATES) if turn == 0 else (HELD,):
            title = f"round {turn + 1} of {times}: {STREAMS} streams of {rate} events a second"
            rounds.turns(wanted, (load_name(rate), STREAMS), title, partial(_measure, places, rate, gates))


def rate_figures(raw: Mapping[str, float], transport: str = TRANSPORTS[-1]) -> dict[str, float]:
    """What an event costs and how long it is delayed where the machine holds it; the most a second, and when full."""
    ours, held = ours_full(transport), f"{load_name(HELD)}.c{STREAMS}"
    if f"p50_ms.{ours}.{held}" not in raw:
        return {}
    found = {"event_cpu_us": raw[f"cpu_us_an_event.{ours}.{held}"]}
    for end in ("p50_ms", "p99_ms"):
        if f"{end}.{ENVOY}.{held}" in raw:
            found[f"event_added_{end}"] = raw[f"{end}.{ours}.{held}"] - raw[f"{end}.{ENVOY}.{held}"]
    reached, missed = [], []
    for rate in RATES_IN_FULL:
        load = f"{ours}.{load_name(rate)}.c{STREAMS}"
        if f"events_per_s.{load}" not in raw:
            continue
        reached.append(raw[f"events_per_s.{load}"])
        if reached[-1] < REACHED * rate * STREAMS or raw[f"p50_ms.{load}"] > DELAY_MS_MAX:
            missed.append(float(rate * STREAMS))
    found["events_per_s_max"] = max(reached)
    if missed:
        found["events_per_s_missed"] = missed[0]
    return found


def _subjects(full: bool) -> tuple[str, ...]:
    usual = (ENVOY, GO_NOOP, ours_full(TRANSPORTS[-1]), COMPILED)
    return (*usual, ours_full(TRANSPORTS[0]), METERED) if full else usual


def _measure(places: Places, rate: float, gates: Iterator[int], subject: Subject) -> EventSample:
    """All streams begin before any goes on: to open one is no part of this, and not easy where the machine is full."""
    gate = next(gates)
    with streams(places.programs["streams"], subject, paced(rate, gate), STREAMS, places.directory) as clients:
        open_gate(places.upstream, gate)
        time.sleep(SETTLE_S)
        clients.report()
        before = time.monotonic(), cpu_seconds(subject.pid), cpu_seconds(subject.envoy_pid)
        time.sleep(SECONDS)
        after = time.monotonic(), cpu_seconds(subject.pid), cpu_seconds(subject.envoy_pid)
        seen = clients.report()
    took_s, cpu_s, envoy_cpu_s = (end - start for start, end in zip(before, after, strict=True))
    return _sample(seen, cpu_s / took_s, envoy_cpu_s / took_s)


def _sample(seen: Seen, cpu_share: float, envoy_cpu_share: float) -> EventSample:
    """From shares of a core: the clients may take a while to report, and count events as long."""
    if not seen.events:
        raise RuntimeError(f"no event came in {seen.seconds:.1f} s: {seen.failure}")
    events_per_s = seen.events / seen.seconds
    return EventSample(
        requests=seen.begun,
        failed=seen.failed,
        failure=seen.failure,
        cpu_us_an_event=cpu_share / events_per_s * 1e6,
        envoy_cpu_us_an_event=envoy_cpu_share / events_per_s * 1e6,
        events_per_s=events_per_s,
        p50_ms=seen.p50_ms,
        p99_ms=seen.p99_ms,
    )
