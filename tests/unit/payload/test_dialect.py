"""What every API's answers have in common: what is unreadable, what is no event, and what is a failure."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.payload.dialect import UnreadableResponse
from extproc.payload.sse import SseEvent
from tests.unit.payload.answers import event, reader_of, said
from tests.unit.payload.requests import BY_NAME

MESSAGE = {"role": "assistant"}


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("chat", {}),
        ("chat", {"choices": {}}),
        ("chat", {"choices": ["text"]}),
        ("chat", {"choices": [{"message": MESSAGE}]}),
        ("chat", {"choices": [{"index": 0}]}),
        ("chat", {"choices": [{"index": 0, "message": {"content": [{"type": "text", "text": "x"}]}}]}),
        ("chat", {"choices": [{"index": 0, "message": {"tool_calls": {"0": {}}}}]}),
        ("chat", {"choices": [{"index": 0, "message": {"tool_calls": [{"function": {"arguments": {"a": "x"}}}]}}]}),
        ("chat", {"choices": [{"index": 0, "message": {"tool_calls": [{"index": -1, "function": {}}]}}]}),
        ("completions", {"choices": [{"index": 0}]}),
        ("completions", {"choices": [{"index": 0, "text": ["x"]}]}),
        ("responses", {"output": "text"}),
        ("responses", {"output": [{"content": "text"}]}),
        ("responses", {"output": [{"content": [{"type": "output_text", "text": ["x"]}]}]}),
        ("responses", {"output": [{"content": ["text"]}]}),
        ("chat", {"choices": [{"index": 0, "message": {"tool_calls": [{"function": "text"}]}}]}),
        ("responses", {"output": [{"type": "function_call", "arguments": {"a": "x"}}]}),
        ("responses", {"output": [{"content": [{"type": "output_text", "text": "x"}] * 33}]}),
        ("messages", {"content": "text"}),
        ("messages", {"content": ["text"]}),
        ("messages", {"content": [{"type": "text", "text": ["x"]}]}),
        ("embeddings", {"data": "text"}),
        ("rerank", {}),
        ("rerank", {"results": "text"}),
        ("rerank", {"results": {"text": "text"}}),
        ("count_tokens", {}),
        ("count_tokens", {"input_tokens": "58"}),
        ("count_tokens", {"input_tokens": True}),
        ("count_tokens", {"input_tokens": -1}),
        ("count_tokens", {"input_tokens": 5.0}),
    ],
)
def test_an_answer_that_hides_text_from_us_is_unreadable(name: str, tree: dict[str, Any]) -> None:
    """Text in a shape that the API does not have must not pass unread."""
    with pytest.raises(UnreadableResponse):
        BY_NAME[name].read_response(tree)


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("chat", []),
        ("chat", {}),
        ("chat", {"choices": [{"index": 0, "delta": "text"}]}),
        ("chat", {"choices": [{"index": 0, "delta": {"content": ["x"]}}]}),
        ("completions", {"choices": [{"index": 0, "delta": {"content": "x"}}]}),
        ("responses", {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": ["x"]}),
        ("responses", {"type": "response.output_text.delta", "content_index": 0, "delta": "x"}),
        ("responses", {"type": "response.output_text.delta", "output_index": 0, "content_index": 32, "delta": "x"}),
        ("responses", {"type": "response.output_text.later", "output_index": 0, "delta": "x"}),
        ("messages", {"type": "later", "text": "x"}),
        ("messages", {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}}),
        ("messages", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ["x"]}}),
        ("messages", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}}),
        ("messages", {"type": "message_start"}),
        ("embeddings", {"data": []}),
        ("rerank", {"results": []}),
        ("count_tokens", {"input_tokens": 58}),
    ],
)
def test_an_event_that_hides_text_from_us_is_unreadable(name: str, tree: Any) -> None:
    """The same in a stream."""
    with pytest.raises(UnreadableResponse):
        reader_of(name).read(event(tree))


@pytest.mark.parametrize("name", ["chat", "completions", "responses", "messages"])
@pytest.mark.parametrize("data", [b"", b"text", b"[DONE] ", b"{", b"NaN", b'{"a":NaN}', b"\xff"])
def test_an_event_that_is_not_json_is_unreadable(name: str, data: bytes) -> None:
    """But for ``[DONE]``, exactly."""
    with pytest.raises(UnreadableResponse):
        reader_of(name).read(SseEvent(data, "", data))


@pytest.mark.parametrize("name", ["chat", "completions", "responses", "messages"])
def test_a_comment_is_no_event(name: str) -> None:
    """It has no tree, so that it is passed on as it came."""
    assert reader_of(name).read(SseEvent(b": keep-alive\n\n", "", None)).tree is None


@pytest.mark.parametrize("name", ["chat", "completions", "responses", "messages"])
def test_an_error_frame_is_a_failure_and_its_words_are_read(name: str) -> None:
    """They may quote the request; they are complete, so that nothing of them is sent as content."""
    tree = {"type": "error", "error": {"message": "jane.doe@example.com", "code": 400}}
    frame = reader_of(name).read(event(tree, "error"))
    assert frame.failed
    assert ("aside", "jane.doe@example.com") in said(frame.slots)
    assert all(slot.complete for slot in frame.slots)
