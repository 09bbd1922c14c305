"""Samples of texts: bounded, spread over the whole, and extrapolated from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.token_rates import RequestSize
from extproc.domain.uncounted import SAMPLE_CHARS_MAX, WINDOW_CHARS, Uncounted, sample_of, tokens_of_all


def test_what_is_short_enough_is_kept_whole() -> None:
    """Without empty texts, of which a tokenizer would make nothing."""
    assert sample_of(["one", "", "two"]) == ["one", "two"]
    longest = "x" * SAMPLE_CHARS_MAX
    assert sample_of([longest]) == [longest]


@given(st.lists(st.integers(0, 3 * SAMPLE_CHARS_MAX), max_size=12), st.integers(0, 400))
def test_no_sample_is_too_long(lengths: list[int], many: int) -> None:
    """Whatever the texts are: one long one, or many short ones."""
    texts = ["x" * length for length in lengths] + ["y" * 400] * many
    assert sum(map(len, sample_of(texts))) <= SAMPLE_CHARS_MAX


def test_a_sample_has_something_of_every_part() -> None:
    """A prompt may begin in English and go on with JSON: its beginning does not stand for all."""
    windows = sample_of(["a" * SAMPLE_CHARS_MAX, "b" * SAMPLE_CHARS_MAX])
    assert {window[:1] for window in windows} == {"a", "b"}
    assert all(len(window) == WINDOW_CHARS for window in windows)
    assert abs(sum(window[0] == "a" for window in windows) - len(windows) / 2) <= 1
    short = sample_of([f"{number:05}" * 20 for number in range(2_000)])
    assert short[0][:5] == "00000"
    assert short[-1][:5] > "01870"
    assert sum(map(len, short)) >= SAMPLE_CHARS_MAX - WINDOW_CHARS  # a window goes on over short texts


def test_the_rate_of_a_sample_holds_for_the_whole() -> None:
    """By bytes, as texts are measured; without a sample, by the rate of an unknown model."""
    assert tokens_of_all(50, ["ü" * 50], 100) == 50
    assert tokens_of_all(50, ["ü" * 50], 1_000) == 500
    assert tokens_of_all(0, [], 440) == 100
    assert tokens_of_all(0, [], 0) == 0


def test_its_length_is_that_of_all_samples() -> None:
    """A queue is bounded by it."""
    known = Uncounted("t", RequestSize(), ["four"], ["fi", "ve"], None, 0, 0, 0)
    assert known.chars == 8
    known.answer = ["six"]
    assert known.chars == 11
