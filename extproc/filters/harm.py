"""Requests for harm, and abuse, in requests and answers: blocked, reported, or only counted.

In requests only what users, tools and documents say is judged: an application's own prompt speaks of what is forbidden,
and an answer given earlier was judged then.
"""

from __future__ import annotations

from dataclasses import replace

from extproc.config.guards.harm import HarmSection
from extproc.detectors.answers.passages import ends_whole, sentence_end, whole_words
from extproc.detectors.harm.detector import HarmDetector
from extproc.domain.text import Direction, Speaker, Stage, TextSource
from extproc.filters.base import NOBODY, Witness
from extproc.filters.scanning import SpeakersGuard

CONTEXT_CHARS_MAX = 200
"""How much of what stands before a sentence is judged with it. [characters]"""

_JUDGED_IN_REQUESTS = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})


class HarmGuard(SpeakersGuard):
    """Judges each text up to its first finding: one says enough of it."""

    code = "harmful_content"

    def __init__(self, section: HarmSection) -> None:
        super().__init__(section, _JUDGED_IN_REQUESTS)
        self._detector = HarmDetector(section.categories, section.threshold)

    def may_hold(self, text: str) -> bool:
        """One look at the words."""
        return self._detector.may_hold(text)

    def text_stage(self, source: TextSource, witness: Witness, bare: bool) -> Stage:
        """A stage that judges sentences."""
        return HarmStage(self._detector, witness, source.direction is Direction.RESPONSE)


class HarmStage:
    """Judges one channel sentence by sentence, each with a little of what stands before it; rejects at a finding.

    What is held is the sentence that is not complete: at most ``SENTENCE_CHARS_MAX`` characters.
    """

    __slots__ = ("_before", "_detector", "_of_model", "_open", "_whole", "_witness", "rejected")

    def __init__(self, detector: HarmDetector, witness: Witness, of_model: bool = False) -> None:
        self._detector = detector
        self._of_model = of_model
        self._witness = witness
        self._open = ""
        self._before = ""
        self._whole = True  # what stands before begins with a whole word
        self.rejected = False

    def feed(self, text: str) -> str:
        """Take the next piece; return the sentences that are judged."""
        whole = self._open + text
        start = 0
        while (end := sentence_end(whole, start)) >= 0:
            if not self._passes(whole[start:end]):
                self._open = ""
                return whole[:start]
            start = end
        self._open = whole[start:]
        return whole[:start]

    def close(self) -> str:
        """Judge the open sentence too. A text fed afterwards is another one, with this one before it."""
        rest, self._open = self._open, ""
        if rest and not self._passes(rest, complete=True):
            return ""
        self._before += "\n"
        self._witness.pass_by("\n")
        return rest

    def held(self) -> str:
        """The open sentence."""
        return self._open

    def fork(self) -> Stage:
        """A stage in the same state that tells nobody what it finds."""
        copy = HarmStage(self._detector, NOBODY, self._of_model)
        copy._open, copy._before, copy._whole = self._open, self._before, self._whole
        copy.rejected = self.rejected
        return copy

    def _passes(self, sentence: str, complete: bool = False) -> bool:
        window = self._before + sentence
        judged = whole_words(window, self._whole, complete or ends_whole(sentence))
        finding = self._detector.find(judged, self._of_model)
        if finding is not None:
            self._witness.see(sentence, ends=complete)
            self._witness.tell(replace(finding, start=0, end=len(sentence)))  # people read what stands before it too
            self.rejected = True
            return False
        self._witness.pass_by(sentence)
        self._before = window[-CONTEXT_CHARS_MAX:]
        self._whole = len(window) <= CONTEXT_CHARS_MAX
        return True
