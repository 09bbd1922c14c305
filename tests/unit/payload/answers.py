"""Answers and their events, as a reader gets them."""

from __future__ import annotations

from typing import Any

import orjson

from extproc.payload.dialect import StreamReader
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import NameSlot
from extproc.payload.view import Slot
from tests.unit.payload.requests import BY_NAME


def event(tree: Any, name: str = "") -> SseEvent:
    """An event that holds a JSON value."""
    return SseEvent(b"", name, orjson.dumps(tree))


def chunk(**choice: Any) -> SseEvent:
    """A chat or completions chunk of one choice."""
    return event({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": None, **choice}]})


def reader_of(name: str, **shown: Any) -> StreamReader:
    """A reader of a stream that has just begun."""
    return BY_NAME[name].stream(shown)


def values(slots: list[Slot]) -> list[str]:
    """The texts of slots but for names of keys."""
    return [slot.text for slot in slots if not isinstance(slot, NameSlot)]


def names(slots: list[Slot]) -> list[str]:
    """The names of keys among slots."""
    return [slot.text for slot in slots if isinstance(slot, NameSlot)]


def said(slots: list[Slot]) -> list[tuple[str, str]]:
    """Kind and text of each slot."""
    return [(slot.source.kind.value, slot.text) for slot in slots]
