"""What a guarded stream costs while it is silent: many of them, opened through Envoy and then left alone.

The model server says a few words, one of them private, and then nothing. Every stream is known to be open (the
processor counts it, and so does Envoy) and guarded (its client has its words and not the private one) before memory is
read.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from extproc.demo.installation import Installation
from tests.bench.loads import CONNECTIONS, Load, Sample, loads, measure
from tests.bench.many_streams import Seen, held, streams
from tests.bench.processes import allow_open_files, cpu_seconds, memory, needed
from tests.bench.subjects import TRANSPORTS, Places, Subject, full_installation, ours_full, subject_of

STREAMS = 10_000
WARM_STREAMS = 200  # so that what the first streams bring (code, caches) counts as rest
OPENING = 48  # at a time: Envoy gives the processor two seconds for a reply
OPEN_S_MAX = 240.0
SPARE_FILES = 1_000  # that Envoy needs beside one for each stream
WATCHED_S = 3.0
TURNS = 3
_WAIT_S_MAX = 60.0
_POLL_S = 0.1


def measure_idle_streams(places: Places) -> dict[str, float]:
    """Memory of the full processor with that many streams, less that at rest, and what else they cost.

    Raises: RuntimeError, when a stream that began is not held, or not guarded.
    """
    allowed = allow_open_files(STREAMS + SPARE_FILES) - SPARE_FILES
    count = min(STREAMS, allowed)
    if count < STREAMS:
        places.say(f"only {count} idle streams: the limit of open files is too low for {STREAMS} (ulimit -n)")
    name = f"{ours_full(TRANSPORTS[-1])}_idle"
    with full_installation(places, name, TRANSPORTS[-1]) as installation:
        subject = subject_of(installation, name, "ours, fast, full", installation.processor.pid)
        with needed(subject.pid, subject.log):
            return _measure(installation, subject, places, count)


def _measure(installation: Installation, subject: Subject, places: Places, count: int) -> dict[str, float]:
    chosen = {load.name: load for load in loads(full=False)}
    _warm(installation, subject, places, [chosen["json_1k"], chosen["stream_100"]])
    alone = _latency(places, subject, chosen["json_1k_paced"])
    rest, envoy_rest = memory(subject.pid), memory(subject.envoy_pid)
    started = time.monotonic()
    program = places.programs["streams"]
    with streams(program, subject, held(), count, places.directory, opening=OPENING, begin_s_max=OPEN_S_MAX) as clients:
        took_s, seen = time.monotonic() - started, clients.begun
        _judge(seen, count, _inflight(installation), _active(installation), places.say)
        cpu_before, watched = cpu_seconds(subject.pid), time.monotonic()
        time.sleep(WATCHED_S)
        cpu_s = (cpu_seconds(subject.pid) - cpu_before) / (time.monotonic() - watched)
        now, envoy_now = memory(subject.pid), memory(subject.envoy_pid)
        beside = _latency(places, subject, chosen["json_1k_paced"])
        if (late := clients.report()).failed > seen.failed:
            raise RuntimeError(f"{late.failed - seen.failed} idle streams broke off: {late.failure}")
    _wait(lambda: _inflight(installation) == 0, "all streams have ended")
    return {
        "idle_streams": seen.begun,
        "idle_stream_mb": now.rss_mb - rest.rss_mb,
        "idle_stream_pss_mb": now.pss_mb - rest.pss_mb,
        "idle_stream_kb_each": (now.rss_mb - rest.rss_mb) * 1_000 / seen.begun,
        "idle_rest_mb": rest.rss_mb,
        "idle_kept_mb": memory(subject.pid).rss_mb - rest.rss_mb,
        "idle_envoy_mb": envoy_now.rss_mb - envoy_rest.rss_mb,
        "idle_cpu_share": cpu_s,
        "idle_opened_per_s": seen.begun / took_s,
        "idle_beside_p50_ms": beside[0] - alone[0],
        "idle_beside_p99_ms": beside[1] - alone[1],
    }


def _warm(installation: Installation, subject: Subject, places: Places, kinds: list[Load]) -> None:
    for load in kinds:
        _ask(places, subject, load)
    with streams(places.programs["streams"], subject, held(), WARM_STREAMS, places.directory):
        pass
    _wait(lambda: _inflight(installation) == 0, "the first streams have ended")


def _ask(places: Places, subject: Subject, load: Load) -> Sample:
    return measure(places.programs["load"], subject, load, CONNECTIONS, places.directory, load.seconds)


def _latency(places: Places, subject: Subject, load: Load) -> tuple[float, float]:
    """Median and 99th percentile, each the median of some turns. [ms]"""
    turns = [_ask(places, subject, load) for _ in range(TURNS)]
    return statistics.median(one.p50_ms for one in turns), statistics.median(one.p99_ms for one in turns)


def _judge(seen: Seen, count: int, inflight: int, active: int, say: Callable[[str], None]) -> None:
    """Raises: RuntimeError, unless what began is what the processor and Envoy hold, and is guarded."""
    if seen.failed:
        say(f"only {seen.begun} of {count} idle streams began: {seen.failure}")
    if seen.begun != inflight or seen.begun != active:
        raise RuntimeError(f"{seen.begun} streams began, the processor holds {inflight} and Envoy {active}")
    if seen.shown:
        raise RuntimeError(f"{seen.shown} of {seen.begun} idle streams were not guarded")


def _inflight(installation: Installation) -> int:
    return int(installation.metric("llm_inflight_exchanges"))


def _active(installation: Installation) -> int:
    """Requests of clients that Envoy has in hand."""
    return int(installation.envoy.admin("/stats?filter=http.llm.downstream_rq_active$").rpartition(":")[2])


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_S_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not true within {_WAIT_S_MAX:g} s: {what}")
        time.sleep(_POLL_S)
