"""Personal data and secrets, in requests and answers: masked, blocked, or only counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extproc.config.guards.pii import PiiGuard as PiiSection
from extproc.detectors.pii import PiiDetector
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Kind, Stage, TextSource
from extproc.filters.base import ExchangeFacts, Guard, Witness
from extproc.filters.json_text import JsonTextStage, WholeNumbers
from extproc.filters.observe import ObservingStage
from extproc.filters.spans import SpanStage

Mask = Callable[[Finding], str]


class PiiGuard(Guard):
    """Looks at every text of its directions."""

    def __init__(self, section: PiiSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        self._detector = PiiDetector(section.entities)
        self._numbers = WholeNumbers(self._detector)

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """One look at all texts as one.

        An escape in a JSON text may hide what is looked for; a bare control character is written as one, found or not.
        """
        if any(source.kind is Kind.JSON and ("\\" in text or not text.isprintable()) for source, text in texts):
            return True
        return self._detector.may_hold("\n".join([text for _, text in texts]))

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage:
        """A stage that judges spans; JSON texts are judged string by string, so that they stay JSON."""

        witness = Witness(self, source, exchange)
        stage: Stage
        if source.kind is Kind.JSON:
            inside = SpanStage(self._detector, self._mask(_bare), witness.tell, witness.see)
            outside = SpanStage(self._numbers, self._mask(_quoted), witness.tell, witness.see)
            stage = JsonTextStage(inside, outside)
        else:
            stage = SpanStage(self._detector, self._mask(_bare), witness.tell, witness.see)
        if self.action in (Action.MASK, Action.BLOCK):
            return stage
        return ObservingStage(stage)

    def _mask(self, write: Mask) -> Mask | None:
        return None if self.action is Action.BLOCK else write

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "personal_data", self.message)


def _bare(finding: Finding) -> str:
    return f"<{finding.kind}>"


def _quoted(finding: Finding) -> str:
    """For a number that stands bare in JSON: the mask must be a string there."""
    return f'"<{finding.kind}>"'
