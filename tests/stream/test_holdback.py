"""What the guard for personal data holds back of ordinary text: little, and not for long."""

from __future__ import annotations

import pytest

from tests.tools.holdback_report import TEXTS, held_back


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    """Of each kind of text."""
    return held_back()


@pytest.mark.parametrize("name", TEXTS)
def test_half_of_all_events_leave_less_than_a_few_words_behind(figures: dict[str, float], name: str) -> None:
    """Of prose, code, JSON, numbers and what models were recorded to say."""
    assert figures[f"holdback.{name}.median"] < 20


@pytest.mark.parametrize("name", ["recorded", "prose", "code", "json"])
def test_hardly_any_event_leaves_more_than_a_word_behind(figures: dict[str, float], name: str) -> None:
    """A name in an e-mail address, a long identifier."""
    assert figures[f"holdback.{name}.p95"] <= 24


@pytest.mark.parametrize("name", ["prose", "code", "json"])
def test_the_first_text_goes_out_one_token_later_at_most(figures: dict[str, float], name: str) -> None:
    """With the event that ends its first word, or with the next."""
    assert figures[f"holdback.{name}.first_event_max"] <= 2


def test_rows_of_numbers_are_not_held_for_long(figures: dict[str, float]) -> None:
    """Each may be joined to the next, but no value has so many of them."""
    assert figures["holdback.numbers.max"] <= 160
