"""Names, places and organizations, found by Microsoft Presidio on an installed spaCy model."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.classifiers.adapters.base import ModelUnusable, worst
from extproc.classifiers.scores import LabeledPlace
from extproc.detectors.pii.presidio_entities import PresidioEntities, PresidioUnavailable


class PresidioModel:
    """The findings of each type, and of its most confident one the score. Raises: ModelUnusable."""

    def __init__(self, model: str, entities: Sequence[str], language: str) -> None:
        try:
            self._presidio = PresidioEntities(model, entities, language)
        except PresidioUnavailable as unavailable:
            raise ModelUnusable(str(unavailable)) from None
        self._entities = tuple(entities)

    def scores(self, text: str) -> dict[str, float]:
        """By type; 0 if it was not found."""
        return self.scores_of(self.places(text))

    def places(self, text: str) -> list[LabeledPlace]:
        """Type, start, end and score of each finding."""
        return [(one.kind, one.start, one.end, one.score) for one in self._presidio.find(text)]

    def scores_of(self, places: Sequence[LabeledPlace]) -> dict[str, float]:
        """By type; 0 if it was not found."""
        return worst(self._entities, ({kind: score} for kind, _, _, score in places))
