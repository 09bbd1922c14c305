"""Metrics of drift, as the process that ships reports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Gauge

from extproc.sinks.gathering_registry import GatheringRegistry

_LABELS: Final = ("model", "version", "signal")


class DriftMetrics:
    """What was seen last of each signal of each version, and how often an alarm was raised."""

    def __init__(self, gathering: GatheringRegistry) -> None:
        self._lock = gathering.lock
        self._alarms = gathering.counter(
            "llm_quality_drift_alarms_total", "Alarms of drift that were `raised` and `cleared`.", (*_LABELS, "kind")
        )
        self._others = gathering.counter(
            "llm_quality_other_strata_answers_total",
            "Answers of routes and teams that have no sums of their own, as there are more than `drift.strata_max`.",
            (),
        )
        registry = gathering.library
        self._effect = Gauge(
            "llm_quality_drift",
            "By how much a signal of recent answers differs from its reference, as a part of that: 0.2 is a fifth more,"
            " -0.2 a fifth less.",
            _LABELS,
            registry=registry,
        )
        self._evidence = Gauge(
            "llm_quality_drift_evidence",
            "Evidence that a signal drifts: its logarithm, as a part of the threshold. At 1 the alarm is raised.",
            _LABELS,
            registry=registry,
        )
        self._alarm = Gauge(
            "llm_quality_drift_alarm",
            "1 while a signal drifts: from when its evidence has reached the threshold until effect and evidence have"
            " fallen.",
            _LABELS,
            registry=registry,
        )
        self._compared = Gauge(
            "llm_quality_drift_compared",
            "1 where a signal is compared, 0 while its reference has no data or too few events.",
            _LABELS,
            registry=registry,
        )

    def take(self, report: Mapping[str, Any]) -> None:
        """Take what the shipper reports."""
        with self._lock:
            for change in report.get("drift_changes", ()):
                shown = change["shown"]
                self._alarms.add((shown["model"], shown["version"], shown["signal"], change["kind"]))
            if report.get("drift_others"):
                self._others.add((), report["drift_others"])
        if "drift" not in report:
            return
        if report["drift_begins"]:
            for gauge in (self._effect, self._evidence, self._alarm, self._compared):
                gauge.clear()  # of versions that are gone
        for one in report["drift"]:
            labels = one["model"], one["version"], one["signal"]
            self._effect.labels(*labels).set(one["effect"])
            self._evidence.labels(*labels).set(one["evidence"])
            self._alarm.labels(*labels).set(one["alarm"])
            self._compared.labels(*labels).set(one["reference"] == "ready")
