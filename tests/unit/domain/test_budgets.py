"""What is left of a budget."""

from __future__ import annotations

from typing import get_args

from extproc.domain.budgets import BudgetState, BudgetUnit, taken_at_end


def test_what_is_left() -> None:
    """Grants count; nothing is rounded up to a share that was not reached."""
    state = BudgetState("search", amount=1_000, granted=500, spent=1_199)
    assert (state.limit, state.left, state.percent, state.is_exhausted) == (1_500, 301, 79, False)
    assert state.reached((80, 50, 79)) == (50, 79)
    assert state._replace(spent=1_200).reached((80,)) == (80,)


def test_it_is_exhausted_when_nothing_is_left() -> None:
    """At the amount itself, and beyond; 100 percent says the same."""
    state = BudgetState("search", amount=1_000, granted=0, spent=999)
    assert (state.percent, state.is_exhausted) == (99, False)
    for spent in (1_000, 1_001):
        assert state._replace(spent=spent).is_exhausted
        assert state._replace(spent=spent).percent >= 100


def test_all_of_it_was_taken_back() -> None:
    """There is no share of nothing."""
    state = BudgetState("search", amount=1_000, granted=-1_000, spent=0)
    assert (state.limit, state.percent, state.is_exhausted, state.reached((80,))) == (0, 100, True, (80,))


def test_what_an_exchange_takes() -> None:
    """In each unit; GPU time is none of what its end tells."""
    assert {unit: taken_at_end(unit, 7, 9) for unit in get_args(BudgetUnit)} == {
        **{"tokens": 7, "micro_usd": 9, "gpu_seconds": 0}
    }
