"""``/v1/chat/completions``, requests and responses, streamed and not.

Source: OpenAI's API reference; vLLM 0.32 (``reasoning``, older servers ``reasoning_content``; tool arguments in
fragments by index; choices interleaved by index).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker, TextSource
from extproc.payload.dialect import Frame, UnreadableResponse, cut_reason, items_of, openai_error
from extproc.payload.inert import Shape, is_label, is_null, word_of
from extproc.payload.openai_request import (
    extra_fields,
    other_fields,
    part_fields,
    read_object,
    speaker_of,
    tool_call_fields,
)
from extproc.payload.openai_response import ChoiceStream, choices_of, copies_in, ends_of, unnamed_in
from extproc.payload.request_shape import RequestShape
from extproc.payload.unnamed import Unnamed, nested
from extproc.payload.usage import usage_of
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

_SHAPE: Final = RequestShape(
    messages="messages",
    roles={
        "system": Speaker.SYSTEM,
        "developer": Speaker.SYSTEM,
        "user": Speaker.USER,
        "assistant": Speaker.ASSISTANT,
        "tool": Speaker.TOOL,
        "function": Speaker.TOOL,
    },
    lengths=("max_completion_tokens", "max_tokens"),
    formats=[("response_format",)],
)
# In the order in which a model generates them; the same order streamed and unstreamed.
_TEXT_KINDS: Final = (
    ("reasoning", Kind.REASONING, 0),
    ("reasoning_content", Kind.REASONING, 1),
    ("content", Kind.CONTENT, 0),
    ("refusal", Kind.REFUSAL, 0),
)
_READ: Final = frozenset({"messages"})
_MESSAGE_PLAIN: Final = frozenset({"role", "content"})
_MESSAGE_READ: Final = _MESSAGE_PLAIN | {"tool_calls", "tools"}
_KIND_KEYS: Final = {(kind, part): key for key, kind, part in _TEXT_KINDS}
_FUNCTION: Final = Shape(named={"name", "arguments"}, inert={"id": is_label})
_CALL: Final = Shape(
    named={"index"},
    inert={"id": is_label, "type": word_of("function custom")},
    objects={"function": _FUNCTION, "custom": Shape(named={"name"}, inert={"input": is_null})},
)
_MESSAGE: Final = Shape(
    named=[key for key, _, _ in _TEXT_KINDS],
    inert={"role": word_of("assistant"), "annotations": is_null, "audio": is_null},
    objects={"tool_calls": _CALL, "function_call": _FUNCTION},
)
_FRAGMENT_KEYS: Final = frozenset({"index", "function"})
_ARGUMENTS_ONLY: Final = frozenset({"arguments"})
_CALL_PART_FIRST: Final = 1_000  # offset of the part number of tool calls, so that it never equals that of a text
_LEGACY_CALL_PART: Final = _CALL_PART_FIRST - 1
_SILENT_KEYS: Final = frozenset({"content", "reasoning", "reasoning_content", "refusal", "tool_calls"})


class Chat:
    """OpenAI's chat completions."""

    name: Endpoint = "chat"
    generates = True
    reads_responses = True
    templated = True

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE)
        messages = view.tree.get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse(400, "invalid_type", "messages must be an array with at least one message.", "messages")
        for index, message in enumerate(messages):
            _read_message(view, expect_object(message, "messages[]"), ("messages", index), policy)
        view.texts += other_fields(view.tree, _READ)
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Insert a system message before all others; with ``replace``, replace a leading one."""
        first = request.tree["messages"][0]
        if replace and first.get("role") in ("system", "developer"):
            request.set(("messages", 0, "content"), text)
        else:
            request.insert_first(("messages",), {"role": "system", "content": text})

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Set ``stream_options.include_usage``."""
        ask_for_usage(request, continuous)

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        slots: list[Slot] = []
        choices = choices_of(tree)
        for index, choice in choices:
            message = choice.get("message")
            if not isinstance(message, dict):
                raise UnreadableResponse("a choice has no message")
            slots += message_slots(message, index) + _unnamed_message(message, index).slots
        slots += unnamed_in(tree, choices, "message")
        return ResponseView(tree, slots, usage_of(tree.get("usage")), copies_in(tree, choices), *ends_of(choices))

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """Set ``finish_reason: content_filter``; remove tool calls after the cut."""
        for index, item in choices_of(view.tree):
            if index == choice:
                message = item["message"]
                calls = message.get("tool_calls")
                if calls:
                    parts = {slot.source.part for slot in kept if slot.source.kind in (Kind.JSON, Kind.NAME)}
                    reached = [call for number, call in enumerate(calls) if _call_part(call, number) in parts]
                    message["tool_calls"] = reached
                item["finish_reason"] = "content_filter"

    def stream(self, shown: Mapping[str, Any]) -> ChatStream:
        """A reader for one stream."""
        return ChatStream(shown)

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


