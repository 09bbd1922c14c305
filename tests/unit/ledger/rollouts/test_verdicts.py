"""Verdicts follow from the store alone: each replica says the same, whoever decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from extproc.domain.rollouts import Arm, ControllerVerdict, RolloutPhase
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.local_watch import LocalWatch
from extproc.ledger.rollouts.settings import ConfiguredVersion, RolloutSettings
from extproc.ledger.rollouts.states import change_rollout, rollouts
from extproc.ledger.rollouts.tables import JOURNAL
from extproc.ledger.rollouts.verdicts import VERDICTS_MAX, VerdictReader
from extproc.ledger.rollouts.watch import RolloutWatch
from extproc.ledger.store import LedgerStore
from extproc.rollout.explain import noted
from extproc.rollout.journal import PROCESSOR, JournalKind
from extproc.rollout.shown_gates import ShownGate
from tests.docs.pages import ROOT
from tests.unit.ledger.rollouts.samples import MINUTE_US, NOW_US, add_healthy, add_rate, started

VERSIONS = (ConfiguredVersion("tiny", "v1", "f1", 90), ConfiguredVersion("tiny", "v2", "f2", 10))


class Replicas:
    """One that decides, another that does not, and their verdicts."""

    def __init__(self, store: LedgerStore, folder: Path) -> None:
        self.store = store
        self.now_s = 1_000.0
        clocks = (lambda: self.now_s, lambda: NOW_US)
        settings = RolloutSettings((), VERSIONS)
        self._watches = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            local = LocalWatch(folder / name, lambda _: None)
            self._watches.append(RolloutWatch(store, folder / name, settings, local, clocks))
        self._known: list[dict[str, Mapping[str, Any]]] = [{}, {}]

    def look(self, after_s: float = 60.0) -> list[Mapping[str, Any]]:
        """The verdicts of both, which are the same, the oldest first."""
        self.now_s += after_s
        looked = [watch.look() for watch in self._watches]
        assert [one.leads for one in looked] in ([True, False], [False, False])
        for known, one in zip(self._known, looked, strict=True):
            known |= {each["id"]: each for each in one.verdicts.changed}
        first, second = (
            [known[each] for each in one.verdicts.ids] for known, one in zip(self._known, looked, strict=True)
        )
        assert first == second
        return first

    def by_hand(self, kind: JournalKind) -> None:
        """What a person does."""
        with self.store.writing() as connection:
            change_by_hand(connection, rollouts(connection)[0], kind, "kim", "a secret reason", NOW_US + 5 * MINUTE_US)


@pytest.fixture
def replicas(store: LedgerStore, tmp_path: Path) -> Replicas:
    """Both."""
    return Replicas(store, tmp_path)


def test_a_rollout_from_its_begin_to_its_end(store: LedgerStore, replicas: Replicas) -> None:
    """Each step is told with the numbers that led to it, and by a replica that never looked at them."""
    started(store, warm_up_s=0)
    (begun,) = replicas.look(0.0)
    assert (begun["verdict"], begun["healthy"], begun["gates"], begun["numbers_at"]) == ("hold", 1, [], None)
    assert begun["reasons"] == ["It has begun; nothing was looked at yet."]
    (looked,) = replicas.look()
    assert (looked["verdict"], looked["reasons"][0][:9]) == ("hold", "The canar")
    assert looked["numbers_at"] is not None
    with store.writing() as connection:
        add_healthy(connection, 20_000, 400)
    (advanced,) = replicas.look()
    assert [advanced[name] for name in ("verdict", "phase", "step", "share_percent")] == ["advance", "running", 2, 25.0]
    states = {gate["gate"]: gate["state"] for gate in advanced["gates"]}
    assert (states["refusal"], states["feedback"]) == ("not_worse", "not_measured")
    for step in (2, 3):
        with store.writing() as connection:
            for arm in Arm:
                for gate, events in (("error", 20), ("refusal", 400)):
                    add_rate(connection, gate, arm, 20_000, events, step)
        (last,) = replicas.look()
    assert [last[name] for name in ("verdict", "phase", "share_percent", "healthy")] == ["promoted", "promoted", 100, 1]


def test_harm(store: LedgerStore, replicas: Replicas) -> None:
    """Why it went back is told."""
    started(store, warm_up_s=0)
    with store.writing() as connection:
        add_rate(connection, "error", Arm.CANARY, 40, 30)
        add_rate(connection, "error", Arm.STABLE, 760, 1)
    (found,) = replicas.look()
    assert [found[name] for name in ("verdict", "healthy", "share_percent")] == ["rolled_back", 0, 0]
    assert found["reasons"] == ["30 of 40 exchanges of the canary failed, of 30 units; 1 % may fail."]


@pytest.mark.parametrize(
    ("kind", "verdict", "healthy"),
    [
        (JournalKind.PAUSED, "paused", 1),
        (JournalKind.PROMOTED, "promoted", 1),
        (JournalKind.ROLLED_BACK, "rolled_back", 0),
    ],
)
def test_what_a_person_decides(
    store: LedgerStore, replicas: Replicas, kind: JournalKind, verdict: str, healthy: int
) -> None:
    """Is told without the person and the reason: who reaches the page of metrics need not know them."""
    started(store)
    replicas.look()
    replicas.by_hand(kind)
    (found,) = replicas.look()
    assert (found["verdict"], found["healthy"]) == (verdict, healthy)
    what = verdict.replace("_", " ")
    assert found["reasons"] == [
        f"A person decided that it is {what}; `extproc rollout history tiny-v2` says who, and why."
    ]
    assert "kim" not in str(found)
    assert "secret" not in str(found)


def test_what_is_not_there_any_more(store: LedgerStore, replicas: Replicas) -> None:
    """The reason is the processor's own."""
    state = started(store)
    with store.writing() as connection:
        content = noted(JournalKind.BROKEN_OFF, PROCESSOR, "The configuration has no version tiny/v2 any more.")
        change_rollout(connection, state, content, NOW_US, phase=RolloutPhase.BROKEN_OFF, share=0.0)
    (found,) = replicas.look()
    assert (found["verdict"], found["healthy"]) == ("broken_off", 0)
    assert found["reasons"] == ["The configuration has no version tiny/v2 any more."]


