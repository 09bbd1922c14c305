"""What a recogniser is: one kind of personal data, how to see quickly that a text has none, and how to find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

Spans = Iterator[tuple[int, int, float]]
"""Start, end [characters] and score of each candidate that held."""

SpanFinder = Callable[[bytes, str, int], Spans]
"""From the Latin-1 bytes, the text they are of, and where the new text begins [characters]: what was found in it."""


CELL_END = r"\x00-\x20\x85\xA0,;\"'<>\[\]{}|\\`"
"""What a class of Latin-1 characters must leave out to stay within one word (see ``cells``)."""


Candidate = tuple[str, int, int, float]
"""Kind, start, end [characters] and score of what held."""

CandidateFinder = Callable[[bytes, str, int], Iterator[Candidate]]
"""As ``SpanFinder``, for several kinds in one look."""


class Recogniser(NamedTuple):
    """One kind. ``gate`` (RE2, Latin-1) matches every text in which ``spans`` could find something, and few others.

    The gate sees the cell alone, without the cue words that may stand before it.
    """

    kind: str
    gate: str
    spans: SpanFinder

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """What ``spans`` finds, with its kind."""
        kind = self.kind
        for start, end, score in self.spans(subject, text, begin):
            yield kind, start, end, score
