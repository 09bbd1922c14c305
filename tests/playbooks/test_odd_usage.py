"""Counts of a model server that cannot be true: what they cost, in the entry and in limits of tokens and money."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.record import ExchangeRecord
from extproc.exchange.claims import Claim
from extproc.exchange.events import StreamClosed
from extproc.exchange.limit_memory import LimitMemory
from tests.playbooks.driver import (
    DONE,
    METER,
    SSE,
    VERSION,
    Conversation,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    sse,
)

LIMITS = [
    {"name": of, "of": of, "limit": 1, "window": "day", "burst": 10_000_000}
    for of in ("tokens", "prompt_tokens", "micro_usd")
]
SNAPSHOT = snapshot_of(VERSION, METER, rate_limits={"limits": LIMITS}, ledger={})
MOST = 20 + 1_024
"""Of an answer with `max_tokens: 20`."""


def usage(prompt: Any, completion: Any, **more: Any) -> dict[str, Any]:
    """What a server says."""
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **more}}


def ended(body: bytes, *, streamed: bool) -> tuple[ExchangeRecord, dict[str, int]]:
    """Of a request whose answer this is: its record, and what is owed of each limit."""
    talk = Conversation(SNAPSHOT, limiter=LimitMemory())
    talk.hears_all([request_headers(), request_body(stream=streamed, max_tokens=20)])
    talk.hears(response_headers(SSE if streamed else "application/json"))
    talk.hears_all(chunks(body)).hears(StreamClosed())
    assert SNAPSHOT.rate_limits is not None
    probe = Claim(SNAPSHOT.rate_limits.of(talk.record))
    assert isinstance(talk.limiter, LimitMemory)
    talk.limiter.judge(probe, talk.now_ns)
    return talk.record, {one.limit.name: round(one.ahead / one.limit.rate.interval) for one in probe.limits}


def holds_together(record: ExchangeRecord, owed: dict[str, int]) -> None:
    """The cost is that of the tokens, nothing is negative, and limits are settled by the same."""
    assert record.usage is not None
    prompt, completion = record.usage.prompt, record.usage.completion
    assert prompt >= record.usage.cached >= 0 <= completion
    assert record.cost_micro_usd == prompt + 2 * completion
    assert owed == {"tokens": prompt + completion, "prompt_tokens": prompt, "micro_usd": record.cost_micro_usd}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("told", "expected", "estimated"),
    [
        (usage(9, 4, prompt_tokens_details={"cached_tokens": -3}), (9, 4), False),
        (usage(9, 10**15), (9, MOST), True),
        (usage(9, 2**63), (9, MOST), True),
        (usage(-5, 4), None, True),
        (usage(9, -7), None, True),
        (usage(9, 4.5), None, True),
        (usage("9", 4), None, True),
        ({"usage": None}, None, True),
        ({"usage": []}, None, True),
        ({}, None, True),
    ],
)
def test_a_count_that_cannot_be_true(
    told: dict[str, Any], expected: tuple[int, int] | None, estimated: bool, streamed: bool
) -> None:
    """Huge: what the request can lead to. Missing, negative, or no whole number: an estimate, which is never 0."""
    if streamed:
        answer = chat_chunk("Good morning") + chat_chunk(finish="stop") + sse({"choices": [], **told}) + DONE
    else:
        answer = chat_answer("Good morning", **{"usage": None, **told})
    record, owed = ended(answer, streamed=streamed)
    holds_together(record, owed)
    assert record.usage is not None
    assert record.usage.estimated is estimated
    if expected is None:
        assert record.usage.prompt > 0 < record.usage.completion
    else:
        assert (record.usage.prompt, record.usage.completion) == expected


@pytest.mark.parametrize("streamed", [False, True])
def test_a_count_that_no_machine_holds(streamed: bool) -> None:
    """An answer with it may not be readable at all; it costs what came of it."""
    answer = sse({"choices": [], **usage(9, 2**80)}) if streamed else chat_answer("Good morning", **usage(9, 2**80))
    holds_together(*ended(answer, streamed=streamed))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([(9, 10), (9, 4), (9, 2)], (9, 2)),
        ([(9, 10), (2, 10)], (2, 10)),
        ([(9, 10), (9, -10)], (9, 11)),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_counts_that_shrink(counts: list[tuple[int, int]], expected: tuple[int, int], finished: bool) -> None:
    """The last word of the server counts, of a stream that breaks off too: limits get back what it takes back."""
    events = b"".join(chat_chunk(f"word{number} ", **usage(*one)) for number, one in enumerate(counts))
    if finished:
        events += chat_chunk(finish="stop") + sse({"choices": [], **usage(*counts[-1])}) + DONE
    record, owed = ended(events, streamed=True)
    holds_together(record, owed)
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion) == expected
