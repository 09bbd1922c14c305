"""The stream of Anthropic's messages."""

from __future__ import annotations

from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from tests.unit.payload.answers import event, reader_of, said


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
