"""An answer that is cut off shows no more of a value than its beginning: in every API, whole and streamed.

A client chooses its stop strings and the greatest number of tokens, and so the character at which an answer ends.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import Outcome
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.exchange.stream import ENDED_PARTS_MAX
from tests.playbooks.answers import DIALECTS
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII,
    PII_BLOCK,
    SSE,
    Conversation,
    asked,
    chat_chunk,
    dumps,
    response_headers,
    snapshot_of,
    sse,
)
from tests.playbooks.test_law import PERSONAL, cut, splitter, texts

BY_TOKENS = {"/v1/messages": "max_tokens", "/v1/responses": "incomplete"}
BY_MODEL = {"/v1/messages": "end_turn", "/v1/responses": "completed"}
APIS = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
REPORTED = [
    ("Mail jane.doe@example", "Mail <EMAIL>"),
    ("Mail jane.doe@example.", "Mail <EMAIL>"),
    ("Card 4111 1111 1111 1", "Card <CREDIT_CARD>"),
    ("IBAN DE89 3704 0044 0532 0130 0", "IBAN <IBAN>"),
    ("SSN 078-05-112", "SSN <US_SSN>"),
    ("Call +1 202-555-014", "Call <PHONE>"),
    ("IP 203.0.113.", "IP <IP_ADDRESS>"),
    ('<tool_call>{"to": "jane.doe@exa', '<tool_call>{"to": "<EMAIL>'),
]


def whole_answer(path: str, text: str, end: str, **extra: Any) -> dict[str, Any]:
    """An unstreamed answer, ended as it says."""
    if path == "/v1/messages":
        return {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": end}
    if path == "/v1/responses":
        part = {"type": "output_text", "text": text}
        return {"status": end, "output": [{"type": "message", "content": [part]}]}
    said = {"text": text} if path == "/v1/completions" else {"message": {"role": "assistant", "content": text}}
    return {"id": "c", "choices": [{"index": 0, **said, "finish_reason": end, **extra}]}


def events(path: str, pieces: list[str], end: str, **extra: Any) -> list[dict[str, Any]]:
    """The events of the same answer streamed."""
    if path == "/v1/messages":
        return [
            {"type": "message_start", "message": {"type": "message", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *[
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in pieces
            ],
            {"type": "content_block_stop", "index": 0},
            {"type": "ping"},
            {"type": "message_delta", "delta": {"stop_reason": end}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
    if path == "/v1/responses":
        place = {"output_index": 0, "content_index": 0, "item_id": "m"}
        part = {"type": "output_text", "text": "".join(pieces)}
        item = {"type": "message", "id": "m", "content": [part]}
        response = {"id": "r", "status": end, "output": [item]}
        return [
            *[{"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces],
            {"type": "response.output_text.done", **place, "text": part["text"]},
            {"type": "response.content_part.done", **place, "part": dict(part)},
            {"type": "response.output_item.done", "output_index": 0, "item": {**item, "content": [dict(part)]}},
            {"type": f"response.{end}", "response": json.loads(json.dumps(response))},
        ]
    key = "text" if path == "/v1/completions" else "delta"
    said = [piece if key == "text" else {"content": piece} for piece in pieces]
    last = {"index": 0, key: "" if key == "text" else {}, "finish_reason": end, **extra}
    choices = [*[{"index": 0, key: one, "finish_reason": None} for one in said], last]
    return [{"id": "c", "choices": [choice]} for choice in choices]


def begun(dialect: Any, guard: dict[str, Any], stream: bool, **fields: Any) -> Conversation:
    """The exchange up to the answer."""
    body = {"model": "tiny", "stream": stream, **dialect.request, **fields}
    return asked(snapshot_of(guard, METER), dialect.path, RequestBody(json.dumps(body).encode()))


def texts_in(value: Any) -> list[str]:
    """Every text of an answer's body that is what the model says."""
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    if not isinstance(value, dict):
        return []
    said = [value[key] for key in ("text", "content", "delta") if isinstance(value.get(key), str)]
    return said + [text for child in value.values() for text in texts_in(child)]


