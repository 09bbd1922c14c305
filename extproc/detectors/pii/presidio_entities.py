"""Names, places and organizations, found by Microsoft Presidio and spaCy: the extra ``presidio``, out of band.

A call takes tens of milliseconds per kilobyte, and findings depend on following text, so this is not a recognizer of
cells: it checks whole texts, in a separate process, if configured. Nothing is ever downloaded: the model must be
installed, and Presidio's recognizer of e-mail addresses, which fetches a list of domains, is removed (``pii`` finds
those).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from extproc.domain.extras import how_to_install
from extproc.domain.finding import Finding

NAMED_ENTITIES: Final = ("PERSON", "LOCATION", "ORGANIZATION")
PIECE_CHARS_MAX: Final = 10_000
"""Longer texts are split, at a blank if possible."""

_FETCHING_RECOGNIZER: Final = "EmailRecognizer"
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "?")


class PresidioUnavailable(Exception):
    """The extra ``presidio`` or the spaCy model is not installed, or a requested type is unknown."""


class PresidioEntities:
    """Finds the requested types in a whole text. Loading takes seconds, and hundreds of megabytes with a large model.

    Args:
        model: an installed spaCy package or the path of a model; empty: none, so only pattern-based types.
        entities: Presidio's names of types.
        language: of the model, two letters.
        score_min: lowest score of a finding, 0 to 1.
    Raises: PresidioUnavailable.
    """

    def __init__(
        self,
        model: str = "",
        entities: Iterable[str] = NAMED_ENTITIES,
        language: str = "en",
        score_min: float = 0.4,
    ) -> None:
        self._language = language
        self._score_min = score_min
        self._entities = sorted(set(entities))
        self._analyzer = _analyzer(model, language)
        known = set(self._analyzer.get_supported_entities(language))
        if not model:
            known -= set(_model_entities())
        unknown = sorted(set(self._entities) - known)
        if unknown:
            without = "" if model else " without a model"
            raise PresidioUnavailable(f"unknown entities{without}: {', '.join(unknown)}")

    def find(self, text: str) -> list[Finding]:
        """Findings in the text, in order, not overlapping: in overlaps the more confident, then the longer
        one counts.
        """
        found: list[Finding] = []
        for start, piece in _pieces(text.translate(_SURROGATES)):
            results = self._analyzer.analyze(
                piece, self._language, entities=self._entities, score_threshold=self._score_min
            )
            surest_first = sorted(results, key=lambda one: (-one.score, one.start - one.end, one.start))
            taken = bytearray(len(piece))
            for one in surest_first:
                if taken.find(1, one.start, one.end) < 0:
                    taken[one.start : one.end] = b"\1" * (one.end - one.start)
                    kind = str(one.entity_type)
                    detector = f"presidio.{kind.lower()}"
                    found.append(Finding(kind, start + one.start, start + one.end, float(one.score), detector))
        return sorted(found, key=lambda finding: finding.start)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces of at most PIECE_CHARS_MAX characters, with their offsets."""
    start = 0
    while start < len(text):
        end = start + PIECE_CHARS_MAX
        if end < len(text):
            blank = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = blank + 1 if blank > start else end
        yield start, text[start:end]
        start = end


def _analyzer(model: str, language: str) -> Any:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise PresidioUnavailable(f"a package is not installed. {how_to_install('presidio')}") from error
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": model or "blank"}])
    try:
        # Presidio's own loader would download a missing model.
        engine.nlp = {language: spacy.load(model) if model else spacy.blank(language)}
    except (ImportError, OSError, ValueError) as error:
        raise PresidioUnavailable(f"no spaCy model {model!r} for {language!r} is installed") from error
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
    registry.remove_recognizer(_FETCHING_RECOGNIZER)
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])


def _model_entities() -> Iterable[str]:
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    return tuple(SpacyRecognizer.ENTITIES)
