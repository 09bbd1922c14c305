"""Limits of a request: characters, messages, tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from extproc.config.guards.size import SizeSection
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction, TextSource
from extproc.filters.base import ExchangeContext, Guard
from extproc.payload.view import RequestView

_MESSAGE: Final = attrgetter("message")


class SizeGuard(Guard):
    """Counts the contents of a request, without reading them."""

    judges_each_alone = False

    def __init__(self, section: SizeSection) -> None:
        super().__init__(section)
        self._section = section

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Report every limit that is exceeded; refuse with the first."""
        errors = list(self._exceeded(request))
        for kind, _ in errors:
            finding = Finding(kind, 0, 0, 1.0, f"size.{kind.lower()}")
            self.report(exchange, Direction.REQUEST, Evidence(finding))
        return errors[0][1] if errors and self.action is Action.BLOCK else None

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The limit."""
        limit = f"{evidence.finding.kind.lower()}_max"
        return [Reason("rule", f"more than `{limit}: {getattr(self._section, limit)}`")]

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """False: there is no stage, as the request was checked as a whole."""
        return False

    def _exceeded(self, request: RequestView) -> Iterator[tuple[str, ApiError]]:
        limits = self._section
        if limits.chars_max is not None and sum([len(field.text) for field in request.texts]) > limits.chars_max:
            yield "CHARS", _error(413, "input_too_long", f"The input has more than {limits.chars_max} characters.")
        if limits.message_chars_max is not None and _longest_message_chars(request) > limits.message_chars_max:
            message = f"A message has more than {limits.message_chars_max} characters."
            yield "MESSAGE_CHARS", _error(413, "message_too_long", message)
        if limits.messages_max is not None and request.message_count > limits.messages_max:
            yield "MESSAGES", _error(400, "too_many_messages", f"There are more than {limits.messages_max} messages.")
        if limits.tools_max is not None and request.tool_count > limits.tools_max:
            yield "TOOLS", _error(400, "too_many_tools", f"There are more than {limits.tools_max} tools.")


def _error(status: int, code: str, message: str) -> ApiError:
    return ApiError(status, "invalid_request_error", code, message)


def _longest_message_chars(request: RequestView) -> int:
    """The parts of a message are consecutive."""
    by_message = groupby(request.spoken_texts, key=_MESSAGE)
    return max((sum(len(field.text) for field in parts) for _, parts in by_message), default=0)
