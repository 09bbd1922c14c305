"""The stream of the Responses API.

A text comes as deltas and then whole up to four times more (``*.done``, ``content_part.done``, ``output_item.done``,
``response.completed``). The repetitions are judged again from their beginning, which gives the same result, so nothing
has to be kept. Every event is numbered; events of ours and events that are held back shift the numbers, so all are
written anew.

Source: OpenAI's API reference; vLLM 0.32 (no ``[DONE]``; usage only in the last event).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind, TextSource
from extproc.payload.dialect import Frame, UnreadableAnswer, dump_event, load_event
from extproc.payload.ends import end_of_response
from extproc.payload.error_body import error_slots
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.responses_items import (
    CUT,
    ends_of,
    item_copies,
    item_slots,
    object_copies,
    object_slots,
    part_copies,
    part_number,
    part_slots,
    summary_number,
)
from extproc.payload.sse import SseEvent
from extproc.payload.usage import UsageReader, usage_of
from extproc.payload.view import Slot, answer_source

# event type without its ending -> (kind, key of the whole text in its ``done``)
_TEXT_EVENTS = {
    "response.output_text": (Kind.CONTENT, "text"),
    "response.reasoning_text": (Kind.REASONING, "text"),
    "response.reasoning_summary_text": (Kind.REASONING, "text"),
    "response.refusal": (Kind.REFUSAL, "refusal"),
    "response.function_call_arguments": (Kind.JSON, "arguments"),
    "response.mcp_call_arguments": (Kind.JSON, "arguments"),
}
# An event that is not known may say that something goes on, and must bring no text.
_SILENT = frozenset({"type", "item_id", "sequence_number", "output_index", "content_index", "summary_index"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesStream:
    """A streamed response."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()  # events are numbered, so each differs
        self._shown = shown
        self._sequence_number = 0
        self._response: dict[str, Any] = {}
        self._places: dict[TextSource, dict[str, Any]] = {}  # what a delta of each channel is addressed with

    def read(self, event: SseEvent) -> Frame:
        """What one event holds. Raises: UnreadableAnswer."""
        self.usage.next_event()
        if event.data is None:
            return Frame(event)
        tree = load_event(event)
        frame = Frame(event, tree, changed=True)
        kind = str(tree.get("type"))
        stem, _, ending = kind.rpartition(".")
        if stem in _TEXT_EVENTS:
            self._read_text(frame, tree, stem, ending)
        elif isinstance(tree.get("response"), dict):
            self._read_object(frame, tree["response"], kind)
            frame.failed = kind == "response.failed"
        elif "item" in tree:
            frame.ends_part = ending == "done"
            frame.wholes = item_slots(tree["item"], tree.get("output_index"))
            frame.copies = item_copies(tree["item"])
        elif "part" in tree:
            frame.ends_part = ending == "done"
            frame.wholes = part_slots(tree["part"], _number(tree, kind))
            frame.copies = part_copies(tree["part"])
        elif kind == "error" or "error" in tree:
            frame.slots, frame.failed = error_slots(tree), True
        elif not _SILENT.issuperset(tree):
            raise UnreadableAnswer("an event of the stream has an unknown type")
        return frame

    def _read_text(self, frame: Frame, tree: dict[str, Any], stem: str, ending: str) -> None:
        kind, key = _TEXT_EVENTS[stem]
        number = _number(tree, stem)
        source = answer_source(kind, 0, number)
        frame.copies = part_copies(tree)
        if ending == "delta" and isinstance(tree.get("delta"), str):
            if source not in self._places:
                self._places[source] = {
                    name: value for name, value in tree.items() if name not in ("delta", "logprobs")
                }
            frame.slots.append(Slot(source, tree, "delta"))
            frame.bare = True
        elif ending == "done" and isinstance(tree.get(key), str):
            frame.wholes.append(Slot(source, tree, key))
            if isinstance(tree.get("name"), str):
                frame.wholes.append(Slot(answer_source(Kind.NAME, 0, number), tree, "name"))
            frame.closes.append((0, number))
            frame.ends_part = True
        else:
            raise UnreadableAnswer("a text event has no text")

    def _read_object(self, frame: Frame, response: dict[str, Any], kind: str) -> None:
        for key, value in self._shown.items():
            if key in response:
                response[key] = value
        self._response = {key: value for key, value in response.items() if key not in ("output", "usage")}
        frame.wholes = object_slots(response)
        frame.copies = object_copies(response)
        if kind in _ENDS:
            self.usage.final(usage_of(response.get("usage")))
            frame.closes.append((0, None))
            frame.finished.append(0)
            _, frame.cut_short = ends_of(response)
            frame.ends[0] = end_of_response(response.get("status"))
            frame.last = True

    def return_to(self, frame: Frame) -> None:
        """Nothing depends on where the stream is."""

    def write(self, frame: Frame) -> bytes:
        """The event after its slots were changed, with its new number."""
        return self._numbered(frame.tree or {}, frame.event.name)

    def _numbered(self, tree: dict[str, Any], name: str) -> bytes:
        tree["sequence_number"] = self._sequence_number
        self._sequence_number += 1
        return dump_event(tree, name)

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """There is one answer: nothing is left once it was cut."""
        return False

    def carry(self, source: TextSource, text: str) -> bytes:
        """A delta that brings held text of a channel."""
        place = dict(self._places[source])
        extra: dict[str, Any] = {"logprobs": []} if source.kind is Kind.CONTENT else {}
        return self._numbered({**place, "delta": text, **extra}, str(place["type"]))

    def cut(self, choice: int) -> bytes:
        """``response.incomplete`` with the reason ``content_filter``."""
        response = {**self._response, "output": [], "usage": None, **CUT}
        return self._numbered({"type": "response.incomplete", "response": response}, "response.incomplete")

    def end(self) -> bytes:
        """Nothing: ``response.incomplete`` was the last event."""
        return b""

    def failure(self, error: ApiError) -> bytes:
        """An ``error`` event."""
        tree = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
        return self._numbered(tree, "error")


def _number(tree: dict[str, Any], kind: str) -> int:
    if "summary" in kind:
        return summary_number(tree.get("output_index"), tree.get("summary_index"))
    return part_number(tree.get("output_index"), tree.get("content_index", 0))
