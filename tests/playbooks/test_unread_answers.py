"""Nothing of an answer is unread, and its end is no door: what servers newer than we are, or other ones, may send.

Finding 9 of the attacks on d414d60, and what is like it. A value stands somewhere in an answer, whole or over two
events; the client never gets it, and what it gets is still the answer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import Answer, RequestBody, ResponseBody
from tests.playbooks.driver import (
    CHAT,
    DONE,
    JSON,
    METER,
    PII,
    PII_BLOCK,
    SSE,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    dumps,
    request_body,
    response_headers,
    snapshot_of,
    sse,
    usage_chunk,
)

MAIL = "jane.doe@example.com"
CARD = 4111111111111111
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/responses": {"input": "Hi"},
}
SNAPSHOT = snapshot_of(PII, METER)


def streamed(path: str, *events: bytes, snapshot: Any = SNAPSHOT, status: int = 200) -> Conversation:
    """A stream to its very end, an event a chunk."""
    talk = asked(snapshot, path, RequestBody(dumps({"model": "tiny", "stream": True, **BODIES[path]})))
    talk.hears(response_headers(SSE, status))
    return talk.hears_all([*(ResponseBody(event, False) for event in events), ResponseBody(b"", True)])


def whole(path: str, body: bytes, media: str = JSON, status: int = 200, snapshot: Any = SNAPSHOT) -> Conversation:
    """A whole answer."""
    talk = asked(snapshot, path, RequestBody(dumps({"model": "tiny", **BODIES[path]})))
    talk.hears(response_headers(media, status))
    return talk.hears_all(chunks(body))


def got(talk: Conversation) -> str:
    """All that a client may join: every string, name and number that it got, without what stands between."""
    texts: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for key, child in value.items():
                texts.append(key)
                collect(child)
        elif isinstance(value, list):
            for child in value:
                collect(child)
        elif value is not None:
            texts.append(str(value))

    if talk.client.startswith((b"data:", b"event:")):
        for event in talk.client_events:
            collect(event)
    else:
        collect(json.loads(talk.client))
    return "\n".join(texts)


def is_clean(talk: Conversation) -> bool:
    """Whether neither value came out, and the exchange did not fail."""
    text = got(talk)
    return MAIL not in text and str(CARD) not in text and not talk.errors


def delta(**fields: Any) -> bytes:
    """A chunk of a chat with this delta."""
    return sse({"id": "c", "choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


# --- whole answers: unknown keys, at every level ---------------------------------------------------------------------

VALUES = [MAIL, {"deep": [MAIL]}, CARD, float(CARD), {MAIL: 1}, [{"n": CARD}], {"x": {MAIL: {"y": "z"}}}]
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PLACES_OF_CHAT = ["", "usage", "choices.0", "choices.0.message", "choices.0.message.tool_calls.0"]
PLACES_OF_CHAT += ["choices.0.message.tool_calls.0.function", "choices.0.message.function_call", "metrics"]


def chat_tree() -> dict[str, Any]:
    """A whole chat answer in which every kind of object stands."""
    message = {"role": "assistant", "content": "Hi", "tool_calls": [CALL], "function_call": CALL["function"]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return json.loads(dumps({"id": "c", "choices": [choice], "usage": usage, "metrics": {}}))  # type: ignore[no-any-return]


def put(tree: Any, place: str, key: str, value: Any) -> Any:
    """The tree with a value more, or another, at a place in it."""
    holder = tree
    for step in place.split(".") if place else ():
        holder = holder[int(step)] if step.isdigit() else holder[step]
    holder[key] = value
    return tree


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


MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "tiny", "stop_reason": "end_turn"}
BLOCKS = [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]


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


ITEM = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
RESPONSE = {"id": "r", "object": "response", "model": "tiny", "status": "completed", "output": [ITEM], "usage": {}}


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

STREAMS: dict[str, list[dict[str, Any]]] = {
    CHAT: [
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": " there"}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{**CALL, "index": 0}]}, "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    ],
    "/v1/completions": [
        {"id": "c", "choices": [{"index": 0, "text": "Hi", "finish_reason": None}]},
        {"id": "c", "choices": [{"index": 0, "text": " there", "finish_reason": "stop"}]},
    ],
    "/v1/messages": [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": {}}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ],
    "/v1/responses": [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m"}},
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": "Hi"},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "item_id": "m", "text": "Hi"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": ITEM["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": RESPONSE},
    ],
}


def objects_in(value: Any, place: str = "") -> list[str]:
    """Where objects stand in a tree."""
    found = [place] if isinstance(value, dict) else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += objects_in(child, f"{place}.{key}" if place else str(key))
    return found


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


# --- streams: a value over two events --------------------------------------------------------------------------------

HALVES = [(MAIL[:cut], MAIL[cut:]) for cut in (4, 9, 13)] + [("4111 1111 ", "1111 1111"), ("41111111", "11111111")]
GROWING: list[tuple[str, Any]] = [
    ("audio.transcript", lambda piece: delta(audio={"transcript": piece})),
    ("reasoning_details", lambda piece: delta(reasoning_details=[{"type": "reasoning.text", "text": piece}])),
    ("reasoning_details of an index", lambda piece: delta(reasoning_details=[{"index": 3, "text": piece}])),
    ("annotations", lambda piece: delta(annotations=[{"type": "later", "title": piece}])),
    ("custom.input", lambda piece: delta(tool_calls=[{"index": 0, "custom": {"input": piece}}])),
    ("function_call", lambda piece: delta(function_call={"arguments": piece})),
    ("name", lambda piece: delta(tool_calls=[{"index": 0, "function": {"name": piece}}])),
    ("delta", lambda piece: delta(thoughts=piece)),
    ("choice", lambda piece: sse({"choices": [{"index": 0, "delta": {}, "later": piece}]})),
    ("deep in a choice", lambda piece: sse({"choices": [{"index": 0, "delta": {}, "later": [{"x": piece}]}]})),
    ("root", lambda piece: sse({"choices": [], "later": piece})),
    ("falsy error {}", lambda piece: chat_chunk(piece, error={})),
    ("falsy error false", lambda piece: chat_chunk(piece, error=False)),
    ('falsy error ""', lambda piece: chat_chunk(piece, error="")),
]


def places_of(wanted: Any, value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value stands in a tree."""
    if value == wanted:
        return [place]
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in places_of(wanted, child, (*place, key))]


