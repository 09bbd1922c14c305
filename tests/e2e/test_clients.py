"""The official clients of OpenAI and Anthropic through a real Envoy, over recorded answers of a real vLLM.

Each test asks twice with the same code: a bare model server, and Envoy with our processor in front of it. What the
client reads must be the same but for the personal data in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from extproc.demo.model_server import ModelServer
from tests.e2e.apis import MODEL
from tests.e2e.harness import Stack
from tests.e2e.measured import Measured
from tests.e2e.official import anthropic_of, openai_of

# What was dictated to the recorded model, and what must stand in its place.
MASKS = {
    "anna.schmidt@example.com": "<EMAIL>",
    "jane.doe@example.com": "<EMAIL>",
    "4111 1111 1111 1111": "<CREDIT_CARD>",
    "DE89 3704 0044 0532 0130 00": "<IBAN>",
    "DE89370400440532013000": "<IBAN>",
    "+49 30 901820": "<PHONE>",
    "+1 202-555-0143": "<PHONE>",
}
Read = Callable[[str, str], list[Any]]
"""Asks the server at a base URL for a recording; returns what the client read, as texts."""


def masked(value: Any) -> Any:
    """The same with the dictated personal data masked, at any depth."""
    if isinstance(value, str):
        for plain, mask in MASKS.items():
            value = value.replace(plain, mask)
        return value
    if isinstance(value, list):
        return [masked(item) for item in value]
    return {key: masked(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.fixture(scope="module")
def bare() -> Iterator[ModelServer]:
    """A model server without anything before it."""
    with ModelServer("bare", speed=0) as server:
        yield server


def cue(recording: str) -> list[Any]:
    """The conversation that is answered with a recording."""
    return [{"role": "user", "content": f"[replay {recording}]"}]


def compare(stack: Stack, bare: ModelServer, read: Read, recording: str) -> list[Any]:
    """Ask both; what came through Envoy is what came bare, masked. Returns it."""
    plain = read(bare.base_url, recording)
    measured = Measured(stack)
    seen = read(stack.base_url, recording)
    assert seen == masked(plain)
    assert not any(value in repr(seen) for value in MASKS)
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_completion_tokens_total") > 0
    return seen


# --- chat ----------------------------------------------------------------------------------------------------------


def chat(base_url: str, recording: str) -> list[Any]:
    """The texts of each choice."""
    answer = openai_of(base_url).chat.completions.create(model=MODEL, messages=cue(recording))
    return [_message_of(choice.message.model_dump()) for choice in answer.choices]


def _message_of(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls") or []
    texts = {key: message.get(key) for key in ("content", "reasoning", "refusal")}
    return {**texts, "calls": [[call["function"]["name"], call["function"]["arguments"]] for call in calls]}


def chat_stream(base_url: str, recording: str) -> list[Any]:
    """The texts of each choice by where they stand, put together from their deltas."""
    chunks = openai_of(base_url).chat.completions.create(
        model=MODEL, messages=cue(recording), stream=True, stream_options={"include_usage": True}
    )
    texts: dict[tuple[Any, ...], str] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            delta = choice.delta.model_dump()
            for key in ("content", "reasoning", "refusal"):
                texts[choice.index, key] = texts.get((choice.index, key), "") + (delta.get(key) or "")
            for call in delta.get("tool_calls") or []:
                for key in ("name", "arguments"):
                    place = (choice.index, call["index"], key)
                    texts[place] = texts.get(place, "") + (call["function"].get(key) or "")
            if choice.finish_reason:
                texts[choice.index, "finish"] = choice.finish_reason
    return [[list(place), text] for place, text in sorted(texts.items(), key=repr)]


@pytest.mark.parametrize(
    "recording", ["chat", "chat_logprobs", "chat_pii", "chat_tool_auto", "reason", "hello", "greeting_pii", "refusal"]
)
def test_chat(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``chat.completions.create``: content, reasoning and tool calls."""
    compare(stack, bare, chat, recording)


