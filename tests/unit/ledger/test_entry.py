"""The shape of an entry, and what may stand in it."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from extproc.ledger.entry import LedgerEntry
from tests.docs.ledger_table import described
from tests.unit.ledger.samples import DAY_US, NOON_US, entry


@pytest.mark.parametrize(
    ("started_at_us", "expected"),
    [
        (NOON_US, date(2026, 11, 29)),
        (NOON_US + DAY_US // 2 - 1, date(2026, 11, 29)),
        (NOON_US + DAY_US // 2, date(2026, 11, 30)),
    ],
)
def test_the_day_is_that_of_the_start_in_utc(started_at_us: int, expected: date) -> None:
    """To the microsecond."""
    assert entry(started_at_us=started_at_us).day == expected


def test_every_field_is_documented_once() -> None:
    """In the order of the columns; the page of the ledger is made of it."""
    names = [name for names, _ in described() for name in names]
    assert sorted(names) == sorted(one.name for one in fields(LedgerEntry))
