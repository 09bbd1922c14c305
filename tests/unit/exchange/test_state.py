"""An exchange ends once, whatever comes then, and what it has computed is measured."""

from __future__ import annotations

import pytest

from extproc.domain.classification import ClassificationJob, Origin
from extproc.domain.record import Action, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import Abort
from extproc.exchange.phases import Phase
from extproc.exchange.state import ExchangeState
from extproc.exchange.token_counts import TokenCounts
from tests.playbooks.driver import METER, snapshot_of
from tests.unit.filters.fakes import exchange_of

JOB = ClassificationJob(Origin("id", "chat", "", "", "", None), "guard", "model", Direction.REQUEST, Action.FLAG, ())


def state_of(**sections: object) -> ExchangeState:
    """An exchange that has just begun."""
    exchange = exchange_of()
    return ExchangeState(snapshot_of(METER, **sections), exchange, TokenCounts(exchange.record, None), None, None)


def test_the_record_is_given_out_once() -> None:
    """A second end sends its commands, and that is all."""
    state = state_of()
    first, second = state.end([], 5), state.end([Abort("late")], 9, Phase.UNREAD)
    assert (first.ended, second.ended) == (state.record, None)
    assert second.commands == [Abort("late")]
    assert state.record.ended_ns == 5
    assert state.phase is Phase.UNREAD


def test_jobs_leave_once() -> None:
    """With the step that comes next, or with the end."""
    state = state_of()
    state.exchange.outbox.submit(JOB)
    assert list(state.take_jobs()) == [JOB]
    assert list(state.take_jobs()) == []
    state.exchange.outbox.submit(JOB)
    assert list(state.end([], 5).jobs) == [JOB]


@pytest.mark.parametrize(
    ("forwarded", "outcome", "measured"),
    [(True, Outcome.ABORTED, True), (True, Outcome.REJECTED, False), (False, Outcome.ABORTED, False)],
)
def test_a_request_that_the_server_has_is_measured_however_it_ends(
    forwarded: bool, outcome: Outcome, measured: bool
) -> None:
    """It has computed something, though nobody has seen it."""
    state = state_of()
    state.forwarded, state.record.outcome, state.record.metered = forwarded, outcome, True
    state.end([], 10**9)
    assert (state.record.usage is not None) == measured
    assert state.record.usage is None or state.record.usage.estimated


def test_texts_and_notes_are_kept_only_where_somebody_reads_them() -> None:
    """Else no text outlives its exchange."""
    assert (state_of().record.texts, state_of().record.notes) == (None, None)
    assert state_of(log={"text": True}).record.texts == {}
