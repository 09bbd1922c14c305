"""What the end of an exchange, and those before it, add to the signals of its answer."""

from __future__ import annotations

import pytest

from extproc.domain.gaps import new_gaps, note_gap
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.signals import REFUSED, REGENERATED, AnswerSignals
from extproc.domain.usage import Usage
from extproc.exchange import answer_memory
from extproc.exchange.answer_memory import ANSWERS_MAX, REGENERATED_WITHIN_NS, REQUESTS_MAX, AnswerMemory

S_NS = 1_000_000_000


def record(request: int = 0, words: set[int] | None = None, started_ns: int = S_NS) -> ExchangeRecord:
    """An exchange that was answered."""
    one = ExchangeRecord("one", "", started_ns, sent_ns=started_ns, outcome=Outcome.COMPLETED, answers=1)
    one.signals = AnswerSignals(question=7, request=request, words=frozenset(words or ()))
    return one


def signals_of(memory: AnswerMemory, one: ExchangeRecord) -> AnswerSignals:
    """The signals once it has ended."""
    memory.complete(one)
    assert one.signals is not None
    return one.signals


def test_the_same_request_is_a_regeneration_for_ten_minutes() -> None:
    """From one to the next, however often."""
    memory, found = AnswerMemory(), []
    for started_ns in (0, 9, 18, 18 + REGENERATED_WITHIN_NS + 1, 18 + REGENERATED_WITHIN_NS + 2):
        signals = signals_of(memory, record(request=5, started_ns=S_NS + started_ns))
        found.append((signals.hits[REGENERATED], signals.judged[REGENERATED]))
    assert found == [(0, 1), (1, 1), (1, 1), (0, 1), (1, 1)]


def test_an_answer_is_compared_with_the_one_before() -> None:
    """To the same question, by its first words."""
    memory = AnswerMemory()
    values = [signals_of(memory, record(words=words)).values for words in ({1, 2, 3}, {2, 3, 4}, {2, 3, 4}, {9})]
    assert [one.get("similarity") for one in values] == [None, 0.5, 1.0, 0.0]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten."""
    monkeypatch.setattr(answer_memory, "REQUESTS_MAX", 3)
    monkeypatch.setattr(answer_memory, "ANSWERS_MAX", 3)
    assert REQUESTS_MAX > ANSWERS_MAX > 3
    memory = AnswerMemory()
    for number in range(1, 9):
        one = record(request=number, words={number})
        assert one.signals is not None
        one.signals.question = number
        memory.complete(one)
    assert (list(memory._requests), list(memory._answers)) == ([6, 7, 8], [6, 7, 8])


def test_times_and_tokens() -> None:
    """Of a stream; gaps only if there are enough."""
    one = record()
    one.usage, one.answers = Usage(10, 41, reasoning=10), 1
    one.first_text_ns, one.last_text_ns, one.pieces = 3 * S_NS, 7 * S_NS, 12
    assert one.signals is not None
    one.signals.gaps = new_gaps()
    for gap_ns in [100_000_000] * 10 + [2_000_000_000]:
        note_gap(one.signals.gaps, gap_ns)
    values = signals_of(AnswerMemory(), one).values
    assert values["length"] == 41
    assert values["reasoning_share"] == pytest.approx(10 / 41)
    assert (values["first_token"], values["token_time"]) == pytest.approx((2.0, 0.1))
    assert values["gap_median"] == pytest.approx(0.1, rel=0.13)
    few = record()
    few.first_text_ns, few.last_text_ns, few.pieces = 3 * S_NS, 7 * S_NS, 3
    assert few.signals is not None
    few.signals.gaps = one.signals.gaps
    assert set(signals_of(AnswerMemory(), few).values) == {"first_token"}


def test_refusals_are_of_the_choices_in_which_one_was_looked_for() -> None:
    """Without the guard there are none."""
    one, other = record(), record()
    one.refusals, one.refusals_judged = 1, 2
    memory = AnswerMemory()
    assert (signals_of(memory, one).hits[REFUSED], signals_of(memory, one).judged[REFUSED]) == (1, 2)
    assert signals_of(memory, other).judged[REFUSED] == 0


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.FAILED, Outcome.UPSTREAM_ERROR, Outcome.REJECTED])
def test_only_an_answer_has_signals(outcome: Outcome) -> None:
    """One that did not end says nothing of its version; one that was not sent has none."""
    one, unsent = record(), record()
    one.outcome, unsent.sent_ns = outcome, 0
    memory = AnswerMemory()
    memory.complete(one)
    memory.complete(unsent)
    assert one.signals is unsent.signals is None
