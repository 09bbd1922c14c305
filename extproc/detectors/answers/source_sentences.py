"""The sentences of documents, one of which is the likely source of a sentence of an answer.

Most sentences of an answer restate one sentence of a document. Held against that one, and not against everything that a
request holds, an answer in the documents' words is seen to say something else.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from extproc.detectors.answers.compared_words import content_stems, words_of
from extproc.detectors.text.sentences import sentences_of

SENTENCES_OF_STEM_MAX: Final = 64
"""A stem in more sentences does not say which one is meant. This bounds the search."""
LIKELY_MAX: Final = 4
_NEAR: Final = 0.8  # of the votes of the best sentence


_NOWHERE: Final[list[int]] = []


class Source(NamedTuple):
    """A sentence of a document.

    Attributes:
        around: the sentence with those next to it: documents go on about a subject.
    """

    sentence: str
    stems: set[str]
    around: str


class SourceSentences:
    """An index of the sentences of some documents by their words. ``words``: all of them, casefolded."""

    __slots__ = ("_places", "_sentences", "_stems", "_votes", "words")

    def __init__(self, documents: Iterable[str]) -> None:
        every = [sentence for document in dict.fromkeys(documents) for sentence in sentences_of(document)]
        self._sentences = list(dict.fromkeys(every))
        self._stems: list[set[str]] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        self.words: set[str] = set()
        for place, sentence in enumerate(self._sentences):
            words = words_of(sentence.casefold())
            self.words.update(words)
            stems = content_stems(words)
            self._stems.append(stems)
            for stem in stems:
                self._places[stem].append(place)
        many = max(len(self._sentences), 1)
        self._votes = [0.0, *(1.0 + math.log(many / min(few, many)) for few in range(1, SENTENCES_OF_STEM_MAX + 1))]

    def __len__(self) -> int:
        """How many different sentences there are."""
        return len(self._sentences)

    def likely(self, stems: Collection[str]) -> list[Source]:
        """The sentence that shares most with these stems, rare ones first, and those that share nearly as much; empty
        if none shares any.
        """
        votes: dict[int, float] = {}
        for stem in stems:
            places = self._places.get(stem, _NOWHERE)
            if 0 < len(places) <= SENTENCES_OF_STEM_MAX:
                vote = self._votes[len(places)]
                for place in places:
                    votes[place] = votes.get(place, 0.0) + vote
        if not votes:
            return []
        enough = _NEAR * max(votes.values())
        near = sorted([(-vote, place) for place, vote in votes.items() if vote >= enough])
        return [self._source(place) for _, place in near[:LIKELY_MAX]]

    def _source(self, place: int) -> Source:
        around = " ".join(self._sentences[max(place - 1, 0) : place + 2])
        return Source(self._sentences[place], self._stems[place], around)
