"""Rollouts in the process that ships: one of several decides, whatever dies, and all tell their workers the same."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from extproc.database.engine import StoreFailed
from extproc.domain.rollouts import Arm, RolloutArm, RolloutPhase, RolloutShare
from extproc.ledger.leader import BEAT_S, TAKEN_OVER_S
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.local_watch import LocalWatch
from extproc.ledger.rollouts.settings import ConfiguredVersion, RolloutSettings
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE, parse_rollout_file
from extproc.ledger.rollouts.states import change_rollout, journal_of, open_rollout, rollouts
from extproc.ledger.rollouts.tables import EVENTS, ROLLOUTS, UNITS_SEEN
from extproc.ledger.rollouts.verdicts import VerdictsRead
from extproc.ledger.rollouts.watch import RolloutsLooked, RolloutWatch
from extproc.ledger.sink import LedgerSink
from extproc.ledger.store import LedgerStore
from extproc.rollout.explain import explain, noted
from extproc.rollout.journal import JournalKind
from tests.unit.ledger.crashes import sink_of
from tests.unit.ledger.records import record_of
from tests.unit.ledger.rollouts.samples import ARMS, NOW_US, add_healthy, add_rate, add_units, started
from tests.unit.rollout.samples import PLAN

VERSIONS = (ConfiguredVersion("tiny", "v1", "f1", 90), ConfiguredVersion("tiny", "v2", "f2", 10))
DECLARED = RolloutSettings((PLAN,), VERSIONS)
NOT_DECLARED = RolloutSettings((), VERSIONS)


class Process:
    """One that ships, with clocks of its own."""

    def __init__(self, store: LedgerStore, root: Path, settings: RolloutSettings = NOT_DECLARED) -> None:
        self.now_s = 1_000.0
        root.mkdir(exist_ok=True)
        self.root = root
        self.local = LocalWatch(root, lambda _: None)
        self.watch = RolloutWatch(store, root, settings, self.local, (lambda: self.now_s, lambda: NOW_US))

    def look(self, after_s: float = BEAT_S) -> RolloutsLooked:
        """After some time."""
        self.now_s += after_s
        return self.watch.look()

    def shares(self) -> tuple[RolloutShare, ...]:
        """What its workers read."""
        return parse_rollout_file((self.root / ROLLOUT_FILE).read_bytes())


@pytest.fixture
def process(store: LedgerStore, tmp_path: Path) -> Process:
    """The only one."""
    return Process(store, tmp_path / "one")


def kinds(store: LedgerStore, rollout: str = "r1") -> list[str]:
    """Of a journal that agrees with its numbers."""
    with store.reading() as connection:
        entries = journal_of(connection, rollout)
    assert explain(rollout, entries).agrees
    return [entry.values["kind"] for entry in entries]


def add(store: LedgerStore, write: Callable[..., None], *args: Any, **more: Any) -> None:
    """In a transaction."""
    with store.writing() as connection:
        write(connection, *args, **more)


def test_a_rollout_walks_all_its_steps(store: LedgerStore, process: Process) -> None:
    """As soon as its numbers allow; the workers are told each share, and at the end that nothing is compared."""
    started(store, warm_up_s=0)
    assert [one.state.share for one in process.look().shown] == [0.05]
    assert (process.shares()[0].share, process.shares()[0].step) == (0.05, 1)
    add(store, add_healthy, 20_000, 400)
    (change,) = process.look().changes
    assert (change.kind, change.step, change.share, change.made_by) == (JournalKind.ADVANCED, 2, 0.25, "extproc")
    assert (process.shares()[0].share, process.shares()[0].step) == (0.25, 2)
    for step in (2, 3):
        for arm in Arm:
            for gate, events in (("error", 20), ("refusal", 400)):
                add(store, add_rate, gate, arm, 20_000, events, step)
        process.look()
    (last,) = process.shares()
    assert (last.step, last.share, last.measures) == (3, 1.0, False)
    assert kinds(store) == ["started", "advanced", "advanced", "promoted"]
    assert process.look().changes == ()


def test_a_canary_that_refuses_is_rolled_back(store: LedgerStore, process: Process) -> None:
    """All goes to the stable version, and the same revision does not begin again by itself."""
    process.watch.settings = DECLARED
    assert [one.kind for one in process.look().changes] == [JournalKind.STARTED]
    with store.reading() as connection:
        state = open_rollout(connection, "tiny")
    assert state is not None
    assert (state.name, state.arms) == ("tiny-v2", ARMS)
    add(store, add_healthy, 4_000, 320, rollout=state.id)
    (change,) = process.look().changes
    assert change.kind is JournalKind.ROLLED_BACK
    assert change.reasons[0].startswith("refusal is worse: +6 points")
    assert [one.share for one in process.shares()] == [0.0]
    assert process.look(60.0).changes == ()
    process.watch.settings = DECLARED._replace(versions=(VERSIONS[0], VERSIONS[1]._replace(fingerprint="f3")))
    assert [one.kind for one in process.look().changes] == [JournalKind.STARTED]
    with store.reading() as connection:
        assert [one.canary_fingerprint for one in rollouts(connection)] == ["f2", "f3"]


def test_what_fails_hard_is_rolled_back_in_its_warm_up(store: LedgerStore, process: Process) -> None:
    """After tens of exchanges, though nothing is compared yet."""
    started(store, warm_up_s=3_600)
    process.look()
    assert process.shares()[0].step == 0
    add(store, add_rate, "error", Arm.CANARY, 30, 8, step=0)
    add(store, add_rate, "error", Arm.STABLE, 570, 1, step=0)
    (change,) = process.look().changes
    assert change.kind is JournalKind.ROLLED_BACK
    assert change.reasons == ("8 of 30 exchanges of the canary failed, of 8 units; 1 % may fail.",)


def test_a_canary_that_hangs_is_rolled_back(store: LedgerStore, process: Process) -> None:
    """None of its exchanges has ended: those that wait are seen in the slots of the processes that serve."""
    state = started(store, warm_up_s=0)
    add(store, add_healthy, 100, 2)
    sink = sink_of(process.root)
    for unit in range(6):
        add_waiting(sink, RolloutArm(state.id, 1, Arm.CANARY, unit % 5))
    add_waiting(sink, RolloutArm(state.id, 0, Arm.CANARY, 99))
    assert process.look().changes == ()
    sink.turn()
    (change,) = process.look().changes
    assert change.kind is JournalKind.ROLLED_BACK
    assert change.reasons == (
        "no_answer is worse: streams of 5 units of the canary and of 0 of the stable version had no text for 3 "
        "seconds.",
    )
    assert kinds(store) == ["started", "rolled_back"]


def test_streams_of_both_arms_that_wait_blame_nobody(store: LedgerStore, process: Process) -> None:
    """In the proportion of their shares."""
    state = started(store, warm_up_s=0)
    sink = sink_of(process.root)
    for unit in range(100):
        add_waiting(sink, RolloutArm(state.id, 1, Arm.CANARY if unit % 20 == 0 else Arm.STABLE, unit))
    sink.turn()
    assert process.look().changes == ()
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(EVENTS)).scalar_one() == 100


def test_after_the_end_nobody_looks_at_open_exchanges(store: LedgerStore, process: Process) -> None:
    """They take time to read, and are in no comparison."""
    started(store, warm_up_s=0)
    add(store, add_rate, "error", Arm.CANARY, 30, 20)
    add(store, add_rate, "error", Arm.STABLE, 570, 1)
    assert [change.kind for change in process.look().changes] == [JournalKind.ROLLED_BACK]
    sink = sink_of(process.root)
    add_waiting(sink, RolloutArm("r1", 1, Arm.CANARY, 7))
    process.look()
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(UNITS_SEEN)).scalar_one() == 0


def add_waiting(sink: LedgerSink, arm: RolloutArm) -> None:
    """A stream that was sent long ago, and waits."""
    sink.exchange_sent(record_of(f"w{secrets.token_hex(4)}", streamed=True, arm=arm, first_text_ns=0, sent_ns=1))


def test_a_mismatch_of_units_is_told_once(store: LedgerStore, process: Process) -> None:
    """While it lasts everything is held."""
    started(store, warm_up_s=0)
    add(store, add_units, Arm.CANARY, 400)
    add(store, add_units, Arm.STABLE, 760)
    add(store, add_rate, "refusal", Arm.CANARY, 3_000, 2_000)
    (change,) = process.look().changes
    assert change.kind is JournalKind.HELD
    assert [process.look(40.0).changes for _ in range(3)] == [(), (), ()]
    assert kinds(store) == ["started", "held", "looked", "looked", "looked"]


def test_a_store_that_is_gone_freezes_shares(
    store: LedgerStore, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is decided, and nothing jumps; when it is back, it goes on where it was."""
    started(store, warm_up_s=0)
    process.look()
    before = process.shares()
    add(store, add_healthy, 4_000, 320)

    def gone() -> None:
        raise StoreFailed("the disk is full", may_pass=True)

    with monkeypatch.context() as patch:
        patch.setattr(store, "reading", gone)
        patch.setattr(store, "writing", gone)
        with pytest.raises(StoreFailed):
            process.look()
    assert process.shares() == before
    assert [one.kind for one in process.look().changes] == [JournalKind.ROLLED_BACK]