def said_whole(dialect: Any, guard: dict[str, Any], answer: dict[str, Any], **fields: Any) -> tuple[str, Conversation]:
    """What a client reads of an unstreamed answer."""
    talk = begun(dialect, guard, stream=False, **fields)
    talk.hears(response_headers(JSON))
    talk.hears(ResponseBody(dumps(answer), True))
    assert not talk.errors
    return "".join(texts_in(talk.client_json)), talk


def said_streamed(
    dialect: Any, guard: dict[str, Any], answer: list[dict[str, Any]], seed: int = 0, **fields: Any
) -> tuple[str, Conversation]:
    """What a client reads of a stream: the deltas, and of texts that come again each the same."""
    done = DONE if dialect.path in ("/v1/chat/completions", "/v1/completions") else b""
    talk = begun(dialect, guard, stream=True, **fields)
    talk.hears(response_headers(SSE))
    stream = b"".join(sse(event, str(event.get("type", ""))) for event in answer) + done
    talk.hears_all(cut(stream, Random(seed)))
    assert not talk.errors
    seen = [event for event in talk.client_events if event != "[DONE]"]
    again = [event for event in seen if str(event.get("type", "")).endswith(("done", "completed", "incomplete"))]
    said = "".join(text for event in seen if event not in again for text in texts_in(event))
    if talk.record.outcome is not Outcome.CUT:
        assert {text for event in again for text in texts_in(event)} <= {said}
    return said, talk


@APIS
@pytest.mark.parametrize(("text", "shown"), REPORTED)
def test_what_the_greatest_number_of_tokens_cuts_off_is_masked(dialect: Any, text: str, shown: str) -> None:
    """real-vllm F3: a value's beginning came raw where ``max_tokens`` ended the answer in it."""
    end = BY_TOKENS.get(dialect.path, "length")
    assert said_whole(dialect, PII, whole_answer(dialect.path, text, end))[0] == shown
    said, talk = said_streamed(dialect, PII, events(dialect.path, list(text), end))
    assert said == shown
    assert sum(talk.record.findings.values()) == 1


@APIS
@pytest.mark.parametrize(("text", "shown"), REPORTED)
def test_what_a_stop_string_of_the_client_cuts_off_is_masked(dialect: Any, text: str, shown: str) -> None:
    """real-vllm F3: ``stop: [".com"]`` took the mask off; whether the server says that it was one, or not."""
    stops: dict[str, Any] = {"stop_sequences": [".com"]} if dialect.path == "/v1/messages" else {"stop": [".com"]}
    end = BY_MODEL.get(dialect.path, "stop")
    assert said_whole(dialect, PII, whole_answer(dialect.path, text, end), **stops)[0] == shown
    assert said_streamed(dialect, PII, events(dialect.path, list(text), end), **stops)[0] == shown


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_server_that_tells_of_a_stop_string_is_believed(path: str) -> None:
    """vLLM's ``stop_reason`` is the text that ended the answer, and null where the model ended it itself."""
    dialect = next(one for one in DIALECTS if one.path == path)
    text, end = "order 41112222", "stop"
    cases: list[tuple[str | int | None, dict[str, Any], str]] = [
        ("ok", {}, "order <CREDIT_CARD>"),
        (None, {"stop": ["ok"]}, text),
        (128_009, {}, text),
        (128_009, {"stop_token_ids": [128_009]}, "order <CREDIT_CARD>"),
        (None, {"structured_outputs": {"regex": "order [0-9]+"}}, "order <CREDIT_CARD>"),
    ]
    for reason, fields, shown in cases:
        answer = whole_answer(path, text, end, stop_reason=reason)
        assert said_whole(dialect, PII, answer, **fields)[0] == shown
        assert said_streamed(dialect, PII, events(path, [text], end, stop_reason=reason), **fields)[0] == shown


