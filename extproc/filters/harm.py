"""Requests for harm, and abuse, in requests and responses: blocked, reported, or only counted.

In requests only texts of users, tools and documents are checked: an application's own prompt mentions forbidden topics
legitimately, and earlier responses were checked at the time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from extproc.config.guards.harm import HarmSection
from extproc.detectors.answers.passages import ends_whole, sentence_end, whole_words
from extproc.detectors.harm.detector import HarmDetector
from extproc.domain.finding import Evidence
from extproc.domain.reasons import Reason
from extproc.domain.text import Direction, Speaker, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, FindingReporter
from extproc.filters.scanning import SpeakersGuard

CONTEXT_CHARS_MAX: Final = 200
"""How much text before a sentence is checked with it. [characters]"""
TOGETHER_CHARS: Final = 500
"""About so much text is first looked at together: most has no word of a topic. [characters]"""

_JUDGED_IN_REQUESTS: Final = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})


class HarmGuard(SpeakersGuard):
    """Checks each text up to its first finding, which is sufficient."""

    code = "harmful_content"

    def __init__(self, section: HarmSection) -> None:
        super().__init__(section, _JUDGED_IN_REQUESTS)
        self._detector = HarmDetector(section.categories, section.threshold)
        self._threshold = section.threshold

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The words, patterns and n-grams of the sentence, and of the text before it that was judged with it."""
        finding = evidence.finding
        window = evidence.text[max(0, finding.start - CONTEXT_CHARS_MAX) : finding.end]
        return self._detector.reasons(window, finding) if window else []

    def thresholds(self, speaker: str) -> dict[str, float]:
        """The lowest score that counts."""
        return {self.action.value: self._threshold}

    def might_match(self, text: str) -> bool:
        """A prefilter on the words."""
        return self._detector.might_match(text)

    def text_stage(self, source: TextSource, reporter: FindingReporter, bare: bool) -> Stage:
        """A stage that checks sentences."""
        return HarmStage(self._detector, reporter, source.direction is Direction.RESPONSE)


class HarmStage:
    """Checks one channel sentence by sentence, each with some text before it; rejects at a finding.

    It holds the incomplete sentence: at most ``SENTENCE_CHARS_MAX`` characters.
    """

    __slots__ = ("_before", "_detector", "_of_model", "_open", "_reporter", "_whole", "rejected")

    def __init__(self, detector: HarmDetector, reporter: FindingReporter, of_model: bool = False) -> None:
        self._detector = detector
        self._of_model = of_model
        self._reporter = reporter
        self._open = ""
        self._before = ""
        self._whole = True  # the text before begins with a whole word
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the sentences that passed."""
        whole = self._open + text
        if sentence_end(whole, 0) < 0:  # as with most events of a stream
            self._open = whole
            return ""
        start = 0
        while ends := _next_ends(whole, start):
            if len(ends) > 1 and not self._detector.might_match(self._before + whole[start : ends[-1]]):
                self._note_passed(whole[start : ends[-1]])
                start = ends[-1]
                continue
            for end in ends:
                if not self._passes(whole[start:end]):
                    self._open = ""
                    return whole[:start]
                start = end
        self._open = whole[start:]
        return whole[:start]

    def close(self) -> str:
        """Check the open sentence too. Later input is a separate text, with this one as its context."""
        rest, self._open = self._open, ""
        if rest and not self._passes(rest, complete=True):
            return ""
        self._before += "\n"
        self._reporter.note_released("\n")
        return rest

    def held(self) -> str:
        """The open sentence."""
        return self._open

    def fork(self) -> Stage:
        """A stage in the same state that reports nothing."""
        copy = HarmStage(self._detector, NULL_REPORTER, self._of_model)
        copy._open, copy._before, copy._whole = self._open, self._before, self._whole
        copy.rejected = self.rejected
        return copy

    def _passes(self, sentence: str, complete: bool = False) -> bool:
        window = self._before + sentence
        judged = whole_words(window, self._whole, complete or ends_whole(sentence))
        finding = self._detector.find(judged, self._of_model)
        if finding is not None:
            self._reporter.set_text(sentence, ends=complete)
            self._reporter.report(
                replace(finding, start=0, end=len(sentence))
            )  # reviewers also read the text before it
            self.rejected = True
            return False
        self._note_passed(sentence)
        return True

    def _note_passed(self, sentences: str) -> None:
        window = self._before + sentences
        self._reporter.note_released(sentences)
        self._before = window[-CONTEXT_CHARS_MAX:]
        self._whole = len(window) <= CONTEXT_CHARS_MAX


def _next_ends(text: str, start: int) -> list[int]:
    """Ends of the next sentences that are whole, up to some ``TOGETHER_CHARS``."""
    ends: list[int] = []
    end = start
    while end < start + TOGETHER_CHARS and (end := sentence_end(text, end)) >= 0:
        ends.append(end)
    return ends