def test_time_that_ends_without_an_answer(store: LedgerStore, replicas: Replicas) -> None:
    """Is no success, though the share may stay."""
    started(store, at_most_hours=1, warm_up_s=0)
    (found,) = replicas.look(7_200.0)
    assert (found["verdict"], found["healthy"], found["share_percent"]) == ("inconclusive", 0, 5)


def test_a_damaged_journal_stops_nothing(store: LedgerStore) -> None:
    """The state is still told, and where to look."""
    started(store)
    with store.writing() as connection:
        connection.execute(update(JOURNAL).values(content="{"))
    with store.reading() as connection:
        (found,) = VerdictReader().read(connection).changed
    assert (found["verdict"], found["gates"]) == ("hold", [])
    assert found["reasons"] == ["Its journal cannot be read; `extproc rollout explain tiny-v2` says where."]


def test_what_is_not_new_is_not_read_again(store: LedgerStore) -> None:
    """A look costs no more than the states."""
    started(store)
    reader = VerdictReader()
    with store.reading() as connection:
        assert len(reader.read(connection).changed) == 1
        assert reader.read(connection) == (("r1",), (), ())


def test_more_than_are_known(store: LedgerStore) -> None:
    """The oldest are left out, but none that runs."""
    started(store)
    for number in range(VERDICTS_MAX + 2):
        started(store, f"s{number:03d}", NOW_US + number, model=f"m{number}")
    with store.writing() as connection:
        for state in rollouts(connection)[1:]:
            content = noted(JournalKind.ROLLED_BACK, PROCESSOR)
            change_rollout(connection, state, content, NOW_US, phase=RolloutPhase.ROLLED_BACK, share=0.0)
    with store.reading() as connection:
        read = VerdictReader().read(connection)
    assert len(read.ids) == len(read.changed) == VERDICTS_MAX
    assert (read.ids[0], read.ids[1], read.ids[-1]) == ("r1", "s003", f"s{VERDICTS_MAX + 1}")


def test_the_documentation_has_each_field(store: LedgerStore) -> None:
    """Those of the reader, and those that who answers adds; of gates too."""
    started(store)
    with store.reading() as connection:
        (found,) = VerdictReader().read(connection).changed
    page = (ROOT / "docs" / "rollouts-with-others.md").read_text()
    table = page.split("<!-- verdict -->\n\n", 1)[1].split("\n\n", 1)[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    assert [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)] == [*found, "at", "age_s"]
    (gates,) = (text for cell, text in rows if "`gates`" in cell)
    assert set(ShownGate._fields) <= set(re.findall(r"`(\w+)`", gates))


def test_each_phase_has_a_word() -> None:
    """Those of phases, of actions, and one for what is not known; no other."""
    words = {one.value for one in ControllerVerdict}
    assert {phase.value for phase in RolloutPhase} - words == {"running"}
    assert words - {phase.value for phase in RolloutPhase} == {"advance", "hold", "roll_back", "stale"}
