"""Coverage adds up texts; money is rounded once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import refuse
from extproc.domain.record import Coverage, ExchangeRecord
from extproc.domain.usage import Prices, Usage, cost_of

MTOK = 1_000_000


def test_coverage_is_counted_by_texts() -> None:
    """Of each guard and direction; none is no entry."""
    record = ExchangeRecord("id", "revision", 0)
    for texts in (2, 1, 0):
        record.note_coverage("pii", "request", Coverage.CHECKED, texts)
    record.note_coverage("pii", "response", Coverage.FAILED_OPEN, 1)
    record.note_coverage("refusal", "response", Coverage.CHECKED, 0)
    assert record.coverage == {("pii", "request", Coverage.CHECKED): 3, ("pii", "response", Coverage.FAILED_OPEN): 1}


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


def test_a_refusal_is_the_clients_to_mend() -> None:
    """Its type is OpenAI's for a wrong request; the message is the exception's text."""
    refused = refuse(400, "some_code", "Say it otherwise.", "messages")
    assert (refused.error.type, refused.error.param) == ("invalid_request_error", "messages")
    assert str(refused) == "Say it otherwise."