@pytest.mark.parametrize("answers", [True, False])
def test_a_canary_that_answers_late_loses_no_units(store: LedgerStore, process: Process, answers: bool) -> None:
    """Units are seen from the beginning of an exchange on; nothing is missing while it is open."""
    started(store, warm_up_s=0)
    add(store, add_units, Arm.STABLE, 760)
    sink = sink_of(process.root)
    for unit in range(40 if answers else 0):
        arm = RolloutArm("r1", 1, Arm.CANARY, unit)
        sink.exchange_sent(record_of(f"a{unit}", arm=arm, streamed=False))
    assert [change.kind for change in process.look().changes] == ([] if answers else [JournalKind.HELD])


def test_a_paused_rollout_decides_nothing(store: LedgerStore, process: Process) -> None:
    """Its share stays, and exchanges are still compared."""
    state = started(store, warm_up_s=0)
    with store.writing() as connection:
        change_rollout(connection, state, noted(JournalKind.PAUSED, "kim"), NOW_US, phase=RolloutPhase.PAUSED)
    add(store, add_healthy, 4_000, 2_000)
    assert process.look().changes == ()
    assert (process.shares()[0].share, process.shares()[0].measures) == (0.05, True)


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        (VERSIONS[:1], "The configuration has no version tiny/v2 any more, which is the canary."),
        (
            (VERSIONS[0]._replace(fingerprint="f9"), VERSIONS[1]),
            "tiny/v1, the stable version, is another revision now (f9, not f1): what was seen of it is not comparable. "
            "Start a new rollout.",
        ),
        (
            (VERSIONS[0], VERSIONS[1]._replace(weight=50)),
            "The weight of tiny/v2 was changed from 10 to 50 by hand, which wins. Leave weights alone during a rollout;"
            " `extproc rollout promote` and `rollback` change the share.",
        ),
    ],
)
def test_what_is_compared_has_changed(
    store: LedgerStore, process: Process, versions: tuple[ConfiguredVersion, ...], told: str
) -> None:
    """The comparison ends, and says why: all goes to the stable version."""
    started(store)
    process.watch.settings = RolloutSettings((), versions)
    (change,) = process.look().changes
    assert (change.kind, change.share, change.reasons) == (JournalKind.BROKEN_OFF, 0.0, (told,))
    assert process.shares()[0].measures is False


