"""Money is rounded once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.usage import Prices, Usage, cost_of, utf8_bytes_of

MTOK = 1_000_000


@pytest.mark.parametrize(
    ("usage", "prices", "micro_usd"),
    [
        (Usage(0, 0), Prices(9, 9, 9), 0),
        (Usage(MTOK, 0), Prices(150_000, 75_000, 600_000), 150_000),
        (Usage(MTOK, MTOK, cached=MTOK), Prices(150_000, 75_000, 600_000), 675_000),
        (Usage(1, 0), Prices(499_999, 0, 0), 0),
        (Usage(1, 0), Prices(500_000, 0, 0), 1),
        (Usage(3, 0), Prices(500_000, 0, 0), 2),
        (Usage(1, 1), Prices(250_000, 0, 250_000), 1),
        (Usage(5, 0, cached=9), Prices(MTOK, 0, 0), 0),
    ],
)
def test_costs(usage: Usage, prices: Prices, micro_usd: int) -> None:
    """Half up, once for the whole; no more tokens are cached than there are."""
    assert cost_of(usage, prices) == micro_usd


@given(st.builds(Usage, st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7)), st.integers(0, 10**7))
def test_a_cost_is_never_below_zero_nor_far_from_exact(usage: Usage, price: int) -> None:
    """With one price for all tokens it is that price, to half a micro-USD."""
    cost = cost_of(usage, Prices(price, price, price))
    assert abs(cost * MTOK - (usage.prompt + usage.completion) * price) * 2 <= MTOK


@given(st.text(max_size=40))
def test_the_length_of_a_text_is_that_of_its_utf8(text: str) -> None:
    """A lone surrogate, which has none, counts as the sign that replaces it."""
    assert utf8_bytes_of(text) == sum(len(character.encode("utf-8", "replace")) for character in text)
