"""Prompt injection and jailbreaks in what users, tools and documents say. Our own system prompt is never judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from extproc.config.guards.injection import InjectionGuard as InjectionSection
from extproc.detectors.injection import InjectionDetector
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, Speaker, TextSource
from extproc.filters.base import ExchangeFacts, Guard
from extproc.payload.view import RequestView, TextField

_JUDGED = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})
_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


class InjectionGuard(Guard):
    """Judges each text of a request whole: a request is never streamed to us."""

    finds_data = False

    def __init__(self, section: InjectionSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        self._detector = InjectionDetector()

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Refuse the request at its first finding, if the filter blocks."""
        judged = [field for field in request.texts if self.sees(field.source)]
        found: list[tuple[Speaker, str, Finding]] = []
        for field in judged:
            if not field.known_clean and (of_field := self._detector.find(field.text)):
                field.found = True
                found += [(field.source.speaker, field.text, finding) for finding in of_field]
        if not found and len(judged) > 1:
            found = self._find(_joined_texts(judged))
        for speaker, text, finding in found:
            self.report(exchange, Direction.REQUEST, finding, speaker.value, text)
        if found and self.action is Action.BLOCK:
            return self.rejection()
        return None

    def sees(self, source: TextSource) -> bool:
        """What users, tools and documents say."""
        return source.speaker in _JUDGED

    def _find(self, texts: Iterable[tuple[Speaker, str]]) -> list[tuple[Speaker, str, Finding]]:
        return [(speaker, text, finding) for speaker, text in texts for finding in self._detector.find(text)]

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """No stage of ours does: the request was judged as a whole."""
        return False

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "prompt_injection", self.message)


def _joined_texts(judged: Sequence[TextField]) -> Iterator[tuple[Speaker, str]]:
    """The parts of a message as one text: the model sees them so, and an attack may be divided among them.

    Templates join parts with a line break or with nothing.
    """
    for _, fields in groupby(judged, key=lambda field: field.path[:_MESSAGE_DEPTH]):
        parts = list(fields)
        if len(parts) > 1:
            texts, speaker = [part.text for part in parts], parts[0].source.speaker
            yield speaker, "\n".join(texts)
            yield speaker, "".join(texts)