def test_a_configuration_without_the_model_says_nothing(store: LedgerStore, process: Process) -> None:
    """It may be that of another service with the same ledger."""
    started(store)
    process.watch.settings = RolloutSettings((), (ConfiguredVersion("large", "v1", "f", 1),))
    assert process.look().changes == ()


def test_one_of_two_decides_and_both_tell_their_workers(store: LedgerStore, tmp_path: Path) -> None:
    """Within a look; a dead one is replaced, and the rollout goes on where it was."""
    started(store, warm_up_s=0)
    first, second = (Process(store, tmp_path / name) for name in ("one", "two"))
    assert (first.look().leads, second.look().leads) == (True, False)
    add(store, add_healthy, 20_000, 400)
    assert second.look().changes == ()
    assert [one.kind for one in first.look().changes] == [JournalKind.ADVANCED]
    second.look()
    assert second.shares() == first.shares()
    assert second.shares()[0].share == 0.25
    # The first one dies; nobody tells the second.
    add(store, add_rate, "refusal", Arm.CANARY, 4_000, 600, step=2)
    add(store, add_rate, "refusal", Arm.STABLE, 12_000, 240, step=2)
    assert second.look(TAKEN_OVER_S / 2).changes == ()
    (change,) = second.look(TAKEN_OVER_S).changes
    assert change.kind is JournalKind.ROLLED_BACK
    assert kinds(store)[-1] == "rolled_back"
    # It was only asleep, with an old decision at hand.
    assert first.look(0.0).changes == ()
    assert first.shares()[0].share == 0.0


