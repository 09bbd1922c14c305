"""What is full first as a load grows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.sizing.processors import processors_for, worker_us
from extproc.sizing.stores import limits_for, series_for
from extproc.sizing.thresholds import PROMETHEUS_SERIES, cells_for, thresholds
from extproc.sizing.workload import LedgerPlace, LimitPlace
from tests.unit.sizing.samples import COEFFICIENTS, load

EVERYTHING: dict[str, Any] = {"limit_store": LimitPlace.VALKEY, "ledger": LedgerPlace.POSTGRESQL}


def rates(**changed: Any) -> dict[str, float]:
    """Up to where one of each is enough."""
    return {one.what.split()[0]: one.requests_per_s for one in thresholds(load(**changed), COEFFICIENTS)}


def test_the_first_is_at_the_front() -> None:
    """And all that a load has is there."""
    found = thresholds(load(**EVERYTHING), COEFFICIENTS)
    assert [one.requests_per_s for one in found] == sorted(one.requests_per_s for one in found)
    assert set(rates(**EVERYTHING)) == {"worker", "Envoy", "Prometheus", "Valkey", "PostgreSQL", "disk", "review"}
    assert set(rates(ledger=LedgerPlace.SQLITE, findings=0.0)) == {"worker", "Envoy", "Prometheus", "machine"}


def test_they_depend_on_the_mix_and_not_on_the_rate() -> None:
    """They are rates themselves."""
    assert rates(**EVERYTHING) == rates(**EVERYTHING, requests_per_s=3.0)
    assert rates(answer_tokens=10_000)["worker"] < rates()["worker"]


def test_at_a_threshold_the_model_says_so_too() -> None:
    """What is full there is full by the figures of the same load."""
    found = rates(**EVERYTHING)
    valkey = limits_for(load(**EVERYTHING, requests_per_s=found["Valkey"]), COEFFICIENTS)
    assert valkey is not None
    assert valkey.cores == pytest.approx(0.6)
    worker = processors_for(load(**EVERYTHING, requests_per_s=found["worker"]), COEFFICIENTS)
    assert worker_us(worker.cpu_us) * found["worker"] == pytest.approx(0.6e6)
    assert worker.processes == 1
    at_prometheus = load(**EVERYTHING, requests_per_s=found["Prometheus"])
    series = series_for(at_prometheus, COEFFICIENTS, processors_for(at_prometheus, COEFFICIENTS).pods)
    assert series.all == pytest.approx(PROMETHEUS_SERIES, rel=0.01)


def test_cells_are_so_many_that_no_store_is_exceeded() -> None:
    """Divided by them, a load is below what one of each store takes."""
    first = min(rates(**EVERYTHING)[name] for name in ("Valkey", "PostgreSQL", "Prometheus"))
    assert cells_for(load(**EVERYTHING, requests_per_s=0.9 * first), COEFFICIENTS) == 1
    assert cells_for(load(**EVERYTHING, requests_per_s=2.5 * first), COEFFICIENTS) == 3
