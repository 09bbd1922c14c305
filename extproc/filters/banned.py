"""Banned words and phrases, in requests and answers: blocked, masked, or only counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extproc.config.guards.banned import BannedGuard as BannedSection
from extproc.detectors.phrases import PhraseBook, PhraseScan, as_findings
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeFacts, Guard, tell_nobody
from extproc.filters.json_text import JsonTextStage, may_hide
from extproc.filters.observe import ObservingStage
from extproc.payload.joined import found_only_joined
from extproc.payload.view import RequestView

_KIND, _DETECTOR = "BANNED", "banned.phrases"
_MASK = "<BANNED>"


class BannedGuard(Guard):
    """Looks at every text of its directions and speakers."""

    def __init__(self, section: BannedSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        self._book = PhraseBook(section.phrases)
        self._speakers = frozenset(map(Speaker, section.speakers))

    def sees(self, source: TextSource) -> bool:
        """What the chosen speakers say, and answers."""
        return super().sees(source) and (source.direction is Direction.RESPONSE or source.speaker in self._speakers)

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Look for what is divided among the parts of a message: no mask can stand in two places, so it refuses."""
        if Direction.REQUEST not in self.directions:
            return None
        judged = [field for field in request.texts if self.sees(field.source)]
        for found in found_only_joined(judged, self._book.find):
            for finding in as_findings(found, _KIND, _DETECTOR):
                self.report(exchange, Direction.REQUEST, finding)
            if self.action in (Action.BLOCK, Action.MASK):
                return self.rejection()
        return None

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """One look at the words of all texts.

        An escape in a JSON text may hide what is looked for; a bare control character is written as one, found or not.
        """
        judged = [(source, text) for source, text in texts if self.sees(source)]
        if may_hide(judged):
            return True
        return self._book.may_hold("\n".join([text for _, text in judged]))

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage:
        """A stage that looks for phrases; JSON texts are judged string by string, so that they stay JSON."""

        def on_finding(finding: Finding) -> None:
            self.report(exchange, source.direction, finding)

        stage: Stage = PhraseStage(PhraseScan(self._book), self._mask(_MASK), on_finding)
        if source.kind is Kind.JSON:
            outside = PhraseStage(PhraseScan(self._book), self._mask(f'"{_MASK}"'), on_finding)
            stage = JsonTextStage(stage, outside)
        return stage if self.action in (Action.MASK, Action.BLOCK) else ObservingStage(stage)

    def _mask(self, written: str) -> str | None:
        return None if self.action is Action.BLOCK else written

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "banned_phrase", self.message)


class PhraseStage:
    """Holds back what may be the beginning of a phrase; masks or rejects phrases.

    ``mask`` stands in the place of a phrase, or is None where phrases reject; ``on_finding`` is told of each.
    """

    __slots__ = ("_mask", "_on_finding", "_scan", "rejected")

    def __init__(self, scan: PhraseScan, mask: str | None, on_finding: Callable[[Finding], None]) -> None:
        self._scan = scan
        self._mask = mask
        self._on_finding = on_finding
        self.rejected = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what holds no phrase, and cannot be the beginning of one."""
        return self._judge(text, closing=False) if text else ""

    def close(self) -> str:
        """What is held was the beginning of a phrase, or its end."""
        return self._judge("", closing=True)

    def held(self) -> str:
        """What may be the beginning of a phrase."""
        return self._scan.undecided

    def fork(self) -> PhraseStage:
        """A stage in the same state that tells nobody what it finds."""
        copy = PhraseStage(self._scan.copy(), self._mask, tell_nobody)
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str, *, closing: bool) -> str:
        scanned = self._scan.push(text, closing=closing)
        if not scanned.matches:
            return scanned.text[: scanned.settled]
        pieces: list[str] = []
        done = 0
        for finding in as_findings(scanned.matches, _KIND, _DETECTOR):
            self._on_finding(finding)
            pieces.append(scanned.text[done : finding.start])
            if self._mask is None:
                self.rejected = True
                return "".join(pieces)
            pieces.append(self._mask)
            done = finding.end
        pieces.append(scanned.text[done : scanned.settled])
        return "".join(pieces)
