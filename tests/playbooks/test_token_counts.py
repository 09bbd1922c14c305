"""Tokens of answers that no server counted to their end, beside what a real vLLM's own counters say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import RequestBody, ResponseBody, StreamClosed
from extproc.exchange.learned_rates import LearnedRates
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    JSON,
    METER,
    PROMPT,
    SSE,
    VERSION,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    dumps,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    usage_chunk,
)
from tests.stream.recorded import recordings

ABORTS = Path(__file__).parents[1] / "recordings" / "aborts"
ENGINE: dict[str, dict[str, int]] = json.loads((ABORTS / "engine.json").read_text())
OFF_MAX = 0.10
SECOND_NS = 1_000_000_000
PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}


def recorded_snapshot() -> Snapshot:
    """One version of the model of the recordings, metered."""
    models = {"tiny-chat": {"versions": {"v1": {"weight": 1, "price": PRICE}}}}
    return snapshot_of(VERSION, METER, models=models)


def learned(snapshot: Snapshot) -> LearnedRates:
    """What the shipped recordings teach, each an exchange that ended."""
    rates = LearnedRates()
    for item in [*recordings(streamed=True), *recordings(streamed=False)]:
        if item.dialect.name in PATHS:
            talk = Conversation(snapshot, learned_rates=rates)
            talk.hears(request_headers(PATHS[item.dialect.name]))
            talk.hears(RequestBody(item.request))
            talk.hears(response_headers(SSE if item.streamed else JSON))
            talk.hears_all([ResponseBody(item.answer, True), StreamClosed()])
    return rates


def left(snapshot: Snapshot, name: str, rates: LearnedRates | None) -> Conversation:
    """A recorded answer up to where its client left."""
    head, _, request = (ABORTS / f"{name}.request.http").read_bytes().partition(b"\r\n\r\n")
    answer = (ABORTS / f"{name}.response.http").read_bytes().partition(b"\r\n\r\n")[2]
    talk = Conversation(snapshot, learned_rates=rates)
    talk.hears(request_headers(head.split(b" ")[1].decode()))
    talk.hears(RequestBody(request))
    talk.hears(response_headers(SSE))
    while answer:
        size, _, rest = answer.partition(b"\r\n")
        talk.hears(ResponseBody(rest[: int(size, 16)], False))
        answer = rest[int(size, 16) + 2 :]
    talk.hears(StreamClosed())
    assert talk.record.outcome is Outcome.ABORTED
    return talk


def test_aborts_are_within_a_tenth_of_what_the_server_counted() -> None:
    """real-vllm F4: completions were 75 % too many, prompts 5 for 75; in sum, as a real vLLM's counters have it."""
    snapshot = recorded_snapshot()
    rates = learned(snapshot)
    used = [left(snapshot, name, rates).record.usage for name in ENGINE]
    assert all(usage is not None and usage.estimated for usage in used)
    prompt, completion = (sum(counts[key] for counts in ENGINE.values()) for key in ("prompt", "completion"))
    assert sum(usage.prompt for usage in used if usage) == pytest.approx(prompt, rel=OFF_MAX)
    assert sum(usage.completion for usage in used if usage) == pytest.approx(completion, rel=OFF_MAX)


def test_learning_changes_no_answer_and_no_count_of_a_server() -> None:
    """Only what is estimated differs; the client's and the server's bytes are the same."""
    snapshot = recorded_snapshot()
    rates = learned(snapshot)
    for name in ENGINE:
        one, other = left(snapshot, name, rates), left(snapshot, name, None)
        assert (one.client, one.server) == (other.client, other.server)


# --- what of a request counts --------------------------------------------------------------------------------------


def prompt_tokens(snapshot: Snapshot, rates: LearnedRates | None = None, **fields: Any) -> int:
    """The prompt's tokens of a stream that was left at once."""
    talk = Conversation(snapshot, learned_rates=rates)
    talk.hears_all([request_headers(), request_body(stream=True, **fields), response_headers(SSE)])
    talk.hears(StreamClosed())
    assert talk.record.usage is not None
    return talk.record.usage.prompt


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"title": "x " * 500}}}},
        {"structured_outputs": {"regex": "x" * 500}},
        {"stop": ["x" * 100] * 4},
        {"metadata": {"a": "x" * 500}},
        {"user": "x" * 500},
        {"tool_choice": {"type": "function", "function": {"name": "x" * 60}}},
        {"later": "x" * 500},
        {"n": 3},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_never_is_in_the_prompt_does_not_count(fields: dict[str, Any]) -> None:
    """real-vllm F4: schemas, stop words and names were counted; n, as the server's usage does, once."""
    snapshot = snapshot_of(METER)
    assert prompt_tokens(snapshot, **fields) == prompt_tokens(snapshot)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "Good morning " * 9}]},
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Good morning"}]},
        {"tools": [{"type": "function", "function": {"name": "f", "description": "Looks something up."}}]},
    ],
    ids=["text", "a turn", "tools"],
)
def test_what_is_in_the_prompt_counts(fields: dict[str, Any]) -> None:
    """Texts, what a template puts around each turn, and tools."""
    snapshot = snapshot_of(METER)
    assert prompt_tokens(snapshot, **fields) > prompt_tokens(snapshot)


