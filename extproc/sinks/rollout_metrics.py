"""Metrics of rollouts, as the process that ships reports them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Gauge

from extproc.sinks.gathering_registry import GatheringRegistry

_LABELS: Final = ("rollout", "model")
_PHASES: Final = ("running", "paused", "promoted", "rolled_back", "inconclusive", "broken_off")


class RolloutMetrics:
    """Where each rollout stands, and what is known of its gates."""

    def __init__(self, gathering: GatheringRegistry) -> None:
        self._lock = gathering.lock
        self._changes = gathering.counter(
            "llm_rollout_changes_total",
            "Changes of rollouts, by what happened, such as `advanced` or `rolled_back`: those that this process made,"
            " and those that people made while it decides.",
            (*_LABELS, "kind"),
        )
        registry = gathering.library
        self._share = Gauge(
            "llm_rollout_share", "Share of units that get the canary, from 0 to 1.", _LABELS, registry=registry
        )
        self._step = Gauge("llm_rollout_step", "Step of the plan, from 1 on.", _LABELS, registry=registry)
        self._phase = Gauge(
            "llm_rollout_phase",
            "1 for the phase in which a rollout is, else 0.",
            (*_LABELS, "phase"),
            registry=registry,
        )
        self._evidence = Gauge(
            "llm_rollout_gate_evidence",
            "Evidence of a gate: its logarithm, as a part of what it takes to decide; at 1 it is enough. `worse`: to"
            " roll back; `not_worse`: to go on. Only where the process decides.",
            (*_LABELS, "gate", "shows"),
            registry=registry,
        )
        self._difference = Gauge(
            "llm_rollout_gate_difference",
            "Canary less stable version: of rates a share, of lengths, durations and money a log ratio. Only where the"
            " process decides.",
            (*_LABELS, "gate"),
            registry=registry,
        )
        self._leads = Gauge("llm_rollout_leads", "1 if this process decides about rollouts.", registry=registry)
        self._seen = Gauge(
            "llm_rollout_seen_timestamp_seconds",
            "When the state of rollouts was last read from the store, since 1970; long ago: the others are of then.",
            registry=registry,
        )

    def take(self, report: Mapping[str, Any]) -> None:
        """Take what the shipper reports."""
        with self._lock:
            for change in report.get("rollout_changes", ()):
                self._changes.add((change["name"], change["model"], change["kind"]))
        if "rollouts" not in report:
            return
        self._leads.set(report["rollouts_led"])
        self._seen.set_to_current_time()
        for gauge in (self._share, self._step, self._phase, self._evidence, self._difference):
            gauge.clear()
        for one in report["rollouts"]:
            labels = one["name"], one["model"]
            self._share.labels(*labels).set(one["share"])
            self._step.labels(*labels).set(one["step"])
            for phase in _PHASES:
                self._phase.labels(*labels, phase).set(phase == one["phase"])
            for gate in one["gates"]:
                for shows in ("worse", "not_worse"):
                    self._evidence.labels(*labels, gate["gate"], shows).set(gate[shows])
                self._difference.labels(*labels, gate["gate"]).set(gate["difference"])
