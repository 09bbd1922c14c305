"""When exchanges ran, as far as a proxy can say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.counted_steps import NOT_COUNTED, CountedSteps
from extproc.allocation.running import UNKNOWN, SeenExchanges, running
from tests.unit.allocation.samples import COSTS, many, seen_of

PREFILL_US = 1_000 * 27.0 + 0.0013 * 1_000 * 500
"""Own work of a prompt of 1,000 tokens."""
LONGEST_US = 1.5 * (PREFILL_US + 6_000) + 12_000


def test_what_waited_at_the_server_is_cut_off() -> None:
    """A prompt of 1,000 tokens whose first token came after ten seconds has waited most of them."""
    ran = running(seen_of([(0, 10_000_000, 12_000_000, 1_000, 0, 50, 1, 1.0)]), COSTS).served
    assert 10_000_000 - ran.start_us[0] == np.ceil(LONGEST_US)
    assert (ran.first_us[0], ran.last_us[0]) == (10_000_000, 12_000_000)


def test_prompts_of_one_step_last_as_long_as_all_of_them_take() -> None:
    """Two whose first tokens came within a step; a third came later."""
    rows = [(0, at, 90_000_000, 1_000, 0, 50, 1, 1.0) for at in (10_000_000, 10_004_000, 10_020_000)]
    ran = running(seen_of(rows), COSTS).served
    lasted = ran.first_us - ran.start_us
    assert lasted[:2].tolist() == [np.ceil(2 * LONGEST_US - 12_000)] * 2
    assert lasted[2] == np.ceil(LONGEST_US)


def test_a_prompt_of_more_tokens_than_any_has() -> None:
    """Its work is more than any integer of microseconds, so it computed since it was sent."""
    ran = running(seen_of([(0, 10_000_000, 12_000_000, 1 << 50, 0, 50, 1, 1.0)]), COSTS).served
    assert ran.start_us[0] == 0


def test_what_did_not_wait_began_when_it_was_sent() -> None:
    """Its prefill lasts less than would be possible."""
    ran = running(seen_of([(5_000, 35_000, 900_000, 1_000, 0, 50, 1, 1.0)]), COSTS).served
    assert ran.start_us[0] == 5_000


def test_a_short_answer_without_a_stream() -> None:
    """Its first token is not after its end."""
    ran = running(seen_of([(0, UNKNOWN, 20_000, 1_000, 0, 1, 1, 1.0)]), COSTS).served
    assert (ran.start_us[0], ran.first_us[0], ran.last_us[0]) == (0, 20_000, 20_000)


COUNTED = CountedSteps(np.arange(0, 90_000_001, 15_000_000), np.array([0.0, 1_500, 3_000, 3_000, 4_000, 5_000, 6_000]))
"""A hundred steps a second, then a pause of 15 s, then fewer."""


@pytest.mark.parametrize(
    ("ended_us", "tokens", "first_us"),
    [
        (25_000_000, 501, 20_000_000),
        (75_000_000, 2_501, 25_000_000),
        (75_000_000, 2_001, 45_000_000),  # it began after the pause, not before
    ],
)
def test_an_answer_without_a_stream_that_waited(ended_us: int, tokens: int, first_us: int) -> None:
    """The server has counted its steps: one a token, for each of two answers."""
    ran = running(seen_of([(0, UNKNOWN, ended_us, 1_000, 0, 2 * tokens, 2, 1.0)]), COSTS, COUNTED).served
    assert ran.first_us[0] == first_us
    assert first_us - ran.start_us[0] == np.ceil(LONGEST_US)


@pytest.mark.parametrize(
    "row",
    [
        (0, UNKNOWN, 25_000_000, 1_000, 0, 1_501, 1, 1.0),  # less than samples are apart
        (0, UNKNOWN, 90_000_001, 1_000, 0, 501, 1, 1.0),  # after the last sample
        (-9_000_000, UNKNOWN, 25_000_000, 1_000, 0, 9_000, 1, 1.0),  # more tokens than steps
        (0, UNKNOWN, 25_000_000, 1_000, 0, 501, 1, 4.0),  # several tokens a step
        (0, 1_000_000, 25_000_000, 1_000, 0, 501, 1, 1.0),  # a stream
    ],
)
def test_an_answer_of_which_counted_steps_say_nothing(row: tuple[int, int, int, int, int, int, int, float]) -> None:
    """It is taken to have begun at once."""
    with_steps, without = (running(seen_of([row]), COSTS, counted).served for counted in (COUNTED, NOT_COUNTED))
    assert (with_steps.start_us[0], with_steps.first_us[0]) == (without.start_us[0], without.first_us[0])


@given(many, st.sampled_from([NOT_COUNTED, COUNTED]))
def test_times_are_in_order(seen: SeenExchanges, counted: CountedSteps) -> None:
    """Whatever clocks and servers say, and within what the proxy saw."""
    ran, place = running(seen, COSTS, counted)
    assert (seen.sent_us[place] <= ran.start_us).all()
    assert (ran.start_us <= ran.first_us).all()
    assert (ran.first_us <= ran.last_us).all()
    assert (ran.last_us == seen.ended_us[place]).all()
    assert (np.diff(ran.start_us) >= 0).all()
    assert sorted(place.tolist()) == np.flatnonzero(seen.ended_us > seen.sent_us).tolist()
