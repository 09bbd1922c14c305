"""Answers, streamed and not: what is unreadable, what is not named, how a choice is cut, what the client is shown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.dialect import Frame, StreamReader, UnreadableResponse
from extproc.payload.endpoints import CHAT, ENDPOINTS, dialect_of_errors
from extproc.payload.error_body import PlainTextView, error_slots
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import NameSlot
from extproc.payload.view import Slot
from tests.unit.payload.requests import BY_NAME

ERROR = ApiError(400, "invalid_request_error", "some_code", "Some words.", "messages")


def event(tree: Any, name: str = "") -> SseEvent:
    """An event that holds a JSON value."""
    return SseEvent(b"", name, orjson.dumps(tree))


def chunk(**choice: Any) -> SseEvent:
    """A chat or completions chunk of one choice."""
    return event({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": None, **choice}]})


def reader_of(name: str, **shown: Any) -> StreamReader:
    """A reader of a stream that has just begun."""
    return BY_NAME[name].stream(shown)


def values(slots: list[Slot]) -> list[str]:
    """The texts of slots but for names of keys."""
    return [slot.text for slot in slots if not isinstance(slot, NameSlot)]


def names(slots: list[Slot]) -> list[str]:
    """The names of keys among slots."""
    return [slot.text for slot in slots if isinstance(slot, NameSlot)]


def said(slots: list[Slot]) -> list[tuple[str, str]]:
    """Kind and text of each slot."""
    return [(slot.source.kind.value, slot.text) for slot in slots]


# --- unreadable ----------------------------------------------------------------------------------------------------

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


# --- what is not named ---------------------------------------------------------------------------------------------


def test_unnamed_fields_of_chat_are_read() -> None:
    """In a message, its choice and the whole answer, with the names of keys; short numbers and null hold no text."""
    choice = {"index": 0, "message": {"content": "a", "later": ["b"], "n": 1}, "matched": {"x": "c"}, "score": None}
    view = CHAT.read_response({"choices": [choice], "note": "d", "usage": {}, "system_fingerprint": "f"})
    assert values(view.slots) == ["a", "b", "d", "c"]
    assert names(view.slots) == ["later", "n", "note", "matched", "x", "score"]
    assert len({(slot.source, slot.place) for slot in view.slots}) == len(view.slots)


def test_an_unnamed_field_of_a_delta_is_one_channel_in_all_events() -> None:
    """Its pieces belong together; those of another field do not."""
    reader = reader_of("chat")
    sources = [
        next(slot.source for slot in reader.read(chunk(delta={name: "x"})).slots if not slot.complete)
        for name in ("thoughts", "other", "thoughts", "content")
    ]
    assert sources[0] == sources[2]
    assert len(set(sources)) == 3


def test_what_is_said_about_a_chunk_is_complete() -> None:
    """A word that comes in each chunk is not a text that goes on, and is never held back."""
    frame = reader_of("chat").read(chunk(delta={"content": "a"}, native_reason="stop"))
    assert [(slot.text, slot.complete) for slot in frame.slots] == [
        ("a", False),
        ("native_reason", True),
        ("stop", True),
    ]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "name": "a", "input": {"q": "b"}},
        {"type": "text", "text": "a", "citations": [{"cited_text": "b"}]},
        {"type": "later", "words": "a", "more": ["b"]},
    ],
)
def test_unnamed_blocks_of_messages_are_read(block: dict[str, Any]) -> None:
    """Whatever a block calls itself."""
    view = BY_NAME["messages"].read_response({"content": [block]})
    assert [text.strip('{}"').removeprefix('q":"') for text in values(view.slots) if text != "later"] == ["a", "b"]


def test_unnamed_items_of_responses_are_read() -> None:
    """Items, parts, annotations and the error of the whole."""
    part = {"type": "output_text", "text": "a", "annotations": [{"title": "b"}]}
    output = [{"type": "message", "content": [part]}, {"type": "later_call", "query": "c", "name": "d"}]
    view = BY_NAME["responses"].read_response({"output": output, "error": {"message": "e"}, "instructions": "own"})
    assert sorted(values(view.slots)) == ["a", "b", "c", "d", "e", "own"]


def test_tool_calls_of_other_kinds_are_read() -> None:
    """Custom tools, and the one function that chat had before it had tools; streamed, its rest is sent as its own."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "a", "input": "b"}}
    message = {"tool_calls": [custom], "function_call": {"name": "c", "arguments": "d"}}
    view = CHAT.read_response({"choices": [{"index": 0, "message": message}]})
    assert sorted(values(view.slots)) == ["a", "b", "c", "d"]
    (function, call) = (
        {"function_call": {"arguments": "d"}},
        {"tool_calls": [{"index": 3, "function": {"arguments": "d"}}]},
    )
    for delta in (function, call):
        reader = reader_of("chat")
        (slot,) = reader.read(chunk(delta=delta)).slots
        assert orjson.loads(reader.carry(slot.source, "d")[6:])["choices"][0]["delta"] == delta


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


