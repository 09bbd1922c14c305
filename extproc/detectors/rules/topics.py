"""What a text is about, by words that tell it: the share of a topic's weight that is found in the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from extproc.detectors.text.phrases import PhraseBook, PhraseScan, tokens_of


class TopicBook:
    """Topics, compiled.

    Args:
        topics: for each name its words and phrases with their weights, whole numbers so that their order is no matter.
    """

    def __init__(self, topics: Sequence[tuple[str, Mapping[str, int]]]) -> None:
        self.names = [name for name, _ in topics]
        self._telling: list[dict[int, int]] = []  # by phrase: topic -> weight
        phrases: list[str] = []
        numbers: dict[tuple[str, ...], int] = {}
        for number, (_, words) in enumerate(topics):
            for phrase, weight in words.items():
                place = numbers.setdefault(tuple(tokens_of(phrase)), len(phrases))
                if place == len(phrases):
                    phrases.append(phrase)
                    self._telling.append({})
                weights = self._telling[place]
                weights[number] = max(weights.get(number, 0), weight)
        self.phrases = PhraseBook(phrases, every=True)
        self.totals = [sum(weights.get(number, 0) for weights in self._telling) for number in range(len(topics))]

    def telling(self, phrase: int) -> Mapping[int, int]:
        """The topics that a phrase tells, with its weight in each."""
        return self._telling[phrase]

    def score(self, text: str) -> dict[str, float]:
        """Of each topic of which anything is found, the share of its weight that is: more than 0, up to 1."""
        weights = self.weights_of({match.phrase for match in self.phrases.find(text)})
        return {self.names[topic]: weight / self.totals[topic] for topic, weight in weights.items()}

    def weights_of(self, phrases: Iterable[int]) -> dict[int, int]:
        """By topic the weight of some phrases."""
        weights: dict[int, int] = {}
        for phrase in phrases:
            for topic, weight in self.telling(phrase).items():
                weights[topic] = weights.get(topic, 0) + weight
        return weights


class Reached(NamedTuple):
    """A topic whose score has reached the threshold, and where the word or phrase stands with which it has.

    Places in the piece [characters]; what stood before the piece has places below 0.
    """

    topic: str
    start: int
    end: int


class TopicScan:
    """Follows what a text that comes in pieces is about; nothing of it need be held back for that."""

    __slots__ = ("_book", "_found", "_reached", "_scan", "_threshold", "_weights")

    def __init__(self, book: TopicBook, threshold: float) -> None:
        self._book = book
        self._threshold = threshold
        self._scan = PhraseScan(book.phrases)
        self._found: set[int] = set()
        self._reached: set[int] = set()
        self._weights = [0] * len(book.names)

    def copy(self) -> TopicScan:
        """A scan in the same state."""
        other = TopicScan(self._book, self._threshold)
        other._scan, other._weights = self._scan.copy(), list(self._weights)
        other._found, other._reached = set(self._found), set(self._reached)
        return other

    def push(self, text: str, *, closing: bool = False) -> list[Reached]:
        """Take the next piece; returns topics that are reached now for the first time, in the order of their places.

        With ``closing`` the text is complete.
        """
        known = len(self._scan.undecided)
        reached: list[Reached] = []
        for match in self._scan.push(text, closing=closing).found:
            if match.phrase not in self._found:
                self._found.add(match.phrase)
                reached += [Reached(topic, match.start - known, match.end - known) for topic in self._add(match.phrase)]
        if closing:
            self._found, self._reached, self._weights = set(), set(), [0] * len(self._weights)
        return reached

    def _add(self, phrase: int) -> list[str]:
        """The topics that are reached with one more phrase."""
        names: list[str] = []
        for topic, weight in self._book.telling(phrase).items():
            self._weights[topic] += weight
            if topic not in self._reached and self._weights[topic] / self._book.totals[topic] >= self._threshold:
                self._reached.add(topic)
                names.append(self._book.names[topic])
        return names
