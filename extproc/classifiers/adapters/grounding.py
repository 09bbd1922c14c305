"""Grounding of a response in its context, by word similarity, and by what the guard counts in the path.

Nothing is trained: the contextual vector of each word is compared with every word of the context, and counts by its
distance to the nearest one. The vectors come from the packaged MiniLM, which reads English. They hardly tell one number
or name from another, so the share of new words counts too, and whether the sentence contradicts the one that it
restates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from tokenizers import Encoding

from extproc.classifiers.adapters.base import worst
from extproc.classifiers.adapters.packaged import MINILM, encoder
from extproc.detectors.answers.compared_words import FREQUENT
from extproc.detectors.answers.grounding import Context, Tally, context_of
from extproc.detectors.text.sentences import sentences_of

UNSUPPORTED = "unsupported"

_NOVEL_WEIGHT = 2.0
_SCALE = 0.64  # so that a threshold of 0.6 has as many false alarms as with word similarity alone

Vectors = np.ndarray[Any, Any]


class GroundingModel:
    """Compares words. Raises: ModelUnusable."""

    def __init__(self, window_tokens_max: int) -> None:
        self._encoder = encoder(MINILM, window_tokens_max)

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each text, the distance of its worst sentence."""
        known = np.concatenate([_directions(vectors) for _, vectors in self._encoder.windows(context)])
        counted = context_of([context], [], 1)
        return [
            worst((UNSUPPORTED,), (self._judge(sentence, known, counted) for sentence in sentences_of(text)))
            for text in texts
        ]

    def _judge(self, sentence: str, known: Vectors, counted: Context) -> dict[str, float]:
        distances = [
            distance
            for window, vectors in self._encoder.windows(sentence)
            for distance in _word_distances(sentence, window, 1.0 - (_directions(vectors) @ known.T).max(axis=1))
        ]
        # divide by the square root: one new word does not condemn a short sentence, nor do several vanish in a long one
        tally = Tally()
        tally.add(sentence, counted)
        of_words = sum(distances) / math.sqrt(max(len(distances), 1))
        strangeness = _SCALE * (of_words + _NOVEL_WEIGHT * tally.novel_share + tally.contradicting)
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
