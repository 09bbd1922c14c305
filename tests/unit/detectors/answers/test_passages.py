"""Sentences are a property of the text, and words at their edges are whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.passages import (
    SENTENCE_CHARS_MAX,
    SENTENCE_CHARS_MIN,
    ends_whole,
    sentence_end,
    whole_words,
)

TEXTS = st.lists(st.sampled_from(["word", "kill", ".", "!", " ", " ", "\n", "。", "中", "é"]), max_size=200).map(
    "".join
)


def sentences(text: str) -> list[str]:
    """All complete sentences of a text, and what is left."""
    found = []
    start = 0
    while (end := sentence_end(text, start)) >= 0:
        found.append(text[start:end])
        start = end
    return [*found, text[start:]]


@given(TEXTS, TEXTS)
def test_what_follows_does_not_move_an_end(text: str, more: str) -> None:
    """A complete sentence stays one, whatever comes behind it."""
    assert sentences(text + more)[: len(sentences(text)) - 1] == sentences(text)[:-1]


@given(TEXTS)
def test_sentences_are_bounded(text: str) -> None:
    """No sentence is longer than the maximum, and none but the last shorter than the minimum."""
    *complete, rest = sentences(text)
    assert all(SENTENCE_CHARS_MIN <= len(sentence) <= SENTENCE_CHARS_MAX for sentence in complete)
    assert len(rest) < SENTENCE_CHARS_MAX


def test_an_abbreviation_ends_a_sentence_only_behind_its_minimum() -> None:
    """Short pieces are joined, so that a model has something to judge by."""
    text = "Dr. A. Smith works at St. Mary's hospital in the old town. She is well."
    assert sentences(text) == ["Dr. A. Smith works at St. Mary's hospital in the old town. ", "She is well."]


def test_a_sentence_without_an_end_is_cut_at_a_blank() -> None:
    """Or, without one, at the maximum."""
    assert sentences("word " * 50)[0] == "word " * 40
    assert sentences("中" * 300)[0] == "中" * 200


def test_parts_of_words_are_left_out() -> None:
    """A word that begins or ends outside is not judged by its part."""
    assert whole_words("kill set and kill", False, False) == " set and "
    assert whole_words("kill set", True, True) == "kill set"
    assert whole_words("skillset", False, False) == ""
    assert ends_whole("word ")
    assert ends_whole("中" * 200)
    assert not ends_whole("k" * 200)
