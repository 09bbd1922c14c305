"""Thumbs down count for the arm of their exchange, whenever they come."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from extproc.domain.feedback import FeedbackType
from extproc.domain.rollouts import Arm
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.schema import FEEDBACK
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.rollouts.samples import NOW_US, started
from tests.unit.ledger.samples import entry

DOWN, UP = FeedbackType.NEGATIVE, FeedbackType.POSITIVE


def answer(number: int, arm: Arm, unit: int, **changed: Any) -> Any:
    """An exchange of the rollout."""
    part = {"rollout": "r1", "rollout_step": 1, "arm": arm.value, "unit": unit, "chosen": ""}
    return entry(exchange=f"x{number}", **{**part, "outcome": EntryOutcome.COMPLETED, **changed})


def thumb(exchange: str, kind: FeedbackType, user: str = "u", at_us: int = NOW_US, **changed: Any) -> dict[str, Any]:
    """A row of feedback."""
    empty = dict.fromkeys(("comment_hash", "team", "project", "route", "version", "fingerprint", "prompt"), "")
    at = {"created_at_us": at_us, "changed_at_us": at_us, "model": "tiny", "prompt_fingerprint": ""}
    return {**empty, **at, "exchange": exchange, "user_id": user, "type": kind.value, **changed}


def seen(store: LedgerStore, state: RolloutState) -> dict[str, tuple[float, float, float]]:
    """By arm: answers, thumbs down, and units whose first one was in it."""
    with store.reading() as connection:
        gate = read_look(connection, state, NOW_US).gates["feedback"]
    assert gate.events is not None
    return {
        arm.value: (float(sums.count.sum()), float(sums.total.sum()), float(events.sum()))
        for arm, sums, events in zip((Arm.CANARY, Arm.STABLE), (gate.canary, gate.stable), gate.events, strict=True)
    }


def test_each_counts_for_its_arm(store: LedgerStore) -> None:
    """An exchange once, whoever says it; a unit once; and of all answers, most have none."""
    state = started(store, warm_up_s=0)
    store.add([answer(number, Arm.CANARY, number % 3) for number in range(6)])
    store.add([answer(number, Arm.STABLE, 9) for number in range(6, 16)])
    assert seen(store, state) == {"canary": (6, 0, 0), "stable": (10, 0, 0)}
    with store.writing() as connection:
        rows = [thumb("x0", DOWN), thumb("x0", DOWN, "other"), thumb("x3", DOWN), thumb("x1", DOWN), thumb("x7", DOWN)]
        connection.execute(insert(FEEDBACK), rows)
    assert seen(store, state) == {"canary": (6, 3, 2), "stable": (10, 1, 1)}


def test_who_has_changed_their_mind_counts_as_they_think_now(store: LedgerStore) -> None:
    """Of two opposite thumbs of one user the later one counts; another user's is another one."""
    state = started(store, warm_up_s=0)
    store.add([answer(number, Arm.CANARY, number) for number in range(4)])
    with store.writing() as connection:
        rows = [
            *(thumb("x0", DOWN), thumb("x0", UP, at_us=NOW_US + 5)),
            *(thumb("x1", UP), thumb("x1", DOWN, at_us=NOW_US + 5)),
            *(thumb("x2", DOWN, "a"), thumb("x2", UP, "b", NOW_US + 5)),
        ]
        connection.execute(insert(FEEDBACK), rows)
    assert seen(store, state)["canary"] == (4, 2, 2)


def test_what_is_of_no_exchange_of_the_rollout(store: LedgerStore) -> None:
    """Of another rollout, of its warm-up, of another model, of before it, and of an exchange without an entry yet."""
    state = started(store, warm_up_s=0)
    store.add(
        [
            answer(0, Arm.CANARY, 0),
            answer(1, Arm.CANARY, 1, rollout="r0"),
            answer(2, Arm.CANARY, 2, rollout_step=0),
            answer(3, Arm.CANARY, 3),
            answer(4, Arm.CANARY, 4),
        ]
    )
    with store.writing() as connection:
        rows = [
            *(thumb("x1", DOWN), thumb("x2", DOWN), thumb("x9", DOWN)),
            *(thumb("x3", DOWN, model="large"), thumb("x4", DOWN, at_us=NOW_US - 5)),
        ]
        connection.execute(insert(FEEDBACK), rows)
    assert seen(store, state)["canary"] == (3, 0, 0)
