"""Output items of the Responses API: where their texts stand, in items, parts and whole response objects."""

from __future__ import annotations

from typing import Any

from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableAnswer
from extproc.payload.view import Copy, Slot, answer_source, unnamed_slots

PARTS_MAX = 64
CUT = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
_PART_KEYS = {
    "output_text": ("text", Kind.CONTENT),
    "reasoning_text": ("text", Kind.REASONING),
    "summary_text": ("text", Kind.REASONING),
    "refusal": ("refusal", Kind.REFUSAL),
}
_PART_NAMED = frozenset({"type", "text", "refusal", "annotations", "logprobs"})
_ITEM_NAMED = frozenset(
    {"id", "type", "role", "status", "phase", "call_id", "name", "arguments", "content", "summary", "encrypted_content"}
)
_SUMMARY_PART_FIRST = PARTS_MAX // 2


def part_number(output_index: Any, content_index: Any = 0) -> int:
    """One number for (item, part). Raises: UnreadableAnswer."""
    if not isinstance(output_index, int) or not isinstance(content_index, int) or content_index >= PARTS_MAX:
        raise UnreadableAnswer("an output item or part has no index, or too high a one")
    return output_index * PARTS_MAX + content_index


def summary_number(output_index: Any, summary_index: Any) -> int:
    """The number of a part of a reasoning summary."""
    return part_number(output_index, _SUMMARY_PART_FIRST + summary_index if isinstance(summary_index, int) else None)


def part_slots(part: Any, number: int) -> list[Slot]:
    """The text of one content part."""
    if not isinstance(part, dict):
        raise UnreadableAnswer("a content part is not an object")
    key, kind = _PART_KEYS.get(str(part.get("type")), ("text", Kind.CONTENT))
    slots = [Slot(answer_source(kind, 0, number), part, key)] if isinstance(part.get(key), str) else []
    return slots + unnamed_slots(part, _PART_NAMED, 0)


def item_slots(item: Any, index: Any) -> list[Slot]:
    """The texts of one output item, in the order of a stream."""
    if not isinstance(item, dict):
        raise UnreadableAnswer("an output item is not an object")
    slots: list[Slot] = []
    for number, part in enumerate(item.get("summary") or ()):
        slots += part_slots(part, summary_number(index, number))
    for number, part in enumerate(item.get("content") or ()):
        slots += part_slots(part, part_number(index, number))
    if isinstance(item.get("name"), str):
        slots.append(Slot(answer_source(Kind.NAME, 0, part_number(index)), item, "name"))
    if isinstance(item.get("arguments"), str):
        slots.append(Slot(answer_source(Kind.JSON, 0, part_number(index)), item, "arguments"))
    return slots + unnamed_slots(item, _ITEM_NAMED, 0)


def part_copies(part: Any) -> list[Copy]:
    """Log probabilities of a part or a delta."""
    return [Copy(part, "logprobs", [])] if isinstance(part, dict) and part.get("logprobs") else []


def item_copies(item: Any) -> list[Copy]:
    """Log probabilities of an item's parts."""
    parts = item.get("content") or () if isinstance(item, dict) else ()
    return [copy for part in parts for copy in part_copies(part)]


def object_copies(tree: dict[str, Any]) -> list[Copy]:
    """What a whole response object repeats: log probabilities, and the messages as the model saw them."""
    copies = [Copy(tree, key) for key in ("input_messages", "output_messages") if tree.get(key) is not None]
    return copies + [copy for item in tree.get("output") or () for copy in item_copies(item)]
