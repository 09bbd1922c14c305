"""Restores values in responses whose request was masked reversibly: the last filter of a policy.

The guards check the model's response with placeholders in it; then the client receives its own values. A placeholder
without a value is left unchanged: the model invented it, or it masks a value of the response itself. A placeholder in
an address (``address_context``) is left unchanged too: a document could make the model write an image's address with a
placeholder in it, and the client's browser would send the value to the author of the document. Texts kept for the log
(``log.text``) contain the placeholders.
"""

from __future__ import annotations

import json
from typing import Final

from extproc.detectors.text.address_context import AddressContext
from extproc.domain.placeholders import Placeholders
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Kind, Stage, TextSource
from extproc.filters.base import ExchangeContext, Filter
from extproc.filters.json_text import JsonTextStage

PLACEHOLDER_CHARS_MAX: Final = 80


class RestoreFilter(Filter):
    """The restorer of one policy. It has the name and the failure mode of the guard that masked."""

    changes_responses = True

    def __init__(self, guard: Filter) -> None:
        super().__init__(guard.mode, guard.on_error)
        self.name = guard.name

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage on every channel of the response, if there is anything to restore."""
        known = exchange.placeholders
        if source.direction is not Direction.RESPONSE or known is None or not known.restorable:
            return None
        stage: Stage = RestoreStage(known)
        if source.kind is Kind.JSON:
            stage = JsonTextStage(stage, RestoreStage(known, escaped=True))
        exchange.record.restored = True
        return stage if exchange.record.texts is None else _KeptStage(stage, source, exchange.record)


class RestoreStage:
    """Replaces placeholders with their values, except in addresses. Holds only the beginning of a placeholder.

    Args: escaped: write values as in a JSON string.
    """

    __slots__ = ("_context", "_escaped", "_open", "_placeholders", "rejected")

    def __init__(self, placeholders: Placeholders, *, escaped: bool = False) -> None:
        self._placeholders = placeholders
        self._escaped = escaped
        self._open = ""
        self._context = AddressContext()
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the text before a possible placeholder."""
        if not self._open and "<" not in text:
            self._context.push(text)
            return text
        return self._restored(self._open + text)

    def close(self) -> str:
        """The apparent beginning of a placeholder was none."""
        rest, self._open = self._open, ""
        self._context = AddressContext()
        return rest

    def held(self) -> str:
        """The beginning of a placeholder."""
        return self._open

    def fork(self) -> RestoreStage:
        """A stage in the same state."""
        copy = RestoreStage(self._placeholders, escaped=self._escaped)
        copy._open, copy._context = self._open, self._context.copy()
        return copy

    def _restored(self, text: str) -> str:
        self._open = ""
        pieces: list[str] = []
        position = 0
        while (start := text.find("<", position)) >= 0:
            pieces.append(text[position:start])
            self._context.push(text[position:start])
            end = text.find(">", start, start + PLACEHOLDER_CHARS_MAX) + 1
            value = self._placeholders.value(text[start:end]) if end else None
            if value is not None:
                pieces.append(text[start:end] if self._context.is_open else self._given_back(value))
                position = end
                continue
            if not end and len(text) - start < PLACEHOLDER_CHARS_MAX and self._placeholders.begins_one(text[start:]):
                self._open = text[start:]
                return "".join(pieces)
            pieces.append("<")
            self._context.push("<")
            position = start + 1
        pieces.append(text[position:])
        self._context.push(text[position:])
        return "".join(pieces)

    def _given_back(self, value: str) -> str:
        self._context.push(value)
        return json.dumps(value, ensure_ascii=False)[1:-1] if self._escaped else value


class _KeptStage:
    """Keeps the stage's input for the log, not its output."""

    __slots__ = ("_record", "_source", "_stage", "rejected")

    def __init__(self, stage: Stage, source: TextSource, record: ExchangeRecord) -> None:
        self._stage = stage
        self._source = source
        self._record = record
        self.rejected = False

    def feed(self, text: str) -> str:
        """Keep a piece, and pass it on."""
        self._record.keep_text(self._source, text)
        return self._stage.feed(text)

    def close(self) -> str:
        """The rest."""
        return self._stage.close()

    def held(self) -> str:
        """The text held by the stage."""
        return self._stage.held()

    def fork(self) -> Stage:
        """A copy that keeps nothing."""
        return self._stage.fork()
