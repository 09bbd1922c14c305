"""Which texts of an exchange are kept for a tokenizer, and what becomes of them at its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.load import parse_document
from extproc.domain.record import Outcome
from extproc.domain.uncounted import SAMPLE_CHARS_MAX
from extproc.exchange.events import ResponseBody, StreamClosed
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII,
    PROMPT,
    PROMPTS,
    SSE,
    VERSION,
    Conversation,
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

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def snapshot(tokenizer: str | None = "t.json", **version: Any) -> Snapshot:
    """One version."""
    v1 = {"weight": 1, "price": PRICE, **version} | ({} if tokenizer is None else {"tokenizer_file": tokenizer})
    return snapshot_of(VERSION, PII, PROMPT, METER, models={"tiny": {"versions": {"v1": v1}}})


def stream(snapshot: Snapshot, *events: bytes, closes: bool = True, **fields: Any) -> Conversation:
    """A stream up to where its client left."""
    talk = asked(snapshot, body=request_body(stream=True, **fields))
    talk.hears(response_headers(SSE))
    for event in events:
        talk.hears(ResponseBody(event, False))
    if closes:
        talk.hears(StreamClosed())
    return talk


def test_without_a_tokenizer_nothing_is_kept() -> None:
    """Not even a reader of usage that could."""
    talk = stream(snapshot(None), chat_chunk("One"))
    assert talk.record.uncounted is None
    assert talk.exchange._state.tokens.texts is None


def test_texts_of_a_stream_that_was_left() -> None:
    """As the model read and wrote them: its prompt too, and masks in the request but not yet in the answer."""
    card = "4111 1111 1111 1111"
    said = [{"role": "user", "content": f"Pay with {card}"}]
    talk = stream(snapshot(prompt={"file": "v2.txt"}), chat_chunk("Hi "), chat_chunk(f"{card}."), messages=said)
    kept = talk.record.uncounted
    assert kept is not None
    assert (kept.tokenizer, kept.pieces, kept.running) == ("t.json", 2, 0)
    assert list(kept.prompt) == [PROMPTS["v2.txt"], "Pay with <CREDIT_CARD>"]
    assert kept.size.utf8_bytes == sum(len(text.encode()) for text in kept.prompt)
    assert kept.answer == [f"Hi {card}."]
    assert kept.answer_utf8_bytes == len(f"Hi {card}.")
    assert card not in repr(talk.record)


def test_choices_are_kept_apart() -> None:
    """Their pieces arrive interleaved, and a token spans two pieces."""
    events = [chat_chunk(text, index) for text, index in (("a", 0), ("x", 1), ("b", 0), ("y", 1))]
    talk = stream(snapshot(), *events, n=2)
    assert talk.record.uncounted is not None
    assert talk.record.uncounted.answer == ["ab", "xy"]


def test_what_the_server_has_counted_is_not_kept() -> None:
    """With running totals, as vLLM sends them on demand, nothing is left to count."""
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    talk = stream(snapshot(), chat_chunk("a"), chat_chunk("b", usage=usage), chat_chunk("c"))
    kept = talk.record.uncounted
    assert kept is not None
    assert talk.record.prompt_reported
    assert (kept.answer, kept.answer_utf8_bytes, kept.pieces, kept.running) == (["c"], 1, 1, 5)


def test_a_long_answer_is_kept_up_to_a_limit() -> None:
    """The rate of its beginning stands for the rest."""
    piece = "wörd " * 1_000
    talk = stream(snapshot(), *[chat_chunk(piece) for _ in range(20)])
    kept = talk.record.uncounted
    assert kept is not None
    assert kept.answer is not None
    assert kept.answer == [(piece * 20)[:SAMPLE_CHARS_MAX]]
    assert kept.answer_utf8_bytes == 20 * len(piece.encode())
    assert kept.pieces == 20


def test_a_long_prompt_is_kept_up_to_a_limit() -> None:
    """Nothing of the request's own strings stays alive by it."""
    talk = stream(snapshot(), messages=[{"role": "user", "content": "word " * 100_000}])
    kept = talk.record.uncounted
    assert kept is not None
    assert sum(map(len, kept.prompt)) <= SAMPLE_CHARS_MAX
    assert kept.size.utf8_bytes == 500_000
    assert kept.answer == []


