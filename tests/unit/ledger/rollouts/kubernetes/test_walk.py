"""Rollouts of two processes, over one store, against a stub of the API server that they ask by the official client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.rollouts import Arm, RolloutPhase, RolloutShare
from extproc.ledger.leader import TAKEN_OVER_S
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.kubernetes.keeper import POLL_S, SETTLE_S
from extproc.ledger.rollouts.kubernetes.objects import KINDS, ReadObject, places_of, share_in
from extproc.ledger.rollouts.leading import RolloutChange
from extproc.ledger.rollouts.local_watch import LocalWatch
from extproc.ledger.rollouts.settings import ConfiguredVersion, RolloutSettings
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE, parse_rollout_file
from extproc.ledger.rollouts.states import RolloutState, journal_of, rollouts
from extproc.ledger.rollouts.traffic_seen import TrafficSeen, traffic_seen
from extproc.ledger.rollouts.watch import RolloutWatch
from extproc.ledger.store import LedgerStore
from extproc.rollout.explain import explain
from extproc.rollout.journal import JournalKind
from tests.e2e.harness import wait_until
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, Tree, kubeconfig, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.ledger.rollouts.samples import NOW_US, add_healthy, add_rate, started
from tests.unit.rollout.samples import PLAN

TRAFFIC = EXAMPLES["HTTPRoute"].traffic
VERSIONS = (ConfiguredVersion("tiny", "v1", "f1", 0), ConfiguredVersion("tiny", "v2", "f2", 0))
STEPS = tuple(step.model_copy(update={"minutes_min": 0}) for step in PLAN.steps)


class Process:
    """One that ships, with a clock of its own."""

    def __init__(self, store: LedgerStore, root: Path) -> None:
        self.now_s = 1_000.0
        root.mkdir()
        self.root = root
        self.changes: list[RolloutChange] = []
        self.problems: list[str] = []
        local = LocalWatch(root, lambda _: None)
        clocks = lambda: self.now_s, lambda: NOW_US
        self.watch = RolloutWatch(store, root, RolloutSettings((), VERSIONS), local, clocks)

    def look(self, after_s: float = 1.0) -> None:
        """After some time of its clock."""
        self.now_s += after_s
        looked = self.watch.look()
        self.changes += looked.changes
        self.problems += looked.problems

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Look again and again, as seldom as the API server is asked."""

        def looked() -> bool:
            self.look(POLL_S)
            return is_so()

        wait_until(looked, what)

    @property
    def share(self) -> RolloutShare:
        """What its workers read."""
        (share,) = parse_rollout_file((self.root / ROLLOUT_FILE).read_bytes())
        return share


class Cluster:
    """The API server, the store, and the object of one rollout."""

    def __init__(self, server: ApiServer, store: LedgerStore, folder: Path) -> None:
        self.server, self.store, self.folder = server, store, folder
        (tree,) = EXAMPLES["HTTPRoute"].trees
        self.path = server.create("httproutes", tree, "people", KINDS["HTTPRoute"].owns)

    @property
    def share(self) -> float | None:
        """Of the canary, by the object."""
        (place,) = places_of(TRAFFIC)
        return share_in(TRAFFIC, [ReadObject(place, self.server.objects[self.path])])

    @property
    def state(self) -> RolloutState:
        """Of the rollout."""
        with self.store.reading() as connection:
            (found,) = rollouts(connection)
        return found

    def start(self, **changed: Any) -> None:
        """Begin one."""
        started(self.store, **{"warm_up_s": 0, "steps": STEPS, "traffic": TRAFFIC, **changed})

    def add(self, write: Callable[..., None], *args: Any, **more: Any) -> None:
        """Sums, as entries would add them."""
        with self.store.writing() as connection:
            write(connection, *args, **more)

    def change(self, kind: JournalKind) -> None:
        """By a person."""
        state = self.state
        with self.store.writing() as connection:
            change_by_hand(connection, state, kind, "kim", "", NOW_US)

    @property
    def seen(self) -> TrafficSeen:
        """What the store has of the object."""
        with self.store.reading() as connection:
            return traffic_seen(connection).get("r1", TrafficSeen())

    def kinds(self) -> list[str]:
        """Of the journal, which agrees with its numbers."""
        with self.store.reading() as connection:
            entries = journal_of(connection, "r1")
        assert explain("r1", entries).agrees
        return [kind for entry in entries if (kind := entry.values["kind"]) != "looked"]