def ask_for_usage(request: RequestView, continuous: bool) -> None:
    """Add ``stream_options.include_usage`` (and ``continuous_usage_stats``) to a streamed request."""
    if not request.streamed:
        return
    if not request.usage_asked:
        request.set(("stream_options", "include_usage"), True)
    if continuous:
        request.set(("stream_options", "continuous_usage_stats"), True)


def _read_message(
    view: RequestView, message: dict[str, Any], path: tuple[str | int, ...], policy: RequestPolicy
) -> None:
    speaker = speaker_of(message, _SHAPE.roles, "messages")
    source = request_source(speaker)
    content = message.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            part_fields(part, (*path, "content", index), speaker, policy, view)
    elif isinstance(content, str):
        view.texts.append(TextField(source, (*path, "content"), content, is_whole=True))
    elif content is not None:
        raise refuse(400, "invalid_type", "A message's content must be a string or an array of parts.", "messages")
    if _MESSAGE_PLAIN.issuperset(message):
        return
    if "tool_calls" in message:
        view.texts += tool_call_fields(message["tool_calls"], (*path, "tool_calls"))
    if "tools" in message:
        view.texts += text_fields(message["tools"], (*path, "tools"), request_source(Speaker.DEFINITION))
    view.texts += extra_fields(message, _MESSAGE_READ, path, source)


def message_slots(message: dict[str, Any], choice: int) -> list[Slot]:
    """The texts of a message or a delta, in the order in which a model generates them."""
    slots: list[Slot] = []
    if len(message) == 1 and isinstance(message.get("content"), str):  # most deltas
        return [Slot(response_source(Kind.CONTENT, choice), message, "content")]
    for key, kind, part in _TEXT_KINDS:
        if key not in message:
            continue
        text = message[key]
        if isinstance(text, str):
            slots.append(Slot(response_source(kind, choice, part), message, key))
        elif text is not None:
            raise UnreadableResponse("a text of a message is not a string")
    calls = items_of(message, "tool_calls") if "tool_calls" in message else ()
    for number, call in enumerate(calls):
        slots += _call_slots(call, choice, _call_part(call, number))
    if "function_call" in message:
        slots += _function_slots(message["function_call"], choice, _LEGACY_CALL_PART)
    return slots


def _call_part(call: Any, number: int) -> int:
    index = call.get("index", number) if isinstance(call, dict) else None
    if not isinstance(index, int) or not 0 <= index < NUMBER_MIN:
        raise UnreadableResponse("a tool call is not an object with an index")
    return _CALL_PART_FIRST + index


