"""What classifiers say of the answers of a rollout, in its sums."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from extproc.domain.rollouts import Arm, RolloutArm
from extproc.ledger.rollouts.judgments import WAITING_MAX, JudgmentKeeper
from extproc.ledger.rollouts.read_sums import read_look
from extproc.ledger.rollouts.tables import EVENTS, SUMS
from extproc.ledger.store import LedgerStore
from tests.e2e.harness import wait_until
from tests.unit.ledger.crashes import Told
from tests.unit.ledger.rollouts.samples import NOW_US, started


def arm(unit: int, of: Arm = Arm.CANARY, step: int = 1) -> RolloutArm:
    """Of the rollout that is there."""
    return RolloutArm("r1", step, of, unit)


def keeper_of(store: LedgerStore, folder: Path, told: Told | None = None) -> JudgmentKeeper:
    """Without a thread."""
    keeper = JudgmentKeeper("sqlite:///none.db", folder, told or Told(), threaded=False)
    keeper._store = store
    return keeper


def test_judgments_are_counted_by_arm_and_unit(store: LedgerStore, tmp_path: Path) -> None:
    """A unit has its first event once; what comes in the warm-up does not count."""
    state, keeper = started(store, warm_up_s=0), keeper_of(store, tmp_path)
    for unit, is_bad in ((1, True), (1, True), (2, False), (300, True)):
        keeper.judged(arm(unit), is_bad)
    keeper.judged(arm(4, Arm.STABLE), False)
    keeper.judged(arm(5, step=0), True)
    keeper.turn()
    keeper.judged(arm(1), True)
    keeper.turn()
    with store.reading() as connection:
        gate = read_look(connection, state, NOW_US).gates["judge"]
    assert gate.events is not None
    assert (gate.canary.count.sum(), gate.canary.total.sum(), gate.events.canary.sum()) == (5, 4, 2)
    assert (gate.stable.count.sum(), gate.stable.total.sum(), gate.events.stable.sum()) == (1, 0, 0)


def test_a_store_that_fails_is_told_once(tmp_path: Path) -> None:
    """What could not be stored is gone, and what comes later counts."""
    told, file = Told(), tmp_path / "ledger.db"
    keeper = JudgmentKeeper(f"sqlite:///{file}", tmp_path, told, threaded=False)
    file.mkdir()
    for _ in range(3):
        keeper.judged(arm(1), True)
        keeper.turn()
    file.rmdir()
    keeper.judged(arm(2), True)
    keeper.turn()
    assert [(level, event) for level, event, _ in told.lines] == [
        ("error", "judgments not counted"),
        ("warning", "judgments are counted again"),
    ]
    store = LedgerStore(f"sqlite:///{file}", tmp_path)
    with store.reading() as connection:
        assert connection.execute(select(EVENTS.c.unit)).scalars().all() == [2]
    store.close()


def test_so_many_wait_at_most(store: LedgerStore, tmp_path: Path) -> None:
    """Of both arms alike, as it does not look at them."""
    keeper = keeper_of(store, tmp_path)
    for unit in range(WAITING_MAX + 10):
        keeper.judged(arm(unit), False)
    keeper.turn()
    keeper.turn()
    with store.reading() as connection:
        assert connection.execute(select(func.sum(SUMS.c.count))).scalar_one() == WAITING_MAX


def test_nothing_is_opened_before_the_first(tmp_path: Path) -> None:
    """Then a thread stores what comes, at the end too."""
    keeper = JudgmentKeeper("sqlite:///ledger.db", tmp_path, Told())
    keeper.judged(arm(1, step=0), True)
    assert (keeper._thread, list(tmp_path.iterdir())) == (None, [])
    keeper.judged(arm(1), True)
    wait_until(lambda: (tmp_path / "ledger.db").exists(), "the store is opened")
    keeper.judged(arm(2), True)
    keeper.close()
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    with store.reading() as connection:
        assert connection.execute(select(func.sum(SUMS.c.count))).scalar_one() == 2
    store.close()
