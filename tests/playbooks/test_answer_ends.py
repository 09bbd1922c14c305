"""The end of an answer is no door, what has two meanings is withheld, and errors are read whatever they come as.

Finding 9 of the attacks on d414d60.
"""

from __future__ import annotations

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import ImmediateResponse, ResponseBody
from tests.playbooks.driver import (
    CHAT,
    DONE,
    JSON,
    PII_BLOCK,
    SSE,
    asked,
    chat_answer,
    chat_chunk,
    dumps,
    request_body,
    response_headers,
    snapshot_of,
    sse,
    usage_chunk,
)
from tests.playbooks.unread import (
    CARD,
    COMPLETED,
    END,
    ERROR,
    FIRST,
    ITEM_DONE,
    MAIL,
    OUTPUT_DONE,
    SECOND,
    SNAPSHOT,
    START,
    STOP,
    STREAMS,
    delta,
    got,
    is_clean,
    messages_events,
    output_delta,
    streamed,
    text_delta,
    whole,
)

# --- ends ------------------------------------------------------------------------------------------------------------


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
    assert isinstance(action, ImmediateResponse)
    assert (action.status, action.code) == (502, "unreadable_answer")


def test_bytes_of_an_error_that_are_no_text_never_pass() -> None:
    """What goes out is what was judged."""
    body = f"Fehler für {MAIL}".encode("latin-1")
    assert whole(CHAT, body, "text/plain", 500).client.decode() == "Fehler f\ufffdr <EMAIL>"
    assert whole(CHAT, b"f\xfcr", "text/plain", 500).client.decode() == "f\ufffdr"


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("path", STREAMS)
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