def value_at(place: tuple[Any, ...], tree: Any) -> Any:
    """What stands there, empty if nothing does."""
    for step in place:
        try:
            tree = tree[step]
        except (KeyError, IndexError):
            return ""
    return tree or ""


@pytest.mark.parametrize("halves", HALVES, ids=repr)
@pytest.mark.parametrize("event", [event for _, event in GROWING], ids=[name for name, _ in GROWING])
def test_a_value_over_two_events_is_found_whatever_its_field_is_called(event: Any, halves: tuple[str, str]) -> None:
    """Where a client joins, the guard does: held back where a rest may come, and else taken out."""
    talk = streamed(CHAT, event(halves[0]), event(halves[1]), chat_chunk(finish="stop"), DONE)
    (where,) = places_of("the place", json.loads(event("the place")[6:]))
    text = "".join(str(value_at(where, chunk)) for chunk in talk.client_events[:-1])
    assert "".join(halves) not in text
    assert halves[0][:4] in text or "<" in text
    assert is_clean(talk)
    assert talk.record.finding_count == 1


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (lambda piece: delta(audio={"transcript": piece}), ("audio", "transcript")),
        (lambda piece: delta(reasoning_details=[{"index": 0, "text": piece}]), ("reasoning_details", 0, "text")),
        (
            lambda piece: delta(tool_calls=[{"index": 0, "custom": {"input": piece}}]),
            ("tool_calls", 0, "custom", "input"),
        ),
        (lambda piece: delta(thoughts=piece), ("thoughts",)),
    ],
)
def test_text_that_grows_arrives_whole_in_its_own_place(event: Any, place: tuple[Any, ...]) -> None:
    """What is held back at the end is carried where it belongs."""
    pieces = ["Write to ", "Jane", " at jane", ".doe@exa", "mple.com", ", plea", "se"]
    talk = streamed(CHAT, *(event(piece) for piece in pieces), chat_chunk(finish="stop"), DONE)
    text = ""
    for chunk in talk.client_events[:-1]:
        value = chunk["choices"][0]["delta"]
        for step in place:
            value = value[step] if isinstance(step, int) else value.get(step, "")
            if value == "":
                break
        text += value
    assert text == "Write to Jane at <EMAIL>, please"


