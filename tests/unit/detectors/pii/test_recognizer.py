"""Words that hold one of each class, as a pattern without backtracking."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.recognizer import CELL_END, word_holding
from tests.unit.detectors.pii.test_gates import gate_of

CLASSES = ("[0-9]", "[A-Za-z]", "[A-Z$]")


@given(st.text("a1A$.-, é\xa0", max_size=40), st.integers(0, 9), st.lists(st.sampled_from(CLASSES), max_size=3))
def test_a_word_is_long_enough_and_holds_one_of_each_class(text: str, chars_min: int, classes: list[str]) -> None:
    """As one looks at each word, or rest of one, by itself."""
    words = re.split(f"[{CELL_END}]", text)
    wanted = any(len(word) >= chars_min and all(re.search(one, word) for one in classes) for word in words)
    assert gate_of(word_holding(chars_min, *classes)).opened(text.encode("latin-1")) == [0] * wanted
