"""A load in bytes, events and open exchanges."""

from __future__ import annotations

import pytest

from extproc.domain.token_rates import TokenRates
from extproc.sizing.workload import Workload
from tests.unit.sizing.samples import load


def test_sizes_are_means_over_streams_and_others() -> None:
    """4.4 bytes a token, as the processor assumes before it has learned."""
    asked = load(prompt_tokens=1_000, answer_tokens=100, streamed=0.8)
    assert asked.prompt_kb == pytest.approx(4.4)
    assert asked.answer_kb == pytest.approx(0.44 * 0.2)
    assert asked.events == pytest.approx(80)
    assert load(answer_tokens=100, streamed=1.0, tokens_per_event=4.0).events == 25


def test_an_exchange_takes_as_long_as_its_answer() -> None:
    """By the rates of a model that nobody has measured, unless it is said."""
    rates = TokenRates()
    assert Workload(requests_per_s=1.0, answer_tokens=400).duration_s == rates.wait_s + 400 / rates.per_second
    assert Workload(requests_per_s=10.0, exchange_s=3.0).open_exchanges == 30