@APIS
@pytest.mark.parametrize("text", ["The answer is 42 1234", "order 41112222", "room 4111 1111", "mail me at bob@home"])
def test_the_models_own_end_masks_nothing_more(dialect: Any, text: str) -> None:
    """An honest answer may end in a number."""
    end = BY_MODEL.get(dialect.path, "stop")
    for said, talk in (
        said_whole(dialect, PII, whole_answer(dialect.path, text, end)),
        said_streamed(dialect, PII, events(dialect.path, list(text), end)),
    ):
        assert said == text
        assert not talk.record.findings


@APIS
def test_a_stream_that_breaks_off_is_cut_off(dialect: Any) -> None:
    """Without an end, or with an error in its place."""
    answer = events(dialect.path, list("Card 4111 1111 1111 1"), "stop")
    deltas = [
        one for one in answer if any(texts_in(one)) or one.get("type") in ("message_start", "content_block_start")
    ]
    deltas = [one for one in deltas if not str(one.get("type", "")).endswith((".done", ".stop"))]
    failing = {"type": "error", "error": {"message": "no memory", "type": "server_error"}}
    for broken in (deltas, [*deltas, failing]):
        assert said_streamed(dialect, PII, broken)[0].replace("no memory", "") == "Card <CREDIT_CARD>"


@APIS
def test_block_blocks_what_is_cut_off(dialect: Any) -> None:
    """Where values reject, beginnings do: the choice ends before it."""
    end = BY_TOKENS.get(dialect.path, "length")
    text = "Mail jane.doe@example"
    for said, talk in (
        said_whole(dialect, PII_BLOCK, whole_answer(dialect.path, text, end)),
        said_streamed(dialect, PII_BLOCK, events(dialect.path, list(text), end)),
    ):
        assert said == "Mail "
        assert talk.record.outcome is Outcome.CUT


@pytest.mark.parametrize("kind", ["type", "numbered", "partial", "hash", "reversible"])
def test_a_mask_shows_nothing_of_a_beginning(kind: str) -> None:
    """A client that chose several ends would put the value together from four digits each time."""
    guard = {**PII, "masking": {"type": kind}}
    answer = whole_answer("/v1/chat/completions", "Card 4111 1111 1111 1", "length")
    assert said_whole(DIALECTS[0], guard, answer)[0] == "Card <CREDIT_CARD>"


