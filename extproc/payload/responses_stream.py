"""The stream of the Responses API.

A text arrives as deltas and then whole up to four more times (``*.done``, ``content_part.done``, ``output_item.done``,
``response.completed``). The repetitions are checked again from their beginning, which gives the same result, so nothing
needs to be stored. Every event is numbered; events of our own and held events shift the numbers, so all are renumbered.

Source: OpenAI's API reference; vLLM 0.32 (no ``[DONE]``; usage only in the last event).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind, TextSource
from extproc.payload.dialect import Frame, UnreadableResponse, dump_event, load_event
from extproc.payload.ends import end_of_response, finish_of_response
from extproc.payload.error_body import error_slots
from extproc.payload.inert import Rule, Shape, is_count, is_event_type, is_label, is_null
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.response_ids import response_id_of
from extproc.payload.responses_items import (
    CUT,
    CUT_AT_LIMIT,
    ends_of,
    item_asides,
    item_copies,
    item_slots,
    object_asides,
    object_copies,
    object_slots,
    part_asides,
    part_copies,
    part_number,
    part_slots,
    summary_number,
)
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import part_of, unnamed_slots
from extproc.payload.usage import UsageReader, usage_of
from extproc.payload.view import Slot, response_source

# event type without its ending -> (kind, key of the whole text in its ``done``)
_TEXT_EVENTS: Final = {
    "response.output_text": (Kind.CONTENT, "text"),
    "response.reasoning_text": (Kind.REASONING, "text"),
    "response.reasoning_summary_text": (Kind.REASONING, "text"),
    "response.refusal": (Kind.REFUSAL, "refusal"),
    "response.function_call_arguments": (Kind.JSON, "arguments"),
    "response.mcp_call_arguments": (Kind.JSON, "arguments"),
    "response.custom_tool_call_input": (Kind.CONTENT, "input"),
    "response.code_interpreter_call_code": (Kind.CONTENT, "code"),
}
# Where the ``done`` of an unknown event may have its whole text.
_WHOLE_KEYS: Final = ("text", "transcript", "arguments", "input", "code", "delta")
_INDEXES: Final = ("output_index", "content_index", "summary_index", "annotation_index", "partial_image_index")
_PLACE: Final = frozenset({"type", "item_id", "sequence_number", *_INDEXES})
_DELTA_KEYS: Final = frozenset({*_PLACE, "delta", "logprobs"})
_EVENT_INERT: Final[dict[str, Rule]] = {
    "type": is_event_type,
    "item_id": is_label,
    **dict.fromkeys(_INDEXES, is_count),
}
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesStream:
    """A streamed response."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()  # events are numbered, so each differs
        self.finishes: dict[int, str] = {}
        self._shown = shown
        self._sequence_number = 0
        self._response: dict[str, Any] = {}
        self._done: set[TextSource] = set()
        self._places: dict[TextSource, dict[str, Any]] = {}  # the first delta of each channel, as sent to the client

    @property
    def response_id(self) -> str:
        """That of the last object: all have the same."""
        return response_id_of(self._response)

    def read(self, event: SseEvent) -> Frame:
        """Parse one event. Raises: UnreadableResponse."""
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
            self._read_rest(frame, tree, "response")
            frame.failed = kind == "response.failed"
        elif "item" in tree:
            frame.ends_part = ending == "done"
            frame.wholes = item_slots(tree["item"], tree.get("output_index"))
            frame.copies = item_copies(tree["item"])
            frame.slots = item_asides(tree["item"], tree["output_index"])
            self._read_rest(frame, tree, "item")
            if ending == "done":
                frame.closes += self._parts_of(tree["output_index"])
        elif "part" in tree:
            frame.ends_part = ending == "done"
            number = _number(tree, kind)
            frame.wholes = part_slots(tree["part"], number)
            frame.copies = part_copies(tree["part"])
            frame.slots = part_asides(tree["part"], number)
            self._read_rest(frame, tree, "part")
        elif kind == "error" or tree.get("error"):
            frame.slots, frame.failed = error_slots(tree), True
        else:
            self._read_unknown(frame, tree, stem, ending)
        return frame

    def _read_text(self, frame: Frame, tree: dict[str, Any], stem: str, ending: str) -> None:
        kind, key = _TEXT_EVENTS[stem]
        number = _number(tree, stem)
        source = response_source(kind, 0, number)
        frame.copies = part_copies(tree)
        if ending == "delta" and isinstance(tree.get("delta"), str):
            self._read_delta(frame, tree, source)
        elif ending == "done" and isinstance(tree.get(key), str):
            self._note_done(source)
            frame.wholes.append(Slot(source, tree, key))
            if isinstance(tree.get("name"), str):
                frame.wholes.append(Slot(response_source(Kind.NAME, 0, number), tree, "name"))
                self._read_rest(frame, tree, key, "logprobs", "name")
            else:
                self._read_rest(frame, tree, key, "logprobs")
            frame.closes.append((0, number))
            frame.ends_part = True
        else:
            raise UnreadableResponse("a text event has no text")

    def _read_delta(self, frame: Frame, tree: dict[str, Any], source: TextSource) -> None:
        place = self._places.get(source)
        frame.slots.append(Slot(source, tree, "delta"))
        if place is not None and _DELTA_KEYS.issuperset(tree) and place.get("item_id") == tree.get("item_id"):
            frame.bare = True
            return
        self._places.setdefault(source, tree)
        self._read_rest(frame, tree, "delta", "logprobs")
        frame.bare = len(frame.slots) == 1

    def _read_unknown(self, frame: Frame, tree: dict[str, Any], stem: str, ending: str) -> None:
        """Read an unknown event: a delta is a channel, a ``done`` repeats one, any other is a statement."""
        if ending == "delta" and isinstance(tree.get("delta"), str):
            self._read_delta(frame, tree, self._unknown_source(tree, stem))
            return
        if ending == "done":
            source = self._unknown_source(tree, stem)
            key = next((key for key in _WHOLE_KEYS if isinstance(tree.get(key), str)), "")
            if key and source in self._places:
                self._note_done(source)
                frame.wholes.append(Slot(source, tree, key))
                self._read_rest(frame, tree, key)
                frame.closes.append((0, source.part))
                frame.ends_part = True
                return
        self._read_rest(frame, tree)

    def _note_done(self, source: TextSource) -> None:
        if source in self._done:
            raise UnreadableResponse("a text of the stream has two done events")
        self._done.add(source)

    def _unknown_source(self, tree: dict[str, Any], stem: str) -> TextSource:
        indexes = [tree[key] for key in _INDEXES if isinstance(tree.get(key), int)]
        return response_source(Kind.CONTENT, 0, part_of((stem, *indexes)))

    def _read_rest(self, frame: Frame, tree: dict[str, Any], *named: str) -> None:
        frame.slots += unnamed_slots(tree, _shape_of(named), 0)

    def _parts_of(self, output_index: int) -> list[tuple[int, int | None]]:
        """The parts of an item for which deltas have arrived."""
        return [(0, source.part) for source, place in self._places.items() if place.get("output_index") == output_index]

    def _read_object(self, frame: Frame, response: dict[str, Any], kind: str) -> None:
        for key, value in self._shown.items():
            if key in response:
                response[key] = value
        frame.wholes = object_slots(response)
        frame.slots = object_asides(response, self._response)
        self._response = response
        frame.copies = object_copies(response)
        if kind in _ENDS:
            self.usage.final(usage_of(response.get("usage")))
            frame.closes.append((0, None))
            frame.finished.append(0)
            _, frame.cut_short = ends_of(response)
            frame.ends[0] = end_of_response(response.get("status"))
            self.finishes[0] = finish_of_response(response)
            frame.last = True

    def return_to(self, frame: Frame) -> None:
        """Do nothing: the reader has no position."""

    def write(self, frame: Frame) -> bytes:
        """Serialize an event whose slots were changed, with its new number."""
        return self._numbered(frame.tree or {}, frame.event.name)

    def _numbered(self, tree: dict[str, Any], name: str) -> bytes:
        tree["sequence_number"] = self._sequence_number
        self._sequence_number += 1
        return dump_event(tree, name)

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """There is only one choice: nothing remains once it was cut."""
        return False

    def carry(self, source: TextSource, text: str) -> bytes:
        """A delta that carries held text of a channel."""
        place = {key: value for key, value in self._places[source].items() if key in _PLACE}
        extra: dict[str, Any] = {"logprobs": []} if source.kind is Kind.CONTENT else {}
        return self._numbered({**place, "delta": text, **extra}, str(place["type"]))

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """``response.incomplete`` with the reason ``content_filter``, or ``max_output_tokens``."""
        response = {**self._response, "output": [], "usage": None, **(CUT_AT_LIMIT if at_limit else CUT)}
        response.pop("output_text", None)
        return self._numbered({"type": "response.incomplete", "response": response}, "response.incomplete")

    def end(self) -> bytes:
        """Nothing: ``response.incomplete`` was the last event."""
        return b""

    def failure(self, error: ApiError) -> bytes:
        """An ``error`` event."""
        tree = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
        return self._numbered(tree, "error")


@cache
def _shape_of(named: tuple[str, ...]) -> Shape:
    """The shape of an event some of whose keys are read elsewhere. A null ``error`` is inert."""
    return Shape([*named, "sequence_number"], {**_EVENT_INERT, "error": is_null})


def _number(tree: dict[str, Any], kind: str) -> int:
    if "summary" in kind:
        return summary_number(tree.get("output_index"), tree.get("summary_index"))
    return part_number(tree.get("output_index"), tree.get("content_index", 0))
