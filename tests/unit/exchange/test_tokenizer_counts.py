"""What becomes of a tokenizer's counts: usage and cost, with what is learned of the server's own additions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import RequestSize
from extproc.domain.uncounted import Uncounted
from extproc.domain.usage import Usage
from extproc.domain.usage_bounds import UsageBounds
from extproc.exchange import tokenizer_counts
from extproc.exchange.tokenizer_counts import EVERY, FIRST, TokenizerCounts
from tests.unit.ledger.records import record_of

ESTIMATE = Usage(1_000, 1_000, estimated=True)


def uncounted(**changed: Any) -> Uncounted:
    """A prompt of 40 bytes in two turns, and a stream of 44 bytes in ten pieces."""
    size = RequestSize(utf8_bytes=40, turns=2)
    known = Uncounted("t", size, ["p" * 40], [], ["a" * 44], 44, 10, 0)
    for name, value in changed.items():
        setattr(known, name, value)
    return known


def left(**changed: Any) -> ExchangeRecord:
    """An exchange whose client left a stream."""
    terms: dict[str, Any] = {"outcome": Outcome.ABORTED, "usage": ESTIMATE, "streamed": True}
    return record_of(**(terms | changed))


@pytest.mark.parametrize(
    ("record", "known", "counted", "expected"),
    [
        (left(), uncounted(), (10, 0, 11), (10 + 2 * 4, 11)),
        (left(), uncounted(), (10, 0, 4), (18, 10)),  # a piece has at least one token
        (left(), uncounted(running=100), (10, 0, 11), (18, 111)),
        (left(prompt_reported=True), uncounted(), (10, 0, 11), (1_000, 11)),
        (left(streamed=False), uncounted(answer=None), (10, 0, 0), (18, 1_000)),  # nothing was seen of it
        (left(streamed=False), uncounted(pieces=0), (10, 0, 11), (18, 11)),
        (left(), uncounted(answer_utf8_bytes=440), (10, 0, 11), (18, 110)),  # the sample is a tenth
        (left(), uncounted(tools=["t" * 8], size=RequestSize(40, 2, 80)), (10, 3, 11), (18 + 30 + 80, 11)),
        (left(), uncounted(size=RequestSize(80, 2)), (10, 0, 11), (28, 11)),  # another version with a longer prompt
        (left(), uncounted(size=RequestSize(0, 0), pieces=0, answer=[], answer_utf8_bytes=0), (0, 0, 0), (1, 0)),
    ],
)
def test_usage(record: ExchangeRecord, known: Uncounted, counted: tuple[int, ...], expected: tuple[int, int]) -> None:
    """The texts as they were counted, and the template by the rate of an unknown model; still an estimate."""
    TokenizerCounts().take(record, known, counted)
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion) == expected
    assert record.usage.estimated
    assert record.cost_micro_usd == expected[0] + 2 * expected[1]


def test_the_bounds_of_the_request_hold() -> None:
    """A tokenizer of another model may count anything."""
    record = left(usage_bounds=UsageBounds(50, 60))
    TokenizerCounts().take(record, uncounted(), (10_000, 0, 10_000))
    assert record.usage == Usage(50, 60, estimated=True)


def taught(counts: TokenizerCounts, times: int, usage: Usage, counted: tuple[int, int, int], **known: Any) -> None:
    """Exchanges with reported usage."""
    for _ in range(times):
        record = record_of(usage=usage, streamed=True)
        before = replace(usage)
        counts.take(record, uncounted(**known), counted)
        assert record.usage == before


def test_what_the_server_adds_is_learned() -> None:
    """A template of 30 tokens a turn, and an end of each answer that no client sees."""
    counts = TokenizerCounts()
    for words in (10, 100, 1_000) * 20:
        size = RequestSize(utf8_bytes=4 * words, turns=2)
        known = {"size": size, "prompt": ["p" * 4 * words], "pieces": 3}
        taught(counts, 1, Usage(60 + words, 22), (words, 0, 20), **known)
    record = left()
    counts.take(record, uncounted(pieces=3), (10, 0, 10))
    assert record.usage is not None
    assert record.usage.prompt == pytest.approx(70, rel=0.15)  # 18 before, which counts a little for long
    assert record.usage.completion == pytest.approx(11, abs=1)


def test_pieces_count_where_the_server_sends_a_token_in_each() -> None:
    """They know tokens that have no text of their own; but a loaded server sends several at once."""
    counts = TokenizerCounts()
    taught(counts, 20, Usage(18, 100), (10, 0, 80), pieces=100)
    taught(counts, 20, Usage(18, 100), (10, 0, 95), pieces=100)
    for pieces, text, expected in ((50, 45, 50), (50, 55, 50), (5, 50, 57)):
        record = left()
        counts.take(record, uncounted(pieces=pieces), (10, 0, text))
        assert record.usage is not None
        assert record.usage.completion == pytest.approx(expected, abs=1)


def test_a_part_of_an_answer_teaches_nothing_of_answers() -> None:
    """The server counted as it went on, so only its last text was kept."""
    counts = TokenizerCounts()
    taught(counts, 50, Usage(18, 1_000), (10, 0, 10), running=990)
    record = left()
    counts.take(record, uncounted(pieces=3), (10, 0, 10))
    assert record.usage == Usage(18, 10, estimated=True)


def test_only_some_exchanges_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of each version and API, then a few; what is known of them is bounded."""
    counts = TokenizerCounts()
    taken = [counts.teaches(record_of()) for _ in range(FIRST + 10 * EVERY)]
    assert taken[:FIRST] == [True] * FIRST
    assert sum(taken[FIRST:]) == 10
    assert counts.teaches(record_of(endpoint="messages"))
    assert not counts.teaches(record_of(version=None))
    monkeypatch.setattr(tokenizer_counts, "RATES_MAX", 2)
    assert not counts.teaches(record_of()) or counts._seen == {("f1", "chat"): 1}
    assert len(counts._seen) == 1


def test_a_record_without_usage_stays_as_it_is() -> None:
    """Nothing was counted: it is not metered."""
    record = record_of(usage=None, cost_micro_usd=0)
    TokenizerCounts().take(record, uncounted(), (1, 2, 3))
    assert (record.usage, record.cost_micro_usd) == (None, 0)
