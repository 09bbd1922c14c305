"""What stores get of a load."""

from __future__ import annotations

import pytest

from extproc.sizing.stores import findings_per_day, ledger_for, limits_for, series_for
from extproc.sizing.workload import LedgerPlace, LimitPlace
from tests.unit.sizing.samples import COEFFICIENTS, load


def test_calls_of_rate_limits() -> None:
    """Only a store gets some."""
    found = limits_for(load(limit_store=LimitPlace.VALKEY, teams=1_000, limits=5), COEFFICIENTS)
    assert found is not None
    assert (found.calls_per_s, found.round_trips_per_s) == (2_000, 1_000)
    assert found.cores == pytest.approx(0.1)
    assert found.cores_batched == pytest.approx(0.05)
    assert found.memory_mb == pytest.approx(1.0)
    assert limits_for(load(limit_store=LimitPlace.MEMORY), COEFFICIENTS) is None


def test_bytes_of_a_ledger() -> None:
    """By the store that it has."""
    found = ledger_for(load(ledger=LedgerPlace.POSTGRESQL), COEFFICIENTS, workers=4)
    assert found is not None
    assert found.store_bytes_per_day == 1_000 * 86_400 * 700
    assert found.store_bytes_per_month == 30 * found.store_bytes_per_day
    assert found.parquet_bytes_per_day == 1_000 * 86_400 * 100
    assert found.spool_bytes_per_hour == 1_000 * 3_600 * 500
    assert found.server_cores == pytest.approx(0.1)
    in_file = ledger_for(load(ledger=LedgerPlace.SQLITE), COEFFICIENTS, workers=1)
    assert in_file is not None
    assert (in_file.server_cores, in_file.store_bytes_per_day) == (0, 1_000 * 86_400 * 600)
    assert ledger_for(load(), COEFFICIENTS, workers=1) is None


@pytest.mark.parametrize(
    ("rate", "workers", "transactions"),
    [
        (1.0, 4, 1.0),  # an entry at a time
        (1_000.0, 4, 2 + 16),  # each worker's spool four times a second, and full batches
        (100_000.0, 4, 200 + 16),
    ],
)
def test_transactions_of_a_ledger(rate: float, workers: int, transactions: float) -> None:
    """Never more than entries."""
    found = ledger_for(load(requests_per_s=rate, ledger=LedgerPlace.POSTGRESQL), COEFFICIENTS, workers)
    assert found is not None
    assert found.transactions_per_s == pytest.approx(transactions)


def test_series_are_bounded_by_the_label_values() -> None:
    """More teams are one series, `other`."""
    found = series_for(load(teams=20, versions=3), COEFFICIENTS, pods=5)
    assert (found.per_pod, found.all, found.capped) == (100 + 150 + 600, 4_250, False)
    capped = series_for(load(teams=20_000, versions=3, label_values_max=100), COEFFICIENTS, pods=1)
    assert (capped.per_pod, capped.capped) == (100 + 150 + 101 * 3 * 10, True)


def test_findings_of_a_day() -> None:
    """A share of exchanges."""
    assert findings_per_day(load(findings=0.01)) == 864_000
    assert findings_per_day(load(findings=0.0)) == 0
