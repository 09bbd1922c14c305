"""``/v1/messages``: Anthropic's API as vLLM serves it.

A response is a list of blocks; each block is a channel of its own. Source: Anthropic's API reference; vLLM 0.32 (usage
in ``message_start`` and ``message_delta``; no ``[DONE]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker, TextSource
from extproc.domain.usage import Usage
from extproc.payload.dialect import Frame, UnreadableResponse, dump_event, items_of, load_event
from extproc.payload.ends import end_of_message
from extproc.payload.error_body import error_slots
from extproc.payload.inert import USAGE, Rule, Shape, is_count, is_label, is_name, is_null, word_of
from extproc.payload.openai_request import extra_fields, other_fields, part_fields, read_object, speaker_of
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.request_shape import RequestShape
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import UsageReader, anthropic_usage_of
from extproc.payload.view import (
    NUMBER_MIN,
    RequestPolicy,
    RequestView,
    ResponseView,
    Slot,
    TextField,
    expect_object,
    request_source,
    response_source,
    text_fields,
)

_SYSTEM = ("system",)
_TOOL_CHANGES = ("tool_addition", "tool_removal")  # blocks that change the list of tools within a conversation
_READ = frozenset({"system", "messages"})
_TYPE_READ = frozenset({"type"})
_MESSAGE_READ = frozenset({"role", "content"})
_RESULT_READ = frozenset({"type", "tool_use_id", "content"})
_TOOL_USE_KEYS = ("id", "name", "tool_name", "input")
_TOOL_USE_READ = frozenset({"type", *_TOOL_USE_KEYS})
_SEALED = {"thinking": "signature", "redacted_thinking": "data"}
_TOKENS_USED_UP = "max_tokens"
_DELTA_KEYS = {
    "text_delta": ("text", Kind.CONTENT),
    "thinking_delta": ("thinking", Kind.REASONING),
    "input_json_delta": ("partial_json", Kind.JSON),
}
_DELTA_TYPES = {kind: (name, key) for name, (key, kind) in _DELTA_KEYS.items()}
_BLOCK_TEXTS = (("thinking", Kind.REASONING), ("text", Kind.CONTENT), ("name", Kind.NAME))
_BLOCK = Shape(
    named={"text", "thinking", "name", "input"},
    inert={
        "type": word_of("text thinking redacted_thinking tool_use server_tool_use"),
        "id": is_label,
        "signature": is_label,
        "citations": is_null,
    },
)
_STOP_REASON = word_of("end_turn max_tokens stop_sequence tool_use pause_turn refusal")
_MESSAGE = Shape(
    named={"content"},
    inert={
        "id": is_label,
        "type": word_of("message"),
        "role": word_of("assistant"),
        "model": is_name,
        "stop_reason": _STOP_REASON,
        "stop_sequence": is_null,
        "kv_transfer_params": is_null,
        "ec_transfer_params": is_null,
    },
    objects={"usage": USAGE},
)
_DELTA_EVENT = frozenset({"type", "delta", "index"})


def _event_shape(*named: str) -> Shape:
    """An event in which some keys are read elsewhere: texts of its delta, objects of its own."""
    delta: dict[str, Rule] = {
        "type": word_of("text_delta thinking_delta input_json_delta signature_delta"),
        "stop_reason": _STOP_REASON,
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


_EVENT = _event_shape()
_EVENTS = {"message_start": _event_shape("message"), "content_block_start": _event_shape("content_block")}
_DELTAS = {key: _event_shape(key) for key, _ in _DELTA_KEYS.values()}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class _MessagesShape(RequestShape):
    """Anthropic's requests, in which a message may define tools too."""

    def tool_definitions(self, tree: dict[str, Any]) -> list[Any]:
        """The tools that lists define and that messages add; a tool that is added by name is already in the list."""
        return super().tool_definitions(tree) + list(self._added_tools(tree))

    def _added_tools(self, tree: dict[str, Any]) -> Iterator[Any]:
        for message in self.messages(tree):
            blocks = message.get("content")
            for block in blocks if isinstance(blocks, list) else ():
                if isinstance(block, dict) and block.get("type") == "tool_addition":
                    change = block.get("tool")
                    if not isinstance(change, dict) or change.get("type") != "tool_reference":
                        yield change.get("definition") if isinstance(change, dict) else change


