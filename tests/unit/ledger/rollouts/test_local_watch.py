"""Hard failures while the store does not answer: each machine goes back by what it sees, and the store learns of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.config.ledger import Ledger
from extproc.domain.record import Outcome
from extproc.domain.rollouts import Arm, RolloutArm, RolloutPhase
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.local_files import ROLLED_BACK_FILE, STATES_FILE, read_rolled_back
from extproc.ledger.rollouts.local_watch import LocalWatch
from extproc.ledger.rollouts.states import rollout_of
from extproc.ledger.shipping import Shipping, Watched
from extproc.ledger.sink import LedgerSink
from extproc.ledger.sinks import DATABASE
from extproc.ledger.store import LedgerStore
from extproc.rollout.journal import JournalKind
from tests.e2e.harness import wait_until
from tests.unit.databases import Server
from tests.unit.ledger.crashes import sink_of
from tests.unit.ledger.records import record_of
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.ledger.rollouts.samples import NOW_US, started
from tests.unit.ledger.rollouts.test_watch import NOT_DECLARED, Process, kinds

LATER_US = NOW_US + 5_000_000


@pytest.fixture
def process(store: LedgerStore, tmp_path: Path) -> Process:
    """The only one, which knows of a rollout; the store is asked by nobody until it looks again."""
    started(store, warm_up_s=0)
    process = Process(store, tmp_path / "one")
    process.look()
    return process


@pytest.fixture
def sink(process: Process) -> LedgerSink:
    """What serves on its machine."""
    return sink_of(process.root)


def add(sink: LedgerSink, arm: Arm, count: int, failed: int, rollout: str = "r1") -> None:
    """Exchanges of an arm that ended, each of a unit of its own."""
    first = 30_000 if arm is Arm.CANARY else 0
    for number in range(count):
        fails = number < failed
        outcome, status = (Outcome.UPSTREAM_ERROR, 503) if fails else (Outcome.COMPLETED, 200)
        of = RolloutArm(rollout, 1, arm, first + number)
        record = record_of(f"{arm}-{number}", arm=of, outcome=outcome, status=status, streamed=True)
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()


def add_waiting(sink: LedgerSink, arm: Arm, count: int) -> None:
    """Streams of an arm that wait for their first text."""
    first = 30_000 if arm is Arm.CANARY else 0
    for number in range(count):
        of = RolloutArm("r1", 1, arm, first + number)
        sink.exchange_sent(record_of(f"w-{arm}-{number}", arm=of, streamed=True, first_text_ns=0, sent_ns=1))
    assert sink.turn()


def share(process: Process) -> tuple[float, bool]:
    """What the workers read."""
    (one,) = process.shares()
    return one.share, one.measures


def test_a_canary_that_fails_goes_back_on_this_machine(store: LedgerStore, process: Process, sink: LedgerSink) -> None:
    """At once; when the store answers, the journal has the numbers, and they explain the decision."""
    add(sink, Arm.CANARY, 20, 0)
    add(sink, Arm.STABLE, 80, 0)
    assert (process.local.look(LATER_US), share(process)) == ([], (0.05, True))
    sink = sink_of(process.root)
    add(sink, Arm.CANARY, 30, 12)
    assert process.local.look(LATER_US) == [
        "rollout tiny-v2: 12 of 50 exchanges of the canary failed, of 12 units; 1 % may fail. The store does not "
        "answer, so on this machine alone all goes to v1 until it does."
    ]
    assert share(process) == (0.0, False)
    assert process.local.look(LATER_US) == []
    (change,) = process.look().changes
    assert (change.kind, change.made_by, change.share) == (JournalKind.ROLLED_BACK, "extproc", 0.0)
    assert change.reasons == ("12 of 50 exchanges of the canary failed, of 12 units; 1 % may fail.",)
    assert kinds(store) == ["started", "rolled_back"]
    assert (share(process), process.look().changes, read_rolled_back(process.root)) == ((0.0, False), (), [])


def test_a_canary_that_hangs_goes_back_on_this_machine(store: LedgerStore, process: Process, sink: LedgerSink) -> None:
    """Before any of its exchanges has ended."""
    add_waiting(sink, Arm.CANARY, 5)
    (told,) = process.local.look(LATER_US)
    assert told.startswith("rollout tiny-v2: no_answer is worse: streams of 5 units of the canary and of 0 ")
    assert share(process) == (0.0, False)
    process.look()
    assert kinds(store) == ["started", "rolled_back"]


@pytest.mark.usefixtures("store")
def test_an_outage_of_both_versions_changes_nothing(process: Process, sink: LedgerSink) -> None:
    """In the proportion of their shares."""
    add(sink, Arm.CANARY, 10, 9)
    add(sink, Arm.STABLE, 190, 171)
    add_waiting(sink, Arm.CANARY, 1)
    add_waiting(sink, Arm.STABLE, 19)
    assert (process.local.look(LATER_US), share(process)) == ([], (0.05, True))


@pytest.mark.usefixtures("store")
def test_other_rollouts_are_left_alone(process: Process, sink: LedgerSink) -> None:
    """One that the store had not, when it answered last."""
    add(sink, Arm.CANARY, 50, 40, rollout="r9")
    assert (process.local.look(LATER_US), share(process)) == ([], (0.05, True))


def test_a_paused_rollout_waits_for_a_person(store: LedgerStore, process: Process, sink: LedgerSink) -> None:
    """Who paused it decides."""
    by_hand(store, JournalKind.PAUSED)
    process.look()
    add(sink, Arm.CANARY, 50, 40)
    assert (process.local.look(LATER_US), share(process)) == ([], (0.05, True))


def test_who_changed_it_meanwhile_wins(store: LedgerStore, process: Process, sink: LedgerSink) -> None:
    """A person whose command reached the store, while this machine did not."""
    add(sink, Arm.CANARY, 50, 40)
    assert len(process.local.look(LATER_US)) == 1
    by_hand(store, JournalKind.PROMOTED)
    (change,) = process.look().changes
    assert (change.kind, change.made_by) == (JournalKind.PROMOTED, "ann")
    assert (share(process), kinds(store)) == ((1.0, False), ["started", "promoted"])
    assert read_rolled_back(process.root) == []


def test_a_restart_forgets_nothing(store: LedgerStore, process: Process, sink: LedgerSink) -> None:
    """It stays back, is told once, and the store learns of it."""
    add(sink, Arm.CANARY, 50, 40)
    process.local.look(LATER_US)
    after = Process(store, process.root)
    assert (after.local.look(LATER_US), share(after)) == ([], (0.0, False))
    assert [one.kind for one in after.look(60.0).changes] == [JournalKind.ROLLED_BACK]
    assert kinds(store) == ["started", "rolled_back"]


def test_where_a_mesh_shares_the_traffic_nothing_goes_back(store: LedgerStore, tmp_path: Path) -> None:
    """One machine has one arm, and the mesh would not follow it."""
    started(store, warm_up_s=0, traffic=EXAMPLES["HTTPRoute"].traffic)
    process = Process(store, tmp_path / "pod")
    process.look()
    add(sink_of(process.root), Arm.CANARY, 50, 40)
    assert (process.local.look(LATER_US), share(process)) == ([], (0.05, False))
    process.watch.close()


@pytest.mark.parametrize("name", [STATES_FILE, ROLLED_BACK_FILE])
@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[{}]", b'[{"rollout": 1}]', b"[[1]]"])
@pytest.mark.usefixtures("store")
def test_files_of_another_release_say_nothing(process: Process, sink: LedgerSink, name: str, content: bytes) -> None:
    """Then shares stay as they are."""
    (process.root / name).write_bytes(content)
    local = LocalWatch(process.root, lambda _: None)
    add(sink, Arm.CANARY, 50, 40)
    assert len(local.look(LATER_US)) == (name == ROLLED_BACK_FILE)


def test_a_database_that_is_gone(tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: PostgreSQL stops in a rollout, the canary fails, and all goes back; then it starts again."""
    url, root, told = postgres.new_database(), tmp_path / "spool", list[dict[str, Any]]()
    store = LedgerStore(url, tmp_path)
    started(store, warm_up_s=0)
    store.close()
    sink = sink_of(root)
    monkeypatch.setattr("extproc.ledger.shipping.STORE_SILENT_S", 0.0)
    worker = Shipping(Ledger(url=url), tmp_path, root, Watched(rollouts=NOT_DECLARED.as_json()))
    monkeypatch.setattr(worker, "_write", told.append)
    wait_until(lambda: worker.loops[DATABASE].turn() == 0 and (root / STATES_FILE).exists(), "the first look")
    add(sink, Arm.CANARY, 5, 0)
    assert worker.loops[DATABASE].turn() == 5
    postgres.stop()
    try:
        sink = sink_of(root)
        add(sink, Arm.CANARY, 40, 20)
        assert worker.loops[DATABASE].turn() == 0
        worker._look_without_store()
    finally:
        postgres.start()
    (problem,) = [one for report in told for one in report.get("problems", ())]
    assert problem.startswith("rollout tiny-v2: 20 of 40 exchanges of the canary failed, of 20 units; 1 % may fail.")
    store = LedgerStore(url, tmp_path)

    def knows() -> bool:
        worker.loops[DATABASE].turn()
        with store.reading() as connection:
            state = rollout_of(connection, "r1")
        return state is not None and state.phase is RolloutPhase.ROLLED_BACK

    wait_until(knows, "the store knows")
    assert kinds(store) == ["started", "rolled_back"]
    store.close()


def by_hand(store: LedgerStore, kind: JournalKind) -> None:
    """A person changes the rollout."""
    with store.writing() as connection:
        state = rollout_of(connection, "r1")
        assert state is not None
        change_by_hand(connection, state, kind, "ann", "", NOW_US)
