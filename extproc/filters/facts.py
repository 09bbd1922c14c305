"""Responses that contradict known facts, checked sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from extproc.config.facts import Fact, parse_facts
from extproc.config.guards.facts import FactsSection
from extproc.detectors.answers.facts import FactDetector, KnownFact
from extproc.detectors.text.sentences import SentenceBuffer
from extproc.domain.finding import Evidence
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Kind, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard, Resources
from extproc.filters.observe import ObservingStage


def detector_of(facts: Iterable[Fact]) -> FactDetector:
    """The detector for a file of facts."""
    return FactDetector([KnownFact(fact.id, fact.subject, fact.value, fact.right) for fact in facts])


class FactsGuard(Guard):
    """Checks responses against the facts of one file."""

    code = "fact_contradicted"
    finds_data = False

    @classmethod
    def build(cls, section: FactsSection, resources: Resources) -> Self:
        """Build the guard with the text of its file."""
        return cls(section, resources.files[section.file])

    def __init__(self, section: FactsSection, facts: str) -> None:
        super().__init__(section)
        self._detector = detector_of(parse_facts(facts, section.file))

    def applies_to(self, source: TextSource) -> bool:
        """The model's text for the user."""
        return super().applies_to(source) and source.kind is Kind.CONTENT

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The fact by its id."""
        return [Reason("rule", f"the fact `{evidence.finding.detail}` has another value")]

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A stage on the model's text for the user."""
        blocks = self.action is Action.BLOCK
        stage = _SentenceStage(self._detector, FindingReporter(self, source, exchange), blocks)
        return stage if blocks else ObservingStage(stage)


class _SentenceStage:
    """Releases each sentence once it is checked."""

    __slots__ = ("_before", "_blocks", "_buffer", "_detector", "_reporter", "rejected")

    def __init__(self, detector: FactDetector, reporter: FindingReporter, blocks: bool) -> None:
        self._detector = detector
        self._reporter = reporter
        self._blocks = blocks
        self._buffer = SentenceBuffer()
        self._before = ""  # the sentence before the open one
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the sentences that passed."""
        released = ""
        for sentence in self._buffer.push(text):
            released += self._judge(sentence, closing=False)
            if self.rejected:
                break
        return released

    def close(self) -> str:
        """The last sentence is complete too. Later input is a separate text."""
        released = self._judge(self._buffer.take(), closing=True)
        self._before = ""
        return released

    def held(self) -> str:
        """The open sentence."""
        return self._buffer.open

    def fork(self) -> _SentenceStage:
        """A stage in the same state that reports nothing."""
        copy = _SentenceStage(self._detector, NULL_REPORTER, self._blocks)
        copy._buffer, copy._before = self._buffer.copy(), self._before
        copy.rejected = self.rejected
        return copy

    def _judge(self, sentence: str, closing: bool) -> str:
        if not sentence:
            return ""
        if sentence.isspace():
            self._reporter.note_released(sentence)
            return sentence
        found = self._detector.find(sentence, self._before)
        self._before = sentence
        if found:
            self._reporter.set_text(sentence, ends=closing)
        for finding in found:
            self._reporter.report(finding)
        self._reporter.note_released(sentence)
        self.rejected = self._blocks and bool(found)
        return "" if self.rejected else sentence