@pytest.fixture
def cluster(store: LedgerStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """With a route that has all traffic on the stable version."""
    with serving(ApiServer()) as server:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.url)))
        yield Cluster(server, store, tmp_path)


@pytest.fixture
def process(cluster: Cluster) -> Iterator[Process]:
    """The only one."""
    made = Process(cluster.store, cluster.folder / "one")
    yield made
    made.watch.close()


def add_step(cluster: Cluster, step: int, refused: int = 400) -> None:
    """Answers by which a share of a later step goes on, or back."""
    for arm in Arm:
        cluster.add(add_rate, "error", arm, 20_000, 20, step)
        cluster.add(add_rate, "refusal", arm, 20_000, 400 if arm is Arm.STABLE else refused, step)


def test_the_object_follows_the_steps_and_a_dead_leader_is_replaced(cluster: Cluster) -> None:
    """5, 25, 50, 100: each is compared only when it is there; a second process goes on when the first one dies."""
    cluster.start()
    first, second = (Process(cluster.store, cluster.folder / name) for name in ("first", "second"))
    first.look()
    second.look()
    assert (first.share.by_mesh, first.share.share, first.share.measures) == (True, 0.05, False)
    first.until(lambda: first.share.measures, "the first share is compared")
    assert cluster.share == 0.05
    second.look(0.0)
    assert second.share == first.share
    cluster.add(add_healthy, 20_000, 400)
    first.look()
    assert (first.changes[-1].kind, first.share.step, first.share.measures) == (JournalKind.ADVANCED, 2, False)
    assert cluster.share == 0.05  # until all workers know
    # The first one dies before it has written; nobody tells the second.
    second.look(TAKEN_OVER_S / 2)
    second.look(TAKEN_OVER_S)
    second.until(lambda: second.share.measures, "the second share is compared")
    assert (cluster.share, second.share.step) == (0.25, 2)
    add_step(cluster, 2)
    second.until(lambda: cluster.share == 0.5, "the third share is there")
    second.until(lambda: second.share.measures, "the third share is compared")
    add_step(cluster, 3)
    second.until(lambda: cluster.share == 1.0, "everything goes to the canary")
    second.until(lambda: not cluster.state.waits_for_mesh(cluster.seen), "the last share is seen")
    asked = len(cluster.server.asked)
    for _ in range(20):
        second.look()
    assert len(cluster.server.asked) == asked  # nobody looks at it any more
    assert cluster.kinds() == ["started", "advanced", "advanced", "promoted"]
    assert (first.problems, second.problems) == ([], [])
    # The first one was only asleep.
    first.look(0.0)
    assert (first.share.share, cluster.share) == (1.0, 1.0)
    for one in (first, second):
        one.watch.close()


def test_a_roll_back_gives_the_canary_nothing(cluster: Cluster, process: Process) -> None:
    """By evidence, at once."""
    cluster.start()
    process.until(lambda: process.share.measures, "it is compared")
    cluster.add(add_healthy, 4_000, 320)
    process.until(lambda: cluster.share == 0.0, "all traffic is on the stable version")
    assert cluster.kinds() == ["started", "rolled_back"]
    backends = cluster.server.objects[cluster.path]["spec"]["rules"][0]["backendRefs"]
    assert [one["weight"] for one in backends] == [100, 0]


def test_a_persons_word_is_written(cluster: Cluster, process: Process) -> None:
    """Promoted by hand, then rolled back, though nothing is open any more."""
    cluster.start()
    process.until(lambda: cluster.share == 0.05, "the first share is there")
    for kind, share in ((JournalKind.PROMOTED, 1.0), (JournalKind.ROLLED_BACK, 0.0)):
        cluster.change(kind)
        process.until(lambda share=share: cluster.share == share, "it is written")  # type: ignore[misc]


