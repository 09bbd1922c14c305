"""``/v1/responses``, requests and unstreamed answers; the stream is in ``responses_stream``.

An answer is a list of output items, each with parts; a channel is (item, part). Source: OpenAI's API reference; vLLM
0.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker
from extproc.payload.dialect import UnreadableAnswer, openai_error
from extproc.payload.ends import end_of_response
from extproc.payload.openai_request import fields_beside, other_fields, part_fields, read_object, speaker_of
from extproc.payload.request_shape import RequestShape
from extproc.payload.responses_items import CUT, ends_of, item_slots, object_asides, object_copies, object_slots
from extproc.payload.responses_stream import ResponsesStream
from extproc.payload.usage import usage_of
from extproc.payload.view import (
    AnswerView,
    RequestPolicy,
    RequestView,
    Slot,
    TextField,
    expect_bool,
    expect_object,
    expect_text,
    request_source,
    text_fields,
)

_LISTED_TOOLS = "mcp_list_tools"  # an item that tells what tools a server has had; it offers none
# Items that vLLM goes on with, and their states in which it does.
_CONTINUED_TYPES = frozenset({"message", "reasoning"})
_CONTINUED_STATES = frozenset({"in_progress", "incomplete"})
_READ = frozenset({"instructions", "input"})
_PARTS = ("content", "output", "summary")
_ITEM_WORDS = ("type", "role", "id", "status")
_ITEM_KINDS = {"call_id": Kind.NAME, "name": Kind.NAME, "arguments": Kind.JSON}
_ITEM_READ = frozenset({*_ITEM_WORDS, *_PARTS, *_ITEM_KINDS, "tools"})
_PARTED_ITEMS = frozenset({"message", "reasoning", "function_call_output", "custom_tool_call_output"})
# What a model has said; of these calls, what came of them is the tool's.
_MODEL_ITEMS = frozenset(
    {
        "reasoning",
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
    }
)
_RESULT_KEYS = frozenset({"output", "outputs", "result", "results", "error"})


class _ResponsesShape(RequestShape):
    """OpenAI's requests of items."""

    def begins_answer(self, message: dict[str, Any]) -> bool:
        """Whether the last item is the assistant's, or one of another speaker that vLLM goes on with."""
        kind, state = message.get("type", "message"), message.get("status")
        if kind == "reasoning" or super().begins_answer(message):
            return True
        continued = kind is None or (isinstance(kind, str) and kind in _CONTINUED_TYPES)
        return continued and isinstance(state, str) and state in _CONTINUED_STATES

    def tool_holders(self, tree: dict[str, Any]) -> list[dict[str, Any]]:
        """The request and its items, but for those that only tell what tools there were."""
        return [tree, *[item for item in self.messages(tree) if item.get("type") != _LISTED_TOOLS]]


_SHAPE = _ResponsesShape(
    messages="input",
    prompts=["prompt"],
    system="instructions",
    roles={
        "user": Speaker.USER,
        "system": Speaker.SYSTEM,
        "developer": Speaker.SYSTEM,
        "assistant": Speaker.ASSISTANT,
        "tool": Speaker.TOOL,
    },
    lengths=["max_output_tokens"],
    formats=[("text", "format")],
)


