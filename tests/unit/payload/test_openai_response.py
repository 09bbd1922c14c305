"""Answers of OpenAI's completions and chats: single chunks, choices that are cut, what the client is shown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.text import Kind
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.dialect import Frame, StreamReader
from tests.unit.payload.answers import chunk, event, reader_of, said


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


@pytest.mark.parametrize(
    ("api", "of_a_finding", "at_limit"),
    [
        ("chat", "content_filter", "length"),
        ("completions", "content_filter", "length"),
        ("messages", "refusal", "max_tokens"),
        ("responses", "content_filter", "max_output_tokens"),
    ],
)
def test_an_end_of_ours_says_whether_a_limit_was_reached(api: str, of_a_finding: str, at_limit: str) -> None:
    """In the words of each API, which its clients know."""
    for limited, reason, other in ((False, of_a_finding, at_limit), (True, at_limit, of_a_finding)):
        told = reader_of(api).cut(0, limited).decode()
        assert f'"{reason}"' in told
        assert f'"{other}"' not in told


def test_a_choice_that_was_cut_is_taken_out() -> None:
    """The rest of the event stays; of an event with no other choice nothing is left."""
    both = {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {}}]}
    reader = reader_of("chat")
    frame = reader.read(event(both))
    assert reader.without_choice(frame, 0)
    assert [choice["index"] for choice in written(reader, frame)["choices"]] == [1]
    assert not reader.without_choice(frame, 1)
    assert reader.without_choice(reader.read(event({"choices": [], "usage": None})), 0)