def test_usage_that_was_reported_may_teach() -> None:
    """Of answers that ended; a count beyond the bounds of the request is not believed, and teaches nothing."""
    talk = stream(snapshot(), chat_chunk("One"), chat_chunk(finish="stop"), usage_chunk(9, 4), DONE)
    assert talk.record.outcome is Outcome.COMPLETED
    assert talk.record.uncounted is not None
    assert talk.record.usage is not None
    assert not talk.record.usage.estimated
    talk = stream(snapshot(), chat_chunk("One"), chat_chunk(finish="stop"), usage_chunk(9, 10**9), DONE)
    assert talk.record.usage_capped
    assert talk.record.uncounted is None


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}])
def test_unstreamed_answers(usage: dict[str, int] | None) -> None:
    """Some servers report nothing; otherwise it may teach."""
    talk = asked(snapshot())
    talk.hears(response_headers(JSON))
    answer = json.loads(chat_answer("One two"))
    answer["usage"] = usage
    talk.hears(ResponseBody(dumps(answer), True))
    talk.hears(StreamClosed())
    kept = talk.record.uncounted
    assert kept is not None
    assert (kept.answer, kept.answer_utf8_bytes, kept.pieces) == (["One two"], 7, 0)
    assert talk.record.usage is not None
    assert talk.record.usage.estimated == (usage is None)


def test_an_unstreamed_answer_that_was_left_has_its_prompt_alone() -> None:
    """Nothing was seen of the answer: its tokens are those of the time."""
    talk = asked(snapshot())
    talk.hears(StreamClosed())
    kept = talk.record.uncounted
    assert kept is not None
    assert kept.answer is None
    assert list(kept.prompt) == ["Good morning"]


def test_tools_are_kept_apart() -> None:
    """They have a rate of their own."""
    tool = {"type": "function", "function": {"name": "find", "description": "Finds ships."}}
    talk = stream(snapshot(), chat_chunk("One"), tools=[tool])
    assert talk.record.uncounted is not None
    assert set(talk.record.uncounted.tools) >= {"find", "Finds ships."}


def test_messages_and_their_usage_at_the_beginning() -> None:
    """The prompt is reported there, and the answer is not."""
    body = request_body(stream=True, max_tokens=50)
    talk = asked(snapshot(), path="/v1/messages", body=body)
    talk.hears(response_headers(SSE))
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 0}}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "One"}}
    for event in (start, block, delta):
        talk.hears(ResponseBody(sse(event, str(event["type"])), False))
    talk.hears(StreamClosed())
    kept = talk.record.uncounted
    assert kept is not None
    assert talk.record.prompt_reported
    assert (kept.answer, kept.running, kept.pieces) == (["One"], 0, 1)


def test_a_fallback_keeps_texts_for_the_version_that_may_answer() -> None:
    """The chosen version has no tokenizer, and another one of its chain has."""
    document = {
        "models": {
            "tiny": {
                "versions": {
                    "v1": {"weight": 1, "price": PRICE, "endpoints": ["127.0.0.1:1"]},
                    "v2": {"weight": 0, "price": PRICE, "endpoints": ["127.0.0.1:2"], "tokenizer_file": "t.json"},
                },
                "fallback": {"to": ["v2"], "on": ["reset"]},
            }
        },
        "filters": [VERSION, METER],
    }
    compiled = compile_snapshot(parse_document(json.dumps(document), "fallback"), {"t.json": "5" * 64})
    assert compiled.tokenizers == {"t.json": "5" * 64}
    versions = compiled.models["tiny"].by_name
    assert {name: version.keeps_texts for name, version in versions.items()} == {"v1": True, "v2": True}
    talk = asked(compiled)
    talk.hears(StreamClosed())
    assert talk.record.uncounted is None  # v1 has answered
