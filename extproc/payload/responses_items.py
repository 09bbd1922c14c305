"""Output items of the Responses API: the places of texts in items, parts and whole response objects."""

from __future__ import annotations

from typing import Any, Final

from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableResponse, items_of
from extproc.payload.inert import (
    METRICS,
    USAGE,
    Shape,
    is_count,
    is_flag,
    is_label,
    is_measure,
    is_name,
    is_null,
    is_time,
    word_of,
)
from extproc.payload.unnamed import Unnamed, unnamed_slots
from extproc.payload.view import NUMBER_MIN, Copy, Slot, response_source

CUT: Final = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
CUT_AT_LIMIT: Final = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_TOKENS_USED_UP: Final = "max_output_tokens"
_PARTS_MAX: Final = 64
_SUMMARY_PART_FIRST: Final = _PARTS_MAX // 2
_CALL: Final = "_call"
_REASONING_PARTS: Final = frozenset({"reasoning_text", "summary_text"})
_STATUS: Final = word_of("completed in_progress incomplete failed queued cancelled searching interpreting calling")
_PART: Final = Shape(
    named={"text", "refusal", "logprobs"},
    inert={"type": word_of("output_text refusal reasoning_text summary_text text"), "annotations": is_null},
)
_ITEM_TEXTS: Final = {"name": Kind.NAME, "arguments": Kind.JSON, "input": Kind.CONTENT, "code": Kind.CONTENT}
_ITEM: Final = Shape(
    named={*_ITEM_TEXTS, "content", "summary"},
    inert={
        "id": is_label,
        "type": is_label,
        "role": word_of("assistant"),
        "status": _STATUS,
        "call_id": is_label,
        "container_id": is_label,
        "phase": word_of("commentary final_answer"),
        "async": is_flag,
        **dict.fromkeys(["encrypted_content", "caller", "namespace", "outputs", "results", "output", "error"], is_null),
    },
)
_TOOL: Final = Shape(
    inert={
        "type": is_label,
        **dict.fromkeys(["strict", "async", "defer_loading"], is_flag),
        **dict.fromkeys(["name", "description", "parameters", "allowed_callers", "output_schema"], is_null),
    }
)
_OBJECT: Final = Shape(
    named={"output", "input_messages", "output_messages"},
    inert={
        "id": is_label,
        "object": word_of("response"),
        "created_at": is_time,
        "completed_at": is_time,
        "model": is_name,
        "status": _STATUS,
        "previous_response_id": is_label,
        "service_tier": word_of("auto default flex scale priority"),
        "truncation": word_of("auto disabled"),
        "tool_choice": word_of("none auto required"),
        **dict.fromkeys(["parallel_tool_calls", "background", "store"], is_flag),
        **dict.fromkeys(["temperature", "top_p", "presence_penalty", "frequency_penalty"], is_measure),
        **dict.fromkeys(["max_output_tokens", "max_tool_calls", "top_logprobs"], is_count),
        # the repeated fields of the client's request, and their allowed values
        **dict.fromkeys(
            [
                "instructions",
                "metadata",
                "prompt",
                "reasoning",
                "text",
                "user",
                "error",
                "output_text",
                "kv_transfer_params",
                "ec_transfer_params",
                "safety_identifier",
                "prompt_cache_key",
            ],
            is_null,
        ),
    },
    objects={
        "tools": _TOOL,
        "usage": USAGE,
        "metrics": METRICS,
        "incomplete_details": Shape(inert={"reason": is_label}),
    },
)


def part_number(output_index: Any, content_index: Any = 0) -> int:
    """A single number for (item, part). Raises: UnreadableResponse."""
    return _number(output_index, content_index)


def summary_number(output_index: Any, summary_index: Any) -> int:
    """The number of a part of a reasoning summary. Raises: UnreadableResponse."""
    return _number(output_index, summary_index) + _SUMMARY_PART_FIRST


def _number(output_index: Any, index: Any) -> int:
    if (
        not isinstance(output_index, int)
        or not isinstance(index, int)
        or not 0 <= index < _SUMMARY_PART_FIRST
        or not 0 <= output_index < NUMBER_MIN
    ):
        raise UnreadableResponse("an output item or part has no index, or too high a one")
    return output_index * _PARTS_MAX + index


