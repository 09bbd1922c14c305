"""From when on an hour counts."""

from __future__ import annotations

import pytest

from extproc.ledger.allocation.settled import settled_us, settles_from_us
from tests.unit.ledger.allocation.samples import MIDNIGHT_US

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


@pytest.mark.parametrize(("minutes", "settled_h"), [(0, -1), (59, -1), (60, 0), (119, 0), (120, 1)])
def test_an_hour_counts_when_it_is_over_for_an_hour(minutes: int, settled_h: int) -> None:
    """At midnight the last hour that counts ends at eleven."""
    assert settled_us(MIDNIGHT_US + minutes * MINUTE_US) == MIDNIGHT_US + settled_h * HOUR_US


@pytest.mark.parametrize("hours", [0, 1, 23])
def test_what_is_allocated_by_itself_begins_yesterday(hours: int) -> None:
    """All day."""
    assert settles_from_us(MIDNIGHT_US + hours * HOUR_US) == MIDNIGHT_US - 24 * HOUR_US