def test_what_a_person_does_is_told_once(store: LedgerStore, tmp_path: Path) -> None:
    """By the process that decides, with who and why; not by another one, and not again by one that starts later."""
    started(store)
    first, second = (Process(store, tmp_path / name) for name in ("one", "two"))
    assert first.look().changes == ()  # it began before
    assert second.look().changes == ()
    for kind, note in ((JournalKind.PAUSED, ""), (JournalKind.PROMOTED, "the launch is today")):
        with store.writing() as connection:
            change_by_hand(connection, rollouts(connection)[0], kind, "kim", note, NOW_US + 1)
    told = [first.look(0.0).changes, second.look(0.0).changes, first.look(0.0).changes]
    assert [[(one.kind, one.made_by, one.reasons, one.share) for one in changes] for changes in told] == [
        [(JournalKind.PAUSED, "kim", (), 1.0), (JournalKind.PROMOTED, "kim", ("the launch is today",), 1.0)],
        [],
        [],
    ]
    assert Process(store, tmp_path / "three").look().changes == ()


def test_a_rollout_that_a_person_starts_is_told(store: LedgerStore, process: Process) -> None:
    """By the process that decides about it."""
    assert process.look().changes == ()
    started(store)
    assert [(one.kind, one.made_by) for one in process.look().changes] == [(JournalKind.STARTED, "kim")]


def test_one_that_ends_lets_another_decide_at_once(store: LedgerStore, tmp_path: Path) -> None:
    """A restart costs no time."""
    started(store)
    first, second = (Process(store, tmp_path / name) for name in ("one", "two"))
    assert first.look().leads
    first.watch.close()
    assert second.look().leads


def test_without_a_rollout_nobody_leads(process: Process) -> None:
    """And nothing is written each second."""
    assert process.look() == RolloutsLooked(False, (), (), VerdictsRead((), (), ()))
    assert process.shares() == ()


def test_a_clock_that_is_set_while_it_runs_changes_no_decision(store: LedgerStore, process: Process) -> None:
    """Time at a share is that of a clock that nobody sets; one that was set back before counts as no time."""
    plan = PLAN.model_copy(
        update={"warm_up_s": 0, "steps": tuple(step.model_copy(update={"minutes_min": 10}) for step in PLAN.steps)}
    )
    started(store, steps=plan.steps, warm_up_s=0, now_us=NOW_US + 3_600_000_000)  # by a clock that was an hour ahead
    add(store, add_healthy, 20_000, 400)
    looked = process.look(900.0)
    assert looked.changes == ()
    assert looked.shown[0].verdict is not None
    assert looked.shown[0].verdict.reasons == ("0 of at least 10 minutes at this share are over.",)


def test_a_plan_of_another_release_stops_nothing_else(store: LedgerStore, process: Process) -> None:
    """Its row says which plan it is; others go on."""
    started(store)
    started(store, "r2", model="large", name="large-v2")
    with store.writing() as connection:
        connection.execute(update(ROLLOUTS).where(ROLLOUTS.c.id == "r1").values(plan='{"name": "x", "newer": 1}'))
    looked = process.look()
    assert [one.state.id for one in looked.shown] == ["r2"]
