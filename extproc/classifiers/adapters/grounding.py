"""How well the sentences of an answer rest on the texts that it was given, by likeness of their words.

Nothing is trained: each word is compared, by its vector in its own sentence, with every word of the context, and counts
as far as the nearest one is from it. The vectors are those of the packaged MiniLM, which reads English.
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
        """For each text the strangeness of its strangest sentence."""
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
        # By the root: neither does one new word damn a short answer, nor do some in a long sentence vanish in a mean.
        strangeness = sum(distances) / math.sqrt(max(len(distances), 1))
        return {UNSUPPORTED: strangeness / (1.0 + strangeness)}


def _directions(vectors: Vectors) -> Vectors:
    """Vectors [tokens, 384] of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _word_distances(sentence: str, window: Encoding, of_tokens: Vectors) -> Iterator[float]:
    """How far each word is from the nearest of the context, 0 to 2; frequent words and marks say nothing."""
    placed = [place for place, word in enumerate(window.word_ids) if word is not None]
    for _, places in groupby(placed, key=lambda place: window.word_ids[place]):
        tokens = list(places)
        word = sentence[window.offsets[tokens[0]][0] : window.offsets[tokens[-1]][1]].casefold()
        if word not in FREQUENT and any(map(str.isalnum, word)):
            yield float(of_tokens[tokens].mean())
