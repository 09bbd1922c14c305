"""Drift as the process that ships reports it: what is gone is shown no more."""

from __future__ import annotations

from typing import Any

from extproc.sinks.metrics import Metrics
from tests.unit.sinks.test_metrics import page, value


def shown(version: str = "v1", **changed: Any) -> dict[str, Any]:
    """Of one signal."""
    of = {"model": "m", "version": version, "signal": "refused"}
    return {**of, "reference": "ready", "effect": 0.5, "evidence": 0.7, "alarm": False, **changed}


def test_what_is_shown_is_the_last_report() -> None:
    """In parts, of which the first one clears what was before."""
    metrics = Metrics(label_values_max=10)
    report = metrics.ledger.shipped
    report({"drift": [shown("v1", alarm=True, evidence=1.5)], "drift_begins": True})
    report({"drift": [shown("v2", effect=-0.25, reference="empty")], "drift_begins": False})
    report({"failing": ""})
    first, second = {"model": "m", "version": "v1", "signal": "refused"}, {"version": "v2"}
    assert value(metrics, "llm_quality_drift", **first) == 0.5
    assert value(metrics, "llm_quality_drift_evidence", **first) == 1.5
    assert value(metrics, "llm_quality_drift_alarm", **first) == 1
    assert value(metrics, "llm_quality_drift_compared", **first) == 1
    assert value(metrics, "llm_quality_drift", **second) == -0.25
    assert value(metrics, "llm_quality_drift_alarm", **second) == 0
    assert value(metrics, "llm_quality_drift_compared", **second) == 0
    report({"drift": [shown("v2")], "drift_begins": True})
    assert 'llm_quality_drift{model="m",signal="refused",version="v1"}' not in page(metrics)
    report({"drift": [], "drift_begins": True})
    assert "llm_quality_drift{" not in page(metrics)


def test_alarms_and_answers_without_sums_of_their_own_are_counted() -> None:
    """By who has noted them."""
    metrics = Metrics(label_values_max=10)
    for kind in ("raised", "cleared", "raised"):
        metrics.ledger.shipped({"drift_changes": [{"kind": kind, "shown": shown()}], "drift_others": 0})
    metrics.ledger.shipped({"drift_changes": [], "drift_others": 30})
    assert value(metrics, "llm_quality_drift_alarms_total", kind="raised") == 2
    assert value(metrics, "llm_quality_drift_alarms_total", kind="cleared") == 1
    assert value(metrics, "llm_quality_other_strata_answers_total") == 30