@pytest.mark.parametrize(
    "recording",
    [
        "chat_stream",
        "chat_stream_usage",
        "chat_stream_usage_continuous",
        "chat_n2_stream",
        "chat_pii_stream",
        "chat_pii_stream_n2",
        "chat_pii_stream_logprobs",
        "chat_tool_auto_stream",
        "chat_tool_auto_two_stream",
        "chat_utf8_stream",
        "reason_stream",
        "keepalive_stream",
        "hello_stream",
        "greeting_pii_stream",
        "refusal_stream",
    ],
)
def test_chat_stream(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``create(stream=True)``: every choice and tool call, and each choice's finish reason."""
    compare(stack, bare, chat_stream, recording)


def test_chat_stream_helper(stack: Stack, bare: ModelServer) -> None:
    """``chat.completions.stream``, which builds the message from its events and checks them."""

    def read(base_url: str, recording: str) -> list[Any]:
        with openai_of(base_url).chat.completions.stream(model=MODEL, messages=cue(recording)) as stream:
            return [_message_of(stream.get_final_completion().choices[0].message.model_dump())]

    for recording in ("greeting_pii_stream", "chat_tool_auto_stream", "chat_tool_auto_two_stream", "hello_stream"):
        compare(stack, bare, read, recording)


def test_usage_comes_only_to_those_who_asked(stack: Stack) -> None:
    """The processor asks for usage on its own account; the chunk that brings it is hidden."""
    client = openai_of(stack.base_url)
    chunks = list(client.chat.completions.create(model=MODEL, messages=cue("chat_stream_usage"), stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    asked = list(
        client.chat.completions.create(
            model=MODEL, messages=cue("chat_stream_usage"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert [bool(chunk.choices) for chunk in asked][-1:] == [False]
    assert asked[-1].usage is not None


# --- the other APIs of OpenAI --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", ["comp"])
def test_completions(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``completions.create``."""

    def read(base_url: str, recording: str) -> list[Any]:
        answer = openai_of(base_url).completions.create(model=MODEL, prompt=f"[replay {recording}]")
        return [choice.text for choice in answer.choices]

    compare(stack, bare, read, recording)


@pytest.mark.parametrize("recording", ["comp_stream", "comp_stream_usage", "comp_pii_stream"])
def test_completions_stream(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``completions.create(stream=True)``."""

    def read(base_url: str, recording: str) -> list[Any]:
        chunks = openai_of(base_url).completions.create(model=MODEL, prompt=f"[replay {recording}]", stream=True)
        return ["".join(choice.text for chunk in chunks for choice in chunk.choices)]

    compare(stack, bare, read, recording)


def _output_of(response: Any) -> list[Any]:
    items = [item.model_dump() for item in response.output]
    parts = [[part.get("text") for part in item.get("content") or []] for item in items]
    return [response.status, response.output_text, parts, [[i.get("name"), i.get("arguments")] for i in items]]


@pytest.mark.parametrize("recording", ["responses", "responses_hello", "responses_greeting_pii", "responses_refusal"])
def test_responses(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``responses.create``."""

    def read(base_url: str, recording: str) -> list[Any]:
        return _output_of(openai_of(base_url).responses.create(model=MODEL, input=f"[replay {recording}]"))

    compare(stack, bare, read, recording)


@pytest.mark.parametrize(
    "recording",
    [
        "responses_stream",
        "responses_hello_stream",
        "responses_pii_stream",
        "responses_greeting_pii_stream",
        "responses_refusal_stream",
        "responses_tool_stream",
    ],
)
def test_responses_stream(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``responses.stream``: deltas, and every event that repeats the text, agree; events are numbered in order."""

    def read(base_url: str, recording: str) -> list[Any]:
        deltas, dones, numbers = "", [], []
        with openai_of(base_url).responses.stream(model=MODEL, input=f"[replay {recording}]") as stream:
            for told in stream:
                numbers.append(told.sequence_number)
                if told.type.endswith(".delta"):
                    deltas += told.delta  # type: ignore[union-attr,operator]
                elif told.type in ("response.output_text.done", "response.function_call_arguments.done"):
                    dones.append(getattr(told, "text", None) or getattr(told, "arguments", None))
            final = _output_of(stream.get_final_response())
        assert numbers == sorted(set(numbers))
        return [deltas, dones, final]

    seen = compare(stack, bare, read, recording)
    assert seen[0] == "".join(seen[1])


def test_embeddings(stack: Stack, bare: ModelServer) -> None:
    """``embeddings.create``: vectors pass as they are; the text that goes in is masked and metered."""
    for model in stack.models.values():
        model.seen.clear()
    measured = Measured(stack)
    answer = openai_of(stack.base_url).embeddings.create(
        model=MODEL, input=["Mail jane.doe@example.com"], encoding_format="float"
    )
    plain = openai_of(bare.base_url).embeddings.create(model=MODEL, input="x", encoding_format="float")
    assert answer.data[0].embedding == plain.data[0].embedding
    (seen,) = (seen for model in stack.models.values() for seen in model.seen)
    assert seen.request.document["input"] == ["Mail <EMAIL>"]
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_prompt_tokens_total") == plain.usage.prompt_tokens


def test_rerank(stack: Stack) -> None:
    """A method of no client, but a path of its server: masked on the way in and on the way out, and metered."""
    for model in stack.models.values():
        model.seen.clear()
    measured = Measured(stack)
    body = {"model": MODEL, "query": "Where to?", "documents": ["Mail jane.doe@example.com"]}
    answer: Any = openai_of(stack.base_url).post("/rerank", body=body, cast_to=object)
    (seen,) = (seen for model in stack.models.values() for seen in model.seen)
    assert seen.request.document["documents"] == ["Mail <EMAIL>"]
    assert answer["results"][0]["document"]["text"] == "Mail invoices to <EMAIL>."
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_prompt_tokens_total") == answer["usage"]["prompt_tokens"]


def test_models_list(stack: Stack) -> None:
    """``models.list`` passes unread."""
    assert [model.id for model in openai_of(stack.base_url).models.list()] == [MODEL]


def test_raw_response(stack: Stack) -> None:
    """``with_raw_response`` shows the version that answered."""
    raw = openai_of(stack.base_url).chat.completions.with_raw_response.create(
        model=MODEL, messages=cue("hello"), extra_headers={"x-model-version": "v2"}
    )
    assert (raw.status_code, raw.headers["x-llm-served-version"], raw.parse().model) == (200, f"{MODEL}/v2", MODEL)


# --- Anthropic -----------------------------------------------------------------------------------------------------


def _blocks_of(message: Any) -> list[Any]:
    blocks = [block.model_dump() for block in message.content]
    kept = ("type", "text", "thinking", "name", "input")
    return [message.stop_reason, [{key: block[key] for key in kept if key in block} for block in blocks]]


@pytest.mark.parametrize("recording", ["messages", "messages_hello", "messages_greeting_pii", "messages_tool"])
def test_messages(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``messages.create``: texts and tool use."""

    def read(base_url: str, recording: str) -> list[Any]:
        return _blocks_of(anthropic_of(base_url).messages.create(model=MODEL, max_tokens=9, messages=cue(recording)))

    compare(stack, bare, read, recording)


@pytest.mark.parametrize(
    "recording",
    [
        "messages_stream",
        "messages_hello_stream",
        "messages_greeting_pii_stream",
        "messages_json_stream",
        "messages_tool_stream",
    ],
)
def test_messages_stream(stack: Stack, bare: ModelServer, recording: str) -> None:
    """``messages.stream``, which builds the message from its events: text, and a tool's input from fragments."""

    def read(base_url: str, recording: str) -> list[Any]:
        with anthropic_of(base_url).messages.stream(model=MODEL, max_tokens=9, messages=cue(recording)) as stream:
            text = "".join(stream.text_stream)
            return [text, *_blocks_of(stream.get_final_message())]

    compare(stack, bare, read, recording)


# --- streamed and unstreamed agree ---------------------------------------------------------------------------------


FOUND = ("llm_guard_verdicts_total", "llm_guard_findings_total", "llm_refusal_total", "llm_answers_total")


@pytest.mark.parametrize("recording", ["hello", "greeting_pii", "refusal"])
def test_dictated_chats_are_equal_streamed_and_not(stack: Stack, recording: str) -> None:
    """The same dictated text gives the same masked text, and the same findings."""
    measured = Measured(stack)
    (message,) = chat(stack.base_url, recording)
    assert measured.outcomes() == {"completed": 1}
    found = {name: measured.rise(name) for name in FOUND}
    measured = Measured(stack)
    texts = {tuple(place): text for place, text in chat_stream(stack.base_url, f"{recording}_stream")}
    assert measured.outcomes() == {"completed": 1}
    assert texts[0, "content"] == message["content"]
    assert {name: measured.rise(name) for name in FOUND} == found


@pytest.mark.parametrize("recording", ["responses_hello", "responses_greeting_pii", "responses_refusal"])
def test_dictated_responses_are_equal_streamed_and_not(stack: Stack, recording: str) -> None:
    """The same for responses."""
    client = openai_of(stack.base_url)
    whole = client.responses.create(model=MODEL, input=f"[replay {recording}]").output_text
    with client.responses.stream(model=MODEL, input=f"[replay {recording}_stream]") as stream:
        assert stream.get_final_response().output_text == whole


@pytest.mark.parametrize("recording", ["messages_hello", "messages_greeting_pii"])
def test_dictated_messages_are_equal_streamed_and_not(stack: Stack, recording: str) -> None:
    """The same for messages."""
    client = anthropic_of(stack.base_url)
    whole = client.messages.create(model=MODEL, max_tokens=9, messages=cue(recording)).content[0]
    with client.messages.stream(model=MODEL, max_tokens=9, messages=cue(f"{recording}_stream")) as stream:
        assert stream.get_final_text() == whole.text  # type: ignore[union-attr]