def test_what_is_the_same_in_each_event_stays_as_it_is() -> None:
    """A provider's name, types and filters' verdicts are no pieces of a text."""
    fields = {"provider": "Some Provider", "filters": {"hate": {"severity": "safe"}}}
    part = {"type": "reasoning.text", "format": "later-v1", "text": "a ", "index": 0}
    events = [
        sse({"choices": [{"index": 0, "delta": {"reasoning_details": [part]}, "verdict": "safe"}], **fields})
        for _ in range(8)
    ]
    talk = streamed(CHAT, *events, chat_chunk(finish="stop"), DONE)
    for event in talk.client_events[:8]:
        assert {key: event[key] for key in fields} == fields
        assert event["choices"][0]["verdict"] == "safe"
        assert {**event["choices"][0]["delta"]["reasoning_details"][0], "text": "a "} == part


# --- responses: custom tools, the code interpreter, and events that are not known -------------------------------------


@pytest.mark.parametrize(
    ("stem", "key", "item"),
    [
        ("response.custom_tool_call_input", "input", "custom_tool_call"),
        ("response.code_interpreter_call_code", "code", "code_interpreter_call"),
        ("response.later.transcript", "transcript", "later_call"),
    ],
)
def test_deltas_of_every_kind_are_channels(stem: str, key: str, item: str) -> None:
    """vLLM's custom tools and code interpreter work, and a value over two deltas is found once."""
    place = {"item_id": "i", "output_index": 0}
    text = f"mail {MAIL} now"
    done = {"type": item, "id": "i", "name": "f", key: text}
    talk = streamed(
        "/v1/responses",
        sse({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
        sse({"type": "response.output_item.added", "output_index": 0, "item": {**done, key: ""}}),
        sse({"type": "response.code_interpreter_call.in_progress", **place}),
        *(
            sse({"type": f"{stem}.delta", "delta": piece, **place})
            for piece in ("mail jane.d", "oe@example.com", " now")
        ),
        sse({"type": f"{stem}.done", key: text, **place}),
        sse({"type": "response.output_item.done", "output_index": 0, "item": done}),
        sse({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [done]}}),
    )
    events = talk.client_events
    assert "".join(event["delta"] for event in events if event["type"] == f"{stem}.delta") == "mail <EMAIL> now"
    assert next(event[key] for event in events if event["type"] == f"{stem}.done") == "mail <EMAIL> now"
    assert is_clean(talk)
    assert talk.record.outcome is Outcome.COMPLETED


# --- ends ------------------------------------------------------------------------------------------------------------


def messages_events(*events: dict[str, Any]) -> list[bytes]:
    """Events of a streamed message."""
    return [sse(event, event["type"]) for event in events]


def text_delta(piece: str, index: int = 0) -> dict[str, Any]:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}


START: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP: dict[str, Any] = {"type": "content_block_stop", "index": 0}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}


