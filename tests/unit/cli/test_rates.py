"""Rates from any two pages of metrics, resets included: they are never negative, and never more than happened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cli.operations_pages import samples_of
from extproc.cli.rates import PAGES_MAX, RateWindow, counters_of, increase, increases, quantile

COUNTS = st.floats(0, 1e12)
PAGES = st.dictionaries(st.sampled_from("abcd"), COUNTS).map(
    lambda page: {(f"{name}_total", ()): value for name, value in page.items()}
)
A = ("a_total", ())


@given(PAGES, PAGES)
def test_no_increase_is_negative(before: dict[str, float], after: dict[str, float]) -> None:
    """Of any two pages; a series that is gone has none."""
    grown = increases(before, after)  # type: ignore[arg-type]
    assert grown.keys() <= after.keys()
    assert all(0 < by <= after[series] for series, by in grown.items())  # type: ignore[index]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 1_000)), min_size=1, max_size=PAGES_MAX - 1), st.integers(0, 99)
)
def test_what_is_measured_has_happened(steps: list[tuple[bool, int]], begins: int) -> None:
    """All of it without a reset; a reset that more follows than came before cannot be seen."""
    window, value, happened = RateWindow(), begins, 0
    window.add(0.0, {A: float(value)})
    for number, (resets, by) in enumerate(steps, 1):
        value = by if resets else value + by
        happened += by
        window.add(float(number), {A: float(value)})
    measured = window.recent().get(A, 0.0)
    assert 0 <= measured <= happened
    assert window.seconds == len(steps)
    if not any(resets for resets, _ in steps):
        assert measured == happened


def test_a_restart_counts_from_zero() -> None:
    """As Prometheus has it; a new series began at 0 too, and a worker that is replaced keeps its counts."""
    assert [increase(before, after) for before, after in ((5, 9), (9, 2), (9, 0), (9, 9), (0, 4))] == [4, 2, 0, 0, 4]
    assert increases({}, {A: 3.0}) == {A: 3.0}


def test_a_window_is_of_the_last_pages() -> None:
    """What was before is forgotten."""
    window = RateWindow()
    assert (window.seconds, window.recent()) == (0, {})
    for number in range(3 * PAGES_MAX):
        window.add(number * 2.0, {A: number * number * 1.0})
    last = 3 * PAGES_MAX - 1
    assert window.seconds == 2.0 * (PAGES_MAX - 1)
    assert window.recent() == {A: last**2 - (last - PAGES_MAX + 1) ** 2}


def test_only_what_grows_is_a_counter() -> None:
    """No gauge, and no number that is none."""
    page = '# TYPE x counter\nx_total{b="2",a="1"} 4\nx_total{a="2"} NaN\n# TYPE y gauge\ny 3\n'
    assert counters_of(samples_of(page)) == {("x_total", (("a", "1"), ("b", "2"))): 4.0}


# --- quantiles -----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(0.001, 100), st.floats(0, 1e6)), max_size=8),
    st.lists(st.floats(0, 1), min_size=2, max_size=5),
)
def test_quantiles_rise_and_stay_within_the_buckets(counts: list[tuple[float, float]], shares: list[float]) -> None:
    """Whatever a histogram counts, also when its buckets contradict each other after a reset."""
    found = [quantile([*counts, (float("inf"), 1e6)], share) for share in sorted(shares)]
    known = [one for one in found if one is not None]
    assert len(known) == len(found)
    assert all(before <= after + 1e-9 for before, after in pairwise(known))
    assert all(0 <= one <= max((bound for bound, _ in counts), default=0.0) for one in known)


@pytest.mark.parametrize(("share", "value"), [(0.25, 0.5), (0.5, 1.0), (0.75, 1.5), (0.99, 2.0), (0.0, 0.0)])
def test_a_quantile_is_even_within_its_bucket(share: float, value: float) -> None:
    """As in Prometheus; of the last bucket its beginning."""
    assert quantile([(1.0, 4), (2.0, 7), (float("inf"), 8)], share) == pytest.approx(value, abs=0.2)


def test_a_histogram_of_nothing_has_none() -> None:
    """Nobody was answered in these seconds."""
    assert quantile([], 0.5) is None
    assert quantile([(1.0, 0), (float("inf"), 0)], 0.5) is None