_SHAPE = _MessagesShape(
    messages="messages",
    system="system",
    roles={
        "user": Speaker.USER,
        "assistant": Speaker.ASSISTANT,
        "system": Speaker.SYSTEM,
        "ctx": Speaker.USER,  # vLLM treats these two of Claude Code's as the user's
        "msg": Speaker.USER,
    },
    lengths=["max_tokens"],
    formats=[("output_format",), ("output_config", "format")],
)


class Messages:
    """Anthropic's messages."""

    name: Endpoint = "messages"
    generates = True
    reads_responses = True
    templated = True

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE)
        view.usage_asked = True  # its streams always have usage
        _read_content(view, view.tree.get("system"), _SYSTEM, Speaker.SYSTEM, policy, whole_results=True)
        for field in view.texts:
            field.of = _SYSTEM  # it is one message, however many blocks it has
        messages = view.tree.get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse(400, "invalid_type", "messages must be an array with at least one message.", "messages")
        for index, message in enumerate(messages):
            speaker = speaker_of(expect_object(message, "messages[]"), _SHAPE.roles, "messages")
            where = ("messages", index)
            whole_results = message["role"] != "user"
            _read_content(view, message.get("content"), (*where, "content"), speaker, policy, whole_results)
            view.texts += extra_fields(message, _MESSAGE_READ, where, request_source(speaker))
        view.texts += other_fields(view.tree, _READ)
        metadata = view.tree.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("user_id"), str):
            view.user = metadata["user_id"]
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Insert into ``system``, before the client's own."""
        system = request.tree.get("system")
        if replace or not system:
            request.set(("system",), text)
        elif isinstance(system, list):
            request.insert_first(("system",), {"type": "text", "text": text})
        else:
            own = next((field.text for field in request.texts if field.path == ("system",)), system)
            request.set(("system",), f"{text}\n\n{own}")

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Do nothing: usage is always sent."""

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        blocks = tree.get("content")
        if not isinstance(blocks, list):
            raise UnreadableResponse("a message has no content")
        slots = [slot for index, block in enumerate(blocks) for slot in _block_slots(block, index)]
        slots += unnamed_slots(tree, _MESSAGE, 0)
        cut_short = (0,) if tree.get("stop_reason") == _TOKENS_USED_UP else ()
        ends, usage = {0: end_of_message(tree.get("stop_reason"))}, anthropic_usage_of(tree.get("usage"))
        return ResponseView(tree, slots, usage, finished=(0,), cut_short=cut_short, ends=ends)

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """Set ``stop_reason: refusal``; remove blocks after the cut."""
        tree = view.tree
        reached = max((slot.source.part for slot in kept), default=-1)
        tree["content"] = tree["content"][: reached + 1]
        tree["stop_reason"] = "refusal"

    def stream(self, shown: Mapping[str, Any]) -> MessagesStream:
        """A reader for one stream."""
        return MessagesStream(shown)

    def error_body(self, error: ApiError) -> bytes:
        """Anthropic's error object."""
        return orjson.dumps(_error(error))


def _error(error: ApiError) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}


def _read_content(
    view: RequestView,
    content: Any,
    path: tuple[str | int, ...],
    speaker: Speaker,
    policy: RequestPolicy,
    whole_results: bool,
) -> None:
    """Read content that is text or blocks.

    Args: whole_results: vLLM prints tool results with all their fields in messages that are not the user's.
    """
    if content is None:
        return
    if isinstance(content, str):
        view.texts.append(TextField(request_source(speaker), path, content, is_whole=True))
        return
    if not isinstance(content, list):
        raise refuse(400, "invalid_type", f"{path[0]} must be a string or an array of blocks.", str(path[0]))
    for index, block in enumerate(content):
        where = (*path, index)
        kind = expect_object(block, "content[]").get("type")
        if kind in ("tool_use", "tool_reference"):
            for key in _TOOL_USE_KEYS:
                if key in block:
                    name_kind = Kind.NAME if isinstance(block[key], str) else Kind.CONTENT
                    view.texts += text_fields(block[key], (*where, key), request_source(speaker, name_kind))
            view.texts += extra_fields(block, _TOOL_USE_READ, where, request_source(speaker))
        elif kind == "tool_result":
            _read_result(view, block, where, policy, whole_results)
        elif kind in _TOOL_CHANGES:
            view.texts += extra_fields(block, _TYPE_READ, where, request_source(Speaker.DEFINITION))
        else:
            _read_block(view, block, where, speaker, policy)