def output_delta(piece: str) -> bytes:
    """A piece of a response's text."""
    return sse({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": piece})


FIRST, SECOND = "Mail jane.doe@exam", "ple.com now"
OUTPUT_DONE = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": FIRST}
ITEM_DONE = {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": []}}
COMPLETED = sse({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}})
ERROR = {"message": "broken", "code": 500}
ENDS = {
    "finish_reason": (CHAT, [chat_chunk(FIRST), chat_chunk(finish="stop"), chat_chunk(SECOND), DONE]),
    "finish_reason with text": (CHAT, [chat_chunk(FIRST, finish="stop"), chat_chunk(SECOND), DONE]),
    "DONE": (CHAT, [chat_chunk(FIRST), DONE, chat_chunk(SECOND), DONE]),
    "error frame": (CHAT, [chat_chunk(FIRST), sse({"error": ERROR}), chat_chunk(SECOND), DONE]),
    "error beside choices": (CHAT, [chat_chunk(FIRST), chat_chunk(SECOND, error=ERROR), DONE]),
    "completions": (
        "/v1/completions",
        [sse({"choices": [{"index": 0, "text": text, "finish_reason": "length"}]}) for text in (FIRST, SECOND)],
    ),
    "content_block_stop": (
        "/v1/messages",
        messages_events(START, text_delta(FIRST), STOP, text_delta(SECOND), END, {"type": "message_stop"}),
    ),
    "content_block_start again": (
        "/v1/messages",
        messages_events(START, text_delta(FIRST), STOP, START, text_delta(SECOND), STOP, END, {"type": "message_stop"}),
    ),
    "message_delta": ("/v1/messages", messages_events(START, text_delta(FIRST), STOP, END, text_delta(SECOND, 1))),
    "message_stop": (
        "/v1/messages",
        messages_events(START, text_delta(FIRST), STOP, END, {"type": "message_stop"}, text_delta(SECOND, 1)),
    ),
    "error event": (
        "/v1/messages",
        messages_events(START, text_delta(FIRST), {"type": "error", "error": ERROR}, text_delta(SECOND)),
    ),
    "output_text.done": ("/v1/responses", [output_delta(FIRST), sse(OUTPUT_DONE), output_delta(SECOND), COMPLETED]),
    "output_item.done": ("/v1/responses", [output_delta(FIRST), sse(ITEM_DONE), output_delta(SECOND), COMPLETED]),
    "response.completed": ("/v1/responses", [output_delta(FIRST), COMPLETED, output_delta(SECOND)]),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_comes_behind_an_end_is_dropped_and_counted(name: str) -> None:
    """A client that adds up would get the rest of a value that was judged as two."""
    path, events = ENDS[name]
    talk = streamed(path, *events)
    text = got(talk)
    assert "ple.com" not in text
    assert " now" not in text
    assert "Mail" in text
    assert talk.record.dropped_texts >= 1


def test_the_order_of_vllm_has_nothing_dropped() -> None:
    """The last chunk of a choice, usage, the end."""
    talk = streamed(CHAT, chat_chunk("Hi"), chat_chunk("", finish="stop"), usage_chunk(), DONE)
    assert talk.record.dropped_texts == 0
    assert talk.record.usage is not None
    assert not talk.record.usage.estimated


def test_a_choice_that_has_ended_leaves_the_other() -> None:
    """Choices end one by one."""
    events = [chat_chunk("a "), chat_chunk(finish="stop"), chat_chunk("b ", index=1), chat_chunk("c", index=0)]
    body = request_body(stream=True, n=2)
    talk = asked(SNAPSHOT, body=body)
    talk.hears(response_headers(SSE))
    talk.hears_all(ResponseBody(event, False) for event in [*events, chat_chunk(finish="stop", index=1), DONE])
    assert ("b " in got(talk), "\nc\n" in got(talk)) == (True, False)


def test_tool_calls_that_take_turns_are_read_together() -> None:
    """A call was taken for complete when the next began; what comes of it later stands behind what was held."""

    def call(index: int, piece: str) -> bytes:
        return delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])

    events = [call(0, '{"a":"jane.doe@'), call(1, '{"b":"'), call(0, 'example.com"}'), call(1, 'x"}')]
    talk = streamed(CHAT, *events, chat_chunk(finish="tool_calls"), DONE)
    calls = {0: "", 1: ""}
    for event in talk.client_events[:-1]:
        for item in event["choices"][0]["delta"].get("tool_calls", ()):
            calls[item["index"]] += item["function"]["arguments"]
    assert MAIL not in calls[0]
    assert calls[1] == '{"b":"x"}'


# --- one meaning only ------------------------------------------------------------------------------------------------

TWICE = [
    b'{"id":"c","choices":[{"index":0,"message":{"content":"jane.doe@example.com","content":"Hi"}}]}',
    b'{"id":"jane.doe@example.com","id":"c","choices":[{"index":0,"message":{"content":"Hi"}}]}',
    b'{"choices" : [{"index":0,"message":{"cont\\u0065nt":"jane.doe@example.com", "content":"Hi"}}]}',
]


@pytest.mark.parametrize("body", TWICE)
def test_an_answer_with_a_key_twice_is_withheld(body: bytes) -> None:
    """A client that takes the first of the two would read what no guard has."""
    talk = whole(CHAT, body)
    assert talk.client_json["error"]["code"] == "unreadable_answer"
    assert MAIL.encode() not in talk.client


@pytest.mark.parametrize("body", TWICE)
def test_an_event_with_a_key_twice_ends_the_stream(body: bytes) -> None:
    """With an error; what came before stands."""
    event = b"data: " + body.replace(b"message", b"delta") + b"\n\n"
    talk = streamed(CHAT, chat_chunk("Good "), event, chat_chunk("morning"), DONE)
    assert MAIL.encode() not in talk.client
    assert b"morning" not in talk.client
    assert talk.client_events[-2]["error"]["code"] == "unreadable_answer"


@pytest.mark.parametrize(
    "data", [b'{"choices":[],"n":NaN}', b'{"choices":[],"n":1e999}', b"\xef\xbb\xbf{}", b'{"a":1}x']
)
def test_an_event_that_parsers_read_differently_ends_the_stream(data: bytes) -> None:
    """No number, an endless one, a mark of byte order, something behind."""
    talk = streamed(CHAT, b"data: " + data + b"\n\n", chat_chunk("morning"), DONE)
    assert b"morning" not in talk.client
    assert talk.record.outcome is Outcome.FAILED


@pytest.mark.parametrize("number", [b"41111111111111111111111", b"4111111111111111111.5", b"-41111111111111111111111"])
def test_a_number_past_what_parsers_keep_is_withheld(number: bytes) -> None:
    """What we would judge is not what is written."""
    talk = whole(CHAT, chat_answer("Hi")[:-1] + b',"n":' + number + b"}")
    assert talk.client_json["error"]["code"] == "unreadable_answer"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        dumps({"error": {"n": CARD, MAIL: 1}}),
        dumps([{"error": {"message": MAIL}}]),
        dumps(MAIL),
        b'["jane.doe\\u0040example.com"]',
        dumps({"error": {"message": "x", "type": MAIL, "param": [MAIL], "code": CARD}}),
        dumps({"detail": [{"loc": ["body", MAIL], "input": {MAIL: CARD}}]}),
    ],
)
@pytest.mark.parametrize("media", [JSON, "application/problem+json", "text/plain", ""])
def test_all_of_an_error_body_is_read(body: bytes, media: str) -> None:
    """Names of keys and numbers too, in any JSON, whatever it is called."""
    talk = whole(CHAT, body, media, 400)
    assert MAIL.encode() not in talk.client
    assert b"\\u0040" not in talk.client
    assert str(CARD).encode() not in talk.client


