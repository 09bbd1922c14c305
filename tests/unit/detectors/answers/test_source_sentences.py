"""Which sentence of a document an answer's sentence restates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.compared_words import content_stems, words_of
from extproc.detectors.answers.source_sentences import LIKELY_MAX, SENTENCES_OF_STEM_MAX, SourceSentences

DOCUMENT = "The museum opens at nine. The ticket costs ten euros. Dogs must wait outside the museum."
OTHER = "The castle opens at ten."


def stems(sentence: str) -> set[str]:
    """Its words that count."""
    return content_stems(words_of(sentence.casefold()))


def best(sentence: str, *documents: str) -> str | None:
    """The source of a sentence."""
    sources = SourceSentences(documents or (DOCUMENT, OTHER)).likely(stems(sentence))
    return sources[0].sentence.strip() if sources else None


def test_the_sentence_that_shares_most_is_the_source() -> None:
    """In any document; nothing shared is no source."""
    assert best("A ticket for the museum costs twelve euros.") == "The ticket costs ten euros."
    assert best("When does the castle open?") == "The castle opens at ten."
    assert best("Bananas are yellow.") is None


def test_rare_words_say_more() -> None:
    """Two sentences have the museum, one has dogs."""
    assert best("Dogs in the museum") == "Dogs must wait outside the museum."


def test_sentences_that_share_as_much_are_sources_too() -> None:
    """Nobody knows which of them is meant."""
    plans = ["Plan A costs 12 euros.", "Plan B costs 24 euros.", "Dogs must wait."]
    sources = SourceSentences(plans).likely(stems("Plan B costs 24 euros."))
    assert [source.sentence for source in sources] == plans[:2]


def test_the_source_comes_with_its_neighbors() -> None:
    """Documents go on about a subject; another document does not."""
    (source,) = SourceSentences([DOCUMENT, OTHER]).likely({"dogs"})
    assert "ticket" in source.around
    assert "nine" not in source.around


def test_what_is_repeated_is_indexed_once() -> None:
    """So memory is bounded by what the documents say."""
    assert len(SourceSentences([DOCUMENT] * 50)) == len(SourceSentences([DOCUMENT])) == 3


def test_a_word_of_too_many_sentences_does_not_count() -> None:
    """It would make each search as long as the documents."""
    many = [f"The museum number {number}." for number in range(SENTENCES_OF_STEM_MAX + 1)]
    assert best("the museum", *many[:-1]) == many[0]
    assert best("the museum", *many) is None


@given(st.lists(st.text(max_size=80), max_size=4), st.text(max_size=80))
def test_a_source_shares_a_word(documents: list[str], sentence: str) -> None:
    """Whatever the texts are."""
    index = SourceSentences(documents)
    sources = index.likely(stems(sentence))
    assert len(sources) <= LIKELY_MAX
    assert all(source.stems & stems(sentence) for source in sources)
    assert all(source.sentence in source.around for source in sources)
