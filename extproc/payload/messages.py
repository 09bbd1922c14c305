"""``/v1/messages``: Anthropic's API as vLLM serves it.

A response is a list of blocks; each block is a channel of its own. Source: Anthropic's API reference; vLLM 0.32 (usage
in ``message_start`` and ``message_delta``; no ``[DONE]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.ends import end_of_message, finish_word
from extproc.payload.messages_blocks import MESSAGE, TOKENS_USED_UP, block_slots, error_object
from extproc.payload.messages_stream import MessagesStream
from extproc.payload.openai_request import extra_fields, other_fields, part_fields, read_object, speaker_of
from extproc.payload.request_shape import RequestShape
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import anthropic_usage_of
from extproc.payload.view import (
    RequestPolicy,
    RequestView,
    ResponseView,
    Slot,
    TextField,
    expect_object,
    request_source,
    text_fields,
)

_SYSTEM: Final = ("system",)
_TOOL_CHANGES: Final = ("tool_addition", "tool_removal")  # blocks that change the list of tools within a conversation
_READ: Final = frozenset({"system", "messages"})
_TYPE_READ: Final = frozenset({"type"})
_MESSAGE_READ: Final = frozenset({"role", "content"})
_RESULT_READ: Final = frozenset({"type", "tool_use_id", "content"})
_TOOL_USE_KEYS: Final = ("id", "name", "tool_name", "input")
_TOOL_USE_READ: Final = frozenset({"type", *_TOOL_USE_KEYS})
_SEALED: Final = {"thinking": "signature", "redacted_thinking": "data"}


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


_SHAPE: Final = _MessagesShape(
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
        slots = [slot for index, block in enumerate(blocks) for slot in block_slots(block, index)]
        slots += unnamed_slots(tree, MESSAGE, 0)
        cut_short = (0,) if tree.get("stop_reason") == TOKENS_USED_UP else ()
        ends, usage = {0: end_of_message(tree.get("stop_reason"))}, anthropic_usage_of(tree.get("usage"))
        finishes = {0: finish_word(tree.get("stop_reason"))}
        return ResponseView(tree, slots, usage, finished=(0,), cut_short=cut_short, ends=ends, finishes=finishes)

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
        return orjson.dumps(error_object(error))


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
