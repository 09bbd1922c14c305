"""The shape of an entry, and what may stand in it."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.ledger.entry import NAME_BYTES_MAX, LedgerEntry, storable_name
from tests.docs.ledger_table import described
from tests.unit.ledger.samples import DAY_US, NOON_US, entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("search", "search"),
        ("Zoë & 検索", "Zoë & 検索"),
        ("=cmd()", "=cmd()"),
        ("a\r\nb\0c\x1b[31m", "a\ufffd\ufffdb\ufffdc\ufffd[31m"),
        ("\ud800", "\ufffd"),
        ("a\u202eb", "a\ufffdb"),
        ("x" * 10_000, "x" * NAME_BYTES_MAX),
    ],
)
def test_a_name_is_made_storable(text: str, expected: str) -> None:
    """What cannot be stored or shown is replaced; a formula is no danger to a database."""
    assert storable_name(text) == expected


@given(st.text(st.characters(codec=None), max_size=NAME_BYTES_MAX * 2))
def test_any_name_is_bounded_and_printable(text: str) -> None:
    """In UTF-8, so that an entry has a largest size."""
    name = storable_name(text)
    assert len(name.encode()) <= NAME_BYTES_MAX
    assert name.isprintable()
    assert storable_name(name) == name


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
