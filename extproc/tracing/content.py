"""Texts of an exchange as messages of the conventions, masked as in the review queue.

A record keeps the texts of a role together, not message by message. So there is one message for each role, and in it
one part for each kind of text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from extproc.domain.record import KEPT_TEXT_CHARS_MAX, ExchangeRecord, Outcome
from extproc.domain.review import FindingNote
from extproc.domain.text import Direction, Kind, Speaker
from extproc.sinks.review.excerpt import Excerpts
from extproc.tracing.names import INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS

MessagePart = dict[str, str]
_REASONING: Final = "reasoning"
_TEXT: Final = "text"


class MessageMaker:
    """Makes the attributes with texts."""

    def __init__(self) -> None:
        self._excerpts = Excerpts("masked", KEPT_TEXT_CHARS_MAX)

    def of(self, record: ExchangeRecord) -> Iterator[tuple[str, str]]:
        """Name and value, in JSON, of each attribute."""
        by_role: dict[tuple[str, str], list[MessagePart]] = {}
        for source, text in (record.texts or {}).items():
            direction, speaker, kind = source.split(".")
            whole = len(text) < KEPT_TEXT_CHARS_MAX and (
                direction == Direction.REQUEST.value or record.outcome is Outcome.COMPLETED
            )
            shown = self._masked(text, direction, speaker, whole)
            if shown:
                part = {"type": _REASONING if kind == Kind.REASONING.value else _TEXT, "content": shown}
                by_role.setdefault((direction, speaker), []).append(part)
        system = by_role.pop((Direction.REQUEST.value, Speaker.SYSTEM.value), None)
        if system is not None:
            yield SYSTEM_INSTRUCTIONS, orjson.dumps(system).decode()
        for direction, name in ((Direction.REQUEST.value, INPUT_MESSAGES), (Direction.RESPONSE.value, OUTPUT_MESSAGES)):
            messages = [{"role": role, "parts": parts} for (of, role), parts in by_role.items() if of == direction]
            if messages:
                yield name, orjson.dumps(messages).decode()

    def _masked(self, text: str, direction: str, speaker: str, whole: bool) -> str:
        """All of a text but personal data, and what could be the beginning of some where it is cut off."""
        note = FindingNote("", direction, speaker, "", "", 1.0, "", is_data=False, text=text, ends=whole)
        return self._excerpts.of(note).text
