"""Answers of every API with a place for a value in each of their objects, and what a client gets of them."""

from __future__ import annotations

import json
from typing import Any

from extproc.exchange.events import RequestBody, ResponseBody
from tests.playbooks.driver import (
    CHAT,
    JSON,
    METER,
    PII,
    SSE,
    Conversation,
    asked,
    chunks,
    dumps,
    response_headers,
    snapshot_of,
    sse,
)

MAIL = "jane.doe@example.com"
CARD = 4111111111111111
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/responses": {"input": "Hi"},
    "/v1/embeddings": {"input": "Hi"},
    "/v1/rerank": {"query": "Hi", "documents": ["Ho"]},
}
SNAPSHOT = snapshot_of(PII, METER)


def streamed(path: str, *events: bytes, snapshot: Any = SNAPSHOT, status: int = 200) -> Conversation:
    """A stream to its very end, an event a chunk."""
    talk = asked(snapshot, path, RequestBody(dumps({"model": "tiny", "stream": True, **BODIES[path]})))
    talk.hears(response_headers(SSE, status))
    return talk.hears_all([*(ResponseBody(event, False) for event in events), ResponseBody(b"", True)])


def whole(path: str, body: bytes, media: str = JSON, status: int = 200, snapshot: Any = SNAPSHOT) -> Conversation:
    """A whole answer."""
    talk = asked(snapshot, path, RequestBody(dumps({"model": "tiny", **BODIES[path]})))
    talk.hears(response_headers(media, status))
    return talk.hears_all(chunks(body))


def got(talk: Conversation) -> str:
    """All that a client may join: every string, name and number that it got, without what stands between."""
    texts: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for key, child in value.items():
                texts.append(key)
                collect(child)
        elif isinstance(value, list):
            for child in value:
                collect(child)
        elif value is not None:
            texts.append(str(value))

    if talk.client.startswith((b"data:", b"event:")):
        for event in talk.client_events:
            collect(event)
    else:
        collect(json.loads(talk.client))
    return "\n".join(texts)


def is_clean(talk: Conversation) -> bool:
    """Whether neither value came out, and the exchange did not fail."""
    text = got(talk)
    return MAIL not in text and str(CARD) not in text and not talk.errors


def delta(**fields: Any) -> bytes:
    """A chunk of a chat with this delta."""
    return sse({"id": "c", "choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


VALUES = [MAIL, {"deep": [MAIL]}, CARD, float(CARD), {MAIL: 1}, [{"n": CARD}], {"x": {MAIL: {"y": "z"}}}]
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "tiny", "stop_reason": "end_turn"}
BLOCKS = [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]
ITEM = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
RESPONSE = {"id": "r", "object": "response", "model": "tiny", "status": "completed", "output": [ITEM], "usage": {}}
STREAMS: dict[str, list[dict[str, Any]]] = {
    CHAT: [
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": " there"}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{**CALL, "index": 0}]}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    ],
    "/v1/completions": [
        {"id": "c", "choices": [{"index": 0, "text": "Hi", "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "text": " there", "finish_reason": "stop"}]},
    ],
    "/v1/messages": [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": {}}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ],
    "/v1/responses": [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m"}},
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": "Hi"},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "item_id": "m", "text": "Hi"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": ITEM["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": RESPONSE},
    ],
}


def chat_tree() -> dict[str, Any]:
    """A whole chat answer in which every kind of object stands."""
    message = {"role": "assistant", "content": "Hi", "tool_calls": [CALL], "function_call": CALL["function"]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return json.loads(dumps({"id": "c", "choices": [choice], "usage": usage, "metrics": {}}))  # type: ignore[no-any-return]


WHOLE: dict[str, dict[str, Any]] = {
    CHAT: chat_tree(),
    "/v1/completions": {"id": "c", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]},
    "/v1/messages": {**MESSAGE, "content": BLOCKS},
    "/v1/responses": RESPONSE,
    "/v1/embeddings": {"id": "e", "object": "list", "data": [{"index": 0, "embedding": [0.5]}]},
    "/v1/rerank": {"id": "s", "results": [{"index": 0, "document": {"text": "Ho"}, "relevance_score": 0.5}]},
}


def put(tree: Any, place: str, key: str, value: Any) -> Any:
    """The tree with a value more, or another, at a place in it."""
    holder = tree
    for step in place.split(".") if place else ():
        holder = holder[int(step)] if step.isdigit() else holder[step]
    holder[key] = value
    return tree


def objects_in(value: Any, place: str = "") -> list[str]:
    """Where objects stand in a tree."""
    found = [place] if isinstance(value, dict) else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += objects_in(child, f"{place}.{key}" if place else str(key))
    return found


def messages_events(*events: dict[str, Any]) -> list[bytes]:
    """Events of a streamed message."""
    return [sse(event, event["type"]) for event in events]


def text_delta(piece: str, index: int = 0) -> dict[str, Any]:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}


START: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP: dict[str, Any] = {"type": "content_block_stop", "index": 0}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}


def output_delta(piece: str) -> bytes:
    """A piece of a response's text."""
    return sse({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": piece})


FIRST, SECOND = "Mail jane.doe@exam", "ple.com now"
OUTPUT_DONE = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": FIRST}
ITEM_DONE = {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": []}}
COMPLETED = sse({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}})
ERROR = {"message": "broken", "code": 500}
