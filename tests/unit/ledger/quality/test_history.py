"""Sums are deleted when no reference needs them any more, and no earlier."""

from __future__ import annotations

from sqlalchemy import select

from extproc.config.drift import DriftSection
from extproc.ledger.quality.history import KEPT_US
from extproc.ledger.quality.tables import SERIES, STATES, STRATA, SUMS
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.quality.samples import HOUR_US, PINNED, Played, rate_row, terms
from tests.unit.ledger.samples import NOON_US

DAY_US = 24 * HOUR_US


def hours(store: LedgerStore) -> set[tuple[str, str, int]]:
    """What there are sums of: version, revision, days before noon."""
    rows = store.rows(select(SUMS.c.version, SUMS.c.fingerprint, SUMS.c.hour_us).distinct())
    return {(row["version"], row["fingerprint"], (NOON_US - row["hour_us"]) // DAY_US) for row in rows}


def rows_of(played: Played, days: int, **changed: str) -> None:
    """Answers of some days ago, stored now."""
    played.minute(rate_row(10, 1, hour_us=NOON_US - days * DAY_US, **changed))


def test_hours_are_kept_for_nine_days(store: LedgerStore) -> None:
    """And an hour that has not come is of a clock that is wrong."""
    played = Played(store, terms(DriftSection()))
    for days in (-3, 0, 8, 10, 30):
        rows_of(played, days)
    played.now_us += HOUR_US
    rows_of(played, 0)
    assert hours(store) == {("v2", "f2", 0), ("v2", "f2", 8)}


def test_what_is_compared_is_kept(store: LedgerStore) -> None:
    """The last days of a version that nobody asks, and of the one before; not of a version that is gone."""
    played = Played(store, terms(DriftSection(reference="previous_version"), ("tiny", "v1"), ("tiny", "v2")))
    rows_of(played, 0, version="gone", team="of it alone")
    rows_of(played, 0, version="v1", fingerprint="older")
    rows_of(played, 0, version="v1", fingerprint="old")
    rows_of(played, 0, version="v1")
    rows_of(played, 0)
    played.now_us += KEPT_US + 2 * HOUR_US
    played.minute(rate_row(10, 1, hour_us=played.now_us))
    assert {one[:2] for one in hours(store)} == {("v1", "old"), ("v1", "f2"), ("v2", "f2")}
    assert {row["fingerprint"] for row in store.rows(select(SERIES))} == {"old", "f2"}
    assert {row["version"] for row in store.rows(select(STATES))} == {"v1", "v2"}
    assert [row["team"] for row in store.rows(select(STRATA))] == ["search"]


def test_a_window_that_is_collected_is_kept(store: LedgerStore) -> None:
    """Until it is complete; then it is stored with the revision."""
    days = DriftSection(reference="pinned", first_day="2026-11-01", last_day="2026-11-29")
    for section, kept in ((days, {0, 20}), (PINNED, {0, 20}), (DriftSection(), {0})):
        played = Played(store, terms(section), NOON_US + 2 * HOUR_US)
        rows_of(played, 20)
        played.now_us += HOUR_US
        rows_of(played, 0)
        assert {one[2] for one in hours(store)} == kept
