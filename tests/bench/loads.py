"""The loads, and one measurement: a subject under a load for some seconds, with the CPU time that it took.

A request's `max_tokens`, `seed` and `hold_after` tell the model server of `go/upstream` what to answer.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench.processes import cpu_seconds
from tests.bench.subjects import (
    CHAT,
    COMPILED,
    COMPILED_METERED,
    ENVOY,
    GO_NOOP,
    KEY,
    LITELLM,
    LITELLM_GUARDED,
    METERED,
    OF_COMMIT,
    PASSED,
    TRANSPORTS,
    Subject,
    ours_full,
    ours_noop,
)

# What a short run measures with other numbers of connections: not the reference transport.
_OURS = (ours_noop(TRANSPORTS[-1]), ours_full(TRANSPORTS[-1]), METERED, COMPILED, COMPILED_METERED)
JUDGED = (ENVOY, GO_NOOP, *_OURS, LITELLM, *LITELLM_GUARDED, *OF_COMMIT)
PAUSE_US = 1_000  # between events: long enough that each travels alone, as from a model
CONNECTIONS = 8  # those that the ratios are of
OTHER_CONNECTIONS = (1, 64)
RATE = 200.0  # requests a second where latency is measured far from saturation
SETTLE_S = 0.05  # for what a processor does once the client has its answer
SIZING_FITTED = ("json_1k", "json_4k", "json_answer_8k", "stream_100", "stream_2000")
"""Loads from which the sizing model's coefficients are; ``sizing_loads`` has others, by which it is judged."""
TEXT = "The old mill beside the river was built by the grandfather of its owner and still grinds flour in autumn. "


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of request, repeated for ``seconds`` [s].

    Args:
        rate: requests a second, 0: as fast as they are answered.
        subjects: names of those that it is for; empty: all.
        connections: how many clients at a time; it is measured with each number.
    """

    name: str
    body: bytes
    seconds: float
    ends: str = "}"
    events: int = 0
    rate: float = 0.0
    path: str = CHAT
    subjects: tuple[str, ...] = ()
    connections: tuple[int, ...] = (CONNECTIONS,)


@dataclass(frozen=True, slots=True)
class Taken:
    """One measurement: how many requests were answered, how many were not, and why the last of those."""

    requests: int
    failed: int
    failure: str


@dataclass(frozen=True, slots=True)
class Sample(Taken):
    """Requests one after the other. CPU times are those of the subject's process and of its Envoy, a request."""

    cpu_us: float
    envoy_cpu_us: float
    messages: float  # that Envoy sent to the processor, a request
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float


def loads(full: bool) -> list[Load]:
    """The loads of a run, in the order in which they are measured."""
    json_1k, json_4k = _json("json_1k", 1_024, 1.2), _json("json_4k", 4_096, 1.2)
    stream_100, stream_2000 = _stream("stream_100", 100, 1.6), _stream("stream_2000", 2_000, 1.0)
    passed = (ENVOY, *(ours_full(transport) for transport in TRANSPORTS))
    chosen = [
        json_1k,
        json_4k,
        replace(json_1k, name="json_1k_paced", seconds=2.0, rate=RATE),
        stream_100,
        replace(stream_100, name="stream_100_passed", path=PASSED, subjects=passed),
        stream_2000,
    ]
    if full:
        burst = _stream("stream_100_burst", 100, 1.5, pause_us=0)
        return [*chosen, *(replace(load, connections=OTHER_CONNECTIONS) for load in chosen if not load.rate), burst]
    return [
        *chosen,
        *(replace(load, connections=OTHER_CONNECTIONS, subjects=JUDGED, seconds=1.0) for load in (json_1k, stream_100)),
    ]


def sizing_loads() -> list[Load]:
    """What the sizing model is fitted to, and after them what it has to predict (``tests/bench/sizing.py``)."""
    asked_4k = request(4_096, max_tokens=100, stream=True, seed=PAUSE_US)
    return [
        *(load for load in loads(full=False) if load.name in SIZING_FITTED and CONNECTIONS in load.connections),
        Load("json_answer_8k", request(1_024, max_tokens=8_192), 1.2),
        _json("json_8k", 8_192, 1.2),
        _stream("stream_20", 20, 1.2),
        _stream("stream_400", 400, 1.6),
        replace(_stream("stream_100_asked_4k", 100, 1.6), body=asked_4k),
    ]


def measure(program: Path, subject: Subject, load: Load, connections: int, folder: Path, seconds: float) -> Sample:
    """Put one load on a subject. ``seconds``: how long new requests begin [s].

    Raises: RuntimeError, when nothing at all was answered, or a process has ended.
    """
    body = folder / f"{load.name}.request"
    body.write_bytes(load.body)
    options = {"url": subject.base_url + load.path, "body": body, "ends": load.ends, "connections": connections}
    options |= {"rate": load.rate, "seconds": seconds, "key": KEY}
    command = [str(program), *(f"-{name}={value}" for name, value in options.items())]
    before = subject.cpu_seconds(), cpu_seconds(subject.envoy_pid), subject.messages()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the clients of {load.name} ended with {result.returncode}: {result.stderr.strip()}")
    seen = json.loads(result.stdout)
    time.sleep(SETTLE_S)
    after = subject.cpu_seconds(), cpu_seconds(subject.envoy_pid), subject.messages()
    if not seen["requests"]:
        raise RuntimeError(f"{subject.title} answered no request of {load.name}: {seen['failure']}")
    cpu, envoy_cpu, messages = ((end - start) / seen["requests"] for start, end in zip(before, after, strict=True))
    return Sample(
        requests=seen["requests"],
        failed=seen["failed"],
        failure=seen["failure"],
        cpu_us=cpu * 1e6,
        envoy_cpu_us=envoy_cpu * 1e6,
        messages=messages,
        requests_per_s=seen["requests"] / seen["seconds"],
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        first_p50_ms=seen["first_p50_ms"],
    )


def request(size_bytes: int, **fields: Any) -> bytes:
    """A chat request, written without blanks as the official clients do, whose question fills it to ``size_bytes``.

    ``fields`` tell what to answer.
    """

    def written(question: str) -> bytes:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
        return json.dumps({"model": "tiny-chat", **fields, "messages": messages}, separators=(",", ":")).encode()

    room = size_bytes - len(written(""))
    return written((TEXT * (room // len(TEXT) + 1))[:room])


def _json(name: str, size_bytes: int, seconds: float) -> Load:
    """A question and an answer of about ``size_bytes`` each."""
    return Load(name, request(size_bytes, max_tokens=size_bytes), seconds)


def _stream(name: str, events: int, seconds: float, pause_us: int = PAUSE_US) -> Load:
    body = request(1_024, max_tokens=events, stream=True, seed=pause_us)
    return Load(name, body, seconds, ends="data: [DONE]", events=events)
