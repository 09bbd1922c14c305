"""Reversible masks on a real Envoy: the model never reads a value, and the official client reads it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.demo.installation import Change
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from tests.e2e.apis import JSON_TYPE, MODEL, SSE_TYPE, event
from tests.e2e.harness import Stack
from tests.e2e.official import openai_of
from tests.e2e.scripted_models import ScriptedModels

MAIL, OTHER, CARD = "anna.schmidt@example.com", "bert@example.org", "4111 1111 1111 1111"
QUESTION = f"Write to {MAIL} and {OTHER}; {MAIL} paid with {CARD}."
AS_READ = "Write to <EMAIL_1> and <EMAIL_2>; <EMAIL_1> paid with <CREDIT_CARD_1>."
REPLY = "I wrote to <EMAIL_1>, and to <EMAIL_2>. <EMAIL_3> is nobody."
REPLY_AS_READ = f"I wrote to {MAIL}, and to {OTHER}. <EMAIL_3> is nobody."
ARGUMENTS = {"to": "<EMAIL_2>", "card": "<CREDIT_CARD_1>", "copies": ["<EMAIL_1>"]}
ARGUMENTS_AS_READ = {"to": OTHER, "card": CARD, "copies": [MAIL]}


def masks_reversibly(data: dict[str, Any]) -> None:
    """The demo's guard for personal data gives values back."""
    for policy in data["policies"]:
        for guard in policy["guards"]:
            if guard["guard"] == "pii":
                guard["masking"] = {"type": "reversible"}


@pytest.fixture(scope="module")
def change() -> Change:
    """What the stack of this file has in its configuration."""
    return masks_reversibly


@pytest.fixture
def stack(shared: Stack, scripted: ScriptedModels) -> Stack:
    """The shared stack; its model servers answer by a script."""
    scripted.reset()
    scripted.answer = answer
    return shared


def answer(request: Request) -> Scripted:
    """A text and a call of a tool that name what the model has read; a stream comes in pieces of three characters."""
    if not request.document.get("stream"):
        call = {"id": "1", "type": "function", "function": {"name": "send", "arguments": json.dumps(ARGUMENTS)}}
        message = {"role": "assistant", "content": REPLY, "tool_calls": [call]}
        body = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Scripted(200, (JSON_TYPE,), [json.dumps(body).encode()])
    return Scripted(200, (SSE_TYPE,), [*events(), b"data: [DONE]\n\n"])


def events() -> Iterator[bytes]:
    """The same as a stream."""
    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(REPLY):
        yield chunk({"content": piece})
    yield chunk({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "send", "arguments": ""}}]})
    for piece in pieces(json.dumps(ARGUMENTS)):
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chunk({}, "stop")


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "choices": [choice]})


def pieces(text: str) -> list[str]:
    """The text cut small."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def ask(stack: Stack, stream: bool) -> tuple[str, Any]:
    """What the official client reads: the text, and the arguments of the call."""
    client = openai_of(stack.base_url)
    messages: Any = [{"role": "user", "content": QUESTION}]
    if not stream:
        message = client.chat.completions.create(model=MODEL, messages=messages).choices[0].message
        (call,) = message.tool_calls or []
        return message.content or "", json.loads(call.function.arguments)  # type: ignore[union-attr]
    text = arguments = ""
    for each in client.chat.completions.create(model=MODEL, messages=messages, stream=True):
        delta = each.choices[0].delta
        text += delta.content or ""
        for part in delta.tool_calls or []:
            arguments += (part.function and part.function.arguments) or ""
    return text, json.loads(arguments)


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_reads_placeholders_and_the_client_its_own_values(
    stack: Stack, models: ScriptedModels, stream: bool
) -> None:
    """In the text and in arguments of a tool, across every cut; a placeholder that stands for nothing stays."""
    assert ask(stack, stream) == (REPLY_AS_READ, ARGUMENTS_AS_READ)
    (message,) = [one for one in models.only.request.document["messages"] if one["role"] == "user"]
    assert message["content"] == AS_READ
    assert not any(value.encode() in models.only.request.body for value in (MAIL, OTHER, CARD))


def test_one_client_never_reads_the_values_of_another(stack: Stack, models: ScriptedModels) -> None:
    """The map ends with its exchange: the same placeholders in the next one stand for nothing, or for its own."""
    ask(stack, stream=True)
    messages: Any = [{"role": "user", "content": "Write to carl@example.net."}]
    created = openai_of(stack.base_url).chat.completions.create(model=MODEL, messages=messages)
    assert created.choices[0].message.content == REPLY.replace("<EMAIL_1>", "carl@example.net")
    assert len(models.seen) == 2
