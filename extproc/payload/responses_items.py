"""Output items of the Responses API: where their texts stand, in items, parts and whole response objects."""

from __future__ import annotations

from typing import Any

from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableAnswer, items_of
from extproc.payload.error_body import error_slots
from extproc.payload.view import Copy, Slot, answer_source, unnamed_slots

CUT = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
_TOKENS_USED_UP = "max_output_tokens"
_PARTS_MAX = 64
_SUMMARY_PART_FIRST = _PARTS_MAX // 2
_CALL = "_call"
_REASONING_PARTS = frozenset({"reasoning_text", "summary_text"})
_PART_NAMED = frozenset({"type", "text", "refusal", "logprobs"})
_ITEM_NAMED = frozenset(
    {"id", "type", "role", "status", "phase", "call_id", "name", "arguments", "content", "summary", "encrypted_content"}
)


def part_number(output_index: Any, content_index: Any = 0) -> int:
    """One number for (item, part). Raises: UnreadableAnswer."""
    return _number(output_index, content_index)


def summary_number(output_index: Any, summary_index: Any) -> int:
    """The number of a part of a reasoning summary. Raises: UnreadableAnswer."""
    return _number(output_index, summary_index) + _SUMMARY_PART_FIRST


def _number(output_index: Any, index: Any) -> int:
    if not isinstance(output_index, int) or not isinstance(index, int) or not 0 <= index < _SUMMARY_PART_FIRST:
        raise UnreadableAnswer("an output item or part has no index, or too high a one")
    return output_index * _PARTS_MAX + index


def _text_slots(holder: dict[str, Any], kinds: dict[str, Kind], number: int) -> list[Slot]:
    slots: list[Slot] = []
    for key, kind in kinds.items():
        text = holder.get(key)
        if isinstance(text, str):
            slots.append(Slot(answer_source(kind, 0, number), holder, key))
        elif text is not None:
            raise UnreadableAnswer("a text of an output item is not a string")
    return slots


def part_slots(part: Any, number: int) -> list[Slot]:
    """The text of one content part."""
    if not isinstance(part, dict):
        raise UnreadableAnswer("a content part is not an object")
    kind = Kind.REASONING if str(part.get("type")) in _REASONING_PARTS else Kind.CONTENT
    slots = _text_slots(part, {"text": kind, "refusal": Kind.REFUSAL}, number)
    return slots if _PART_NAMED.issuperset(part) else slots + unnamed_slots(part, _PART_NAMED, 0)


def item_slots(item: Any, index: Any) -> list[Slot]:
    """The texts of one output item, in the order of a stream."""
    if not isinstance(item, dict):
        raise UnreadableAnswer("an output item is not an object")
    slots: list[Slot] = []
    for number, part in enumerate(items_of(item, "summary")):
        slots += part_slots(part, summary_number(index, number))
    for number, part in enumerate(items_of(item, "content")):
        slots += part_slots(part, part_number(index, number))
    slots += _text_slots(item, {"name": Kind.NAME, "arguments": Kind.JSON}, part_number(index))
    if item.get("name") is None and str(item.get("type")).endswith(_CALL):  # a built-in tool is known by its type
        slots.append(Slot(answer_source(Kind.NAME, 0, part_number(index)), item, "type", complete=True))
    return slots if _ITEM_NAMED.issuperset(item) else slots + unnamed_slots(item, _ITEM_NAMED, 0)


def object_slots(tree: dict[str, Any]) -> list[Slot]:
    """The texts of a whole response object: those of its items, and what its error says."""
    slots = [slot for index, item in enumerate(items_of(tree, "output")) for slot in item_slots(item, index)]
    error = tree.get("error")
    return slots + error_slots(error) if isinstance(error, dict) else slots


def ends_of(tree: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which choices of a whole response object have ended, and which of them at the greatest number of tokens."""
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
    """What a whole response object repeats: log probabilities, and the messages as the model saw them."""
    copies = [
        Copy(tree, key, of_prompt=key == "input_messages")
        for key in ("input_messages", "output_messages")
        if tree.get(key) is not None
    ]
    return copies + [copy for item in items_of(tree, "output") for copy in item_copies(item)]
