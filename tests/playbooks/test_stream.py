"""Streamed answers: guarded event by event, cut cleanly, measured however they end."""

from __future__ import annotations

from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    BodyMode,
    ContinueHeaders,
    HeaderChanges,
    RequestBody,
    SendChunk,
    StreamClosed,
)
from tests.playbooks.driver import (
    ALL,
    DONE,
    METER,
    MILLISECOND_NS,
    PII,
    PII_BLOCK,
    PROMPT,
    REFUSAL,
    SSE,
    VERSION,
    answered,
    asked,
    chat_chunk,
    chunks,
    dumps,
    request_body,
    response_headers,
    snapshot_of,
    sse,
    text_of,
    usage_chunk,
)
from tests.playbooks.streams import HELLO, event, streaming


def test_a_streamed_chat() -> None:
    """Text goes out as soon as it is judged; the last word waits for what follows it."""
    talk = asked(snapshot_of(*ALL), body=request_body(stream=True))
    assert talk.server_json["stream_options"] == {"include_usage": True}
    assert talk.hears(response_headers(SSE, content_length="9")) == [
        ContinueHeaders(
            Direction.RESPONSE,
            HeaderChanges((), ("content-length",)),
            response_body=BodyMode.FULL_DUPLEX,
            exchange_id="exchange-1",
        )
    ]
    assert talk.hears(event(chat_chunk(""))) == [SendChunk(chat_chunk(""), end=False)]
    assert talk.hears(event(chat_chunk("Hello wor"))) == [SendChunk(chat_chunk("Hello "), end=False)]
    assert talk.hears(event(chat_chunk("ld"))) == [], "held: nothing to say to Envoy"
    assert talk.hears(event(chat_chunk("! "))) == [SendChunk(chat_chunk("world! "), end=False)]
    assert talk.hears(event(chat_chunk(finish="stop"))) == [SendChunk(chat_chunk(finish="stop"), end=False)]
    assert talk.hears(event(usage_chunk())) == [], "the client did not ask for usage"
    assert talk.hears(event(DONE)) == [SendChunk(DONE, end=False)]
    assert talk.hears(event(end=True)) == [SendChunk(b"", end=True, metadata={"tokens_in": 9, "tokens_out": 4})]
    record = talk.record
    assert (record.outcome, record.streamed, record.answers, record.pieces) == (Outcome.COMPLETED, True, 1, 3)
    assert record.first_text_ns == 5 * MILLISECOND_NS, "the first event with text, held or not"
    assert record.last_text_ns == 7 * MILLISECOND_NS
    assert record.ended_ns == 11 * MILLISECOND_NS
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion, record.usage.estimated) == (9, 4, False)


def test_usage_that_was_asked_for_is_kept() -> None:
    """The chunk is the client's."""
    stream = HELLO + usage_chunk() + DONE
    talk = answered(snapshot_of(METER), stream, stream=True, stream_options={"include_usage": True})
    assert talk.client == stream


def test_continuous_usage_is_added_up_over_choices_and_hidden() -> None:
    """Each chunk brings a running total of its choice: the last of each counts."""
    snapshot = snapshot_of({**METER, "continuous_usage": True})
    talk = streaming(snapshot, n=2)
    assert talk.server_json["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    for index, completion in ((0, 1), (1, 1), (0, 2), (1, 5), (0, 3)):
        talk.hears(event(chat_chunk("a", index, usage={"prompt_tokens": 7, "completion_tokens": completion})))
    talk.hears(StreamClosed())
    assert all("usage" not in one for one in talk.client_events)
    assert talk.record.usage is not None
    assert (talk.record.usage.prompt, talk.record.usage.completion) == (7, 8)
    assert talk.record.outcome is Outcome.ABORTED


def test_personal_data_split_over_events_is_masked() -> None:
    """A value cut anywhere, and the bytes too."""
    stream = chat_chunk("Write to bo") + chat_chunk("b@exam") + chat_chunk("ple.org") + chat_chunk(finish="stop") + DONE
    for cut in range(0, len(stream), 7):
        talk = answered(snapshot_of(PII), stream, [cut], stream=True)
        assert text_of(talk.client_events) == "Write to <EMAIL>"
        assert talk.record.findings["pii", "response", "EMAIL"] == 1


def test_text_that_comes_with_the_end_stays_in_order() -> None:
    """The last event may bring text; what was held of it goes out in it, not before it."""
    talk = answered(
        snapshot_of(PII), chat_chunk("Hello there, wor") + chat_chunk("ld again", finish="stop") + DONE, stream=True
    )
    assert text_of(talk.client_events) == "Hello there, world again"


def test_a_stream_without_done() -> None:
    """What is held goes out at the end of the stream."""
    talk = answered(snapshot_of(PII), chat_chunk("Hello a@b.co"), stream=True)
    assert text_of(talk.client_events) == "Hello <EMAIL>"
    assert talk.record.outcome is Outcome.COMPLETED


def test_a_last_event_without_its_empty_line_is_read() -> None:
    """A server that ends in the middle of a line end."""
    talk = answered(snapshot_of(PII), chat_chunk("Hello a@b.co ").rstrip(b"\n"), stream=True)
    assert text_of(talk.client_events) == "Hello <EMAIL> "


def test_a_tools_name_comes_at_once() -> None:
    """Clients read the name in the first event of a call."""
    call = sse(
        {
            "choices": [
                {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "get_weather"}}]}}
            ]
        }
    )
    talk = streaming(snapshot_of(PII))
    assert talk.hears(event(call)) == [SendChunk(call, end=False)]


