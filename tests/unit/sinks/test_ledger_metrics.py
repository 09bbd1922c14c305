"""What the shipper reports, as metrics: for each sink, and for the database as before there were others."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.sinks.metrics import Metrics
from tests.unit.sinks.test_metrics import value

PREFIX = "llm_extproc_ledger"


@pytest.fixture
def metrics() -> Metrics:
    """After two reports."""
    metrics = Metrics(label_values_max=10)
    first: dict[str, Any] = {
        "failing": "",
        "spool_bytes": 5_000,
        "sinks": {
            "database": {"stored": 3, "repeated": 1, "damaged": 2, "oldest_s": 0.5, "waiting_bytes": 10},
            "cloud_events": {"stored": 1, "refused": 2, "failures": 4, "oldest_s": 9.0, "waiting_bytes": 900},
        },
    }
    metrics.ledger.shipped(first)
    metrics.ledger.shipped({"failing": "cloud_events: HTTP status 500", "sinks": {"cloud_events": {"failures": 1}}})
    metrics.ledger.shipped({"problems": ["told in the log"]})
    return metrics


@pytest.mark.parametrize(
    ("name", "database", "events"),
    [
        ("stored_total", 3, 1),
        ("failures_total", 0, 5),
        ("refused_total", 0, 2),
        ("oldest_seconds", 0.5, 9),
        ("waiting_bytes", 10, 900),
    ],
)
def test_each_sink_has_series_of_its_own(metrics: Metrics, name: str, database: float, events: float) -> None:
    """Also of what never happened to it."""
    assert value(metrics, f"{PREFIX}_sink_{name}", sink="database") == database
    assert value(metrics, f"{PREFIX}_sink_{name}", sink="cloud_events") == events


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stored_total", 3),
        ("repeated_total", 1),
        ("damaged_total", 2),
        ("oldest_unshipped_seconds", 0.5),
        ("spool_bytes", 5_000),
    ],
)
def test_what_has_no_label_is_of_the_database(metrics: Metrics, name: str, expected: float) -> None:
    """Dashboards of before read the same."""
    assert value(metrics, f"{PREFIX}_{name}") == expected


def test_a_budget_says_what_is_spent_and_when_it_warns(metrics: Metrics) -> None:
    """One that never warns has no series for it, and one whose days are over has none at all."""
    told = {"at_s": 1, "percent": {"daily": 85, "spring": 10}, "warn_percent": {"daily": 80}}
    metrics.ledger.shipped({"budgets": told})
    assert value(metrics, "llm_extproc_budget_spent_percent", budget="daily") == 85
    assert value(metrics, "llm_extproc_budget_warn_percent") == 80
    metrics.ledger.shipped({"budgets": told | {"percent": {"spring": 11}, "warn_percent": {}}})
    assert value(metrics, "llm_extproc_budget_spent_percent") == 11
    assert value(metrics, "llm_extproc_budget_warn_percent") == 0
