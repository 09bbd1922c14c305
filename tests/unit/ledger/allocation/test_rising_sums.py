"""Counters rise by what is told, never fall, and reach what was added."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.ledger.allocation import rising_sums
from extproc.ledger.allocation.rising_sums import NEW_S, LabelValues, RisingSums
from tests.thorough import examples

LABELS = [("search", "a"), ("search", "b"), ("chat", "a")]
ADDED = st.lists(st.tuples(st.sampled_from(LABELS), st.integers(-1_000, 1_000)))


@given(ADDED)
@settings(max_examples=examples(200))
def test_a_counter_is_the_highest_sum_there_was(added: list[tuple[tuple[str, str], int]]) -> None:
    """So it never falls, and what it has too much is left out of what comes later."""
    sums, counters, true, highest = RisingSums(), Counter[LabelValues](), Counter[LabelValues](), Counter[LabelValues]()
    for labels in LABELS:
        sums.add(labels, 0)
    assert sorted(sums.take(0.0)) == [(labels, 0) for labels in sorted(LABELS)]
    for labels, amount in added:
        sums.add(labels, amount)
        true[labels] += amount
        highest[labels] = max(highest[labels], true[labels])
        for told, by in sums.take(NEW_S):
            assert by > 0
            counters[told] += by
        assert all(counters[one] == highest[one] for one in LABELS)


def test_a_revision_that_lowers_a_share() -> None:
    """What was told too much is left out of what comes later."""
    sums = RisingSums()
    sums.add(("search",), 100)
    assert sums.take(0.0) == [(("search",), 0)]
    assert sums.take(NEW_S) == [(("search",), 100)]
    sums.add(("search",), -30)
    assert sums.take(NEW_S) == []
    sums.add(("search",), 50)
    assert sums.take(NEW_S) == [(("search",), 20)]


def test_a_new_series_stands_at_0_first() -> None:
    """Until a scrape has seen it: else its first value would be in no increase."""
    sums = RisingSums()
    sums.add(("search",), 100)
    assert sums.take(10.0) == [(("search",), 0)]
    assert sums.take(10.0 + NEW_S - 0.1) == []
    assert sums.take(10.0 + NEW_S) == [(("search",), 100)]
    sums.add(("search",), 1)
    assert sums.take(10.0 + NEW_S) == [(("search",), 1)]


def test_more_labels_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are one, and nothing is lost."""
    monkeypatch.setattr(rising_sums, "KEYS_MAX", 2)
    sums = RisingSums()
    for number in range(5):
        sums.add((f"team-{number}", "x"), 10)
    sums.take(0.0)
    assert sorted(sums.take(NEW_S)) == [(("other", "other"), 30), (("team-0", "x"), 10), (("team-1", "x"), 10)]
