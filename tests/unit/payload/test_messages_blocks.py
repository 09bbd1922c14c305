"""Blocks of Anthropic's messages, in requests and answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.payload.answers import values
from tests.unit.payload.requests import (
    BY_NAME,
    MEDIA,
    read,
    refusal,
    texts,
)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "name": "a", "input": {"q": "b"}},
        {"type": "text", "text": "a", "citations": [{"cited_text": "b"}]},
        {"type": "later", "words": "a", "more": ["b"]},
    ],
)
def test_unnamed_blocks_of_messages_are_read(block: dict[str, Any]) -> None:
    """Whatever a block calls itself."""
    view = BY_NAME["messages"].read_response({"content": [block]})
    assert [text.strip('{}"').removeprefix('q":"') for text in values(view.slots) if text != "later"] == ["a", "b"]


def test_messages_blocks() -> None:
    """System as text or blocks, thinking, tool use with keys and numbers, tool results as text or blocks."""
    request = {
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "ctx", "content": "b"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "c", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "tool_use", "id": "t1", "name": "e", "input": {"key of f": "f", "card": 4111111111111111}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "g"}]},
                    {"type": "tool_result", "tool_use_id": "t1", "content": "h"},
                ],
            },
        ],
        "stop_sequences": ["i"],
        "metadata": {"user_id": "j"},
    }
    view = read("messages", request)
    assert [text for _, kind, text in texts(view) if kind != "name"] == [*"abcf", "4111111111111111", *"ghij"]
    assert ("tool", "content", "g") in texts(view)
    assert ("assistant", "name", "e") in texts(view)
    assert any(field.keys and "key of f" in field.text for field in view.texts)
    assert view.user == "j"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "data": ""}},
        {"type": "document", "source": {"type": "text", "data": "x"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {}}]},
        {"type": "tool_result", "content": [{"type": "document"}]},
        {"type": "search_result", "content": []},
    ],
)
def test_blocks_that_are_not_text_are_refused(block: dict[str, Any]) -> None:
    """Also inside a tool's result."""
    assert refusal("messages", {"messages": [{"role": "user", "content": [block]}]}).code == "part_not_allowed"
    assert read("messages", {"messages": [{"role": "user", "content": [block]}]}, MEDIA).unread == ("media",)
