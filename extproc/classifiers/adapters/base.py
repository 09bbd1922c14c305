"""What the models of all adapters have in common: scores of a text, which is judged in windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

OVERLAP = 8
"""Windows overlap by one part in so many: what stands across an end stands whole in the next."""


class ModelUnusable(Exception):
    """A model cannot be used; the message says why, and quotes no text."""


class TextModel(Protocol):
    """A loaded model."""

    def scores(self, text: str) -> dict[str, float]:
        """The score of each label that counts, 0 to 1: the worst of all windows of the text."""
        ...


def known_labels(id2label: Mapping[Any, str], wanted: Sequence[str]) -> list[tuple[str, int]]:
    """Each label that counts, and its place in the model's output. Raises: ModelUnusable."""
    places = {label: int(place) for place, label in id2label.items()}
    if any(label not in places for label in wanted):
        raise ModelUnusable("the model has not all of `labels`")
    return [(label, places[label]) for label in wanted]


def worst(
    logits: Iterable[np.ndarray[Any, Any]], labels: Sequence[tuple[str, int]], multi_label: bool
) -> dict[str, float]:
    """The greatest probability of each label over the windows of a text. Each ``logits``: [labels]."""
    found = dict.fromkeys((label for label, _ in labels), 0.0)
    for window in logits:
        probabilities = sigmoid(window) if multi_label else softmax(window)
        for label, place in labels:
            found[label] = max(found[label], float(probabilities[place]))
    return found


def sigmoid(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Each for itself."""
    import numpy as np

    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60))))


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All together 1."""
    import numpy as np

    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(powers / powers.sum())
