"""An ensemble of a model and the in-path injection detector.

The model reads meaning, the detector reads letters and patterns in several languages, so their errors are weakly
correlated: their odds are multiplied. The detector counts twice, since it generalizes better to unseen sources. A
detector score at the guard's flag threshold is neutral.
"""

from __future__ import annotations

import math

from extproc.classifiers.adapters.base import TextModel
from extproc.config.guards.injection import InjectionSection
from extproc.detectors.injection.detector import InjectionDetector

_NEUTRAL = float(InjectionSection.model_fields["flag_threshold"].default)
_CERTAIN = 0.99
_WEIGHT = 2.0


class WithInjectionDetector:
    """Scores of another model, combined with the detector's."""

    def __init__(self, model: TextModel, detector: InjectionDetector | None = None) -> None:
        self._model = model
        self._detector = detector or InjectionDetector.shipped()

    def scores(self, text: str) -> dict[str, float]:
        """By label, like the other model."""
        found = self._detector.find(text, 0.0, 1.0)
        evidence = evidence_of(max((finding.score for finding in found), default=0.0))
        return {
            label: 1.0 / (1.0 + math.exp(-_log_odds(score) - evidence))
            for label, score in self._model.scores(text).items()
        }


def evidence_of(detector_score: float) -> float:
    """What a detector score adds to the model's log odds."""
    return _WEIGHT * (_log_odds(detector_score) - _log_odds(_NEUTRAL))


def _log_odds(score: float) -> float:
    certain = min(max(score, 1.0 - _CERTAIN), _CERTAIN)
    return math.log(certain / (1.0 - certain))
