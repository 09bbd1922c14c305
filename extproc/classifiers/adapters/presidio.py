"""Names, places and organizations, found by Microsoft Presidio on an installed spaCy model."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.classifiers.adapters.base import ModelUnusable
from extproc.detectors.pii.presidio_entities import PresidioEntities, PresidioUnavailable


class PresidioModel:
    """The most confident finding of each type. Raises: ModelUnusable."""

    def __init__(self, model: str, entities: Sequence[str], language: str) -> None:
        try:
            self._presidio = PresidioEntities(model, entities, language)
        except PresidioUnavailable as unavailable:
            raise ModelUnusable(str(unavailable)) from None
        self._entities = tuple(entities)

    def scores(self, text: str) -> dict[str, float]:
        """By type; 0 if it was not found."""
        found = dict.fromkeys(self._entities, 0.0)
        for finding in self._presidio.find(text):
            found[finding.kind] = max(found[finding.kind], finding.score)
        return found