def _call_slots(call: dict[str, Any], choice: int, part: int) -> list[Slot]:
    function = call.get("function")
    if len(call) == 2 and isinstance(function, dict) and len(function) == 1:  # most fragments
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            return [Slot(response_source(Kind.JSON, choice, part), function, "arguments")]
    slots = _function_slots(function, choice, part)
    custom = call.get("custom")
    if isinstance(custom, dict) and custom.get("name") is not None:
        if not isinstance(custom["name"], str):
            raise UnreadableResponse("a text of a tool call is not a string")
        slots.append(Slot(response_source(Kind.NAME, choice, part), custom, "name", complete=True))
    return slots


def _function_slots(function: Any, choice: int, part: int) -> list[Slot]:
    slots: list[Slot] = []
    if function is None:
        return slots
    if not isinstance(function, dict):
        raise UnreadableResponse("the function of a tool call is not an object")
    for key, kind in (("name", Kind.NAME), ("arguments", Kind.JSON)):
        text = function.get(key)
        if isinstance(text, str):
            slots.append(Slot(response_source(kind, choice, part), function, key, complete=kind is Kind.NAME))
        elif text is not None:
            raise UnreadableResponse("a text of a tool call is not a string")
    return slots


def _brings_text_only(delta: dict[str, Any]) -> bool:
    """Whether a delta contains only pieces of named texts, as most do. The id or name of a call is more."""
    if not _SILENT_KEYS.issuperset(delta):
        return False
    for call in delta.get("tool_calls") or ():
        if not _FRAGMENT_KEYS.issuperset(call) or not _ARGUMENTS_ONLY.issuperset(call.get("function") or ()):
            return False
    return True


def _unnamed_message(message: dict[str, Any], choice: int) -> Unnamed:
    unnamed = Unnamed(choice, grows=True)
    unnamed.read(message, _MESSAGE)
    return unnamed


class ChatStream(ChoiceStream):
    """A streamed chat."""

    __slots__ = ("_call_parts",)

    def __init__(self, shown: Mapping[str, Any]) -> None:
        super().__init__(shown, "delta")
        self._call_parts: dict[int, int] | None = None  # the current tool call, by choice

    def _read_choice(self, frame: Frame, index: int, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if delta is None:
            return
        if not isinstance(delta, dict):
            raise UnreadableResponse("a delta is not an object")
        slots = message_slots(delta, index)
        frame.slots += slots
        for slot in slots:
            if slot.source.kind in (Kind.NAME, Kind.JSON):
                self._close_call_before(frame, index, slot.source.part)
        if not _brings_text_only(delta):
            unnamed = _unnamed_message(delta, index)
            frame.slots += unnamed.slots
            for part, path in unnamed.paths.items():
                self._carriers = self._carriers or {}
                self._carriers[response_source(Kind.CONTENT, index, part)] = path
            frame.bare = False

    def _close_call_before(self, frame: Frame, choice: int, part: int) -> None:
        """A client takes a tool call for complete when the next one starts, so its held text must be released
        before.
        """
        self._call_parts = self._call_parts or {}
        before = self._call_parts.get(choice, part)
        self._call_parts[choice] = part
        if before != part:
            frame.pauses += ((choice, before),)

    def carry(self, source: TextSource, text: str) -> bytes:
        """A chunk that carries held text of a channel."""
        delta: dict[str, Any]
        if source.kind is Kind.JSON and source.part == _LEGACY_CALL_PART:
            delta = {"function_call": {"arguments": text}}
        elif source.kind in (Kind.JSON, Kind.NAME):
            key = "arguments" if source.kind is Kind.JSON else "name"
            delta = {"tool_calls": [{"index": source.part - _CALL_PART_FIRST, "function": {key: text}}]}
        elif self._carriers is not None and source in self._carriers:
            delta = nested(self._carriers[source], text)
        else:
            delta = {_KIND_KEYS.get((source.kind, source.part), "content"): text}
        return self._chunk_of({"index": source.choice, "delta": delta, "finish_reason": None})

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """``finish_reason: content_filter``, or ``length``."""
        return self._chunk_of({"index": choice, "delta": {}, "finish_reason": cut_reason(at_limit)})
