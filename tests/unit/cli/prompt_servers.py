"""A model server for golden cases: the demo's, on loopback, with answers that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request

Answer = Callable[[dict[str, Any]], Scripted | str]
"""The reply to a request's body: a text is the model's."""


@contextmanager
def model_server(answer: Answer) -> Iterator[ModelServer]:
    """A server; gone at the end."""

    def respond(request: Request) -> Scripted:
        replied = answer(json.loads(request.body))
        return replied if isinstance(replied, Scripted) else completion(replied)

    with ModelServer(respond=respond) as server:
        yield server


def completion(text: str | None, **message: Any) -> Scripted:
    """A chat completion."""
    choice = {"index": 0, "finish_reason": message.pop("finish_reason", "stop")}
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "tiny-chat",
        "choices": [{**choice, "message": {"role": "assistant", "content": text, **message}}],
        "usage": usage,
    }
    return scripted(200, json.dumps(body))


def scripted(status: int, body: str, kind: str = "application/json", **headers: str) -> Scripted:
    """Any reply."""
    content = body.encode()
    named = (("content-type", kind), ("content-length", str(len(content))), *headers.items())
    return Scripted(status, named, [content])


def texts_of(body: dict[str, Any], role: str) -> str:
    """What a speaker says in a request."""
    return "\n".join(one["content"] for one in body["messages"] if one["role"] == role)
