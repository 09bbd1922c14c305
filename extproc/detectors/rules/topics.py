"""Topics of a text by weighted words: the share of a topic's weight found in the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from extproc.detectors.text.phrases import PhraseBook, PhraseScan, tokens_of


class TopicBook:
    """Compiled topics.

    Args:
        topics: for each name its words and phrases with integer weights, so that order does not matter.
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
        self._written = phrases
        self.totals = [sum(weights.get(number, 0) for weights in self._telling) for number in range(len(topics))]

    def telling(self, phrase: int) -> Mapping[int, int]:
        """The topics of a phrase, with its weight in each."""
        return self._telling[phrase]

    def score(self, text: str) -> dict[str, float]:
        """For each topic with a match, the share of its weight that was found: above 0, up to 1."""
        weights = self.weights_of({match.phrase for match in self.phrases.find(text)})
        return {self.names[topic]: weight / self.totals[topic] for topic, weight in weights.items()}

    def shares(self, topic: str, text: str) -> list[tuple[str, float]]:
        """The phrases of a topic in a text, each with its share of the topic's weight; not for the path."""
        number = self.names.index(topic)
        found = dict.fromkeys(match.phrase for match in self.phrases.find(text))
        told = [(self._written[phrase], self.telling(phrase).get(number, 0)) for phrase in found]
        return [(phrase, weight / self.totals[number]) for phrase, weight in told if weight]

    def weights_of(self, phrases: Iterable[int]) -> dict[int, int]:
        """Total weight of some phrases by topic."""
        weights: dict[int, int] = {}
        for phrase in phrases:
            for topic, weight in self.telling(phrase).items():
                weights[topic] = weights.get(topic, 0) + weight
        return weights


class Reached(NamedTuple):
    """A topic whose score has reached the threshold, and the position of the deciding word or phrase.

    Positions in the piece [characters]; negative for text before it.
    """

    topic: str
    start: int
    end: int


class TopicScan:
    """Tracks the topics of a streamed text, without holding back any of it."""

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
        """Process the next piece; returns topics that reach the threshold now, by position.

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
        """The topics that reach the threshold with one more phrase."""
        names: list[str] = []
        for topic, weight in self._book.telling(phrase).items():
            self._weights[topic] += weight
            if topic not in self._reached and self._weights[topic] / self._book.totals[topic] >= self._threshold:
                self._reached.add(topic)
                names.append(self._book.names[topic])
        return names
