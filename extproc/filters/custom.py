"""The guard for a detector from another package: the detector finds, the guard acts."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.config.guards.custom import CustomSection
from extproc.detectors.installed import installed_detector
from extproc.domain.finding import Evidence
from extproc.domain.masks import type_mask
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Kind, Stage, TextSource
from extproc.filters.base import ExchangeContext, FindingReporter, Guard
from extproc.filters.json_text import JsonTextStage, WholeNumbers
from extproc.filters.observe import ObservingStage
from extproc.filters.span_detectors import Mask
from extproc.filters.spans import SpanStage


class CustomGuard(Guard):
    """Checks every text of its directions."""

    def __init__(self, section: CustomSection) -> None:
        """Raises: DetectorUnusable."""
        super().__init__(section)
        self.code = f"refused_by_{self.name}"
        self._detector = installed_detector(section.detector, section.settings)
        self._numbers = WholeNumbers(self._detector)

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """The detector's prefilter over all texts. An escape in a JSON text may hide a finding."""
        might_match = self._detector.might_match
        return any((source.kind is Kind.JSON and "\\" in text) or might_match(text) for source, text in texts)

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """What the detector says, if it can explain itself."""
        explain = getattr(self._detector, "explain", None)
        said = explain(evidence.text, evidence.finding) if explain is not None else ()
        return [Reason("detector", one) for one in said]

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A span stage; JSON texts are checked string by string, so they remain JSON."""
        reporter = FindingReporter(self, source, exchange)
        stage: Stage = SpanStage(self._detector, self._mask(""), reporter.report, on_text=reporter.set_text)
        if source.kind is Kind.JSON:
            stage = JsonTextStage(
                stage, SpanStage(self._numbers, self._mask('"'), reporter.report, on_text=reporter.set_text)
            )
        return stage if self.action in (Action.MASK, Action.BLOCK) else ObservingStage(stage)

    def _mask(self, quote: str) -> Mask | None:
        if self.action is Action.BLOCK:
            return None
        return lambda finding, _: f"{quote}{type_mask(finding.kind)}{quote}"
