"""What a sentence says otherwise than the sentence that it restates, and what is only said in other words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.compared_words import content_stems, names_of, words_of
from extproc.detectors.answers.contradictions import SourceDifference, difference
from extproc.detectors.answers.source_sentences import SourceSentences

DOCUMENTS = [
    "The warranty of the kettle lasts 24 months. It may be longer in some countries.",
    "Acme sold 3.5 million machines in 2023, for $1,250 each.",
    "The museum was founded by Ada Jones on 12 May 1987 in Lisbon.",
    "Opened items cannot be returned to the shop. Sealed items can be returned within 10-15 days.",
    "The United States and Canada share the longest border.",
    "The bridge is 250 metres long. Its towers are 80 metres high.",
    "Die Garantie des Wasserkochers gilt 24 Monate und ist nicht auf andere Personen übertragbar.",
]


def judged(sentence: str) -> SourceDifference | None:
    """What a sentence says otherwise than its source among the documents."""
    stems = content_stems(words_of(sentence.casefold()))
    sources = SourceSentences(DOCUMENTS).likely(stems)
    return difference(sentence, stems, names_of(sentence), sources[0]) if sources else None


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The kettle's warranty lasts 12 months.", SourceDifference.QUANTITY),
        ("Acme sold 4 million machines in 2023.", SourceDifference.QUANTITY),
        ("Acme sold 3.5 billion machines in 2023.", SourceDifference.QUANTITY),
        ("Acme sold machines in 2022 for $1,250 each.", SourceDifference.QUANTITY),
        ("Acme sold machines in 2023 for $1,350 each.", SourceDifference.QUANTITY),
        ("The museum was founded on 13 May 1987 in Lisbon.", SourceDifference.QUANTITY),
        ("The museum in Lisbon was founded on May 21, 1987.", SourceDifference.QUANTITY),
        ("The museum was founded on 12 June 1987 in Lisbon.", SourceDifference.MONTH),
        ("The museum was founded by Eva Miller in Lisbon.", SourceDifference.NAME),
        ("The museum was founded by Ada Jones in Madrid.", SourceDifference.NAME),
        ("The warranty of the kettle does not last 24 months.", SourceDifference.NEGATION),
        ("Opened items can be returned to the shop.", SourceDifference.NEGATION),
        ("Die Garantie des Wasserkochers gilt 36 Monate.", SourceDifference.QUANTITY),
        ("Die Garantie des Wasserkochers ist auf andere Personen übertragbar.", SourceDifference.NEGATION),
    ],
)
def test_another_value_is_a_contradiction(sentence: str, expected: SourceDifference) -> None:
    """A number of the same unit, a day, a month, a name in the place of another, and the opposite."""
    assert judged(sentence) is expected


@pytest.mark.parametrize(
    "sentence",
    [
        "The kettle's warranty lasts 24 months.",
        "The warranty of the kettle lasts two years.",
        "No, the warranty of the kettle lasts 24 months.",
        "Does the warranty of the kettle last 12 months?",
        "Acme sold 3,500,000 machines in 2023.",
        "Acme sold machines for 1250 dollars each.",
        "The museum was founded by Jones on May 12, 1987.",
        "The museum of Lisbon was founded in 1987.",
        "Opened items cannot be returned.",
        "Sealed items can be returned within 10 days.",
        "Sealed items can be returned within 15 days.",
        "The US and Canada share the longest border.",
        "The bridge is 250 metres long, and 80 metres high.",
        "Its towers are 80 metres high.",
        "Trains to the airport leave every 12 minutes.",
        "",
    ],
)
def test_other_words_are_none(sentence: str) -> None:
    """Other forms of a value, what the next sentence says, questions, and what is about something else."""
    assert judged(sentence) is None


@given(st.sampled_from(DOCUMENTS), st.text(max_size=60))
def test_what_repeats_a_document_contradicts_nothing(document: str, more: str) -> None:
    """Nor does any text raise an error."""
    for sentence in document.split(". "):
        assert judged(sentence) is None
    judged(f"{document} {more}")
