"""From a model's scores to findings: which labels count, their threshold, and their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extproc.config.classifiers import Classifier
from extproc.domain.classification import FoundInText, SpokenText
from extproc.domain.finding import Finding

Scores = Mapping[str, float]
"""The score of each label, 0 to 1, of one text."""


class ScoresMissing(Exception):
    """A result lacks a score that was requested: it says nothing, in particular not that a text is harmless."""


class FindingLabels:
    """Which labels of a classifier are findings."""

    def __init__(self, name: str, classifier: Classifier) -> None:
        self._kinds = {label: kind_of(label) for label in classifier.counts}
        self._threshold = classifier.threshold
        self._detector = f"classifier.{name}"

    def findings(self, texts: Sequence[SpokenText], scores: Sequence[Scores]) -> list[FoundInText]:
        """The findings in each text. Raises: ScoresMissing."""
        if len(scores) != len(texts):
            raise ScoresMissing
        return [
            (spoken, finding)
            for spoken, of_text in zip(texts, scores, strict=True)
            for finding in self._of_text(len(spoken.text), of_text)
        ]

    def _of_text(self, chars: int, scores: Scores) -> list[Finding]:
        found = []
        for label, kind in self._kinds.items():
            score = scores.get(label)
            if score is None or not 0 <= score <= 1:  # also false for NaN
                raise ScoresMissing
            if score >= self._threshold:
                found.append(Finding(kind, 0, chars, score, self._detector))
        return found


def kind_of(label: str) -> str:
    """The finding kind of a label: ``self-harm/intent`` becomes ``SELF_HARM_INTENT``."""
    return "".join(char if char.isalnum() else "_" for char in label).upper()