def test_an_edit_by_hand_ends_the_comparison(cluster: Cluster, process: Process) -> None:
    """It stays as it was edited; the journal says what was seen, and who manages it."""
    cluster.start()
    process.until(lambda: process.share.measures, "it is compared")

    def edit(tree: Tree) -> None:
        tree["spec"]["rules"][0]["backendRefs"][1]["weight"] = 95

    cluster.server.edit(cluster.path, edit)
    process.until(lambda: cluster.state.phase is RolloutPhase.BROKEN_OFF, "it is broken off")
    (change,) = [one for one in process.changes if one.kind is JournalKind.BROKEN_OFF]
    assert change.reasons[0].startswith(
        "The weights of HTTPRoute llm/chat were edited by somebody else (kubectl-edit), which wins: 50% for the "
    )
    for _ in range(20):
        process.look()
    assert (cluster.share, process.share.share, process.share.measures) == (0.5, 0.5, False)
    assert len(cluster.server.bodies) == 1


def test_weights_that_somebody_else_manages_hold_it(cluster: Cluster, process: Process) -> None:
    """Nothing jumps, nothing is compared; it goes on when they are handed over."""
    cluster.server.owners[cluster.path]["argocd-controller"] = {("spec", "rules")}
    cluster.start()
    process.until(lambda: bool(process.problems), "it is told")
    assert process.problems == [
        "rollout tiny-v2: argocd-controller manages spec.rules of HTTPRoute llm/chat, so it was not written. Have it "
        "leave that field alone, then set `traffic.take_over: true`."
    ]
    for _ in range(20):
        process.look()
    assert (cluster.share, process.share.measures, len(process.problems)) == (0.0, False, 1)
    del cluster.server.owners[cluster.path]["argocd-controller"]
    process.until(lambda: process.share.measures, "it is compared")
    assert cluster.seen.problem == ""


def test_an_api_server_that_is_gone_changes_nothing(cluster: Cluster, process: Process) -> None:
    """What is there stays and is compared; a decision that cannot be written is written later."""
    cluster.start()
    process.until(lambda: process.share.measures, "it is compared")
    cluster.server.failing = [500] * 1_000
    process.until(lambda: bool(process.problems), "it is told")
    assert process.share.measures
    cluster.add(add_healthy, 4_000, 320)
    process.look()
    assert (process.changes[-1].kind, process.share.share) == (JournalKind.ROLLED_BACK, 0.0)
    for _ in range(30):
        process.look()
    assert cluster.share == 0.05
    cluster.server.failing = []
    process.until(lambda: cluster.share == 0.0, "it is written")


def test_a_right_that_is_missing_is_told(cluster: Cluster, process: Process) -> None:
    """With the Role that would give it; and the rollout waits."""
    cluster.server.allowed = set()
    cluster.start()
    process.until(lambda: bool(process.problems), "it is told")
    assert process.problems[0].startswith(
        "rollout tiny-v2: This service account may not get HTTPRoute llm/chat. Give it a Role with `get` and `patch` "
        "of httproutes.gateway.networking.k8s.io"
    )
    assert not process.share.measures


def test_a_leader_that_was_slow_writes_over_nobody(cluster: Cluster) -> None:
    """It has read before another one took over and wrote: its own write is refused by the object's version."""
    cluster.start()
    first, second = (Process(cluster.store, cluster.folder / name) for name in ("first", "second"))
    first.until(lambda: first.share.measures, "it is compared")
    cluster.add(add_healthy, 20_000, 400)
    first.look()

    def rolled_back_meanwhile() -> None:
        cluster.server.before_apply = None
        cluster.change(JournalKind.ROLLED_BACK)
        second.look(TAKEN_OVER_S)
        second.look(TAKEN_OVER_S)
        second.until(lambda: cluster.share == 0.0, "the second one has written")

    cluster.server.before_apply = rolled_back_meanwhile
    first.until(lambda: cluster.server.before_apply is None, "the first one writes")
    wait_until(lambda: cluster.share == 0.0, "the second one has written")
    for _ in range(5):
        first.look()
    assert cluster.share == 0.0
    for one in (first, second):
        one.watch.close()


def test_time_to_settle_is_that_of_who_decides(cluster: Cluster, process: Process) -> None:
    """Another process decides after it: it waits anew, since it does not know how long the share has been there."""
    cluster.start()
    process.until(lambda: cluster.seen.share == 0.05, "it is there")
    process.watch.close()
    second = Process(cluster.store, cluster.folder / "second")
    began_s = second.now_s
    second.until(lambda: second.share.measures, "it is compared")
    assert second.now_s - began_s >= SETTLE_S
    second.watch.close()
