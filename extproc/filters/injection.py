"""Prompt injection and jailbreaks in what users, tools and documents say. Our own system prompt is never judged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from extproc.config.document import InjectionFilter as InjectionSection
from extproc.config.document import Mode, OnError
from extproc.detectors.injection import InjectionDetector
from extproc.domain.errors import ApiError
from extproc.domain.record import Action
from extproc.domain.text import Direction, Speaker
from extproc.filters.base import ExchangeFacts, Filter
from extproc.payload.view import RequestView

_JUDGED = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})
_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


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
        found = [finding for text in _judged_texts(request) for finding in self._detector.find(text)]
        if not found:
            found = [finding for text in _joined_texts(request) for finding in self._detector.find(text)]
        for finding in found:
            self.report(exchange, Direction.REQUEST, finding, self._action)
        if found and self.enforced and self._action is Action.BLOCK:
            return self.rejection()
        return None

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "prompt_injection", self._message)


def _judged_texts(request: RequestView) -> Iterator[str]:
    return (field.text for field in request.texts if field.source.speaker in _JUDGED)


def _joined_texts(request: RequestView) -> Iterator[str]:
    """The parts of a message as one text: the model sees them so, and an attack may be divided among them.

    Templates join parts with a line break or with nothing.
    """
    judged = (field for field in request.texts if field.source.speaker in _JUDGED)
    for _, fields in groupby(judged, key=lambda field: field.path[:_MESSAGE_DEPTH]):
        parts = [field.text for field in fields]
        if len(parts) > 1:
            yield "\n".join(parts)
            yield "".join(parts)
