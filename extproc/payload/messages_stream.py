"""The stream of Anthropic's messages: a block starts, grows by deltas and stops; then the message ends.

Source: Anthropic's API reference; vLLM 0.32 (usage in ``message_start`` and ``message_delta``; no ``[DONE]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind, TextSource
from extproc.domain.usage import Usage
from extproc.payload.dialect import Frame, UnreadableResponse, dump_event, items_of, load_event
from extproc.payload.ends import end_of_message, finish_word
from extproc.payload.error_body import error_slots
from extproc.payload.inert import USAGE, Rule, Shape, is_count, is_label, is_null, word_of
from extproc.payload.messages_blocks import MESSAGE, STOP_REASON, TOKENS_USED_UP, block_slots, error_object
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.response_ids import response_id_of
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import UsageReader, anthropic_usage_of
from extproc.payload.view import NUMBER_MIN, Slot, response_source

_DELTA_KEYS: Final = {
    "text_delta": ("text", Kind.CONTENT),
    "thinking_delta": ("thinking", Kind.REASONING),
    "input_json_delta": ("partial_json", Kind.JSON),
}
_DELTA_TYPES: Final = {kind: (name, key) for name, (key, kind) in _DELTA_KEYS.items()}
_DELTA_EVENT: Final = frozenset({"type", "delta", "index"})


def _event_shape(*named: str) -> Shape:
    """An event in which some keys are read elsewhere: texts of its delta, objects of its own."""
    delta: dict[str, Rule] = {
        "type": word_of("text_delta thinking_delta input_json_delta signature_delta"),
        "stop_reason": STOP_REASON,
        "stop_sequence": is_null,
        "signature": is_label,
    }
    own: dict[str, Rule] = {
        "type": word_of(
            "message_start message_delta message_stop content_block_start content_block_delta content_block_stop ping"
        ),
        "index": is_count,
    }
    texts = [key for key, _ in _DELTA_KEYS.values()]
    return Shape(
        [key for key in named if key not in texts],
        own,
        {"usage": USAGE, "delta": Shape([key for key in named if key in texts], delta)},
    )


_EVENT: Final = _event_shape()
_EVENTS: Final = {"message_start": _event_shape("message"), "content_block_start": _event_shape("content_block")}
_DELTAS: Final = {key: _event_shape(key) for key, _ in _DELTA_KEYS.values()}


class MessagesStream:
    """A streamed message."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()
        self.finishes: dict[int, str] = {}
        self._shown = shown
        self._message: dict[str, Any] = {}  # as it started
        self._prompt: Usage | None = None
        self._open_block: int | None = None
        self._open_block_after: int | None = None  # after the current event is sent

    @property
    def response_id(self) -> str:
        """That of the message."""
        return response_id_of(self._message)

    def read(self, event: SseEvent) -> Frame:
        """Parse one event. Raises: UnreadableResponse."""
        self.usage.next_event()
        self._open_block = self._open_block_after
        if event.data is None:
            return Frame(event)
        tree = load_event(event)
        frame = Frame(event, tree, open_part=self._open_block)
        kind = tree.get("type")
        if kind == "content_block_delta":
            self._read_delta(frame, tree)
            return frame
        if kind == "content_block_start":
            self._open_block_after = _block_index(tree)
            if self._open_block_after == self._open_block:
                raise UnreadableResponse("a block starts twice")
            frame.slots = block_slots(tree.get("content_block"), self._open_block_after)
        elif kind == "content_block_stop":
            frame.closes.append((0, _block_index(tree)))
            self._open_block_after = None
            frame.ends_part = True
        elif kind == "message_start":
            self._read_start(frame, tree)
        elif kind == "message_delta":
            self._read_end(frame, tree)
        elif kind == "message_stop":
            frame.last = True
        elif kind == "error" or "error" in tree:
            frame.slots, frame.failed = error_slots(tree), True
            return frame
        elif kind != "ping":
            raise UnreadableResponse("an event of the stream has an unknown type")
        frame.slots += unnamed_slots(tree, _EVENTS.get(str(kind), _EVENT), 0)
        return frame

    def _read_delta(self, frame: Frame, tree: dict[str, Any]) -> None:
        delta = tree.get("delta")
        if not isinstance(delta, dict):
            raise UnreadableResponse("a delta is not an object")
        delta_type = delta.get("type")
        if delta_type == "signature_delta":
            frame.slots += unnamed_slots(tree, _EVENT, 0)
            return
        key, kind = _DELTA_KEYS.get(str(delta_type), ("", Kind.CONTENT))
        if not isinstance(delta.get(key), str):
            raise UnreadableResponse("a delta has an unknown type")
        frame.slots.append(Slot(response_source(kind, 0, _block_index(tree)), delta, key))
        if len(delta) == 2 and _DELTA_EVENT.issuperset(tree):
            frame.bare = True
        else:
            frame.slots += unnamed_slots(tree, _DELTAS[key], 0)

    def _read_start(self, frame: Frame, tree: dict[str, Any]) -> None:
        message = tree.get("message")
        if not isinstance(message, dict):
            raise UnreadableResponse("message_start has no message")
        self._message = message
        self._prompt = anthropic_usage_of(message.get("usage"))
        self.usage.running(0, self._prompt)
        for index, block in enumerate(items_of(message, "content")):
            frame.slots += block_slots(block, index)
        frame.slots += unnamed_slots(message, MESSAGE, 0)
        for key, value in self._shown.items():
            if message.get(key) != value:
                message[key], frame.changed = value, True

    def _read_end(self, frame: Frame, tree: dict[str, Any]) -> None:
        usage = anthropic_usage_of(tree.get("usage"))
        if usage is not None and self._prompt is not None and "input_tokens" not in tree["usage"]:
            usage = replace(self._prompt, completion=usage.completion)
        self.usage.final(usage)
        frame.closes.append((0, None))
        frame.finished.append(0)
        delta = tree.get("delta")
        stop_reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        frame.ends[0] = end_of_message(stop_reason)
        self.finishes[0] = finish_word(stop_reason)
        if stop_reason == TOKENS_USED_UP:
            frame.cut_short = (0,)

    def return_to(self, frame: Frame) -> None:
        """Restore the block that was open then."""
        self._open_block = frame.open_part

    def write(self, frame: Frame) -> bytes:
        """Serialize an event whose slots were changed."""
        return dump_event(frame.tree or {}, frame.event.name)

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """There is only one choice: nothing remains once it was cut."""
        return False

    def carry(self, source: TextSource, text: str) -> bytes:
        """A delta that carries held text of a block; nothing if the block is not open, or its kind has no deltas."""
        if source.kind not in _DELTA_TYPES or source.part != self._open_block:
            return b""
        name, key = _DELTA_TYPES[source.kind]
        delta = {"type": name, key: text}
        return dump_event({"type": "content_block_delta", "delta": delta, "index": source.part}, "content_block_delta")

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """End the open block, then send ``stop_reason: refusal``, or ``max_tokens``."""
        events = b""
        if self._open_block is not None:
            events = dump_event({"type": "content_block_stop", "index": self._open_block}, "content_block_stop")
        tokens = self.usage.completion()
        delta = {"stop_reason": "max_tokens" if at_limit else "refusal", "stop_sequence": None}
        return events + dump_event(
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}, "message_delta"
        )

    def end(self) -> bytes:
        """``message_stop``."""
        return dump_event({"type": "message_stop"}, "message_stop")

    def failure(self, error: ApiError) -> bytes:
        """An ``error`` event, and no ``message_stop``."""
        return dump_event(error_object(error), "error")


def _block_index(tree: dict[str, Any]) -> int:
    index = tree.get("index")
    if not isinstance(index, int) or not 0 <= index < NUMBER_MIN:
        raise UnreadableResponse("a block has no index")
    return index
