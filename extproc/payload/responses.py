"""``/v1/responses``, requests and unstreamed answers; the stream is in ``responses_stream``.

An answer is a list of output items, each with parts; a channel is (item, part). Source: OpenAI's API reference; vLLM
0.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker
from extproc.payload.dialect import UnreadableAnswer, openai_error
from extproc.payload.openai_request import other_fields, part_fields, read_object, speaker_of
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

_SPEAKERS = {
    "user": Speaker.USER,
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    "assistant": Speaker.ASSISTANT,
    "tool": Speaker.TOOL,
}
_READ = frozenset({"instructions", "input"})
_PARTS = ("content", "output", "summary")
_ITEM_SILENT = frozenset({"type", "role", "id", "status", *_PARTS})
_ITEM_KINDS = {"arguments": Kind.JSON, "name": Kind.NAME, "call_id": Kind.NAME}


class Responses:
    """OpenAI's responses."""

    name = "responses"
    generates = True

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy)
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
            view.texts.append(TextField(request_source(Speaker.SYSTEM), ("instructions",), instructions))
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
        return AnswerView(tree, object_slots(tree) + object_asides(tree), usage, copies, finished, cut_short)

    def cut_answer(self, tree: dict[str, Any], choice: int, kept: list[Slot]) -> None:
        """``status: incomplete``; items that were not reached are gone."""
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
    kind = item.get("type", "message")
    if kind == "item_reference" or item.get("encrypted_content") is not None:
        raise refuse(
            400, "item_not_allowed", "An item of the input is not text, and only text can be checked here.", "input"
        )
    if kind == "message":
        speaker = speaker_of(item, _SPEAKERS, "input")
    else:
        speaker = Speaker.TOOL if str(kind).endswith("_output") else Speaker.ASSISTANT
    for name in _PARTS:
        parts = item.get(name)
        if isinstance(parts, list):
            for index, part in enumerate(parts):
                part_fields(part, (*path, name, index), speaker, policy, view)
        else:
            view.texts += text_fields(parts, (*path, name), request_source(speaker))
    for key, value in item.items():
        if key not in _ITEM_SILENT:
            text_kind = _ITEM_KINDS.get(key, Kind.CONTENT) if isinstance(value, str) else Kind.CONTENT
            view.texts += text_fields(value, (*path, key), request_source(speaker, text_kind))
