"""Which ids of responses are kept."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.payload.chat import Chat
from extproc.payload.completions import Completions
from extproc.payload.dialect import Dialect
from extproc.payload.embeddings import Embeddings
from extproc.payload.messages import Messages
from extproc.payload.response_ids import response_id_of
from extproc.payload.responses import Responses
from extproc.payload.sse import SseEvent

ID = "chatcmpl-778ae0a8c3e745899e1a8a38f367dd9a"


@pytest.mark.parametrize(
    "value",
    [
        ID,
        "chatcmpl-ae3a7400-eb4c-4ceb-a4d3-9abfe3554a36",
        "chatcmpl-1",
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "gen-1742-AbCdEf12345",
    ],
)
def test_an_id_of_a_server_is_kept(value: str) -> None:
    """As vLLM, OpenAI, Anthropic and others write them."""
    assert response_id_of({"id": value}) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        ["chatcmpl-1"],
        "4111111111111111",
        "chatcmpl-4111111111111111",
        "chatcmpl-49927398716",
        "chatcmpl-bob@example.org",
        "chatcmpl-the quick brown fox",
        "chatcmpl-\u00e4bcdefgh",
        "chatcmpl-" + "a" * 120,
    ],
)
def test_any_other_text_is_none(value: Any) -> None:
    """A client may have chosen it, and personal data may be in it."""
    assert response_id_of({"id": value}) == ""


def event(data: bytes) -> SseEvent:
    """One event of a stream."""
    return SseEvent(b"data: " + data + b"\n\n", "", data)


STREAMS: list[tuple[Dialect, list[bytes], str]] = [
    (Chat(), [b'{"id":"%s","choices":[]}' % ID.encode(), b'{"id":"chatcmpl-2","choices":[]}'], ID),
    (Completions(), [b'{"id":"cmpl-1","choices":[]}'], "cmpl-1"),
    (Messages(), [b'{"type":"message_start","message":{"id":"msg_1","content":[]}}'], "msg_1"),
    (Responses(), [b'{"type":"response.created","response":{"id":"resp_1","output":[]}}'], "resp_1"),
    (Chat(), [b"[DONE]"], ""),
    (Messages(), [b'{"type":"ping"}'], ""),
    (Responses(), [], ""),
    (Embeddings(), [], ""),
]


@pytest.mark.parametrize(("dialect", "events", "found"), STREAMS)
def test_the_id_of_a_stream(dialect: Dialect, events: list[bytes], found: str) -> None:
    """Where its API has it."""
    reader = dialect.stream({})
    for data in events:
        reader.read(event(data))
    assert reader.response_id == found
