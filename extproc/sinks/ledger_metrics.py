"""Metrics of the ledger: what was spooled, dropped and stored, what waits, budgets, drift, rollouts and GPU time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

from extproc.sinks.drift_metrics import DriftMetrics
from extproc.sinks.gathering_registry import GatheringRegistry
from extproc.sinks.gpu_metrics import GpuMetrics
from extproc.sinks.rollout_metrics import RolloutMetrics


class LedgerMetrics:
    """Counted by the processes that serve, and by the one that ships."""

    def __init__(self, gathering: GatheringRegistry) -> None:
        counter = gathering.counter
        self._lock = gathering.lock
        self._spooled = counter("llm_extproc_ledger_entries_total", "Entries written to the ledger's spool.", ())
        self._dropped = counter(
            "llm_extproc_ledger_dropped_total",
            "Entries that were not written: the spool was `full`, its disk `failed`, or the process `stopped` first.",
            ("reason",),
        )
        self._unprotected = counter(
            "llm_extproc_ledger_unprotected_total",
            "Exchanges whose entries a killed process would lose, as more than `ledger.open_max` were in flight.",
            (),
        )
        self._stored = counter("llm_extproc_ledger_stored_total", "Entries added to the ledger's store.", ())
        self._repeated = counter(
            "llm_extproc_ledger_repeated_total",
            "Entries that came again after an interruption, and were stored once.",
            (),
        )
        self._damaged = counter(
            "llm_extproc_ledger_damaged_total", "Records of the spool that could not be read any more.", ()
        )
        self._restarts = counter(
            "llm_extproc_ledger_shipper_restarts_total", "Shippers of the ledger that died and were restarted.", ()
        )
        self._crossed = counter(
            "llm_extproc_budget_crossed_total",
            "Crossings of a budget by one of its teams, projects or budget codes: `warned` at a share, `exhausted`, or"
            " `recovered`.",
            ("budget", "kind"),
        )
        self._sink_stored = counter(
            "llm_extproc_ledger_sink_stored_total",
            "Entries that a sink of the ledger has stored: `database`, or what else is configured.",
            ("sink",),
        )
        self._sink_failures = counter(
            "llm_extproc_ledger_sink_failures_total",
            "Tries to ship to a sink of the ledger that failed, and are repeated.",
            ("sink",),
        )
        self._sink_refused = counter(
            "llm_extproc_ledger_sink_refused_total",
            "Events that the receiver of a sink of the ledger did not take, and that were set aside.",
            ("sink",),
        )
        self._drift = DriftMetrics(gathering)
        self._rollouts = RolloutMetrics(gathering)
        self._gpus = GpuMetrics(gathering)
        registry = gathering.library
        self._budget_percent = Gauge(
            "llm_extproc_budget_spent_percent",
            "The largest part of a budget that a team, project or budget code has spent in its current period.",
            ("budget",),
            registry=registry,
        )
        self._budget_warn_percent = Gauge(
            "llm_extproc_budget_warn_percent",
            "The smallest part of a budget at which it warns (`warn_at`).",
            ("budget",),
            registry=registry,
        )
        self._budget_time = Gauge(
            "llm_extproc_budget_sums_timestamp_seconds",
            "When the sums of budgets were last read from the store, since 1970; 0: not yet.",
            registry=registry,
        )
        self._bytes = Gauge("llm_extproc_ledger_spool_bytes", "Size of the ledger's spool.", registry=registry)
        self._oldest = Gauge(
            "llm_extproc_ledger_oldest_unshipped_seconds",
            "How long ago the oldest exchange ended that is not in the store.",
            registry=registry,
        )
        self._sink_oldest = Gauge(
            "llm_extproc_ledger_sink_oldest_seconds",
            "How long ago the oldest exchange ended that a sink has not stored.",
            ("sink",),
            registry=registry,
        )
        self._sink_waiting = Gauge(
            "llm_extproc_ledger_sink_waiting_bytes",
            "How much of the ledger's spool a sink has not stored.",
            ("sink",),
            registry=registry,
        )

    def spooled(self, entries: int) -> None:
        """Count entries written to the spool."""
        with self._lock:
            self._spooled.add((), entries)

    def dropped(self, reason: str, entries: int) -> None:
        """Count entries that were not; 0 creates the series."""
        with self._lock:
            self._dropped.add((reason,), entries)

    def unprotected(self, exchanges: int) -> None:
        """Count exchanges without a slot; 0 creates the series."""
        with self._lock:
            self._unprotected.add((), exchanges)

    def shipped(self, report: Mapping[str, Any]) -> None:
        """Take what the shipper reports."""
        sinks: Mapping[str, Mapping[str, Any]] = report.get("sinks", {})
        database = sinks.get("database", {})
        with self._lock:
            self._stored.add((), database.get("stored", 0))
            self._repeated.add((), database.get("repeated", 0))
            self._damaged.add((), database.get("damaged", 0))
            for name, state in sinks.items():
                self._sink_stored.add((name,), state.get("stored", 0))
                self._sink_failures.add((name,), state.get("failures", 0))
                self._sink_refused.add((name,), state.get("refused", 0))
            for change in report.get("crossed", ()):
                self._crossed.add((change["budget"], change["kind"]))
        self._drift.take(report)
        self._rollouts.take(report)
        self._gpus.take(report)
        self._show_waiting(report)
        if "budgets" in report:
            self._budget_time.set(report["budgets"]["at_s"])
            self._budget_percent.clear()  # of budgets whose days are over
            for name, percent in report["budgets"]["percent"].items():
                self._budget_percent.labels(name).set(percent)
            self._budget_warn_percent.clear()
            for name, percent in report["budgets"]["warn_percent"].items():
                self._budget_warn_percent.labels(name).set(percent)

    def _show_waiting(self, report: Mapping[str, Any]) -> None:
        if "spool_bytes" in report:
            self._bytes.set(report["spool_bytes"])
        for name, state in report.get("sinks", {}).items():
            if "oldest_s" in state:
                self._sink_oldest.labels(name).set(state["oldest_s"])
                self._sink_waiting.labels(name).set(state["waiting_bytes"])
                if name == "database":
                    self._oldest.set(state["oldest_s"])

    def shipper_restarted(self) -> None:
        """Count a shipper that died."""
        with self._lock:
            self._restarts.add(())
