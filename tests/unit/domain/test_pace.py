"""How often a pace is asked: about once for each slice of text, whatever its pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.pace import SLICE_CHARS, Stride, TextTooCostly, slices


class Asked:
    """A pace that counts how often it is asked, and ends at a number of times."""

    def __init__(self, times_max: int = 1_000_000) -> None:
        self.times = 0
        self.times_max = times_max

    def check(self) -> None:
        """Count."""
        self.times += 1
        if self.times > self.times_max:
            raise TextTooCostly

    def start_again(self) -> None:
        """Nothing is limited here but the times."""


@given(st.text("ab", max_size=9), st.integers(0, 3 * SLICE_CHARS))
def test_slices_are_the_text_and_none_is_longer(beginning: str, more: int) -> None:
    """A text of no character is one slice: it is looked at too."""
    text = beginning + "x" * more
    pieces = list(slices(text))
    assert "".join(pieces) == text
    assert all(len(piece) == SLICE_CHARS for piece in pieces[:-1])
    assert 0 <= len(pieces[-1]) <= SLICE_CHARS
    assert pieces[-1] or pieces == [""]


@pytest.mark.parametrize(("chars", "texts"), [(0, 10_000), (100, 10_000), (SLICE_CHARS // 3, 30), (SLICE_CHARS, 7)])
def test_a_pace_is_asked_in_proportion_to_the_text(chars: int, texts: int) -> None:
    """Texts cost something even if they are empty: a request may hold a hundred thousand of them."""
    pace = Asked()
    stride = Stride(pace)
    for _ in range(texts):
        stride.take("x" * chars)
    slices_taken = texts * (chars + 64) / SLICE_CHARS
    assert slices_taken / 2 - 1 <= pace.times <= slices_taken


def test_the_end_of_the_time_is_told_to_who_asks() -> None:
    """No text is judged after it."""
    stride = Stride(Asked(times_max=0))
    stride.take("x")
    with pytest.raises(TextTooCostly):
        stride.take("x" * SLICE_CHARS)