# --- single events -------------------------------------------------------------------------------------------------


def test_roles_names_and_ids_are_not_bare() -> None:
    """An event that brings more than its texts must go out even when they are held back."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    fragment = {"index": 0, "function": {"arguments": "{"}}
    bare = {
        True: [{"content": "a"}, {"reasoning": "a"}, {"content": None, "tool_calls": [fragment]}],
        False: [{"role": "assistant", "content": ""}, {"tool_calls": [call]}, {"content": "a", "later": "b"}],
    }
    for expected, deltas in bare.items():
        for delta in deltas:
            assert reader_of("chat").read(chunk(delta=delta)).bare is expected, delta
    assert not reader_of("chat").read(chunk(delta={"content": "a"}, finish_reason="stop")).bare
    assert not reader_of("completions").read(chunk(text="a", finish_reason="stop")).bare
    assert reader_of("completions").read(chunk(text="a")).bare


def test_the_usage_chunk_is_told_from_the_others() -> None:
    """Only a chunk without choices is one; a usage of null is none."""
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    reader = reader_of("chat")
    assert reader.read(event({"choices": [], "usage": usage})).usage_only
    assert reader.usage.result(RequestSize()) == Usage(9, 5)
    assert not reader_of("chat").read(event({"choices": [], "usage": None})).usage_only
    with_text = event({"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": usage})
    assert not reader_of("chat").read(with_text).usage_only


@pytest.mark.parametrize("name", ["chat", "completions", "responses", "messages"])
def test_an_error_frame_is_a_failure_and_its_words_are_read(name: str) -> None:
    """They may quote the request; they are complete, so that nothing of them is sent as content."""
    tree = {"type": "error", "error": {"message": "jane.doe@example.com", "code": 400}}
    frame = reader_of(name).read(event(tree, "error"))
    assert frame.failed
    assert ("aside", "jane.doe@example.com") in said(frame.slots)
    assert all(slot.complete for slot in frame.slots)


def test_an_error_of_null_is_none() -> None:
    """Some servers write the field always."""
    tree = {"error": None, "choices": [{"index": 0, "delta": {"content": "a"}}]}
    frame = reader_of("chat").read(event(tree))
    assert (frame.failed, said(frame.slots)) == (False, [("content", "a")])


def test_names_are_complete_and_arguments_are_not() -> None:
    """A name comes whole, and a client that got an empty one could not call it."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}
    frames = [
        reader_of("chat").read(chunk(delta={"tool_calls": [call]})),
        reader_of("messages").read(
            event({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f"}})
        ),
    ]
    for frame in frames:
        assert {slot.source.kind: slot.complete for slot in frame.slots}.get(Kind.NAME) is True
    assert [slot.complete for slot in frames[0].slots] == [True, False]


def test_messages_usage_without_input_tokens() -> None:
    """Anthropic's own last event counts the output only: the prompt is that of the first event."""
    reader = reader_of("messages")
    first = {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}
    reader.read(event({"type": "message_start", "message": {"content": [], "usage": first}}))
    assert reader.usage.result(RequestSize()) == Usage(13, 1, cached=4, estimated=True)
    reader.read(event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}}))
    assert reader.usage.result(RequestSize()) == Usage(13, 7, cached=4)


# --- what the client is shown --------------------------------------------------------------------------------------


def written(reader: StreamReader, frame: Frame) -> Any:
    """What an event becomes."""
    return orjson.loads(reader.write(frame).partition(b"data: ")[2])


def test_the_model_is_shown_as_it_was_asked_for() -> None:
    """In every event that names it, in events of ours too, and never in an error."""
    reader = reader_of("chat", model="asked")
    frame = reader.read(chunk(delta={"content": "a"}))
    assert frame.changed
    assert written(reader, frame)["model"] == "asked"
    assert orjson.loads(reader.cut(0)[6:])["model"] == "asked"
    assert "model" not in written(reader, reader.read(event({"error": {"message": "a"}})))
    messages = reader_of("messages", model="asked")
    start = messages.read(event({"type": "message_start", "message": {"model": "served"}}, "message_start"))
    assert written(messages, start)["message"]["model"] == "asked"
    responses = reader_of("responses", model="asked", instructions=None)
    created = {"type": "response.created", "response": {"model": "served", "instructions": "ours"}}
    shown = written(responses, responses.read(event(created)))["response"]
    assert shown == {"model": "asked", "instructions": None}


