"""Sentences are a property of the text, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.text.sentences import SENTENCE_CHARS_MAX, SentenceBuffer
from tests.unit.filters.cutting import cut

TEXTS = st.lists(
    st.sampled_from([".", "!", " ", "  ", "\n", "A", "b", "1", '"', ")", "。", "é", " " * 9, "x" * 700]), max_size=20
).map("".join)


def sentences(pieces: list[str]) -> list[str]:
    """The sentences of a text, the open one last."""
    buffer = SentenceBuffer()
    found = [sentence for piece in pieces for sentence in buffer.push(piece)]
    return [*found, buffer.take()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("About approx. 30 days, e.g. this. Then", ["About approx. 30 days, e.g. this. ", "Then"]),
        ("It costs 3.50 here.", ["It costs 3.50 here."]),
        ('He said "no." She left.', ['He said "no." ', "She left."]),
        ("- one\n- two\n", ["- one\n", "- two\n", ""]),
        ("一。二。", ["一。", "二。", ""]),
        ("x" * 2_500, ["x" * 1_000, "x" * 1_000, "x" * 500]),
    ],
)
def test_a_sentence_ends_where_people_see_it(text: str, expected: list[str]) -> None:
    """Not behind an abbreviation or in a number; and nowhere later than the limit."""
    assert sentences([text]) == expected


@given(cut(TEXTS))
@example(["x" * 999 + ".", " A"])
@example(["One.", " ", " ", "\n", "Two"])
def test_the_pieces_do_not_matter(pieces: list[str]) -> None:
    """Nothing is lost, and no sentence is longer than the limit."""
    text = "".join(pieces)
    found = sentences(pieces)
    assert found == sentences([text])
    assert "".join(found) == text
    assert all(len(sentence) <= SENTENCE_CHARS_MAX for sentence in found)
