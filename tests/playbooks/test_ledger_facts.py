"""What a record holds for the ledger: times, bytes, finish reasons, tool calls, and how far an exchange came."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.claims import Claim
from extproc.exchange.events import ImmediateResponse, StreamClosed
from extproc.exchange.limit_memory import LimitMemory
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.lines import RecordReader, RecordWriter, ended_record, outcome_of
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII_BLOCK,
    SSE,
    VERSION,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    sse,
    usage_chunk,
)

LEDGER: dict[str, Any] = {"ledger": {}}
KEPT = snapshot_of(VERSION, METER, **LEDGER)
CALL = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def record_of(answer: bytes, snapshot: Snapshot = KEPT, *, streamed: bool = False) -> ExchangeRecord:
    """Of an exchange that was answered to its end."""
    talk = asked(snapshot, body=request_body(stream=streamed))
    talk.hears(response_headers(SSE if streamed else JSON))
    return talk.hears_all(chunks(answer, [50] if streamed else ())).hears_all([StreamClosed()]).record


def test_the_id_of_an_answer() -> None:
    """Of the model server, as the client sees it: streamed, broken off, or not streamed."""
    stream = chat_chunk("Hi") + chat_chunk(finish="stop") + DONE
    assert record_of(chat_answer("Hi")).response_id == "chatcmpl-1"
    assert record_of(stream, streamed=True).response_id == "chatcmpl-1"
    talk = asked(KEPT, body=request_body(stream=True))
    talk.hears_all([response_headers(SSE), *chunks(chat_chunk("Hi"), end=False), StreamClosed()])
    assert (talk.record.outcome, talk.record.response_id) == (Outcome.ABORTED, "chatcmpl-1")
    assert record_of(chat_answer("Hi", id="mail bob@example.org")).response_id == ""


def test_an_unstreamed_answer() -> None:
    """One finish reason for each choice, in order."""
    body = chat_answer("Hi", "Ho")
    talk = asked(KEPT)
    talk.hears(response_headers())
    record = talk.hears_all(chunks(body)).record
    assert (record.finish_reasons, record.tool_calls, record.answers) == (("stop", "stop"), 0, 2)
    assert (record.request_bytes, record.response_bytes) == (len(talk.sent), len(body))
    assert (record.asked_model, record.started_ns, record.sent_ns) == ("tiny", 0, 2_000_000)
    assert record.version is not None
    assert len(record.version.price_revision) == 12


def test_a_stream() -> None:
    """Its bytes are those of the server, whatever the client gets."""
    stream = b"".join(
        [
            chat_chunk("Hi"),
            chat_chunk("Ho", 1),
            chat_chunk("", 1, "length"),
            chat_chunk("", 0, "stop"),
            usage_chunk(),
            DONE,
        ]
    )
    record = record_of(stream, streamed=True)
    assert sorted(record.finish_reasons) == ["length", "stop"]
    assert record.response_bytes == len(stream)
    assert record.first_text_ns > record.sent_ns


def priced(prompt: int, completion: int, weight: int = 1) -> Snapshot:
    """A configuration with these prices of both versions, the first of which may be gone. [micro-USD per 1e6 tokens]"""
    price = {"prompt_micro_usd_per_mtok": prompt, "completion_micro_usd_per_mtok": completion}
    versions = {"v1": {"weight": weight, "price": price}, "v2": {"weight": 1 - weight, "price": price}}
    limits = [{"name": "money", "of": "micro_usd", "limit": 1, "window": "day", "burst": 10_000_000}]
    return snapshot_of(
        VERSION, METER, models={"tiny": {"versions": versions}}, rate_limits={"limits": limits}, **LEDGER
    )


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("later", [priced(7_000_000, 9_000_000), priced(7_000_000, 9_000_000, weight=0)])
def test_prices_that_change_meanwhile_are_those_of_the_next_exchange(later: Snapshot, streamed: bool) -> None:
    """An exchange costs what it did when it began, also in limits of money; its entry says by which prices."""
    first, memory = priced(1_000_000, 2_000_000), LimitMemory()
    before, after = (Conversation(snapshot, limiter=memory) for snapshot in (first, later))
    before.hears_all([request_headers(), request_body(stream=streamed), response_headers(SSE if streamed else JSON)])
    after.hears_all([request_headers(), request_body(), response_headers()])  # it is reloaded in mid-exchange
    streams = chunks(chat_chunk("Hi") + chat_chunk("", 0, "stop") + usage_chunk() + DONE, [50])
    before.hears_all(streams if streamed else chunks(chat_answer("Hi"))).hears(StreamClosed())
    after.hears_all(chunks(chat_answer("Hi"))).hears(StreamClosed())
    costs = 9 + 2 * 4, 7 * 9 + 9 * 4
    assert (before.record.cost_micro_usd, after.record.cost_micro_usd) == costs
    entries = [_entry_of(talk.record) for talk in (before, after)]
    assert [entry.cost_micro_usd for entry in entries] == [*costs]
    assert len({entry.price_revision for entry in entries}) == len({entry.revision for entry in entries}) == 2
    assert [entry.revision for entry in entries] == [first.revision, later.revision]
    assert later.rate_limits is not None
    probe = Claim(later.rate_limits.of(after.record))
    memory.judge(probe, after.now_ns)
    (money,) = probe.limits
    assert round(money.ahead / money.limit.rate.interval) == sum(costs)


def _entry_of(record: ExchangeRecord) -> LedgerEntry:
    writer = RecordWriter()
    return RecordReader().read(ended_record(writer.begin_of(record, 0), writer.end_of(record, record.version)))


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_are_counted(streamed: bool) -> None:
    """By their names, over all choices."""
    calls = [CALL, CALL | {"index": 1}]
    choice = {"index": 0, "finish_reason": "tool_calls"}
    if streamed:
        answer = sse({"choices": [choice | {"delta": {"tool_calls": calls}}]}) + DONE
    else:
        answer = chat_answer(choices=[choice | {"message": {"role": "assistant", "tool_calls": calls}}])
    record = record_of(answer, streamed=streamed)
    assert (record.tool_calls, record.finish_reasons) == (2, ("tool_calls",))


def test_a_finish_reason_that_no_api_has_is_not_repeated() -> None:
    """It may be any text of a server."""
    answer = chat_answer(choices=[{"index": 0, "message": {"content": "Hi"}, "finish_reason": "because xyzzy"}])
    assert record_of(answer).finish_reasons == ("other",)


@pytest.mark.parametrize(
    ("events", "reported"),
    [
        ([chat_chunk("Hi"), usage_chunk()], True),
        ([chat_chunk("Hi", usage={"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10})], True),
        ([chat_chunk("Hi")], False),
    ],
)
def test_who_counted_the_prompt_of_a_stream_that_breaks_off(events: list[bytes], reported: bool) -> None:
    """vLLM tells it with each event, where it is asked to."""
    talk = asked(KEPT, body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    record = talk.hears_all(chunks(b"".join(events), end=False)).hears_all([StreamClosed()]).record
    assert record.prompt_reported is reported
    assert record.usage is not None
    assert record.usage.prompt == 9 or not reported


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([StreamClosed()], EntryOutcome.CLIENT_LEFT),
        ([response_headers(SSE), StreamClosed()], EntryOutcome.ABORTED),
        (
            [response_headers(status=503, details="upstream_reset_before_response_started{connection_termination}")],
            EntryOutcome.UPSTREAM_DIED,
        ),
        ([response_headers(status=503, details="no_healthy_upstream")], EntryOutcome.UNREACHABLE),
        ([response_headers(status=504, details="upstream_response_timeout")], EntryOutcome.TIMED_OUT),
    ],
)
def test_how_far_an_exchange_came(events: list[Any], expected: EntryOutcome) -> None:
    """As far as Envoy tells it."""
    talk = asked(KEPT)
    for event in events:
        talk.hears(event)
    assert outcome_of(talk.record) is expected or outcome_of(talk.record) == expected


def test_a_request_that_a_guard_blocks_was_not_sent() -> None:
    """It is refused."""
    talk = Conversation(snapshot_of(VERSION, PII_BLOCK, METER, **LEDGER))
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": "user", "content": "I am ann@example.org"}]))
    assert (talk.record.sent_ns, talk.record.outcome) == (0, Outcome.REJECTED)
    assert outcome_of(talk.record) == EntryOutcome.REFUSED
    assert [step.sent_on for step in talk.steps] == [None, None]


def test_the_step_that_sends_a_request_on_says_so_once() -> None:
    """With the size of the request, and only where there is a ledger."""
    talk = asked(KEPT)
    (sent,) = [step.sent_on for step in talk.steps if step.sent_on is not None]
    assert sent is talk.exchange.record
    assert sent.size is not None
    assert sent.size.utf8_bytes > 0
    assert [step.sent_on for step in asked(snapshot_of(VERSION, METER)).steps] == [None, None]


def test_while_entries_cannot_be_kept_no_request_is_sent_on() -> None:
    """Other paths are answered as always."""
    full = ApiError(503, "server_error", "ledger_full", "Full.", retry_after_s=5)
    exchange = Exchange(KEPT, "x", 0, refusal=full)
    (reply,) = exchange.step(request_headers(), 1).commands
    assert isinstance(reply, ImmediateResponse)
    assert (reply.status, reply.code, reply.retry_after_s) == (503, "ledger_full", 5)
    models = Exchange(KEPT, "x", 0, refusal=full).step(request_headers("/v1/models", "GET", end=True), 1)
    assert isinstance(models.commands[0], ImmediateResponse)
    assert models.commands[0].status == 200
