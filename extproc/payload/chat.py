"""``/v1/chat/completions``, requests and answers, streamed and not.

Source: OpenAI's API reference; vLLM 0.32 (``reasoning``, older servers ``reasoning_content``; tool arguments in
fragments by index; choices interleaved by index).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker, TextSource
from extproc.payload.dialect import Frame, UnreadableAnswer, items_of, openai_error
from extproc.payload.openai_answer import ChoiceStream, choices_of, copies_in, ends_of, unnamed_in
from extproc.payload.openai_request import (
    fields_beside,
    other_fields,
    part_fields,
    read_object,
    speaker_of,
    tool_call_fields,
)
from extproc.payload.usage import usage_of
from extproc.payload.view import (
    AnswerView,
    RequestPolicy,
    RequestView,
    Slot,
    TextField,
    answer_source,
    expect_object,
    request_source,
    text_fields,
    unnamed_slots,
)

_SPEAKERS = {
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    "user": Speaker.USER,
    "assistant": Speaker.ASSISTANT,
    "tool": Speaker.TOOL,
    "function": Speaker.TOOL,
}
# In the order in which a model says them; the same order streamed and unstreamed.
_TEXT_KINDS = (
    ("reasoning", Kind.REASONING, 0),
    ("reasoning_content", Kind.REASONING, 1),
    ("content", Kind.CONTENT, 0),
    ("refusal", Kind.REFUSAL, 0),
)
_READ = frozenset({"messages"})
_MESSAGE_PLAIN = frozenset({"role", "content"})
_MESSAGE_READ = _MESSAGE_PLAIN | {"tool_calls", "tools"}
_KIND_KEYS = {(kind, part): key for key, kind, part in _TEXT_KINDS}
_NAMED = frozenset({"role", "tool_calls", *(key for key, _, _ in _TEXT_KINDS)})
_CALL_PART_FIRST = 1_000  # a tool call's part is its index from here, so that it never is that of a text
_LEGACY_CALL_PART = _CALL_PART_FIRST - 1
_SILENT_KEYS = frozenset({"content", "reasoning", "reasoning_content", "refusal", "tool_calls"})


class Chat:
    """OpenAI's chat completions."""

    name = "chat"
    generates = True
    templated = True

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy)
        messages = view.tree.get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse(400, "invalid_type", "messages must be an array with at least one message.", "messages")
        for index, message in enumerate(messages):
            _read_message(view, expect_object(message, "messages[]"), ("messages", index), policy)
        view.texts += other_fields(view.tree, _READ)
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """A system message before all others; with ``replace`` in the place of a first one."""
        first = request.tree["messages"][0]
        if replace and first.get("role") in ("system", "developer"):
            request.set(("messages", 0, "content"), text)
        else:
            request.insert_first(("messages",), {"role": "system", "content": text})

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """``stream_options.include_usage``."""
        ask_for_usage(request, continuous)

    def read_answer(self, tree: dict[str, Any]) -> AnswerView:
        """Raises: UnreadableAnswer."""
        slots: list[Slot] = []
        choices = choices_of(tree)
        for index, choice in choices:
            message = choice.get("message")
            if not isinstance(message, dict):
                raise UnreadableAnswer("a choice has no message")
            slots += message_slots(message, index)
        slots += unnamed_in(tree, choices)
        return AnswerView(tree, slots, usage_of(tree.get("usage")), copies_in(tree, choices), **ends_of(choices))

    def cut_answer(self, tree: dict[str, Any], choice: int, kept: list[Slot]) -> None:
        """``finish_reason: content_filter``; tool calls that were not reached are gone."""
        for index, item in choices_of(tree):
            if index == choice:
                message = item["message"]
                calls = message.get("tool_calls")
                if calls:
                    parts = {slot.source.part for slot in kept if slot.source.kind in (Kind.JSON, Kind.NAME)}
                    reached = [call for number, call in enumerate(calls) if _call_part(call, number) in parts]
                    message["tool_calls"] = reached
                item["finish_reason"] = "content_filter"

    def stream(self, shown: Mapping[str, Any]) -> ChatStream:
        """A reader for one streamed answer."""
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
    speaker = speaker_of(message, _SPEAKERS, "messages")
    source = request_source(speaker)
    content = message.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            part_fields(part, (*path, "content", index), speaker, policy, view)
    elif isinstance(content, str):
        view.texts.append(TextField(source, (*path, "content"), content))
    elif content is not None:
        raise refuse(400, "invalid_type", "A message's content must be a string or an array of parts.", "messages")
    if _MESSAGE_PLAIN.issuperset(message):
        return
    if "tool_calls" in message:
        view.texts += tool_call_fields(message["tool_calls"], (*path, "tool_calls"))
    if "tools" in message:
        view.texts += text_fields(message["tools"], (*path, "tools"), request_source(Speaker.DEFINITION))
    view.texts += fields_beside(message, _MESSAGE_READ, path, source)


