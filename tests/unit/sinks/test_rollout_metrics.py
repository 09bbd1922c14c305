"""Metrics of rollouts are what the process that ships said last."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import generate_latest

from extproc.sinks.metrics import Metrics

LABELS = {"rollout": "m-v2", "model": "m"}
SHOWN = {
    **{"name": "m-v2", "model": "m", "stable": "v1", "canary": "v2", "step": 2, "share": 0.25, "phase": "running"},
    "gates": [{"gate": "refusal", "worse": 0.5, "not_worse": 0.25, "difference": 0.01}],
}
CHANGE = {"name": "m-v2", "model": "m", "kind": "advanced"}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Of a sample."""
    return metrics.registry.get_sample_value(name, {**LABELS, **labels})


def report(*shown: dict[str, Any], led: bool = True) -> dict[str, Any]:
    """As the process sends it."""
    return {"rollouts": list(shown), "rollouts_led": led}


def test_where_a_rollout_stands() -> None:
    """Its share, step and phase, and of each gate the evidence."""
    metrics, before_s = Metrics(10), time.time()
    metrics.ledger.shipped({})
    assert metrics.registry.get_sample_value("llm_rollout_seen_timestamp_seconds") == 0
    metrics.ledger.shipped(report(SHOWN))
    seen_s = metrics.registry.get_sample_value("llm_rollout_seen_timestamp_seconds")
    assert seen_s is not None
    assert before_s <= seen_s <= time.time()
    assert (value(metrics, "llm_rollout_share"), value(metrics, "llm_rollout_step")) == (0.25, 2)
    assert value(metrics, "llm_rollout_phase", phase="running") == 1
    assert value(metrics, "llm_rollout_phase", phase="promoted") == 0
    assert value(metrics, "llm_rollout_gate_evidence", gate="refusal", shows="worse") == 0.5
    assert value(metrics, "llm_rollout_gate_evidence", gate="refusal", shows="not_worse") == 0.25
    assert value(metrics, "llm_rollout_gate_difference", gate="refusal") == 0.01
    assert metrics.registry.get_sample_value("llm_rollout_leads") == 1


def test_what_is_gone_is_shown_no_more() -> None:
    """Of a process that does not decide any more only the share is known."""
    metrics = Metrics(10)
    metrics.ledger.shipped(report(SHOWN))
    metrics.ledger.shipped(report({**SHOWN, "gates": [], "phase": "rolled_back", "share": 0.0}, led=False))
    assert value(metrics, "llm_rollout_gate_evidence", gate="refusal", shows="worse") is None
    assert value(metrics, "llm_rollout_phase", phase="rolled_back") == 1
    assert metrics.registry.get_sample_value("llm_rollout_leads") == 0
    metrics.ledger.shipped(report())
    assert "llm_rollout_share{" not in generate_latest(metrics.registry).decode()


def test_changes_are_counted() -> None:
    """By what happened; a report without any changes nothing."""
    metrics = Metrics(10)
    metrics.ledger.shipped({"rollout_changes": [CHANGE, {**CHANGE, "kind": "rolled_back"}, CHANGE]})
    metrics.ledger.shipped({})
    generate_latest(metrics.registry)
    assert value(metrics, "llm_rollout_changes_total", kind="advanced") == 2
    assert value(metrics, "llm_rollout_changes_total", kind="rolled_back") == 1
