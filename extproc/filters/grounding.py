"""Responses that state what their documents do not support, or say otherwise: reported, never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Final

from extproc.config.guards.grounding import GroundingSection
from extproc.detectors.answers.grounding import Context, Tally, context_of
from extproc.detectors.text.sentences import SentenceBuffer
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Coverage
from extproc.domain.text import Kind, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard, GuardState
from extproc.payload.documents import brought_texts, pasted_texts
from extproc.payload.view import RequestView

_PERCENT: Final = 100
_COUNTED: Final[tuple[Callable[[Tally], float], ...]] = (
    attrgetter("unsupported"),
    attrgetter("novel"),
    attrgetter("contradicting"),
)
"""The counts that lead to findings."""


class GroundingGuard(Guard):
    """Uses the request's texts as context, and compares the response with it."""

    finds_data = False

    def __init__(self, section: GroundingSection) -> None:
        super().__init__(section)
        self._context = GuardState[Context]()
        self._context_chars_min = section.context_chars_min
        self._context_chars_max = section.context_chars_max
        self._unsupported_min = section.unsupported_percent_min / _PERCENT
        self._items_min = section.items_min
        self._novel_min = section.novel_words_percent_min / _PERCENT
        self._contradictions = section.contradictions

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Build the context if the request has one; with too much text, the response is not checked."""
        brought = brought_texts(request.texts)
        documents = brought or pasted_texts(request.texts, self._context_chars_min)
        if not documents:
            exchange.skip(self.name, Coverage.SKIPPED_NO_CONTEXT)
            return None
        prompt = [] if exchange.prompt is None else [exchange.prompt.constant_text]
        if sum([len(field.text) for field in request.texts]) + sum(map(len, prompt)) > self._context_chars_max:
            exchange.skip(self.name, Coverage.SKIPPED_TOO_LONG)
            return None
        known = set(documents)
        others = [field.text for field in request.texts if field.text not in known]
        self._context.put(exchange, context_of(documents, others + prompt, len(brought)))
        return None

    def applies_to(self, source: TextSource) -> bool:
        """The model's text for the user."""
        return super().applies_to(source) and source.kind is Kind.CONTENT

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The share that was counted, and its limit; the finding's text is the sentence that adds most to it."""
        if evidence.finding.kind == "CONTRADICTED":
            said = "sentences that say otherwise than a sentence of the context, of those that restate one"
            return [Reason("rule", said, evidence.finding.score)]
        if evidence.finding.kind == "UNSUPPORTED":
            said, limit = "share of names and numbers that the context lacks", self._unsupported_min
        else:
            said, limit = "share of words that the context lacks", self._novel_min
        return [Reason("rule", f"{said}, from {limit:.2f} on", evidence.finding.score)]

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage on the model's text for the user, if there is a context."""
        context = self._context.of(exchange)
        if context is None:
            return None
        return _TallyStage(self, context, [FindingReporter(self, source, exchange) for _ in _COUNTED])

    def judge(self, tally: Tally, worst: Sequence[WorstSentence]) -> None:
        """Report scores above the thresholds. Args: worst: sentences, in the order of ``_COUNTED``."""
        unsupported, novel, contradicting = worst
        if tally.items >= self._items_min and tally.unsupported_share >= self._unsupported_min:
            unsupported.report("UNSUPPORTED", tally.unsupported_share)
        if tally.novel_share >= self._novel_min:
            novel.report("NOVEL_WORDS", tally.novel_share)
        if tally.contradicting and self._contradictions:
            contradicting.report("CONTRADICTED", tally.contradicting_share)


class WorstSentence:
    """The sentence with the largest share of one count: shown to reviewers as an example of the response."""

    __slots__ = ("_added", "_chars", "_reporter")

    def __init__(self, reporter: FindingReporter) -> None:
        self._reporter = reporter
        self._added = 0.0
        self._chars = 0

    def weigh(self, sentence: str, added: float, closing: bool) -> None:
        """Keep the sentence if it adds more than those before."""
        if added > self._added:
            self._added, self._chars = added, len(sentence)
            self._reporter.set_text(sentence, ends=closing)
        self._reporter.note_released(sentence)

    def report(self, kind: str, score: float) -> None:
        """Report the count as a share."""
        self._reporter.report(Finding(kind, 0, self._chars, score, f"grounding.{kind.lower()}", f"{score:.2f}"))

    def forget(self) -> None:
        """Reset for the next text."""
        self._added = 0.0


class _TallyStage:
    """Releases the text, counts it sentence by sentence, and checks it at its end."""

    __slots__ = ("_buffer", "_context", "_guard", "_tally", "_worst", "rejected")

    def __init__(self, guard: GroundingGuard, context: Context, reporters: Sequence[FindingReporter]) -> None:
        self._guard = guard
        self._context = context
        self._worst = [WorstSentence(reporter) for reporter in reporters]
        self._tally = Tally()
        self._buffer = SentenceBuffer()
        self.rejected = False

    def feed(self, text: str) -> str:
        """Count the sentences that the piece completes."""
        for sentence in self._buffer.push(text):
            self._count(sentence, closing=False)
        return text

    def close(self) -> str:
        """The text is complete. Later input is a separate text."""
        rest = self._buffer.take()
        if rest:
            self._count(rest, closing=True)
        self._guard.judge(self._tally, self._worst)
        self._tally = Tally()
        for worst in self._worst:
            worst.forget()
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> _TallyStage:
        """A stage in the same state that reports nothing."""
        copy = _TallyStage(self._guard, self._context, [NULL_REPORTER for _ in _COUNTED])
        copy._buffer, copy._tally = self._buffer.copy(), replace(self._tally)
        return copy

    def _count(self, sentence: str, closing: bool) -> None:
        before = [count(self._tally) for count in _COUNTED]
        self._tally.add(sentence, self._context)
        for worst, count, counted in zip(self._worst, _COUNTED, before, strict=True):
            worst.weigh(sentence, count(self._tally) - counted, closing)