def _read_block(
    view: RequestView, block: dict[str, Any], path: tuple[str | int, ...], speaker: Speaker, policy: RequestPolicy
) -> None:
    """Read a block with text. vLLM drops signatures of reasoning and encrypted content, except in tool results."""
    kind = block.get("type")
    sealed = _SEALED.get(kind, "") if isinstance(kind, str) and speaker is not Speaker.TOOL else ""
    if sealed and isinstance(block.get(sealed), str):
        block = {key: value for key, value in block.items() if key != sealed}
    if kind == "redacted_thinking":
        view.texts += extra_fields(block, _TYPE_READ, path, request_source(speaker))
    else:
        part_fields(block, path, speaker, policy, view)


def _read_result(
    view: RequestView, block: dict[str, Any], path: tuple[str | int, ...], policy: RequestPolicy, whole: bool
) -> None:
    name, source = request_source(Speaker.TOOL, Kind.NAME), request_source(Speaker.TOOL)
    view.texts += text_fields(block.get("tool_use_id"), (*path, "tool_use_id"), name)
    content, where = block.get("content"), (*path, "content")
    if whole:
        fields = text_fields(content, where, source)
        for field in fields:
            field.is_whole = field.path == where
        view.texts += fields
    else:
        _read_content(view, content, where, Speaker.TOOL, policy, whole_results=True)
    view.texts += extra_fields(block, _RESULT_READ, path, source)


def _block_slots(block: Any, index: int) -> list[Slot]:
    if not isinstance(block, dict):
        raise UnreadableResponse("a content block is not an object")
    slots: list[Slot] = []
    for key, kind in _BLOCK_TEXTS:
        text = block.get(key)
        if isinstance(text, str):
            slots.append(Slot(response_source(kind, 0, index), block, key, complete=kind is Kind.NAME))
        elif text is not None:
            raise UnreadableResponse("a text of a content block is not a string")
    if block.get("input") is not None and block["input"] != {}:
        slots.append(Slot(response_source(Kind.JSON, 0, index), block, "input", structured=True, complete=True))
    return slots + unnamed_slots(block, _BLOCK, 0, ("content", index))


class MessagesStream:
    """A streamed message."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()
        self._shown = shown
        self._prompt: Usage | None = None
        self._open_block: int | None = None
        self._open_block_after: int | None = None  # after the current event is sent

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
            frame.slots = _block_slots(tree.get("content_block"), self._open_block_after)
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
        self._prompt = anthropic_usage_of(message.get("usage"))
        self.usage.running(0, self._prompt)
        for index, block in enumerate(items_of(message, "content")):
            frame.slots += _block_slots(block, index)
        frame.slots += unnamed_slots(message, _MESSAGE, 0)
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
        if stop_reason == _TOKENS_USED_UP:
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

    def cut(self, choice: int) -> bytes:
        """End the open block, then send ``stop_reason: refusal``."""
        events = b""
        if self._open_block is not None:
            events = dump_event({"type": "content_block_stop", "index": self._open_block}, "content_block_stop")
        tokens = self.usage.completion()
        delta = {"stop_reason": "refusal", "stop_sequence": None}
        return events + dump_event(
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}, "message_delta"
        )

    def end(self) -> bytes:
        """``message_stop``."""
        return dump_event({"type": "message_stop"}, "message_stop")

    def failure(self, error: ApiError) -> bytes:
        """An ``error`` event, and no ``message_stop``."""
        return dump_event(_error(error), "error")


def _block_index(tree: dict[str, Any]) -> int:
    index = tree.get("index")
    if not isinstance(index, int) or not 0 <= index < NUMBER_MIN:
        raise UnreadableResponse("a block has no index")
    return index
