"""Anthropic's messages: their blocks in requests and answers."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from tests.unit.payload.answers import event, reader_of, said, values
from tests.unit.payload.requests import (
    BY_NAME,
    MEDIA,
    minimal,
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


def test_blocks_that_a_message_begins_with_are_read() -> None:
    """vLLM begins with none."""
    message = {"content": [{"type": "text", "text": "a"}]}
    assert said(reader_of("messages").read(event({"type": "message_start", "message": message})).slots) == [
        ("content", "a")
    ]


def test_held_text_is_carried_only_into_an_open_block() -> None:
    """Until its beginning has been sent a block is not open; then it is, up to the event after its end."""
    reader = reader_of("messages")
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}
    source = reader.read(event(start)).slots[0].source
    assert reader.carry(source, "a") == b""
    for tree, is_open in [
        ({"type": "ping"}, True),
        ({"type": "content_block_stop", "index": 0}, True),
        ({"type": "ping"}, False),
    ]:
        reader.read(event(tree))
        assert bool(reader.carry(source, "a")) is is_open


def test_messages_usage_without_input_tokens() -> None:
    """Anthropic's own last event counts the output only: the prompt is that of the first event."""
    reader = reader_of("messages")
    first = {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}
    reader.read(event({"type": "message_start", "message": {"content": [], "usage": first}}))
    assert reader.usage.result(RequestSize()) == Usage(13, 1, cached=4, estimated=True)
    reader.read(event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}}))
    assert reader.usage.result(RequestSize()) == Usage(13, 7, cached=4)


def test_messages_answer_cut() -> None:
    """Blocks after the last that was reached are gone."""
    tree = {"content": [{"type": "text", "text": text} for text in "abc"], "stop_reason": "end_turn"}
    view = BY_NAME["messages"].read_response(tree)
    BY_NAME["messages"].cut_response(view, 0, view.slots[:2])
    assert (len(tree["content"]), tree["stop_reason"]) == (2, "refusal")


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


@pytest.mark.parametrize("field", ["system", "messages"])
@pytest.mark.parametrize("value", [5, {"type": "text"}, [5], ["text"]])
def test_messages_must_be_text_or_blocks(field: str, value: Any) -> None:
    """Anything else is refused."""
    assert refusal("messages", minimal("messages", **{field: value})).code == "invalid_type"