def message_slots(message: dict[str, Any], choice: int) -> list[Slot]:
    """The texts of a message or a delta, in the order in which a model says them."""
    slots: list[Slot] = []
    for key, kind, part in _TEXT_KINDS:
        text = message.get(key)
        if isinstance(text, str):
            slots.append(Slot(answer_source(kind, choice, part), message, key))
        elif text is not None:
            raise UnreadableAnswer("a text of a message is not a string")
    for number, call in enumerate(items_of(message, "tool_calls")):
        slots += _call_slots(call, choice, _call_part(call, number))
    if not _NAMED.issuperset(message):
        slots += _other_slots(message, choice)
    return slots


def _call_part(call: Any, number: int) -> int:
    index = call.get("index", number) if isinstance(call, dict) else None
    if not isinstance(index, int) or index < 0:
        raise UnreadableAnswer("a tool call is not an object with an index")
    return _CALL_PART_FIRST + index


def _call_slots(call: dict[str, Any], choice: int, part: int) -> list[Slot]:
    function = call.get("function")
    if function is None:
        return unnamed_slots(call, frozenset({"id", "type", "index"}), choice)
    if not isinstance(function, dict):
        raise UnreadableAnswer("the function of a tool call is not an object")
    slots: list[Slot] = []
    for key, kind in (("name", Kind.NAME), ("arguments", Kind.JSON)):
        text = function.get(key)
        if isinstance(text, str):
            slots.append(Slot(answer_source(kind, choice, part), function, key, complete=kind is Kind.NAME))
        elif text is not None:
            raise UnreadableAnswer("a text of a tool call is not a string")
    return slots


def _other_slots(message: dict[str, Any], choice: int) -> list[Slot]:
    legacy = message.get("function_call")
    slots = _call_slots({"function": legacy}, choice, _LEGACY_CALL_PART) if isinstance(legacy, dict) else []
    return slots + unnamed_slots(message, _NAMED | {"function_call"}, choice)


class ChatStream(ChoiceStream):
    """A streamed chat."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        super().__init__(shown)
        self._call_parts: dict[int, int] = {}  # the tool call at hand, by choice
        self._unnamed: dict[TextSource, str] = {}  # keys of the delta that no dialect names

    def _read_choice(self, frame: Frame, index: int, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if delta is None:
            return
        if not isinstance(delta, dict):
            raise UnreadableAnswer("a delta is not an object")
        slots = message_slots(delta, index)
        frame.slots += slots
        for slot in slots:
            if slot.source.kind in (Kind.NAME, Kind.JSON):
                self._close_call_before(frame, index, slot.source.part)
            elif slot.key not in _NAMED and not slot.complete:
                self._unnamed[slot.source] = str(slot.key)
        if frame.bare and not (_SILENT_KEYS.issuperset(delta) and _only_fragments(delta)):
            frame.bare = False

    def _close_call_before(self, frame: Frame, choice: int, part: int) -> None:
        """A client takes a tool call for complete when the next one begins, so nothing of it may be held back then."""
        before = self._call_parts.get(choice, part)
        self._call_parts[choice] = part
        if before != part:
            frame.closes.append((choice, before))

    def carry(self, source: TextSource, text: str) -> bytes:
        """A chunk that brings held text of a channel."""
        delta: dict[str, Any]
        if source.kind is Kind.JSON and source.part == _LEGACY_CALL_PART:
            delta = {"function_call": {"arguments": text}}
        elif source.kind in (Kind.JSON, Kind.NAME):
            key = "arguments" if source.kind is Kind.JSON else "name"
            delta = {"tool_calls": [{"index": source.part - _CALL_PART_FIRST, "function": {key: text}}]}
        else:
            key = _KIND_KEYS.get((source.kind, source.part)) or self._unnamed.get(source, "content")
            delta = {key: text}
        return self._chunk_of({"index": source.choice, "delta": delta, "finish_reason": None})

    def cut(self, choice: int) -> bytes:
        """``finish_reason: content_filter``."""
        return self._chunk_of({"index": choice, "delta": {}, "finish_reason": "content_filter"})


def _only_fragments(delta: dict[str, Any]) -> bool:
    """Whether tool calls in a delta bring arguments only, no id and no name."""
    calls = delta.get("tool_calls")
    return not calls or all("id" not in call and "name" not in (call.get("function") or {}) for call in calls)