def _text_slots(holder: dict[str, Any], kinds: dict[str, Kind], number: int) -> list[Slot]:
    slots: list[Slot] = []
    for key, kind in kinds.items():
        text = holder.get(key)
        if isinstance(text, str):
            slots.append(Slot(response_source(kind, 0, number), holder, key))
        elif text is not None:
            raise UnreadableResponse("a text of an output item is not a string")
    return slots


def part_slots(part: Any, number: int) -> list[Slot]:
    """The text of one content part."""
    if not isinstance(part, dict):
        raise UnreadableResponse("a content part is not an object")
    kind = Kind.REASONING if str(part.get("type")) in _REASONING_PARTS else Kind.CONTENT
    return _text_slots(part, {"text": kind, "refusal": Kind.REFUSAL}, number)


def part_asides(part: dict[str, Any], number: int) -> list[Slot]:
    """The other texts of a content part."""
    return unnamed_slots(part, _PART, 0, ("part", number))


def item_slots(item: Any, index: Any) -> list[Slot]:
    """The texts of one output item, in the order of a stream."""
    if not isinstance(item, dict):
        raise UnreadableResponse("an output item is not an object")
    slots: list[Slot] = []
    for number, part in enumerate(items_of(item, "summary")):
        slots += part_slots(part, summary_number(index, number))
    for number, part in enumerate(items_of(item, "content")):
        slots += part_slots(part, part_number(index, number))
    slots += _text_slots(item, _ITEM_TEXTS, part_number(index))
    if item.get("name") is None and str(item.get("type")).endswith(_CALL):  # a built-in tool is known by its type
        slots.append(Slot(response_source(Kind.NAME, 0, part_number(index)), item, "type", complete=True))
    return slots


def item_asides(item: dict[str, Any], index: int) -> list[Slot]:
    """The other texts of an output item and its parts."""
    asides = unnamed_slots(item, _ITEM, 0, ("output", index))
    for number, part in enumerate(items_of(item, "summary")):
        asides += part_asides(part, summary_number(index, number))
    for number, part in enumerate(items_of(item, "content")):
        asides += part_asides(part, part_number(index, number))
    return asides


def object_slots(tree: dict[str, Any]) -> list[Slot]:
    """The texts of a whole response object."""
    return [slot for index, item in enumerate(items_of(tree, "output")) for slot in item_slots(item, index)]


def object_asides(tree: dict[str, Any], before: dict[str, Any] | None = None) -> list[Slot]:
    """The other texts of a response object, its items and its error, except those already in ``before``."""
    unnamed = Unnamed(0)
    unnamed.read(tree, _OBJECT, before=before)
    asides = unnamed.slots
    for index, item in enumerate(items_of(tree, "output")):
        asides += item_asides(item, index)
    return asides


def ends_of(tree: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which choices of a whole response object have ended, and which of them at the token limit."""
    details = tree.get("incomplete_details")
    cut_short = isinstance(details, dict) and details.get("reason") == _TOKENS_USED_UP
    return (() if tree.get("status") == "failed" else (0,)), ((0,) if cut_short else ())


def part_copies(part: Any) -> list[Copy]:
    """Log probabilities of a part or a delta."""
    return [Copy(part, "logprobs", [])] if isinstance(part, dict) and part.get("logprobs") else []


def item_copies(item: Any) -> list[Copy]:
    """Log probabilities of an item's parts."""
    parts = items_of(item, "content") if isinstance(item, dict) else []
    return [copy for part in parts for copy in part_copies(part)]


def object_copies(tree: dict[str, Any]) -> list[Copy]:
    """The copies in a whole response object: log probabilities, and the messages as the model saw them."""
    copies = [
        Copy(tree, key, of_prompt=key == "input_messages")
        for key in ("input_messages", "output_messages")
        if tree.get(key) is not None
    ]
    return copies + [copy for item in items_of(tree, "output") for copy in item_copies(item)]
