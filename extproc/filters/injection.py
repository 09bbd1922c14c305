"""Prompt injection and jailbreaks in what users, tools and documents say. Our own system prompt is never judged."""

from __future__ import annotations

from extproc.config.document import InjectionFilter as InjectionSection
from extproc.config.document import Mode, OnError
from extproc.detectors.injection import InjectionDetector
from extproc.domain.errors import ApiError
from extproc.domain.record import Action
from extproc.domain.text import Direction, Speaker
from extproc.filters.base import ExchangeFacts, Filter
from extproc.payload.view import RequestView

_JUDGED = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})


class InjectionFilter(Filter):
    """Judges each text of a request whole: a request is never streamed to us."""

    name = "injection"
    directions = frozenset({Direction.REQUEST})

    def __init__(self, section: InjectionSection) -> None:
        super().__init__(Mode(section.mode), OnError(section.on_error))
        self._detector = InjectionDetector()
        self._action = Action.BLOCK if section.action == "block" else Action.FLAG
        self._message = section.message

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Refuse the request at its first finding, if the filter blocks."""
        found = False
        for field in request.texts:
            if field.source.speaker in _JUDGED:
                for finding in self._detector.find(field.text):
                    found = True
                    self.report(exchange, Direction.REQUEST, finding, self._action)
        if found and self.enforced and self._action is Action.BLOCK:
            return self.rejection()
        return None

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "prompt_injection", self._message)
