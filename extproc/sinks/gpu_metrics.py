"""Metrics of GPU time, as the process that ships reports it: of hours that are settled, once each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Gauge

from extproc.sinks.gathering_registry import GatheringRegistry

_IDLE: Final = "idle"
_US: Final = 1e-6


class GpuMetrics:
    """What was allocated since the process started, and how much of the time nobody explains."""

    def __init__(self, gathering: GatheringRegistry) -> None:
        self._gathering = gathering
        self._used = gathering.counter(
            "llm_gpu_seconds_total",
            "GPU-seconds that were allocated to exchanges, each hour an hour after its end. One of the processes that"
            " share a ledger counts them.",
            ("team", "project", "model", "version"),
        )
        self._idle = gathering.counter(
            "llm_gpu_idle_seconds_total",
            "GPU-seconds in which servers of a model had nothing to do, with the same delay.",
            ("model",),
        )
        self._other = gathering.counter(
            "llm_gpu_other_seconds_total",
            "GPU-seconds that no exchange used and that were not idle, likewise: `starting`, `sleeping`, or"
            " `unexplained` (work that no entry of the ledger has).",
            ("model", "state"),
        )
        registry = gathering.library
        self._unexplained = Gauge(
            "llm_gpu_unexplained_share",
            "Part of a server's GPU time in the last six hours that were allocated in which it did work that no entry"
            " of the ledger has, from 0 to 1.",
            ("model", "server"),
            registry=registry,
        )
        self._until = Gauge(
            "llm_gpu_allocated_until_timestamp_seconds",
            "Up to when GPU time was allocated, since 1970; 0: this process does not allocate.",
            registry=registry,
        )

    def take(self, report: Mapping[str, Any]) -> None:
        """Take what the shipper reports."""
        gathering, now_ns = self._gathering, time.monotonic_ns()
        with gathering.lock:
            for one in report.get("gpu_used", ()):
                team, project, model, version = one["labels"]
                bounded = gathering.teams.bound(team, now_ns), gathering.projects.bound(project, now_ns)
                self._used.add((*bounded, model, version), one["time_us"] * _US)
            for one in report.get("gpu_unpaid", ()):
                model, state = one["labels"]
                if state == _IDLE:
                    self._idle.add((model,), one["time_us"] * _US)
                else:
                    self._other.add((model, state), one["time_us"] * _US)
        if "gpu_unexplained" in report:
            self._unexplained.clear()  # of servers that are gone
            for one in report["gpu_unexplained"]:
                self._unexplained.labels(one["model"], one["server"]).set(one["share"])
        if "gpu_until_s" in report:
            self._until.set(report["gpu_until_s"])
