"""Figures over sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.by_source import (
    Scored,
    area_under_curve,
    by_source,
    figures,
    figures_at,
    interval_of,
    mean_of,
    shares_above,
    threshold_at,
)

scores = st.integers(0, 20).map(lambda number: number / 20)
rows = st.lists(st.builds(Scored, st.sampled_from("abc"), st.integers(0, 1), scores), min_size=1, max_size=60)


def test_a_large_source_counts_as_a_small_one() -> None:
    """A thousand rows that are found, and one that is not."""
    many = [Scored("large", 1, 1.0)] * 1_000 + [Scored("small", 1, 0.0)]
    assert mean_of(shares_above(by_source(many, 1), 0.5)) == 0.5


@given(rows, st.sampled_from([0.5, 0.1, 0.01]))
def test_a_threshold_is_the_lowest_that_keeps_the_rate(given_rows: list[Scored], rate: float) -> None:
    """Any lower one that a row has would let more pass."""
    honest = by_source(given_rows, 0)
    threshold = threshold_at(honest, rate)
    if not honest:
        return
    assert mean_of(shares_above(honest, threshold)) <= rate
    lower = [score for each in honest.values() for score in each if score < threshold]
    assert not lower or mean_of(shares_above(honest, max(lower))) > rate


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_an_interval_holds_its_mean(shares: dict[str, float]) -> None:
    """And is the same in every run."""
    found = interval_of(shares)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found == interval_of(shares)


@given(rows)
def test_the_area_is_that_of_all_pairs(given_rows: list[Scored]) -> None:
    """Each pair of sources counts alike; a tie counts half."""
    honest, wanted = by_source(given_rows, 0), by_source(given_rows, 1)
    if not honest or not wanted:
        return
    pairs = [
        sum((high > low) + (high == low) / 2 for high in found for low in plain) / len(found) / len(plain)
        for found in wanted.values()
        for plain in honest.values()
    ]
    assert area_under_curve(given_rows) == pytest.approx(sum(pairs) / len(pairs))


def test_figures_are_flat() -> None:
    """Recall at both rates, and at a threshold by source."""
    given_rows = [Scored("a", 1, 0.9), Scored("a", 0, 0.1), Scored("b", 1, 0.2), Scored("b", 0, 0.3)]
    assert figures(given_rows)["recall_at_fpr_0.01"] == 0.5
    at = figures_at(given_rows, 0.3)
    assert (at["recall"], at["recall.a"], at["recall.b"], at["false_alarms.b"]) == (0.5, 1.0, 0.0, 1.0)
