"""The arithmetic of a limit: whole numbers, in which a burst is exactly that many requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rate_limits import (
    AMOUNTS,
    DEBT_NS_MIN,
    LIMIT_MAX,
    TICKS_PER_NS,
    WINDOWS_NS,
    Quantity,
    TokenWeights,
    rate_of,
)
from extproc.domain.usage import Prices, Usage

USAGE = Usage(prompt=100, completion=20, cached=60)
PRICES = Prices(prompt=1_000_000, cached=100_000, completion=2_000_000)


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        (Quantity.PROMPT_TOKENS, 100),
        (Quantity.COMPLETION_TOKENS, 20),
        (Quantity.TOKENS, 120),
        (Quantity.WEIGHTED_TOKENS, 40 * 10 + 60 + 20 * 30),
        (Quantity.MICRO_USD, 40 + 6 + 40),
    ],
)
def test_each_quantity_has_its_amount(quantity: Quantity, amount: int) -> None:
    """Cached tokens are a part of the prompt, with a weight and a price of their own."""
    assert AMOUNTS[quantity](USAGE, PRICES, TokenWeights(10, 1, 30)) == amount


def test_of_the_others_each_exchange_takes_one() -> None:
    """Whatever it uses."""
    assert set(Quantity) - AMOUNTS.keys() == {Quantity.REQUESTS, Quantity.EXCHANGES}


def test_without_prices_nothing_costs() -> None:
    """A request whose version is not known."""
    assert AMOUNTS[Quantity.MICRO_USD](USAGE, None, TokenWeights()) == 0


@given(
    limit=st.integers(1, LIMIT_MAX),
    burst=st.integers(1, LIMIT_MAX),
    window=st.sampled_from(sorted(WINDOWS_NS.values())),
)
def test_a_burst_is_that_many_units(limit: int, burst: int, window: int) -> None:
    """However the window divides; and the speed is never above the limit, by less than a thousandth below it."""
    rate = rate_of(limit, window, burst)
    assert rate.burst == burst * rate.interval
    window_ticks = window * TICKS_PER_NS
    assert window_ticks <= limit * rate.interval < window_ticks * 1.001


def test_a_debt_may_be_as_long_as_the_window_and_at_least_an_hour() -> None:
    """Else a limit by the second would forget most of what a long answer has used."""
    assert rate_of(10, WINDOWS_NS["second"], 10).debt >= DEBT_NS_MIN * TICKS_PER_NS
    assert rate_of(10, WINDOWS_NS["day"], 10).debt >= WINDOWS_NS["day"] * TICKS_PER_NS
    assert rate_of(10, WINDOWS_NS["day"], 100).debt == rate_of(10, WINDOWS_NS["day"], 100).burst
