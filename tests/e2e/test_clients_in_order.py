"""The official clients over scripted streams: when words come, and what no recording has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from extproc.demo.scripted import Gate, Scripted
from tests.e2e.apis import APIS, CHAT, MESSAGES, MODEL, RESPONSES, SSE_TYPE, Api, event
from tests.e2e.harness import Stack, require_envoy
from tests.e2e.official import anthropic_of, openai_of
from tests.e2e.scripted_models import ScriptedModels

TURNS: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def scripted() -> ScriptedModels:
    """Model servers that say what a test wants."""
    return ScriptedModels()


@pytest.fixture(scope="module")
def scripted_stack(tmp_path_factory: pytest.TempPathFactory, scripted: ScriptedModels) -> Iterator[Stack]:
    """The demo before them."""
    require_envoy()
    with Stack(tmp_path_factory.mktemp("clients"), models=scripted.servers) as running:
        yield running


def test_messages_with_thinking(scripted_stack: Stack, scripted: ScriptedModels) -> None:
    """A thinking block is guarded as a text is, and its signature passes."""

    def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
        events: list[dict[str, Any]] = [{"type": "content_block_start", "index": index, "content_block": start}]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events += [{"type": "content_block_stop", "index": index}]
        return b"".join(event(tree, tree["type"]) for tree in events)

    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Her mail is jane.d"},
        {"type": "thinking_delta", "thinking": "oe@example.com."},
        {"type": "signature_delta", "signature": "c2ln"},
    )
    text = block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Mail jane.doe@example.com"})
    start, end = MESSAGES.head().split(b"event: content_block_start")[0], MESSAGES.tail("").split(b"\n\n", 1)[1]
    scripted.answer = Scripted(200, (SSE_TYPE,), [start, thinking, text, end])
    with anthropic_of(scripted_stack.base_url).messages.stream(model=MODEL, max_tokens=9, messages=TURNS) as stream:
        first, second = stream.get_final_message().content
    assert (first.thinking, first.signature) == ("Her mail is <EMAIL>.", "c2ln")  # type: ignore[union-attr]
    assert second.text == "Mail <EMAIL>"  # type: ignore[union-attr]


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_first_words_come_while_the_server_holds_the_rest(
    scripted_stack: Stack, scripted: ScriptedModels, api: Api
) -> None:
    """Time to first token stays: the client has the words before the server is let go on."""
    scripted.reset()
    gate = Gate()
    words = [api.delta("First "), api.delta("words "), api.delta("then ")]
    scripted.answer = Scripted(
        200, (SSE_TYPE,), [*filter(None, [api.head()]), *words, gate, api.tail("First words then ")]
    )
    texts = iter(_texts(scripted_stack.base_url, api))
    got = ""
    while "First words" not in got:
        got += next(texts)
    assert scripted.only.ended == "running"
    gate.open()
    assert got + "".join(texts) == "First words then "


def _texts(base_url: str, api: Api) -> Iterator[str]:
    """The pieces of text of a stream, by the API's official client."""
    if api is MESSAGES:
        with anthropic_of(base_url).messages.stream(model=MODEL, max_tokens=9, messages=TURNS) as stream:
            yield from stream.text_stream
    elif api is RESPONSES:
        for told in openai_of(base_url).responses.create(model=MODEL, input="x", stream=True):
            if told.type == "response.output_text.delta":
                yield told.delta
    elif api is CHAT:
        for chunk in openai_of(base_url).chat.completions.create(model=MODEL, messages=TURNS, stream=True):
            yield from (choice.delta.content or "" for choice in chunk.choices)
    else:
        for piece in openai_of(base_url).completions.create(model=MODEL, prompt="x", stream=True):
            yield from (choice.text for choice in piece.choices)