class Responses:
    """OpenAI's responses."""

    name: Endpoint = "responses"
    generates = True
    templated = True

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE)
        view.usage_asked = True  # its streams bring usage without being asked
        tree = view.tree
        if expect_bool(tree, "background"):
            raise refuse(
                400,
                "field_not_allowed",
                "background is not allowed here: the answer would not be checked.",
                "background",
            )
        instructions = expect_text(tree, "instructions")
        if instructions:
            source = request_source(Speaker.SYSTEM)
            view.texts.append(TextField(source, ("instructions",), instructions, is_whole=True))
        _read_input(view, tree.get("input"), policy)
        view.texts += other_fields(tree, _READ)
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Into ``instructions``; the answer, which repeats them, shows the client's own."""
        own = next((field.text for field in request.texts if field.path == ("instructions",)), None)
        request.shown["instructions"] = request.tree.get("instructions")
        request.set(("instructions",), text if replace or not own else f"{text}\n\n{own}")

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Nothing to do: usage comes always."""

    def read_answer(self, tree: dict[str, Any]) -> AnswerView:
        """Raises: UnreadableAnswer."""
        if not isinstance(tree.get("output"), list):
            raise UnreadableAnswer("a response has no output")
        finished, cut_short = ends_of(tree)
        usage, copies = usage_of(tree.get("usage")), object_copies(tree)
        ends = {0: end_of_response(tree.get("status"))}
        return AnswerView(tree, object_slots(tree) + object_asides(tree), usage, copies, finished, cut_short, ends)

    def cut_answer(self, view: AnswerView, choice: int, kept: list[Slot]) -> None:
        """``status: incomplete``; items that were not reached are gone."""
        tree = view.tree
        holders = [id(slot.holder) for slot in kept]
        reached = [
            index
            for index, item in enumerate(tree["output"])
            for slot in item_slots(item, index)
            if id(slot.holder) in holders
        ]
        tree["output"] = tree["output"][: max(reached, default=-1) + 1]
        tree.pop("output_text", None)  # it repeats the items that are gone
        tree.update(CUT)

    def stream(self, shown: Mapping[str, Any]) -> ResponsesStream:
        """A reader for one streamed answer."""
        return ResponsesStream(shown)

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


def _read_input(view: RequestView, value: Any, policy: RequestPolicy) -> None:
    if isinstance(value, str):
        view.texts.append(TextField(request_source(Speaker.USER), ("input",), value))
        return
    if not isinstance(value, list):
        raise refuse(400, "invalid_type", "input must be a string or an array of items.", "input")
    for index, item in enumerate(value):
        _read_item(view, expect_object(item, "input[]"), ("input", index), policy)


def _read_item(view: RequestView, item: dict[str, Any], path: tuple[str | int, ...], policy: RequestPolicy) -> None:
    kind = item.get("type")
    if kind == "item_reference" or item.get("encrypted_content") is not None:
        raise refuse(
            400, "item_not_allowed", "An item of the input is not text, and only text can be checked here.", "input"
        )
    if kind is None or kind == "message":
        kind, speaker = "message", speaker_of(item, _SHAPE.roles, "input")
    else:  # what is not known may come from anywhere: it is judged like what tools say
        speaker = Speaker.ASSISTANT if isinstance(kind, str) and kind in _MODEL_ITEMS else Speaker.TOOL
    from_tool = speaker if kind == "message" else Speaker.TOOL
    for name in _PARTS:
        if name in item:
            whose = from_tool if name in _RESULT_KEYS else speaker
            _read_parts(view, item[name], (*path, name), kind, whose, policy)
    for name, text_kind in _ITEM_KINDS.items():
        if name in item:
            source = request_source(speaker, text_kind if isinstance(item[name], str) else Kind.CONTENT)
            view.texts += text_fields(item[name], (*path, name), source)
    for name in _ITEM_WORDS:
        if not isinstance(item.get(name, ""), str):
            view.texts += text_fields(item[name], (*path, name), request_source(from_tool))
    if "tools" in item:  # of a developer's message, or of additional_tools: vLLM offers them to the model
        whose = Speaker.TOOL if kind == _LISTED_TOOLS else Speaker.DEFINITION
        view.texts += text_fields(item["tools"], (*path, "tools"), request_source(whose))
    if not _ITEM_READ.issuperset(item):
        results = {name: value for name, value in item.items() if name in _RESULT_KEYS}
        view.texts += fields_beside(results, _ITEM_READ, path, request_source(from_tool))
        view.texts += fields_beside(item, _ITEM_READ | _RESULT_KEYS, path, request_source(speaker))


def _read_parts(
    view: RequestView, parts: Any, path: tuple[str | int, ...], kind: Any, speaker: Speaker, policy: RequestPolicy
) -> None:
    """Read parts of content; those of items that vLLM does not know may be any objects, but no media."""
    if isinstance(parts, str) and parts:
        view.texts.append(TextField(request_source(speaker), path, parts, is_whole=True))
        return
    if not isinstance(parts, list):
        view.texts += text_fields(parts, path, request_source(speaker))
        return
    is_parted = isinstance(kind, str) and kind in _PARTED_ITEMS
    for index, part in enumerate(parts):
        if is_parted or (isinstance(part, dict) and isinstance(part.get("type"), str)):
            part_fields(part, (*path, index), speaker, policy, view)
        else:
            view.texts += text_fields(part, (*path, index), request_source(speaker))
