"""Requests for harm, and abuse, in requests and answers: blocked, reported, or only counted.

In requests only what users, tools and documents say is judged: an application's own prompt speaks of what is forbidden,
and an answer given earlier was judged then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extproc.config.guards.harm import HarmGuard as HarmSection
from extproc.detectors.harm import HarmDetector
from extproc.detectors.passages import ends_whole, sentence_end, whole_words
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeFacts, Guard, tell_nobody
from extproc.filters.json_text import JsonTextStage, may_hide
from extproc.filters.observe import ObservingStage

CONTEXT_CHARS_MAX = 200
"""How much of what stands before a sentence is judged with it. [characters]"""

_JUDGED_IN_REQUESTS = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})


class HarmGuard(Guard):
    """Judges each text up to its first finding: one says enough of it."""

    finds_data = False

    def __init__(self, section: HarmSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        self._detector = HarmDetector(section.categories, section.threshold)

    def sees(self, source: TextSource) -> bool:
        """What users, tools and documents say, and answers."""
        return super().sees(source) and (
            source.direction is Direction.RESPONSE or source.speaker in _JUDGED_IN_REQUESTS
        )

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """One look at all texts as one.

        An escape in a JSON text may hide a word; a bare control character is written as one, found or not.
        """
        judged = [(source, text) for source, text in texts if self.sees(source)]
        if may_hide(judged):
            return True
        return bool(judged) and self._detector.may_hold("\n".join([text for _, text in judged]))

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage:
        """A stage that judges sentences; JSON texts are judged string by string."""

        def on_finding(finding: Finding) -> None:
            self.report(exchange, source.direction, finding)

        of_model = source.direction is Direction.RESPONSE
        stage: Stage = HarmStage(self._detector, on_finding, of_model)
        if source.kind is Kind.JSON:
            stage = JsonTextStage(stage, HarmStage(self._detector, on_finding, of_model))
        return stage if self.action is Action.BLOCK else ObservingStage(stage)

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "harmful_content", self.message)


class HarmStage:
    """Judges one channel sentence by sentence, each with a little of what stands before it; rejects at a finding.

    What is held is the sentence that is not complete: at most ``SENTENCE_CHARS_MAX`` characters.
    """

    __slots__ = ("_before", "_detector", "_of_model", "_on_finding", "_open", "_whole", "rejected")

    def __init__(self, detector: HarmDetector, on_finding: Callable[[Finding], None], of_model: bool = False) -> None:
        self._detector = detector
        self._of_model = of_model
        self._on_finding = on_finding
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
        return rest

    def held(self) -> str:
        """The open sentence."""
        return self._open

    def fork(self) -> Stage:
        """A stage in the same state that tells nobody what it finds."""
        copy = HarmStage(self._detector, tell_nobody, self._of_model)
        copy._open, copy._before, copy._whole = self._open, self._before, self._whole
        copy.rejected = self.rejected
        return copy

    def _passes(self, sentence: str, complete: bool = False) -> bool:
        window = self._before + sentence
        judged = whole_words(window, self._whole, complete or ends_whole(sentence))
        finding = self._detector.find(judged, self._of_model)
        if finding is not None:
            self._on_finding(finding)
            self.rejected = True
            return False
        self._before = window[-CONTEXT_CHARS_MAX:]
        self._whole = len(window) <= CONTEXT_CHARS_MAX
        return True
