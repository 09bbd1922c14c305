"""The state of rollouts: one open at a time for a model, and each change with its entry or not at all."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from extproc.domain.rollouts import RolloutPhase
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.states import (
    RolloutChanged,
    RolloutRefused,
    change_rollout,
    journal_of,
    last_entry,
    last_rollouts,
    new_rollout,
    note_look,
    open_rollout,
    rollouts,
)
from extproc.ledger.store import LedgerStore
from extproc.rollout.explain import noted
from extproc.rollout.journal import JournalKind, broken_at
from tests.hangs import HANG_S
from tests.unit.ledger.rollouts.samples import ARMS, NOW_US, started
from tests.unit.rollout.samples import PLAN

BACK = {"phase": RolloutPhase.ROLLED_BACK, "share": 0.0}


def test_a_rollout_begins_at_its_first_step(store: LedgerStore) -> None:
    """With its plan, what the configuration had of both versions, and an entry."""
    state = started(store)
    assert (state.step, state.share, state.phase, state.arms) == (1, 0.05, RolloutPhase.RUNNING, ARMS)
    assert state.terms == PLAN
    with store.reading() as connection:
        assert open_rollout(connection, "tiny") == state
        (entry,) = journal_of(connection, "r1")
    assert (entry.values["kind"], entry.values["by"], entry.at_us) == ("started", "kim", NOW_US)


def test_a_model_has_one_open_rollout(store: LedgerStore) -> None:
    """A second one is refused, and says which is open; another model has its own."""
    started(store)
    with pytest.raises(
        RolloutRefused, match=r"^tiny is being rolled out already: tiny-v2, v1 to v2\. Promote it or roll"
    ):
        started(store, "r2", name="again")
    assert started(store, "r3", model="large").open_model == "large"
    with store.reading() as connection:
        assert [one.id for one in rollouts(connection)] == ["r1", "r3"]


def test_what_begins_at_the_same_moment(store: LedgerStore) -> None:
    """Of several processes one begins it, the others are refused, and no half of any stays."""
    barrier, refused = Barrier(4), []

    def begin(number: int) -> None:
        barrier.wait(timeout=HANG_S)
        try:
            started(store, f"r{number}")
        except RolloutRefused as problem:
            refused.append(problem)

    threads = [Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=HANG_S)
    assert len(refused) == 3
    with store.reading() as connection:
        (state,) = rollouts(connection)
        assert len(journal_of(connection, state.id)) == 1


def test_only_operators_change_a_rollout_that_names_some(store: LedgerStore) -> None:
    """The processor decides all the same."""
    with pytest.raises(RolloutRefused, match=r"^kim is no operator of tiny-v2; its plan names `ann`, `ben`\. Ask one"):
        started(store, operators=("ann", "ben"))
    with store.writing() as connection:
        plan = PLAN.model_copy(update={"operators": ("ann",)})
        state = new_rollout(connection, plan, ARMS, "r1", "extproc", NOW_US)
        with pytest.raises(RolloutRefused, match=r"^kim is no operator of tiny-v2"):
            change_by_hand(connection, state, JournalKind.PAUSED, "kim", "", NOW_US)
        assert change_by_hand(connection, state, JournalKind.PAUSED, "ann", "", NOW_US).phase is RolloutPhase.PAUSED


def test_after_the_end_another_one_may_begin(store: LedgerStore) -> None:
    """The last one of a model is that which counts."""
    first = started(store)
    with store.writing() as connection:
        after = change_rollout(connection, first, noted(JournalKind.ROLLED_BACK, "kim"), NOW_US + 5, **BACK)
    assert (after.open_model, after.revision, after.share) == (None, 2, 0.0)
    second = started(store, "r2", now_us=NOW_US + 10)
    with store.reading() as connection:
        assert last_rollouts(connection) == [second]


def test_of_two_changes_one_is_made(store: LedgerStore) -> None:
    """Who read the state before the other's change has to look again; the journal has one entry more, not two."""
    before = started(store)
    with store.writing() as connection:
        change_rollout(connection, before, noted(JournalKind.PAUSED, "kim"), NOW_US + 1, phase=RolloutPhase.PAUSED)
    with pytest.raises(RolloutChanged), store.writing() as connection:
        change_rollout(connection, before, noted(JournalKind.ROLLED_BACK, "lee"), NOW_US + 2, **BACK)
    with pytest.raises(RolloutChanged), store.writing() as connection:
        note_look(connection, before, noted(JournalKind.LOOKED, "extproc"), NOW_US + 2)
    with store.reading() as connection:
        entries = journal_of(connection, "r1")
        assert [entry.values["kind"] for entry in entries] == ["started", "paused"]
        assert broken_at("r1", entries) is None
        assert last_entry(connection, "r1") == entries[-1]


def test_an_entry_that_cannot_be_written_changes_nothing(store: LedgerStore) -> None:
    """State and journal are one transaction."""
    before = started(store)
    content = noted(JournalKind.ADVANCED, "extproc", broken=float("nan"))
    with pytest.raises(ValueError, match="Out of range float"), store.writing() as connection:
        change_rollout(connection, before, content, NOW_US + 1, step=2, share=0.25)
    with store.reading() as connection:
        assert open_rollout(connection, "tiny") == before


def test_what_processes_that_serve_are_told(store: LedgerStore) -> None:
    """In its warm-up a rollout is at step 0; what is over is measured no more."""
    state = started(store, warm_up_s=60)
    assert state.share_of(NOW_US + 59_000_000).step == 0
    share = state.share_of(NOW_US + 60_000_000)
    assert (share.step, share.share, share.measures, share.canary_fingerprint) == (1, 0.05, True, "f2")
    with store.writing() as connection:
        content = noted(JournalKind.PROMOTED, "kim")
        over = change_rollout(connection, state, content, NOW_US, phase=RolloutPhase.PROMOTED, share=1.0)
    assert (over.share_of(NOW_US).share, over.share_of(NOW_US).measures) == (1.0, False)