@pytest.mark.parametrize("finish", ["length", "tool_calls"])
def test_arguments_that_are_no_whole_json_were_cut_off(finish: str) -> None:
    """Whatever the end is called: vLLM says ``tool_calls`` where the tokens were used up in a call."""
    arguments = '{"card": 41111111111111'
    call = {"id": "t", "type": "function", "function": {"name": "pay", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    talk = said_whole(DIALECTS[0], PII, answer)[1]
    masked = '{"card": "<CREDIT_CARD>"'
    assert talk.client_json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == masked
    deltas = [{"tool_calls": [{"index": 0, **call}]}, {}]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices[1]["finish_reason"] = finish
    talk = said_streamed(DIALECTS[0], PII, [{"id": "c", "choices": [choice]} for choice in choices])[1]
    shown = [
        one["function"].get("arguments", "")
        for event in talk.client_events[:-1]
        for choice in event["choices"]
        for one in choice["delta"].get("tool_calls", ())
    ]
    assert "".join(shown) == masked


def test_only_the_choice_that_was_cut_off_is_judged_so() -> None:
    """Each has its own end."""
    talk = begun(DIALECTS[0], PII, stream=True, n=2)
    talk.hears(response_headers(SSE))
    for chunk in (
        chat_chunk("order 41112222", 0),
        chat_chunk("order 41112222", 1),
        chat_chunk(index=0, finish="stop"),
        chat_chunk(index=1, finish="length"),
        DONE,
    ):
        talk.hears(ResponseBody(chunk, chunk == DONE))
    said = {0: "", 1: ""}
    for event in talk.client_events[:-1]:
        for choice in event["choices"]:
            said[choice["index"]] += choice["delta"].get("content", "")
    assert said == {0: "order 41112222", 1: "order <CREDIT_CARD>"}


@pytest.mark.parametrize("parts", [1, ENDED_PARTS_MAX, ENDED_PARTS_MAX + 1])
def test_events_that_end_a_part_wait_up_to_a_limit(parts: int) -> None:
    """No more than so many are kept, and none is lost; a server that sends more is not understood."""
    dialect = next(one for one in DIALECTS if one.path == "/v1/responses")
    answer = events(dialect.path, ["order 41112222"], "completed")
    item = next(event for event in answer if event["type"] == "response.output_item.done")
    text = next(event for event in answer if event["type"] == "response.output_text.done")
    many = [answer[0], *[json.loads(json.dumps(item)) for _ in range(parts - 1)], text, answer[-1]]
    if parts > ENDED_PARTS_MAX:
        talk = begun(dialect, PII, stream=True)
        talk.hears(response_headers(SSE))
        talk.hears_all([ResponseBody(sse(event, str(event["type"])), False) for event in many])
        assert talk.client_events[-1]["code"] == "unreadable_answer"
        return
    said, talk = said_streamed(dialect, PII, many)
    assert [event["sequence_number"] for event in talk.client_events] == list(range(len(talk.client_events)))
    assert len(talk.client_events) in (len(many), len(many) + 1)
    assert said == "order 41112222"


def test_a_ping_waits_and_a_comment_does_not() -> None:
    """Neither tells whether the answer goes on. Events stay in their order."""
    dialect = next(one for one in DIALECTS if one.path == "/v1/messages")
    answer = events(dialect.path, ["Mail bob@exam"], "max_tokens")
    talk = begun(dialect, PII, stream=True)
    talk.hears(response_headers(SSE))
    stop = next(number for number, event in enumerate(answer) if event["type"] == "content_block_stop")
    for event in answer[: stop + 1]:
        talk.hears(ResponseBody(sse(event, event["type"]), False))
    talk.hears(ResponseBody(b": alive\n\n", False))
    assert talk.client.endswith(b": keep-alive\n\n")
    assert b"content_block_stop" not in talk.client
    for event in answer[stop + 1 :]:
        talk.hears(ResponseBody(sse(event, event["type"]), event is answer[-1]))
    kinds = [event["type"] for event in talk.client_events]
    assert kinds[-5:] == ["content_block_delta", "content_block_stop", "ping", "message_delta", "message_stop"]
    assert b"bob@" not in talk.client


@st.composite
def cut_texts(draw: st.DrawFn) -> str:
    """Any text, that ends somewhere in a value."""
    value = draw(st.sampled_from(PERSONAL))
    return draw(texts(3)) + draw(st.sampled_from(["", " ", ": "])) + value[: draw(st.integers(0, len(value)))]


@APIS
@given(text=cut_texts(), guard=st.sampled_from([PII, PII_BLOCK]), early=st.booleans(), seed=st.integers(0, 1 << 32))
def test_a_stream_is_cut_off_as_the_whole_answer_is(
    dialect: Any, text: str, guard: dict[str, Any], early: bool, seed: int
) -> None:
    """Wherever the answer ends, and wherever its stream is cut: the same text, findings and outcome."""
    end = BY_TOKENS.get(dialect.path, "length") if early else BY_MODEL.get(dialect.path, "stop")
    said, talk = said_whole(dialect, guard, whole_answer(dialect.path, text, end))
    pieces = splitter(Random(seed))(text)
    streamed, other = said_streamed(dialect, guard, events(dialect.path, pieces, end), seed)
    assert streamed == said
    assert other.record.findings == talk.record.findings
    assert other.record.outcome == talk.record.outcome
