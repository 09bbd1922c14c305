"""Fields that no dialect names are read."""

from __future__ import annotations

import orjson

from extproc.payload.endpoints import CHAT
from tests.unit.payload.answers import chunk, names, reader_of, values


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