def test_a_choice_that_was_cut_is_taken_out() -> None:
    """The rest of the event stays; of an event with no other choice nothing is left."""
    both = {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {}}]}
    reader = reader_of("chat")
    frame = reader.read(event(both))
    assert reader.without_choice(frame, 0)
    assert [choice["index"] for choice in written(reader, frame)["choices"]] == [1]
    assert not reader.without_choice(frame, 1)
    assert reader.without_choice(reader.read(event({"choices": [], "usage": None})), 0)


# --- cutting an unstreamed answer ----------------------------------------------------------------------------------


def test_chat_answer_cut() -> None:
    """The choice says why; calls that were not reached are gone; other choices stay."""
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in "fg"]
    tree: dict[str, Any] = {"choices": [{"index": index, "message": {"tool_calls": list(calls)}} for index in (0, 1)]}
    view = CHAT.read_response(tree)
    CHAT.cut_response(view, 0, view.slots[:2])
    assert [len(choice["message"]["tool_calls"]) for choice in tree["choices"]] == [1, 2]
    assert [choice.get("finish_reason") for choice in tree["choices"]] == ["content_filter", None]


def test_completions_answer_cut() -> None:
    """Only the choice that is meant."""
    tree = {"choices": [{"index": index, "text": "a", "finish_reason": "stop"} for index in (0, 1)]}
    view = BY_NAME["completions"].read_response(tree)
    BY_NAME["completions"].cut_response(view, 1, [])
    assert [choice["finish_reason"] for choice in tree["choices"]] == ["stop", "content_filter"]


def test_messages_answer_cut() -> None:
    """Blocks after the last that was reached are gone."""
    tree = {"content": [{"type": "text", "text": text} for text in "abc"], "stop_reason": "end_turn"}
    view = BY_NAME["messages"].read_response(tree)
    BY_NAME["messages"].cut_response(view, 0, view.slots[:2])
    assert (len(tree["content"]), tree["stop_reason"]) == (2, "refusal")


def test_responses_answer_cut() -> None:
    """Items after the last that was reached are gone, and the status says why."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    tree: dict[str, Any] = {"output": [orjson.loads(orjson.dumps(item)) for _ in range(3)], "status": "completed"}
    view = BY_NAME["responses"].read_response(tree)
    BY_NAME["responses"].cut_response(view, 0, view.slots[:2])
    assert (len(tree["output"]), tree["status"]) == (2, "incomplete")
    assert tree["incomplete_details"] == {"reason": "content_filter"}


@pytest.mark.parametrize(("text", "after"), [('{"a":"<X>"}', {"a": "<X>"}), ('{"a":"', {})])
def test_structured_values_stay_values(text: str, after: Any) -> None:
    """A tool's input is judged as JSON text and put back as a value; one that was cut short is emptied."""
    tree = {"content": [{"type": "tool_use", "name": "f", "input": {"a": "jane"}}]}
    (_, slot) = BY_NAME["messages"].read_response(tree).slots
    assert slot.text == '{"a":"jane"}'
    slot.put(text)
    assert tree["content"][0]["input"] == after


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ENDPOINTS)
def test_error_bodies(path: str) -> None:
    """Anthropic's object for messages and their counts, OpenAI's for the rest."""
    tree = orjson.loads(ENDPOINTS[path].error_body(ERROR))
    assert tree["error"]["message"] == "Some words."
    anthropic = path.startswith("/v1/messages")
    assert tree.get("type") == ("error" if anthropic else None)
    if not anthropic:
        assert (tree["error"]["code"], tree["error"]["param"]) == ("some_code", "messages")


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/messages/batches", "messages"), ("/v1/responses", "responses"), ("/metrics", "chat"), ("", "chat")],
)
def test_errors_of_paths_that_are_not_read(path: str, name: str) -> None:
    """A client of Anthropic's API reads Anthropic's errors, also where it may not go."""
    assert dialect_of_errors(path).name == name
    assert dialect_of_errors(path, anthropic=True).name == (name if name == "responses" else "messages")


def test_error_bodies_of_the_server_are_all_text() -> None:
    """JSON or not, every string is judged."""
    tree = {"error": {"message": "a", "param": None, "more": ["b"]}, "detail": "c"}
    assert (values(error_slots(tree)), names(error_slots(tree))) == (["a", "b", "c"], ["more"])
    view = PlainTextView("Grüße \xff".encode("latin-1"))
    assert view.slots[0].text == "Gr\ufffd\ufffde \ufffd"
    view.slots[0].put("é")
    assert view.write() == "é".encode()