def test_the_prompt_of_a_version_counts() -> None:
    """It is put in behind the guards, and the server reads it all the same."""
    pinned = asked(snapshot_of(VERSION, PROMPT, METER), x_pin="v2")
    plain = asked(snapshot_of(VERSION, METER), x_pin="v2")
    for talk in (pinned, plain):
        talk.hears(StreamClosed())
    assert pinned.record.usage is not None
    assert plain.record.usage is not None
    assert pinned.record.usage.prompt > plain.record.usage.prompt + 5


# --- answers of which nothing was seen -----------------------------------------------------------------------------


def whole(rates: LearnedRates, took_s: float, **fields: Any) -> Conversation:
    """An unstreamed answer of 100 tokens that took so long."""
    snapshot = snapshot_of(VERSION, METER)
    talk = Conversation(snapshot, learned_rates=rates)
    talk.hears_all([request_headers(), request_body(**fields)])
    talk.now_ns += int(took_s * SECOND_NS)
    usage = {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}
    talk.hears_all([response_headers(), ResponseBody(chat_answer("word " * 100, usage=usage), True)])
    return talk


def unseen(rates: LearnedRates | None, after_s: float, **fields: Any) -> int:
    """The tokens of an unstreamed answer whose client left after a time."""
    talk = Conversation(snapshot_of(VERSION, METER), learned_rates=rates)
    talk.hears_all([request_headers(), request_body(**fields)])
    talk.now_ns += int(after_s * SECOND_NS)
    talk.hears(StreamClosed())
    assert talk.record.usage is not None
    assert talk.record.usage.estimated
    return talk.record.usage.completion


def test_an_unstreamed_answer_that_was_left_is_estimated_from_its_time() -> None:
    """real-vllm F4: it was nothing, of 61. As many as the version made lately in that time, for each of n."""
    rates = LearnedRates()
    for _ in range(60):
        whole(rates, 2.5)  # of which half a second passes before the first token
    assert unseen(rates, 1.5) == pytest.approx(50, rel=OFF_MAX)
    assert unseen(rates, 1.5, n=2) == pytest.approx(100, rel=OFF_MAX)
    assert unseen(rates, 0.1) == 0
    assert unseen(rates, 600, max_tokens=20) == 20
    assert unseen(None, 4.5) > 0, "also where nothing is known of the model"


# --- one token a piece, or not -------------------------------------------------------------------------------------


def streamed(rates: LearnedRates, pieces: list[str], tokens: int | None) -> Conversation:
    """A stream; ``tokens`` None: its client leaves before they are counted."""
    talk = Conversation(snapshot_of(VERSION, METER), learned_rates=rates)
    talk.hears_all([request_headers(), request_body(stream=True), response_headers(SSE)])
    for piece in pieces:
        talk.hears(ResponseBody(chat_chunk(piece), False))
    if tokens is not None:
        talk.hears(ResponseBody(chat_chunk(finish="stop") + usage_chunk(9, tokens), True))
    talk.hears(StreamClosed())
    return talk


@pytest.mark.parametrize(
    ("pieces", "tokens", "left_pieces", "expected"),
    [
        (["longwords "] * 40, 40, ["longwords "] * 20, 20),
        (["a", "longer word "] * 20, 40, ["a"] * 20, 20),
        (["five words in each piece "] * 10, 50, ["five words in each piece "] * 4, 20),
        (["語"] * 30, 60, ["語"] * 10, 20),
    ],
    ids=["long tokens", "tokens of all lengths", "an interval of five", "two tokens a character"],
)
def test_tokens_are_those_of_the_model_whatever_its_vocabulary(
    pieces: list[str], tokens: int, left_pieces: list[str], expected: int
) -> None:
    """real-vllm F4: it was the larger of pieces and bytes / 4."""
    rates = LearnedRates()
    for _ in range(20):
        streamed(rates, pieces, tokens)
    usage = streamed(rates, left_pieces, None).record.usage
    assert usage is not None
    assert usage.completion == pytest.approx(expected, rel=OFF_MAX)


def test_pieces_of_any_size_are_counted_by_their_bytes() -> None:
    """Where a server sends now one word, now many, pieces tell less than bytes."""
    rates = LearnedRates()
    for number in range(40):
        size = 1 + 9 * (number % 2)
        streamed(rates, ["word " * size] * 10, 10 * size)
    usage = streamed(rates, ["word " * 10] * 2, None).record.usage
    assert usage is not None
    assert usage.completion == pytest.approx(20, rel=OFF_MAX)


def test_embeddings_answer_with_no_tokens() -> None:
    """However long they take."""
    body = RequestBody(dumps({"model": "tiny", "input": "x" * 40}))
    talk = asked(snapshot_of(VERSION, METER), "/v1/embeddings", body)
    talk.now_ns += 60 * SECOND_NS
    talk.hears(StreamClosed())
    assert talk.record.usage is not None
    assert talk.record.usage.completion == 0