def test_a_finding_cuts_the_stream_and_the_upstream() -> None:
    """Text up to the finding, the choice's end, ``[DONE]``, and the end: Envoy then cancels the upstream."""
    talk = streaming(snapshot_of(PII_BLOCK, METER))
    talk.hears(event(chat_chunk("Write to bob@example.org")))
    [action] = talk.hears(event(chat_chunk(" or")))
    cut = chat_chunk(finish="content_filter") + DONE
    assert action == SendChunk(cut, end=True, metadata={"tokens_in": 11, "tokens_out": 6})
    assert text_of(talk.client_events) == "Write to "
    record = talk.record
    assert (record.outcome, record.answers) == (Outcome.CUT, 1)
    assert record.usage is not None
    assert record.usage.estimated
    assert record.coverage["pii", "response", Coverage.CHECKED] == 1
    assert talk.hears(event(chat_chunk("more"))) == []
    assert talk.hears(StreamClosed()) == []


def test_a_finding_in_one_choice_leaves_the_other() -> None:
    """n=2: the first is cut, the second goes to its own end; then the stream is over."""
    talk = streaming(snapshot_of(PII_BLOCK), n=2)
    talk.hears(event(chat_chunk("Write to a@b.co ", 0), chat_chunk("Good ", 1)))
    talk.hears(event(chat_chunk("lost ", 0), chat_chunk("morning ", 1)))
    assert not talk.closed
    [action] = talk.hears(event(chat_chunk(index=1, finish="stop")))
    assert isinstance(action, SendChunk)
    assert action.end
    assert text_of(talk.client_events, 0) == "Write to "
    assert text_of(talk.client_events, 1) == "Good morning "
    ends = [
        choice["finish_reason"]
        for one in talk.client_events[:-1]
        for choice in one["choices"]
        if choice["finish_reason"]
    ]
    assert ends == ["content_filter", "stop"]
    assert talk.client_events[-1] == "[DONE]"
    assert (talk.record.outcome, talk.record.answers) == (Outcome.CUT, 2)


def test_a_finding_at_the_very_end_ends_the_stream_once() -> None:
    """No end of the choice came, only ``[DONE]``: there is one ``[DONE]``, and it is ours."""
    talk = answered(snapshot_of(PII_BLOCK), chat_chunk("a@b.co") + DONE, stream=True)
    assert talk.client == chat_chunk(finish="content_filter") + DONE


def test_a_finding_that_ends_the_reasoning_ends_the_choice_before_its_content() -> None:
    """Text on the next channel says that the last one is over, as in the whole answer."""
    reasoning = sse({"choices": [{"index": 0, "delta": {"reasoning": "mail a@b.co"}, "finish_reason": None}]})
    talk = streaming(snapshot_of(PII_BLOCK))
    talk.hears(event(reasoning))
    talk.hears(event(chat_chunk("The answer ")))
    assert talk.closed
    assert text_of(talk.client_events) == ""
    assert talk.client_events[0]["choices"][0]["delta"] == {"reasoning": "mail "}


def test_a_value_with_a_tool_call_in_its_middle_is_masked() -> None:
    """A client puts a text together whatever came between its pieces; so must the guard."""
    call = {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "send", "arguments": "{}"}}]}
    between = sse({"choices": [{"index": 0, "delta": call, "finish_reason": None}]})
    stream = chat_chunk("card 4111 1111") + between + chat_chunk(" 1111 1111", finish="stop") + DONE
    for snapshot, shown in ((snapshot_of(PII), "card <CREDIT_CARD>"), (snapshot_of(PII_BLOCK), "card ")):
        assert text_of(answered(snapshot, stream, stream=True).client_events) == shown


def test_too_many_texts_end_the_stream_with_an_error() -> None:
    """Each channel costs memory."""
    talk = streaming(snapshot_of(PII, limits={"channels_max": 8}))
    talk.hears(event(*(chat_chunk("a ", index) for index in range(9))))
    assert talk.client_events[-2]["error"]["code"] == "too_many_channels"
    assert talk.record.outcome is Outcome.FAILED


def test_an_error_of_the_server_in_mid_stream_passes_masked() -> None:
    """Held text goes out before it; the error's own text stays in the error."""
    error = sse({"error": {"message": "engine died at bob@example.org", "code": 500}})
    talk = answered(snapshot_of(*ALL), chat_chunk("Hello world") + error + DONE, stream=True)
    assert text_of(talk.client_events) == "Hello world"
    assert talk.client_events[-2]["error"]["message"] == "engine died at <EMAIL>"
    record = talk.record
    assert record.outcome is Outcome.UPSTREAM_ERROR
    assert record.usage is not None, "what was made before is metered"


