"""The loads, and one measurement: a subject under a load for some seconds, with the CPU time that it took.

A request's `max_tokens` and `seed` tell the model server of `go/upstream` what to answer.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import cpu_seconds
from tests.bench.subjects import KEY, Subject

PAUSE_US = 1_000  # between events: long enough that each travels alone, as from a model
RATE = 200.0  # requests a second where latency is measured far from saturation
SETTLE_S = 0.05  # for what a processor does once the client has its answer
TEXT = "The old mill beside the river was built by the grandfather of its owner and still grinds flour in autumn. "


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of request, repeated for ``seconds`` [s]; ``rate`` [requests/s], 0: as fast as they are answered."""

    name: str
    body: bytes
    seconds: float
    ends: str = "}"
    events: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. CPU times are those of the subject's process and of its Envoy, a request."""

    requests: int
    failed: int
    failure: str
    cpu_us: float
    envoy_cpu_us: float
    messages: float  # that Envoy sent to the processor, a request
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float


def loads(full: bool) -> list[Load]:
    """The loads of a run, in the order in which they are measured."""
    chosen = [
        _json("json_1k", 1_024, 1.5),
        _json("json_4k", 4_096, 1.5),
        Load("json_1k_paced", _request(1_024, max_tokens=1_024), 2.0, rate=RATE),
        _stream("stream_100", 100, 2.0),
        _stream("stream_2000", 2_000, 1.0),
    ]
    burst = _stream("stream_100_burst", 100, 1.5, pause_us=0)
    return [*chosen, burst] if full else chosen


def measure(program: Path, subject: Subject, load: Load, connections: int, folder: Path, seconds: float) -> Sample:
    """Put one load on a subject. ``seconds``: how long new requests begin [s].

    Raises: RuntimeError, when nothing at all was answered.
    """
    body = folder / f"{load.name}.request"
    body.write_bytes(load.body)
    options = {"url": subject.url, "body": body, "ends": load.ends, "connections": connections}
    options |= {"rate": load.rate, "seconds": seconds, "key": KEY}
    command = [str(program), *(f"-{name}={value}" for name, value in options.items())]
    before = cpu_seconds(subject.pid), cpu_seconds(subject.envoy_pid), subject.messages()
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    time.sleep(SETTLE_S)
    after = cpu_seconds(subject.pid), cpu_seconds(subject.envoy_pid), subject.messages()
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


def _json(name: str, size_bytes: int, seconds: float) -> Load:
    """A question and an answer of about ``size_bytes`` each."""
    return Load(name, _request(size_bytes, max_tokens=size_bytes), seconds)


def _stream(name: str, events: int, seconds: float, pause_us: int = PAUSE_US) -> Load:
    body = _request(1_024, max_tokens=events, stream=True, seed=pause_us)
    return Load(name, body, seconds, ends="data: [DONE]", events=events)


def _request(size_bytes: int, **fields: Any) -> bytes:
    """A chat request whose question fills it to ``size_bytes``."""

    def written(question: str) -> bytes:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
        return json.dumps({"model": "tiny-chat", **fields, "messages": messages}).encode()

    room = size_bytes - len(written(""))
    return written((TEXT * (room // len(TEXT) + 1))[:room])
