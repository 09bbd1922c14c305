"""Metrics of GPU time are what the process that ships said, in bounded labels."""

from __future__ import annotations

from typing import Any

from extproc.sinks.bounded_labels import OTHER
from extproc.sinks.metrics import Metrics
from tests.unit.sinks.test_metrics import page, value

SECOND_US = 1_000_000


def used(team: str, seconds: float, project: str = "index") -> dict[str, Any]:
    """Of one version."""
    return {"labels": [team, project, "m", "v1"], "time_us": int(seconds * SECOND_US)}


def unpaid(state: str, seconds: float) -> dict[str, Any]:
    """Of one model."""
    return {"labels": ["m", state], "time_us": int(seconds * SECOND_US)}


def test_time_adds_up() -> None:
    """In seconds, to the microsecond; a series begins at 0."""
    metrics = Metrics(label_values_max=10)
    metrics.ledger.shipped({"gpu_used": [used("search", 0)], "gpu_unpaid": [unpaid("idle", 0)]})
    assert 'llm_gpu_seconds_total{model="m",project="index",team="search",version="v1"} 0.0' in page(metrics)
    assert 'llm_gpu_idle_seconds_total{model="m"} 0.0' in page(metrics)
    metrics.ledger.shipped({"gpu_used": [used("search", 1.5), used("chat", 2)]})
    metrics.ledger.shipped({"gpu_used": [used("search", 0.000_001)]})
    states = {"idle": 10.0, "starting": 2.0, "sleeping": 3.0, "unexplained": 4.0}
    metrics.ledger.shipped({"gpu_unpaid": [unpaid(state, seconds) for state, seconds in states.items()]})
    assert value(metrics, "llm_gpu_seconds_total", team="search", version="v1") == 1.500_001
    assert value(metrics, "llm_gpu_seconds_total") == 3.500_001
    assert value(metrics, "llm_gpu_idle_seconds_total", model="m") == 10.0
    for state in ("starting", "sleeping", "unexplained"):
        assert value(metrics, "llm_gpu_other_seconds_total", model="m", state=state) == states[state]
    assert 'state="idle"' not in page(metrics)


def test_teams_and_projects_are_bounded() -> None:
    """As in all metrics of teams."""
    metrics = Metrics(label_values_max=2)
    metrics.ledger.shipped({"gpu_used": [used(f"team-{n}", 1, f"project-{n}") for n in range(5)]})
    assert value(metrics, "llm_gpu_seconds_total", team=OTHER, project=OTHER) == 3.0
    assert value(metrics, "llm_gpu_seconds_total") == 5.0


def test_what_is_not_explained_is_the_last_report() -> None:
    """Servers that are gone are shown no more; what says nothing of them changes nothing."""
    metrics = Metrics(label_values_max=10)
    shares = [{"model": "m", "server": f"10.0.0.{n}:8000", "share": n / 10} for n in (1, 2)]
    metrics.ledger.shipped({"gpu_unexplained": shares, "gpu_until_s": 1_800.0})
    metrics.ledger.shipped({"failing": ""})
    assert value(metrics, "llm_gpu_unexplained_share", server="10.0.0.2:8000") == 0.2
    assert value(metrics, "llm_gpu_allocated_until_timestamp_seconds") == 1_800.0
    metrics.ledger.shipped({"gpu_unexplained": shares[:1]})
    assert "10.0.0.2" not in page(metrics)
    metrics.ledger.shipped({"gpu_unexplained": [], "gpu_until_s": 0.0})
    assert "llm_gpu_unexplained_share{" not in page(metrics)
