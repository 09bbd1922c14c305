"""Counts responses in which the model refuses, by kind. It never changes anything."""

from __future__ import annotations

from typing import Final

from extproc.config.guards.refusal import RefusalSection
from extproc.detectors.answers.refusal import refusal_detector
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.refusal_kinds import KIND_OF_FINDING, RefusalKind
from extproc.domain.text import Direction, Kind, Stage, TextSource
from extproc.filters.base import ExchangeContext, Guard

_BY_FIELD: Final = "refusal.field"
"""What the API's field for refusals holds is one in any words."""


class RefusalGuard(Guard):
    """Checks the beginning of each choice's content."""

    finds_data = False

    def __init__(self, section: RefusalSection) -> None:
        super().__init__(section)
        self._detector = refusal_detector()
        self.prefix_chars = section.prefix_chars

    def applies_to(self, source: TextSource) -> bool:
        """Content, and the API's own field for refusals."""
        return source.direction is Direction.RESPONSE and source.kind in (Kind.CONTENT, Kind.REFUSAL)

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A stage that waits for the beginning."""
        return _PrefixStage(self, source, exchange)

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The phrase, or the n-grams; none where the API says so itself."""
        if evidence.finding.detector == _BY_FIELD:
            return []
        return self._detector.reasons(evidence.text, evidence.finding)

    def judge(self, source: TextSource, beginning: str, exchange: ExchangeContext) -> None:
        """Count a refusal."""
        record = exchange.record
        record.refusals_judged += 1
        finding = self._detector.find(beginning)
        if finding is None and source.kind is Kind.REFUSAL:
            finding = Finding(RefusalKind.DECLINES.finding, 0, len(beginning), 1.0, _BY_FIELD)
        if finding is not None:
            record.note_refusal(KIND_OF_FINDING[finding.kind])
            self.report(exchange, Direction.RESPONSE, Evidence(finding, beginning, source.speaker.value))


class _PrefixStage:
    """Collects the first characters of a channel and checks them once."""

    __slots__ = ("_beginning", "_exchange", "_filter", "_judged", "_source", "rejected")

    def __init__(self, owner: RefusalGuard, source: TextSource, exchange: ExchangeContext) -> None:
        self._filter = owner
        self._source = source
        self._exchange = exchange
        self._beginning = ""
        self._judged = False
        self.rejected = False

    def feed(self, text: str) -> str:
        """Release the text; check once enough has arrived."""
        if not self._judged:
            room = self._filter.prefix_chars - len(self._beginning)
            self._beginning += text[:room]
            if len(self._beginning) >= self._filter.prefix_chars:
                self._judge()
        return text

    def close(self) -> str:
        """Check a shorter text."""
        if not self._judged and self._beginning:
            self._judge()
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> Stage:
        """A copy that checks nothing, because checking is all that this stage does."""
        copy = _PrefixStage(self._filter, self._source, self._exchange)
        copy._judged = True
        return copy

    def _judge(self) -> None:
        self._judged = True
        beginning, self._beginning = self._beginning, ""
        self._filter.judge(self._source, beginning, self._exchange)
