"""Items of the responses API, those that are not known among them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.payload.answers import values
from tests.unit.payload.requests import (
    BY_NAME,
    IMAGE,
    read,
    refusal,
    texts,
)


def test_unnamed_items_of_responses_are_read() -> None:
    """Items, parts, annotations and the error of the whole."""
    part = {"type": "output_text", "text": "a", "annotations": [{"title": "b"}]}
    output = [{"type": "message", "content": [part]}, {"type": "later_call", "query": "c", "name": "d"}]
    view = BY_NAME["responses"].read_response({"output": output, "error": {"message": "e"}, "instructions": "own"})
    assert sorted(values(view.slots)) == ["a", "b", "c", "d", "e", "own"]


@pytest.mark.parametrize(
    "item",
    [{"type": "item_reference", "id": "x"}, {"type": "reasoning", "summary": [], "encrypted_content": "c2VjcmV0"}],
)
def test_items_that_only_the_server_can_read_are_refused(item: dict[str, Any]) -> None:
    """A reference to what it has stored, and what it has sealed."""
    assert refusal("responses", {"input": [item]}).code == "item_not_allowed"


def test_responses_input_items() -> None:
    """Parts, outputs as text or parts, reasoning, calls, and items that are not known."""
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "b"}], "encrypted_content": None},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "c"}]},
        {"type": "function_call", "call_id": "1", "name": "d", "arguments": "e", "status": "completed"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "f"}]},
        {"type": "web_search_call", "action": {"query": "g"}},
        {"type": "later", "words": ["h"]},
    ]
    view = read("responses", {"input": items, "instructions": "i", "text": {"format": {"name": "j"}}})
    assert [text for _, _, text in texts(view)] == ["i", "a", "b", "c", "1", "d", "e", "f", "1", "g", "h", "j"]
    assert texts(view)[7] == ("tool", "content", "f")
    assert refusal("responses", {"input": [{"role": "x", "content": "y"}]}).code == "invalid_role"
    assert refusal("responses", {"input": [{"role": "user", "content": [IMAGE]}]}).code == "part_not_allowed"
