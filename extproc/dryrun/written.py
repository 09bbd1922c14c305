"""Requests and answers written from a text, for who wants to try a text and no body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from extproc.domain.contract import ENDPOINT_PATHS
from extproc.dryrun.message import JSON, AnswerMessage, RequestMessage
from extproc.exchange.response_headers import EVENT_STREAM
from extproc.payload.dialect import dump_event

HARMLESS: Final = "Good morning"
WRITTEN: Final = ("chat", "completions", "responses", "messages")
"""The APIs in which a text is written as an answer."""

_TOKEN: Final = re.compile(r"\s*[^\s]{1,5}|\s+")
_BY_PATH: Final = {path: name for name, path in ENDPOINT_PATHS.items()}


def tokens_of(text: str) -> list[str]:
    """A text in pieces of about the length of a token; joined they are the text."""
    return _TOKEN.findall(text)


def request_of(text: str, model: str, path: str, streamed: bool = False, speaker: str = "user") -> RequestMessage:
    """A request with the text of a user. Raises: ValueError for a path of no API.

    Args: speaker: of the text, in a chat; a user's question follows that of another one.
    """
    message: list[dict[str, Any]] = [{"role": speaker, "content": text}]
    if speaker != "user":
        if path != ENDPOINT_PATHS["chat"]:
            raise ValueError(f"`speaker` is for chat; give the whole body for {path}")
        message += [{"role": "user", "content": HARMLESS}]
    if speaker == "tool":
        message[0]["tool_call_id"] = "call_1"
    body: dict[str, Any] = {"model": model}
    match _BY_PATH.get(path):
        case "chat":
            body |= {"messages": message}
        case "messages":
            body |= {"max_tokens": 1_024, "messages": message}
        case "count_tokens":
            body |= {"messages": message}
        case "completions":
            body |= {"prompt": text}
        case "responses" | "embeddings":
            body |= {"input": text}
        case "rerank":
            body |= {"query": text, "documents": [HARMLESS]}
        case _:
            raise ValueError(f"{path} is the path of no API; known are {', '.join(_BY_PATH)}")
    if streamed:
        body["stream"] = True
    return RequestMessage({":method": "POST", ":path": path, "content-type": JSON}, orjson.dumps(body))


def answer_of(text: str, model: str, path: str, streamed: bool = False) -> AnswerMessage:
    """An answer with the text; a stream has an event for about each token.

    Raises: ValueError for an API that answers without a text.
    """
    name = _BY_PATH.get(path)
    if name not in WRITTEN:
        raise ValueError(f"a text is no answer of {path}; give the whole body")
    if not streamed:
        return AnswerMessage({":status": "200", "content-type": JSON}, orjson.dumps(_whole(name, text, model)), path)
    events = _EVENTS[name](tokens_of(text), model)
    return AnswerMessage({":status": "200", "content-type": EVENT_STREAM}, b"".join(events), path)


def _whole(name: str, text: str, model: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop"}
    match name:
        case "chat":
            choices = [{**choice, "message": message}]
            return {"id": "chatcmpl-1", "object": "chat.completion", "model": model, "choices": choices, "usage": usage}
        case "completions":
            choices = [{**choice, "text": text}]
            return {"id": "cmpl-1", "object": "text_completion", "model": model, "choices": choices, "usage": usage}
        case "messages":
            return {**_anthropic(model), "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    return {**_response(model), "status": "completed", "output": [_item(text)]}


def _chat_events(tokens: Sequence[str], model: str) -> Iterable[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model}
    yield dump_event({**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    for token in tokens:
        yield dump_event({**head, "choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
    yield dump_event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield b"data: [DONE]\n\n"


def _completion_events(tokens: Sequence[str], model: str) -> Iterable[bytes]:
    head = {"id": "cmpl-1", "object": "text_completion", "model": model}
    for token in tokens:
        yield dump_event({**head, "choices": [{"index": 0, "text": token, "finish_reason": None}]})
    yield dump_event({**head, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    yield b"data: [DONE]\n\n"


def _message_events(tokens: Sequence[str], model: str) -> Iterable[bytes]:
    yield _named("message_start", message={**_anthropic(model), "content": []})
    yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for token in tokens:
        yield _named("content_block_delta", index=0, delta={"type": "text_delta", "text": token})
    yield _named("content_block_stop", index=0)
    yield _named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
    yield _named("message_stop")


def _response_events(tokens: Sequence[str], model: str) -> Iterable[bytes]:
    text = "".join(tokens)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": []}
    yield _named("response.created", response={**_response(model), "status": "in_progress", "output": []})
    item = {**_item(""), "status": "in_progress", "content": []}
    yield _named("response.output_item.added", output_index=0, item=item)
    yield _named("response.content_part.added", **place, part={**part, "text": ""})
    for token in tokens:
        yield _named("response.output_text.delta", **place, delta=token)
    yield _named("response.output_text.done", **place, text=text)
    yield _named("response.content_part.done", **place, part={**part, "text": text})
    yield _named("response.output_item.done", output_index=0, item=_item(text))
    yield _named("response.completed", response={**_response(model), "status": "completed", "output": [_item(text)]})


_EVENTS: Final = {
    "chat": _chat_events,
    "completions": _completion_events,
    "messages": _message_events,
    "responses": _response_events,
}


def _anthropic(model: str) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": None, "usage": usage}


def _response(model: str) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": model}


def _item(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}


def _named(kind: str, **fields: Any) -> bytes:
    return dump_event({"type": kind, **fields}, kind)
