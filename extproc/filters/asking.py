"""Asks a classifier about texts of which a guard's own detector is unsure, while their request waits.

The detector has judged every text; the classifier decides only between its two scores. So most requests cost what the
detector costs, and the mean stays near that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from extproc.config.guards.asking import AskingSection
from extproc.domain.classification import BlockingCheck, FoundInText, SpokenText
from extproc.domain.finding import Evidence
from extproc.domain.text import Speaker
from extproc.filters.base import ExchangeContext, GuardState

WHOLE_CHARS_MAX: Final = 4_000
"""A text up to this length is asked about as a whole; of a longer one, the finding and what is around it."""
_AROUND_CHARS: Final = 1_000
_NONE: Final = (1.0, 1.0)


class AskedTexts(NamedTuple):
    """What a request waits for.

    Attributes:
        unsure: what the detector found, by what is asked about it.
        fields: number of the request's texts among them.
    """

    unsure: list[tuple[SpokenText, Evidence]]
    fields: int


class Asking:
    """The scores between which a guard asks, and what it has asked."""

    def __init__(self, guard: str, section: AskingSection) -> None:
        self._guard = guard
        self._classifier = section.classifier or ""
        self._wait_ms = section.await_ms
        self.low, self.high = section.ask_between or _NONE
        self._asked = GuardState[AskedTexts]()

    def is_unsure(self, score: float) -> bool:
        """Whether the classifier decides."""
        return self.low <= score < self.high

    def ask(self, unsure: Sequence[Evidence], fields: int, exchange: ExchangeContext) -> None:
        """Let the request wait for a verdict on each."""
        asked = AskedTexts([(_excerpt(one), one) for one in unsure], fields)
        self._asked.put(exchange, asked)
        texts = tuple(dict.fromkeys(spoken for spoken, _ in asked.unsure))
        exchange.outbox.ask(BlockingCheck(self._guard, self._classifier, texts, self._wait_ms))

    def take_open(self, exchange: ExchangeContext) -> AskedTexts:
        """What was asked and is not answered; once."""
        return self._asked.pop(exchange) or AskedTexts([], 0)

    def confirmed(self, found: Sequence[FoundInText]) -> frozenset[SpokenText]:
        """Those of the asked texts in which the classifier has found something."""
        return frozenset(spoken for spoken, _ in found)


def _excerpt(evidence: Evidence) -> SpokenText:
    """What is asked about a finding."""
    finding, text = evidence.finding, evidence.text
    if len(text) > WHOLE_CHARS_MAX:
        text = text[max(0, finding.start - _AROUND_CHARS) : finding.end + _AROUND_CHARS]
    return SpokenText(Speaker(evidence.speaker), text)
