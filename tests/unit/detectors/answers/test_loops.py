"""Texts that repeat themselves, and texts that only look so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.loops import REPEATS_MIN, TAIL_CHARS_MAX, loop_chars

CHARS_MIN = 200


@pytest.mark.parametrize(
    "run",
    ["no ", "I am sorry. ", "He said that he would come, and then he said that he would go. ", "!", "我", "\\n"],
)
def test_a_run_that_fills_the_tail_is_a_loop(run: str) -> None:
    """Whatever its length, and whatever came before it."""
    assert loop_chars(("A beginning. " + run * 800)[-TAIL_CHARS_MAX:], CHARS_MIN) == len(run)


@pytest.mark.parametrize(
    "text",
    [
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is a dream.\n" * 3,
        "A rule:\n" + "-" * 300,
        "| a | b |\n|---|---|\n" + "".join(f"| {number} | {number * 7} |\n" for number in range(60)),
        ", ".join(str(number % 10) for number in range(150)),
        "0, " * 150,
        "".join(f"Step {number}: turn the wheel once more. " for number in range(40)),
    ],
)
def test_what_repeats_by_right_is_none(text: str) -> None:
    """A refrain, a rule, a table, columns of numbers, a list that counts."""
    assert loop_chars(text[-TAIL_CHARS_MAX:], CHARS_MIN) == 0


@given(st.text("ab ", min_size=1, max_size=40), st.integers(0, 12), st.text("abc ", max_size=30))
def test_a_loop_is_a_period_that_fills_enough(run: str, repeats: int, before: str) -> None:
    """What is found really is one; and what was built as one is found."""
    text = before + run * repeats
    period = loop_chars(text, CHARS_MIN)
    if period:
        chars = max(CHARS_MIN, REPEATS_MIN * period)
        assert all(text[-place] == text[-place - period] for place in range(1, chars - period + 1))
    elif len(run) * repeats >= max(CHARS_MIN * 4, REPEATS_MIN * len(run)):
        pytest.fail("a loop was not found")
