"""Topics defined by examples, by similarity of static word vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extproc.classifiers.adapters.base import ModelUnusable
from extproc.detectors.rules.topic_vectors import TopicVectors, TopicVectorsMissing


class TopicsModel:
    """Scores how much a text is about each topic. Raises: ModelUnusable."""

    def __init__(self, topics: Mapping[str, Sequence[str]]) -> None:
        try:
            self._vectors = TopicVectors(topics)
        except (TopicVectorsMissing, ValueError) as unusable:
            raise ModelUnusable(str(unusable)) from None

    def scores(self, text: str) -> dict[str, float]:
        """By topic, 0 to 1."""
        return self._vectors.score(text)
