"""A value over two events is found wherever a client joins; what stays the same in each event stays as it is.

Finding 9 of the attacks on d414d60.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.errors import PayloadRefused
from extproc.domain.record import Outcome
from extproc.domain.text import Kind
from extproc.exchange.statements import _PLACES_PER_CHANNEL, Statements
from extproc.filters.chain import Channels
from extproc.payload.view import response_source
from tests.playbooks.driver import (
    CHAT,
    DONE,
    chat_chunk,
    sse,
)
from tests.playbooks.unread import MAIL, delta, is_clean, streamed
from tests.unit.filters.fakes import exchange_of

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


def test_a_stream_has_no_more_places_than_are_kept_in_memory() -> None:
    """A server that names ever new fields is told so."""
    exchange, channels_max = exchange_of(), 2
    statements = Statements(Channels([], exchange, channels_max), [], exchange, channels_max)
    source = response_source(Kind.CONTENT, 0)
    places_max = channels_max * _PLACES_PER_CHANNEL
    for number in range(places_max):
        statements.keep((source, number), "a")
    statements.keep((source, 0), "b")
    with pytest.raises(PayloadRefused, match="more than 2 texts"):
        statements.keep((source, places_max), "a")