@pytest.mark.parametrize(
    "body",
    [
        dumps({"error": MAIL}).decode().encode("utf-16"),
        dumps({"error": MAIL}).decode().encode("utf-16-be"),
        f"mail {MAIL}".encode("utf-32"),
        b'\xef\xbb\xbf{"error":"jane.doe\\u0040example.com"}',
        b'{"error":"jane.doe\\u0040example.com"',
        b'{"error":"jane.doe\\u0040example.com","error":"x"}',
        b'{"error":"a"}\n{"error":"jane.doe\\u0040example.com"}',
    ],
)
def test_an_error_body_that_cannot_be_read_is_replaced(body: bytes) -> None:
    """By one of ours."""
    talk = asked(SNAPSHOT)
    talk.hears(response_headers(status=400))
    [action] = talk.hears(ResponseBody(body, True))
    assert isinstance(action, Answer)
    assert (action.status, action.code) == (502, "unreadable_answer")


def test_bytes_of_an_error_that_are_no_text_never_pass() -> None:
    """What goes out is what was judged."""
    body = f"Fehler für {MAIL}".encode("latin-1")
    assert whole(CHAT, body, "text/plain", 500).client.decode() == "Fehler f\ufffdr <EMAIL>"
    assert whole(CHAT, b"f\xfcr", "text/plain", 500).client.decode() == "f\ufffdr"


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("path", BODIES)
def test_an_error_that_comes_as_a_stream_is_read_as_one(path: str, status: int) -> None:
    """A value over two of its events is found; the status stays."""
    events = {
        CHAT: [chat_chunk(FIRST), chat_chunk(SECOND), DONE],
        "/v1/completions": [sse({"choices": [{"index": 0, "text": text}]}) for text in (FIRST, SECOND)],
        "/v1/messages": messages_events(START, text_delta(FIRST), text_delta(SECOND), STOP),
        "/v1/responses": [output_delta(FIRST), output_delta(SECOND), COMPLETED],
    }[path]
    talk = streamed(path, *events, status=status)
    assert "<EMAIL>" in got(talk)
    assert is_clean(talk)
    assert (talk.record.outcome, talk.record.status) == (Outcome.UPSTREAM_ERROR, status)


def test_an_error_is_shortened_in_each_of_its_texts() -> None:
    """One that was cut at a finding leaves the next unread no more than before."""
    error = {"message": f"a {MAIL} b", "param": f"c {MAIL} d", "detail": "e"}
    talk = whole(CHAT, dumps({"error": error}), status=400, snapshot=snapshot_of(PII_BLOCK))
    assert talk.client_json["error"] == {"message": "a ", "param": "c ", "detail": "e"}
