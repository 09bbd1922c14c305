"""Grounding of a response in its context, by word similarity.

Nothing is trained: the contextual vector of each word is compared with every word of the context, and counts by its
distance to the nearest one. The vectors come from the packaged MiniLM, which reads English.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from tokenizers import Encoding

from extproc.classifiers.adapters.base import worst
from extproc.classifiers.adapters.packaged import minilm
from extproc.detectors.answers.grounding import FREQUENT
from extproc.detectors.text.sentences import sentences_of

UNSUPPORTED = "unsupported"

Vectors = np.ndarray[Any, Any]


class GroundingModel:
    """Compares words. Raises: ModelUnusable."""

    def __init__(self, window_tokens_max: int) -> None:
        self._encoder = minilm(window_tokens_max)

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each text, the distance of its worst sentence."""
        known = np.concatenate([_directions(vectors) for _, vectors in self._encoder.windows(context)])
        return [
            worst((UNSUPPORTED,), (self._judge(sentence, known) for sentence in sentences_of(text))) for text in texts
        ]

    def _judge(self, sentence: str, known: Vectors) -> dict[str, float]:
        distances = [
            distance
            for window, vectors in self._encoder.windows(sentence)
            for distance in _word_distances(sentence, window, 1.0 - (_directions(vectors) @ known.T).max(axis=1))
        ]
        # divide by the square root: one new word does not condemn a short sentence, nor do several vanish in a long one
        strangeness = sum(distances) / math.sqrt(max(len(distances), 1))
        return {UNSUPPORTED: strangeness / (1.0 + strangeness)}


def _directions(vectors: Vectors) -> Vectors:
    """Unit vectors [tokens, 384]."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _word_distances(sentence: str, window: Encoding, of_tokens: Vectors) -> Iterator[float]:
    """Distance of each word to the nearest word of the context, 0 to 2; frequent words and punctuation do not count."""
    placed = [place for place, word in enumerate(window.word_ids) if word is not None]
    for _, places in groupby(placed, key=lambda place: window.word_ids[place]):
        tokens = list(places)
        word = sentence[window.offsets[tokens[0]][0] : window.offsets[tokens[-1]][1]].casefold()
        if word not in FREQUENT and any(map(str.isalnum, word)):
            yield float(of_tokens[tokens].mean())