def test_an_error_after_a_cut_choice_is_masked_too() -> None:
    """The other choice went on, and failed."""
    error = sse({"error": {"message": "engine died at bob@example.org"}})
    talk = answered(
        snapshot_of(PII_BLOCK), chat_chunk("a@b.co ") + chat_chunk("Hi", 1) + error + DONE, stream=True, n=2
    )
    assert b"bob" not in talk.client
    assert talk.client_events[-2]["error"]["message"] == "engine died at "


def test_the_model_is_shown_as_it_was_asked_for_in_every_event() -> None:
    """Also in events of ours."""
    talk = asked(snapshot_of(VERSION, PII_BLOCK), body=request_body(stream=True), x_pin="v2")
    talk.hears(response_headers(SSE))
    talk.hears(event(chat_chunk("Hi ", model="tiny-next")))
    talk.hears(event(chat_chunk("a@b.co ", model="tiny-next")))
    assert {one["model"] for one in talk.client_events[:-1]} == {"tiny"}


def test_a_refusal_in_a_stream_is_counted_once() -> None:
    """Judged when enough has come, or at the end."""
    stream = chat_chunk("I'm sorry, but I ") + chat_chunk("can't help with that.") + chat_chunk(finish="stop") + DONE
    talk = answered(snapshot_of(REFUSAL), stream, stream=True)
    assert talk.client == stream
    assert talk.record.refusals == 1


def test_messages_are_cut_in_their_own_words() -> None:
    """The open block ends, ``stop_reason`` is refusal, and ``message_stop`` comes last."""
    body = RequestBody(
        dumps({"model": "tiny", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]})
    )
    talk = asked(snapshot_of(PII_BLOCK), "/v1/messages", body)
    talk.hears(response_headers(SSE))
    block = {"type": "text", "text": ""}
    talk.hears(event(sse({"type": "message_start", "message": {"content": []}}, "message_start")))
    talk.hears(event(sse({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")))
    delta = {"type": "text_delta", "text": "Write to a@b.co"}
    talk.hears(event(sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")))
    talk.hears(event(sse({"type": "content_block_stop", "index": 0}, "content_block_stop")))
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    talk.hears(event(sse(end, "message_delta")))
    kinds = [one["type"] for one in talk.client_events]
    assert kinds[-4:] == ["content_block_delta", "content_block_stop", "message_delta", "message_stop"]
    assert talk.client_events[-2]["delta"]["stop_reason"] == "refusal"
    assert talk.closed


def test_responses_are_cut_in_their_own_words() -> None:
    """``response.incomplete`` with the reason ``content_filter`` is the last event."""
    body = RequestBody(dumps({"model": "tiny", "stream": True, "input": "Hi"}))
    talk = asked(snapshot_of(PII_BLOCK), "/v1/responses", body)
    talk.hears(response_headers(SSE))
    talk.hears(event(sse({"type": "response.created", "response": {"id": "r", "output": []}}, "response.created")))
    place = {"output_index": 0, "content_index": 0, "item_id": "m"}
    talk.hears(event(sse({"type": "response.output_text.delta", **place, "delta": "Write to a@b.co now"})))
    first, *_, last = talk.client_events
    assert first["type"] == "response.created"
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert talk.closed


def test_a_text_of_responses_that_comes_only_whole_is_counted() -> None:
    """A tool's name never comes as a delta: it is judged where it first appears, and counted once."""
    body = RequestBody(dumps({"model": "tiny", "stream": True, "input": "Hi"}))
    talk = asked(snapshot_of(PII), "/v1/responses", body)
    talk.hears(response_headers(SSE))
    item = {"type": "function_call", "id": "f", "name": "bob@example.org", "arguments": ""}
    for kind in ("response.output_item.added", "response.output_item.done"):
        talk.hears(event(sse({"type": kind, "output_index": 0, "item": item}, kind)))
    talk.hears(event(sse({"type": "response.completed", "response": {"status": "completed", "output": []}})))
    assert [one["item"]["name"] for one in talk.client_events[:2]] == ["<EMAIL>", "<EMAIL>"]
    assert talk.exchange.record.findings["pii", "response", "EMAIL"] == 1


def test_our_own_prompt_is_not_shown_in_copies_of_the_prompt() -> None:
    """A client may ask for `prompt_logprobs`: where we insert a prompt they would hold it. Its own logprobs stay."""
    answer = sse(
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": []}}], "prompt_text": "S"}
    )
    stream = answer + chat_chunk(finish="stop") + DONE
    told = {}
    for version in ("v1", "v2"):
        talk = asked(snapshot_of(VERSION, PROMPT, METER), body=request_body(stream=True), x_pin=version)
        talk.hears(response_headers(SSE))
        talk.hears_all(chunks(stream))
        told[version] = talk.client
    assert b'"prompt_text":null' in told["v2"]
    assert b'"logprobs":{"content":[]}' in told["v2"]
    assert told["v1"] == stream  # real-vllm F7: this version has no prompt
    assert b'"prompt_text":"S"' in answered(snapshot_of(METER), stream, stream=True).client
