"""From a model's scores to findings: which labels count, their threshold, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extproc.config.classifiers import Classifier
from extproc.domain.classification import FoundInText, SpokenText
from extproc.domain.finding import Finding

Scores = Mapping[str, float]
"""The score of each label, 0 to 1, of one text."""

LabeledPlace = tuple[str, int, int, float]
"""Label, start, end [characters] and score of what a model has found in a text."""


class LocatedScores(dict[str, float]):
    """The scores of one text, of a model that also says where in it it found what it found."""

    def __init__(self, scores: Mapping[str, float], places: Iterable[Sequence[Any]]) -> None:
        super().__init__(scores)
        self.places: list[LabeledPlace] = [(str(one[0]), int(one[1]), int(one[2]), float(one[3])) for one in places]


class ScoresMissing(Exception):
    """A result lacks a score that was requested: it says nothing, in particular not that a text is harmless."""


class FindingLabels:
    """Which labels of a classifier are findings."""

    def __init__(self, name: str, classifier: Classifier) -> None:
        self._kinds = {label: kind_of(label) for label in classifier.counts}
        self._threshold = classifier.threshold
        self._detector = f"classifier.{name}"

    def findings(
        self, texts: Sequence[SpokenText], scores: Sequence[Scores], *, located: bool = False
    ) -> list[FoundInText]:
        """The findings in each text: one for each label. Raises: ScoresMissing.

        Args: located: one for each place instead, from a model that tells places.
        """
        if len(scores) != len(texts):
            raise ScoresMissing
        return [
            (spoken, finding)
            for spoken, of_text in zip(texts, scores, strict=True)
            for finding in self._of_text(len(spoken.text), of_text, located)
        ]

    def _of_text(self, chars: int, scores: Scores, located: bool) -> list[Finding]:
        found = []
        for label, kind in self._kinds.items():
            score = scores.get(label)
            if score is None or not 0 <= score <= 1:  # also false for NaN
                raise ScoresMissing
            if score >= self._threshold:
                found.append(Finding(kind, 0, chars, score, self._detector))
        if not located:
            return found
        if not isinstance(scores, LocatedScores):
            raise ScoresMissing
        return [
            Finding(self._kinds[label], start, end, score, self._detector)
            for label, start, end, score in scores.places
            if label in self._kinds and score >= self._threshold and 0 <= start < end <= chars
        ]


def kind_of(label: str) -> str:
    """The finding kind of a label: ``self-harm/intent`` becomes ``SELF_HARM_INTENT``."""
    return "".join(char if char.isalnum() else "_" for char in label).upper()
