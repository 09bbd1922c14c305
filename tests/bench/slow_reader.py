"""Clients that read a guarded stream at a trickle: what they make the processor hold, and what others feel of them.

Two lengths: 2,000 events, which Envoy and the sockets may take whole, and as many as they cannot, so that the pressure
reaches the processor. The model server writes as fast as it is let; what is measured begins when that has come to rest.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from tests.bench.many_streams import Clients, Seen, burst, paced, streams
from tests.bench.processes import begin_peak, cpu_seconds, memory, needed, peak_mb
from tests.bench.subjects import TRANSPORTS, Places, Subject, full_installation, ours_full, subject_of

BYTES_PER_S = 2_000
OTHERS, OTHERS_PER_S = 50, 20.0  # streams that are read as they come, and events a second of each
WATCHED_S = 2.0
REST_SHARE = 0.1  # of a core, above what the other streams take: less is rest
REST_S, REST_S_MAX = 0.4, 40.0


@dataclass(frozen=True, slots=True)
class Slow:
    """So many slow readers of streams of so many events, and how many times they come and go."""

    readers: int
    events: int
    turns: int


KINDS = {
    "slow_reader": Slow(20, 2_000, 2),
    "slow_reader_long": Slow(2, 200_000, 1),  # 45 MB each: more than the buffers of Envoy and of the sockets take
}


@dataclass(slots=True)
class _Watched:
    """What was seen, turn by turn."""

    alone: list[Seen] = field(default_factory=list)
    beside: list[Seen] = field(default_factory=list)
    grown_mb: list[float] = field(default_factory=list)
    cpu_share: list[float] = field(default_factory=list)
    rest_s: list[float] = field(default_factory=list)


def measure_slow_readers(places: Places) -> dict[str, float]:
    """Memory of the full processor with slow readers, less that without, and the delay that others have of them.

    Raises: RuntimeError, when a slow reader does not read until the end.
    """
    name = f"{ours_full(TRANSPORTS[-1])}_slow"
    with full_installation(places, name, TRANSPORTS[-1]) as installation:
        subject = subject_of(installation, name, "ours, fast, full", installation.processor.pid)
        found: dict[str, float] = {}
        with needed(subject.pid, subject.log):
            for prefix, kind in KINDS.items():
                found |= {f"{prefix}_{what}": value for what, value in _measure(places, subject, kind).items()}
    return found


def _measure(places: Places, subject: Subject, kind: Slow) -> dict[str, float]:
    program, folder = places.programs["streams"], places.directory
    watched = _Watched()
    with streams(program, subject, paced(OTHERS_PER_S), OTHERS, folder) as others:
        usual_share = _share(subject, WATCHED_S)  # the path is warm then
        for _ in range(kind.turns):
            watched.alone.append(_watch(others))
            before_mb = memory(subject.pid).rss_mb
            begin_peak(subject.pid)
            with streams(
                program, subject, burst(kind.events, BYTES_PER_S), kind.readers, folder, opening=kind.readers
            ) as slow:
                watched.rest_s.append(_await_rest(subject, usual_share + REST_SHARE))
                cpu_before = cpu_seconds(subject.pid)
                watched.beside.append(_watch(others))
                watched.cpu_share.append((cpu_seconds(subject.pid) - cpu_before) / WATCHED_S)
                _judge(slow.report(), kind.readers)
                watched.grown_mb.append(peak_mb(subject.pid) - before_mb)
    return _figures(watched)


def _figures(watched: _Watched) -> dict[str, float]:
    def added(end: str) -> float:
        beside, alone = (
            statistics.median(float(getattr(seen, end)) for seen in every) for every in (watched.beside, watched.alone)
        )
        return beside - alone

    return {
        "mb": max(watched.grown_mb),
        "rest_s": statistics.median(watched.rest_s),
        "cpu_share": statistics.median(watched.cpu_share),
        "added_p50_ms": added("p50_ms"),
        "added_p99_ms": added("p99_ms"),
    }


def _watch(others: Clients) -> Seen:
    others.report()
    time.sleep(WATCHED_S)
    return others.report()


def _share(subject: Subject, seconds: float) -> float:
    """Share of a core that the processor takes in the next ``seconds``."""
    before = cpu_seconds(subject.pid)
    time.sleep(seconds)
    return (cpu_seconds(subject.pid) - before) / seconds


def _await_rest(subject: Subject, share_max: float) -> float:
    """Wait until the processor takes no more than that share of a core, or for as long as it may take.

    Returns: how long it was. [s]
    """
    began = time.monotonic()
    while _share(subject, REST_S) > share_max and time.monotonic() - began < REST_S_MAX:
        pass
    return time.monotonic() - began


def _judge(seen: Seen, readers: int) -> None:
    """Raises: RuntimeError, unless all of them still read."""
    if seen.failed or seen.ended or seen.begun != readers:
        raise RuntimeError(
            f"of {readers} slow readers {seen.begun} began, {seen.ended} had all, {seen.failed} failed: {seen.failure}"
        )
