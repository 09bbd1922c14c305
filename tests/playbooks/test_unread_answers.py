"""Nothing of an answer is unread, and its end is no door: what servers newer than we are, or other ones, may send.

Finding 9 of the attacks on d414d60, and what is like it. A value stands somewhere in an answer, whole or over two
events; the client never gets it, and what it gets is still the answer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.record import Outcome
from tests.playbooks.driver import (
    CHAT,
    DONE,
    PII_BLOCK,
    dumps,
    snapshot_of,
    sse,
)
from tests.playbooks.unread import (
    BLOCKS,
    CARD,
    ITEM,
    MAIL,
    MESSAGE,
    RESPONSE,
    STREAMS,
    VALUES,
    chat_tree,
    got,
    is_clean,
    objects_in,
    put,
    streamed,
    whole,
)

# --- whole answers: unknown keys, at every level ---------------------------------------------------------------------

PLACES_OF_CHAT = ["", "usage", "choices.0", "choices.0.message", "choices.0.message.tool_calls.0"]
PLACES_OF_CHAT += ["choices.0.message.tool_calls.0.function", "choices.0.message.function_call", "metrics"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("place", PLACES_OF_CHAT)
def test_an_unknown_key_of_a_chat_is_read(place: str, value: Any) -> None:
    """``tool_calls[].X``, ``function.X``, ``function_call.X``, ``usage.X``: strings, numbers and names of keys."""
    talk = whole(CHAT, dumps(put(chat_tree(), place, "later", value)))
    assert is_clean(talk)
    assert talk.client_json["choices"][0]["message"]["content"] == "Hi"


@pytest.mark.parametrize("place", PLACES_OF_CHAT)
def test_a_name_of_a_key_in_a_chat_is_read(place: str) -> None:
    """The key is taken out."""
    assert is_clean(whole(CHAT, dumps(put(chat_tree(), place, MAIL, {"a": ["b"]}))))


@pytest.mark.parametrize("key", ["id", "object", "model", "system_fingerprint", "service_tier", "created"])
@pytest.mark.parametrize("value", [MAIL, CARD])
def test_an_inert_key_of_a_chat_is_read_where_it_says_more(key: str, value: Any) -> None:
    """An id is no place for an address."""
    assert is_clean(whole(CHAT, dumps(put(chat_tree(), "", key, value))))


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "later", "delta", "text", "routed_experts"])
def test_every_key_of_a_choice_is_read(key: str) -> None:
    """The reason of an end, and what belongs into another kind of choice."""
    assert is_clean(whole(CHAT, dumps(put(chat_tree(), "choices.0", key, MAIL))))


def test_a_custom_tool_beside_a_function_is_read() -> None:
    """``custom.input`` of a call that has both."""
    custom = {"name": "f", "input": f"to {MAIL}"}
    assert is_clean(whole(CHAT, dumps(put(chat_tree(), "choices.0.message.tool_calls.0", "custom", custom))))


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("place", ["", "usage", "content.0", "content.1"])
def test_an_unknown_key_of_a_message_is_read(place: str, value: Any) -> None:
    """Of the message, its usage and its blocks."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    tree = json.loads(dumps({**MESSAGE, "content": BLOCKS, "usage": usage}))
    talk = whole("/v1/messages", dumps(put(tree, place, "later", value)))
    assert is_clean(talk)
    assert talk.client_json["content"][0]["text"] == "Hi"


@pytest.mark.parametrize(
    ("place", "key"), [("", "stop_sequence"), ("", "id"), ("content.0", "signature"), ("content.1", "id")]
)
def test_what_a_message_may_say_freely_is_read(place: str, key: str) -> None:
    """The stop text, ids, signatures."""
    tree = json.loads(dumps({**MESSAGE, "content": BLOCKS}))
    assert is_clean(whole("/v1/messages", dumps(put(tree, place, key, MAIL))))


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("place", ["", "usage", "output.0", "output.0.content.0"])
def test_an_unknown_key_of_a_response_is_read(place: str, value: Any) -> None:
    """Of the object, its items and their parts."""
    talk = whole("/v1/responses", dumps(put(json.loads(dumps(RESPONSE)), place, "later", value)))
    assert is_clean(talk)
    assert talk.client_json["output"][0]["content"][0]["text"] == "Hi"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("output_text", MAIL),
        ("reasoning", {"summary": MAIL}),
        ("incomplete_details", {"reason": MAIL}),
        ("metadata", {MAIL: "x"}),
        ("user", MAIL),
        ("error", {"message": MAIL}),
        ("text", {"format": {"schema": {"const": MAIL}}}),
    ],
)
def test_every_key_of_a_response_is_read(key: str, value: Any) -> None:
    """``output_text`` repeats the whole text, and clients show it."""
    assert is_clean(whole("/v1/responses", dumps({**RESPONSE, key: value})))


@pytest.mark.parametrize("key", ["encrypted_content", "call_id", "id", "status", "phase", "caller"])
def test_every_key_of_an_item_is_read(key: str) -> None:
    """Whatever it is for."""
    tree = json.loads(dumps(RESPONSE))
    assert is_clean(whole("/v1/responses", dumps(put(tree, "output.0", key, MAIL))))


def test_a_cut_response_does_not_repeat_what_was_cut() -> None:
    """``output_text`` goes with the items."""
    tree = {**RESPONSE, "output_text": f"Hi, {MAIL} and more"}
    tree["output"] = [put(json.loads(dumps(ITEM)), "content.0", "text", f"Hi, {MAIL} and more")]
    talk = whole("/v1/responses", dumps(tree), snapshot=snapshot_of(PII_BLOCK))
    assert talk.record.outcome is Outcome.CUT
    assert "more" not in got(talk)


# --- streams: unknown keys -------------------------------------------------------------------------------------------

OBJECTS = [
    pytest.param(path, number, place, id=f"{path}-{number}-{place}")
    for path, trees in STREAMS.items()
    for number, tree in enumerate(trees)
    for place in objects_in(tree)
]


def events_with(path: str, number: int, place: str, key: str, value: Any) -> list[bytes]:
    """A stream with a value more in one of its events."""
    trees = json.loads(dumps(STREAMS[path]))
    put(trees[number], place, key, value)
    return [sse(tree, tree.get("type", "")) for tree in trees] + ([DONE] if "type" not in trees[0] else [])


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize(("path", "number", "place"), OBJECTS)
def test_an_unknown_key_of_an_event_is_read(path: str, number: int, place: str, value: Any) -> None:
    """In ``message_start``, ``message_delta``, ``ping``, ``content_block_*``, deltas, items, parts and all others."""
    talk = streamed(path, *events_with(path, number, place, "later", value))
    assert is_clean(talk)
    assert talk.record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(("path", "number", "place"), OBJECTS)
def test_a_name_of_a_key_of_an_event_is_read(path: str, number: int, place: str) -> None:
    """The key is taken out."""
    assert is_clean(streamed(path, *events_with(path, number, place, MAIL, "x")))
