"""Events of our own, read by the official clients: a recorded beginning, then what we say instead of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.domain.errors import ApiError
from extproc.domain.text import Kind
from extproc.payload.dialect import StreamReader
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.sse import SseEvent, SseReader
from tests.stream.recorded import EVENT_BYTES_MAX, Recorded, recorded, recordings, texts_of_stream

ERROR = ApiError(500, "server_error", "guard_failed", "A check failed.")
HI: Any = [{"role": "user", "content": "Hi"}]


@dataclass
class Script:
    """What the server answers next."""

    stream: bytes = b""
    status: int = 200
    content_type: str = "text/event-stream"


@pytest.fixture(scope="module")
def script() -> Script:
    """The answer of all clients of this module."""
    return Script()


@pytest.fixture(scope="module")
def server(script: Script) -> Iterator[ModelServer]:
    """A model server that says what the script holds."""

    def respond(_: object) -> Scripted:
        return Scripted(script.status, (("content-type", script.content_type),), (script.stream,))

    with ModelServer(respond=respond, speed=0) as running:
        yield running


@pytest.fixture(scope="module")
def openai_client(server: ModelServer) -> Iterator[openai.OpenAI]:
    """The official client, unmodified."""
    with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(server: ModelServer) -> Iterator[anthropic.Anthropic]:
    """The official client, unmodified."""
    with anthropic.Anthropic(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


def recording(name: str) -> Recorded:
    """A recording, which must be of an API that we read."""
    item = recorded(name)
    assert item is not None
    return item


def beginning(name: str, texts: int) -> tuple[StreamReader, bytes]:
    """A reader that has read a stream up to some pieces of text, and what the client had of it."""
    item = recording(name)
    reader = item.dialect.stream({})
    passed: list[SseEvent] = []
    for event in SseReader(EVENT_BYTES_MAX).feed(item.answer):
        frame = reader.read(event)
        passed.append(event)
        for slot in frame.slots:
            reader.usage.piece(slot.source.choice, slot.text)
        texts -= any(slot.text for slot in frame.slots)
        if texts < 0:
            break
    return reader, b"".join(event.raw for event in passed)


def source_of(name: str, kind: Kind = Kind.CONTENT) -> Any:
    """The last channel of a kind in a recording."""
    item = recording(name)
    return [source for source in texts_of_stream(item.dialect, item.answer) if source.kind is kind][-1]


def test_chat_cut(script: Script, openai_client: openai.OpenAI) -> None:
    """Held text comes as content, then ``content_filter`` ends the choice and ``[DONE]`` the stream."""
    reader, passed = beginning("hello_stream", 5)
    script.stream = passed + reader.carry(source_of("hello_stream"), "HELD") + reader.cut(0) + reader.end()
    with openai_client.chat.completions.create(model="m", messages=HI, stream=True) as stream:
        chunks = list(stream)
    assert chunks[-2].choices[0].delta.content == "HELD"
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.model and chunk.created and chunk.object for chunk in chunks)


def test_chat_cut_of_one_choice_of_two(script: Script, openai_client: openai.OpenAI) -> None:
    """The other one goes on to its own end."""
    item = recording("chat_n2_stream")
    reader = item.dialect.stream({})
    out = b""
    for number, event in enumerate(SseReader(EVENT_BYTES_MAX).feed(item.answer)):
        frame = reader.read(event)
        if number == 10:
            out += reader.cut(0)
        if number < 10 or frame.tree is None:
            out += event.raw
        elif reader.without_choice(frame, 0):
            out += reader.write(frame)
    script.stream = out
    with openai_client.chat.completions.create(model="m", messages=HI, stream=True, n=2) as stream:
        choices = [choice for chunk in stream for choice in chunk.choices]
    reasons = {choice.index: choice.finish_reason for choice in choices if choice.finish_reason}
    assert reasons == {0: "content_filter", 1: "length"}
    whole = texts_of_stream(item.dialect, item.answer)
    for source, text in whole.items():
        got = "".join(choice.delta.content or "" for choice in choices if choice.index == source.choice)
        assert (got == text) is (source.choice == 1)
        assert text.startswith(got)


def test_chat_held_tool_arguments(script: Script, openai_client: openai.OpenAI) -> None:
    """A client that accumulates fragments by index puts ours where they belong."""
    reader, passed = beginning("chat_tool_auto_two_stream", 30)
    source = source_of("chat_tool_auto_two_stream", Kind.JSON)
    script.stream = passed + reader.carry(source, "HELD") + reader.cut(0) + reader.end()
    with openai_client.chat.completions.create(model="m", messages=HI, stream=True) as stream:
        calls = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[-1].index == 1
    assert calls[-1].function is not None
    assert calls[-1].function.arguments == "HELD"


def test_completions_cut(script: Script, openai_client: openai.OpenAI) -> None:
    """As in chat."""
    reader, passed = beginning("comp_stream", 5)
    script.stream = passed + reader.carry(source_of("comp_stream"), "HELD") + reader.cut(0) + reader.end()
    with openai_client.completions.create(model="m", prompt="Hi", stream=True) as stream:
        chunks = list(stream)
    assert chunks[-2].choices[0].text == "HELD"
    assert chunks[-1].choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("name", ["hello_stream", "comp_stream"])
def test_failure_in_mid_stream(name: str, script: Script, openai_client: openai.OpenAI) -> None:
    """The client raises what we said."""
    reader, passed = beginning(name, 5)
    script.stream = passed + reader.failure(ERROR)
    create: Any = openai_client.completions.create if name == "comp_stream" else openai_client.chat.completions.create
    fields = {"prompt": "Hi"} if name == "comp_stream" else {"messages": HI}
    with create(model="m", stream=True, **fields) as stream, pytest.raises(openai.APIError) as caught:
        list(stream)
    assert (caught.value.message, caught.value.code) == (ERROR.message, ERROR.code)


def test_responses_cut(script: Script, openai_client: openai.OpenAI) -> None:
    """``response.incomplete`` with the reason ends the stream; numbers go on without a gap."""
    item = recording("responses_hello_stream")
    reader = item.dialect.stream({})
    out = b""
    for number, event in enumerate(SseReader(EVENT_BYTES_MAX).feed(item.answer)):
        frame = reader.read(event)
        if number == 12:
            break
        out += reader.write(frame)
    script.stream = out + reader.carry(source_of(item.name), "HELD") + reader.cut(0) + reader.end()
    with openai_client.responses.stream(model="m", input="Hi") as stream:
        events: list[Any] = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-2].delta == "HELD"
    last = events[-1]
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.id == events[0].response.id


def test_responses_failure(script: Script, openai_client: openai.OpenAI) -> None:
    """An ``error`` event, which this client gives out as it came."""
    reader, passed = beginning("responses_hello_stream", 5)
    script.stream = passed + reader.failure(ERROR)
    with openai_client.responses.create(model="m", input="Hi", stream=True) as stream:
        last: Any = list(stream)[-1]
    assert (last.type, last.code, last.message) == ("error", ERROR.code, ERROR.message)


def test_messages_cut(script: Script, anthropic_client: anthropic.Anthropic) -> None:
    """The open block ends, and ``stop_reason`` is ``refusal``."""
    reader, passed = beginning("messages_hello_stream", 5)
    script.stream = passed + reader.carry(source_of("messages_hello_stream"), "HELD") + reader.cut(0) + reader.end()
    with anthropic_client.messages.stream(model="m", max_tokens=5, messages=HI) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert message.stop_reason == "refusal"
    assert message.content[0].type == "text"
    assert message.content[0].text.endswith("HELD")
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("at", ["content_block_start", "content_block_stop"])
def test_messages_cut_at_the_edge_of_a_block(at: str, script: Script, anthropic_client: anthropic.Anthropic) -> None:
    """Only a block that the client saw begin is ended: what is cut goes in the place of the event at hand."""
    item = recording("messages_tool_stream")
    reader = item.dialect.stream({})
    passed = b""
    for event in SseReader(EVENT_BYTES_MAX).feed(item.answer):
        reader.read(event)
        if event.name == at:
            break
        passed += event.raw
    script.stream = passed + reader.cut(0) + reader.end()
    with anthropic_client.messages.stream(model="m", max_tokens=5, messages=HI) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == (at == "content_block_stop")
    assert message.stop_reason == "refusal"


def test_messages_failure(script: Script, anthropic_client: anthropic.Anthropic) -> None:
    """The client raises what we said."""
    reader, passed = beginning("messages_hello_stream", 5)
    script.stream = passed + reader.failure(ERROR)
    with (
        anthropic_client.messages.stream(model="m", max_tokens=5, messages=HI) as stream,
        pytest.raises(anthropic.APIError) as caught,
    ):
        list(stream)
    assert ERROR.message in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 413, 500, 502])
def test_error_bodies(
    status: int, script: Script, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    """Each client finds our words in its own error object."""
    error = ApiError(status, "invalid_request_error", "some_code", "Some words.", "messages")
    script.status, script.content_type = status, "application/json"
    try:
        script.stream = ENDPOINTS["/v1/chat/completions"].error_body(error)
        with pytest.raises(openai.APIStatusError) as caught:
            openai_client.chat.completions.create(model="m", messages=HI)
        assert (caught.value.code, caught.value.param, caught.value.type) == (error.code, error.param, error.type)
        script.stream = ENDPOINTS["/v1/messages"].error_body(error)
        with pytest.raises(anthropic.APIStatusError, match=r"Some words\.") as raised:
            anthropic_client.messages.create(model="m", max_tokens=5, messages=HI)
        assert raised.value.status_code == status
    finally:
        script.status, script.content_type = 200, "text/event-stream"


@pytest.mark.parametrize(
    "item",
    [item for item in recordings(streamed=True) if not item.name.startswith("crash")],
    ids=lambda item: item.name,
)
def test_texts_that_are_all_held_and_carried_are_the_same_texts(item: Recorded) -> None:
    """Taken out of every event and sent in events of ours before it, the texts of a stream do not change."""
    reader = item.dialect.stream({})
    out = b""
    for event in SseReader(EVENT_BYTES_MAX).feed(item.answer):
        frame = reader.read(event)
        for slot in frame.slots:
            if slot.text and not slot.complete:
                out += reader.carry(slot.source, slot.text)
                slot.put("")
        out += event.raw if frame.tree is None else reader.write(frame)
    assert texts_of_stream(item.dialect, out) == texts_of_stream(item.dialect, item.answer)
