"""Common parts of all adapters: scores of a text, computed over windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from extproc.classifiers.scores import LabeledPlace
from extproc.detectors.text.sentences import sentences_of

if TYPE_CHECKING:
    import numpy as np

OVERLAP = 8
"""Overlap of windows, as a fraction: text across a boundary is complete in the next window."""


class ModelUnusable(Exception):
    """The model is unusable; the message says why, and quotes no text."""


class TextModel(Protocol):
    """A loaded model."""

    def scores(self, text: str) -> dict[str, float]:
        """The score of each label that counts, 0 to 1: the maximum over all windows of the text."""
        ...


@runtime_checkable
class LocatingModel(Protocol):
    """A loaded model that says where in a text it found what."""

    def places(self, text: str) -> list[LabeledPlace]:
        """Whatever was found, in order, not overlapping."""
        ...

    def scores_of(self, places: Sequence[LabeledPlace]) -> dict[str, float]:
        """The score of each label that counts, 0 to 1: of its most confident place."""
        ...


@runtime_checkable
class PairModel(Protocol):
    """A loaded model that scores whether a context supports texts, sentence by sentence."""

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each text, the score of each label that counts, 0 to 1: the maximum over its sentences."""
        ...


def known_labels(id2label: Mapping[Any, str], wanted: Sequence[str]) -> list[tuple[str, int]]:
    """Each label that counts, with its index in the model's output. Raises: ModelUnusable."""
    places = {label: int(place) for place, label in id2label.items()}
    if any(label not in places for label in wanted):
        raise ModelUnusable("the model has not all of `labels`")
    return [(label, places[label]) for label in wanted]


def probabilities(
    logits: np.ndarray[Any, Any], labels: Sequence[tuple[str, int]], multi_label: bool
) -> dict[str, float]:
    """Probability of each label that counts, from the output [labels] of one window."""
    of_all = sigmoid(logits) if multi_label else softmax(logits)
    return {label: float(of_all[place]) for label, place in labels}


def worst(labels: Iterable[str], scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The maximum score of each label over the parts of a text, 0 without any."""
    found = dict.fromkeys(labels, 0.0)
    for part in scores:
        for label, score in part.items():
            found[label] = max(found[label], score)
    return found


def best_support(labels: Iterable[str], scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The minimum score of each label over the parts of a context: one supporting part is enough."""
    found = dict.fromkeys(labels, 1.0)
    for part in scores:
        for label, score in part.items():
            found[label] = min(found[label], score)
    return found


def fitting(sentence: str, tokens_max: int, count_tokens: Callable[[str], int]) -> Iterator[str]:
    """A sentence, or its recursive halves until each fits the token limit."""
    if len(sentence) < 2 or count_tokens(sentence) <= tokens_max:
        yield sentence
        return
    middle = len(sentence) // 2
    for half in (sentence[:middle], sentence[middle:]):
        yield from fitting(half, tokens_max, count_tokens)


def sigmoid(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Independent labels."""
    import numpy as np

    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60))))


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Probabilities that sum to 1."""
    import numpy as np

    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(powers / powers.sum())


class FolderModel:
    """Common parts of local text classifiers, for any runtime."""

    truncation: str  # which text of a pair is split into windows, in the tokenizer's terms
    names: tuple[str, ...]  # of the labels that count
    window_tokens_max: int

    def windows(self, text: str, second: str | None = None) -> Iterator[dict[str, float]]:
        """The scores of each window of a text or a pair."""
        raise NotImplementedError

    def count_tokens(self, text: str) -> int:
        """Token count, including special tokens, up to one window."""
        raise NotImplementedError


class OfTexts(FolderModel):
    """Scores single texts."""

    truncation = "longest_first"

    def scores(self, text: str) -> dict[str, float]:
        """The maximum over all windows."""
        return worst(self.names, self.windows(text))


class OfPairs(FolderModel):
    """Scores sentences against a context, which is split into windows."""

    truncation = "only_first"

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """The worst sentence of each text, with the part of the context that supports it best."""
        return [worst(self.names, self._sentences(context, text)) for text in texts]

    def _sentences(self, context: str, text: str) -> Iterator[dict[str, float]]:
        for sentence in sentences_of(text):
            for piece in fitting(sentence, self.window_tokens_max // 2, self.count_tokens):
                yield best_support(self.names, self.windows(context, piece))
