"""A load in bytes, events and open exchanges."""

from __future__ import annotations

import pytest

from tests.unit.sizing.samples import load


def test_sizes_are_means_over_streams_and_others() -> None:
    """Here 4.4 bytes a token."""
    asked = load(prompt_tokens=1_000, answer_tokens=100, streamed=0.8)
    assert asked.prompt_kb == pytest.approx(4.4)
    assert asked.answer_kb == pytest.approx(0.44 * 0.2)
    assert asked.events == pytest.approx(80)
    assert load(answer_tokens=100, streamed=1.0, tokens_per_event=4.0).events == 25


def test_what_is_open_is_what_comes_while_one_runs() -> None:
    """Little's law."""
    assert load(requests_per_s=10.0, exchange_s=3.0).open_exchanges == 30
