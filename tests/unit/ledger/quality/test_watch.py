"""Drift is found from what the store has: once over all that watch it, and the same whatever is restarted."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from extproc.config.drift import DriftSection
from extproc.ledger.quality.blocks import BLOCK_S
from extproc.ledger.quality.states import shown_drifts
from extproc.ledger.quality.watch import LOOK_S, DriftLooked, DriftWatch
from extproc.ledger.store import LedgerStore
from extproc.statistics.drift import SignalDrift
from extproc.statistics.references import SignalKind, pinned_reference
from extproc.statistics.sums import BlockSums
from tests.thorough import share_of
from tests.unit.ledger.crashes import killed_at_line
from tests.unit.ledger.quality.samples import (
    HOUR_US,
    MINUTE_US,
    PINNED,
    Played,
    log_row,
    rate_row,
    shown,
    terms,
    told,
)
from tests.unit.ledger.samples import NOON_US

LINES_MAX = 6_000
CALM, DOUBLED = rate_row(400, 8), rate_row(400, 20)
WINDOW = rate_row(40_000, 800)


def pinned(store: LedgerStore, section: DriftSection = PINNED) -> Played:
    """With a window."""
    played = Played(store, terms(section))
    played.minute(WINDOW)
    return played


def test_a_drift_raises_an_alarm_and_its_end_clears_it(store: LedgerStore) -> None:
    """Once each, with its effect; a calm signal stays calm."""
    played = pinned(store)
    for _ in range(20):
        looked = played.minute(CALM)
        assert looked.changes == ()
    calm = shown(looked)
    assert (calm.alarm, calm.reference, calm.raised_us, calm.stratum) == (False, "ready", 0, "")
    assert calm.effect == pytest.approx(0, abs=0.01)
    assert calm.now == pytest.approx(0.02)
    assert calm.expected == pytest.approx(0.02, rel=0.01)
    assert calm.evidence < 0.5
    raised = [played.minute(DOUBLED) for _ in range(8)]
    changes = [one for looked in raised for one in looked.changes]
    assert [(one.kind, one.shown.signal) for one in changes] == [("raised", "refused")]
    alarm = shown(raised[-1])
    assert alarm.alarm
    assert alarm.evidence > 1
    assert 1 < alarm.effect < 1.5
    assert alarm.low is not None
    assert alarm.high is not None
    assert alarm.since is not None
    assert 0 < alarm.low < alarm.since < alarm.high
    assert alarm.since == pytest.approx(1.5, abs=0.2)
    assert NOON_US < alarm.raised_us <= alarm.at_us
    cleared = [played.minute(CALM) for _ in range(60)]
    assert [change for looked in cleared for change in told(looked)] == [("cleared", "refused", "")]
    assert not shown(cleared[-1]).alarm


def test_a_value_that_falls(store: LedgerStore) -> None:
    """Answers become shorter: the effect has a sign, in parts of what was expected."""
    played = Played(store, terms())
    played.minute(log_row(40_000, 6.0, 0.8))
    for _ in range(10):
        played.minute(log_row(100, 6.0, 0.8))
    for _ in range(60):
        looked = played.minute(log_row(100, 6.0 + math.log(0.8), 0.8))
    found = shown(looked, "length")
    assert found.alarm
    assert found.effect == pytest.approx(-0.2, abs=0.01)
    assert found.now == pytest.approx(math.exp(6) * 0.8, rel=0.01)
    assert found.expected == pytest.approx(math.exp(6))


BLOCKS = [WINDOW, *[CALM] * 25, *[DOUBLED] * 8, *[CALM] * 40]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[DriftLooked]:
    """What is known after each block where nobody restarts."""
    store = LedgerStore("sqlite:///one.db", tmp_path_factory.mktemp("undisturbed"))
    one = Played(store, terms())
    looked = [one.minute(block) for block in BLOCKS]
    store.close()
    return looked


@pytest.mark.parametrize("restarted_at", [0, 3, 25, 32, 60])
def test_a_restart_changes_nothing(tmp_path: Path, undisturbed: list[DriftLooked], restarted_at: int) -> None:
    """Whoever watches, the same is known after each block, and told."""
    store = LedgerStore("sqlite:///restarted.db", tmp_path)
    restarted = Played(store, terms())
    for number, block in enumerate(BLOCKS):
        if number == restarted_at:
            restarted.restart()
        assert restarted.minute(block) == undisturbed[number]
    store.close()


def test_who_watches_may_be_killed_at_every_line(tmp_path: Path) -> None:
    """The next one goes on as if nothing had been: no block is lost, and none is read twice."""
    undisturbed, killed = (LedgerStore(f"sqlite:///{name}.db", tmp_path) for name in ("one", "killed"))
    one, another = Played(undisturbed, terms()), Played(killed, terms())
    for block in (WINDOW, *[CALM] * 3):
        assert one.minute(block) == another.minute(block)
    last, unkilled = 0, 0
    for line in share_of(range(LINES_MAX), 29, os.getpid()):
        expected = one.minute(CALM)
        another.add(CALM)
        another.now_us = one.now_us
        another.restart()
        was_killed = killed_at_line(line, lambda: another.watch.look(another.now_us))
        another.restart()
        looked = another.watch.look(another.now_us)
        assert looked is not None
        assert looked.shown == expected.shown, f"killed at line {line}"
        last, unkilled = line, 0 if was_killed else unkilled + 1
        if unkilled == 2:
            break
    assert 100 < last < LINES_MAX - 100
    for store in (undisturbed, killed):
        store.close()


def test_several_watch_one_store(url: str, store: LedgerStore) -> None:
    """Each block is compared by one, which tells what came of it, and shown by all."""
    played = pinned(store)
    second_store = LedgerStore(url, Path("/"))
    second = DriftWatch(second_store, terms())
    changes = []
    for number, block in enumerate([*[CALM] * 5, *[DOUBLED] * 8]):
        played.add(block)
        played.now_us += MINUTE_US
        watches = [played.watch, second] if number % 2 else [second, played.watch]
        looked = [one.look(played.now_us) for one in watches]
        assert [one and one.shown for one in looked] == [looked[0] and looked[0].shown] * 2
        changes.append([one.changes for one in looked if one is not None])
    told_by = [[bool(one) for one in several] for several in changes if any(several)]
    assert told_by == [[True, False]]
    second_store.close()


def test_a_block_that_another_one_has_read_is_not_read_again(store: LedgerStore) -> None:
    """Two have compared it at once: the second one stores and tells nothing."""
    played = pinned(store)
    for _ in range(7):
        played.minute(DOUBLED)
    played.add(DOUBLED)
    slow = DriftWatch(store, terms())

    class Ahead(LedgerStore):
        """Where another one is faster between reading and writing."""

        def __init__(self) -> None:
            self._database, self.strata_max = store._database, 0
            self.left = 2  # transactions that write: the block is closed, and then taken

        def writing(self):  # type: ignore[no-untyped-def]
            """A transaction, before which the other one has read the block."""
            self.left -= 1
            if self.left == 0:
                faster.append(played.watch.look(played.now_us))
            return store.writing()

    faster: list[DriftLooked | None] = []
    slow._store = Ahead()
    played.now_us += MINUTE_US
    looked = slow.look(played.now_us)
    assert faster[0] is not None
    assert looked is not None
    assert looked.changes == ()
    assert looked.shown == faster[0].shown
    with store.reading() as connection:
        assert [one for one in shown_drifts(connection) if one.signal == "refused"] == [shown(looked)]


def test_a_mix_that_shifts_is_no_drift(store: LedgerStore) -> None:
    """Guests are refused eight times as often as staff; many of them come, and there is no alarm."""

    def both(staff: int, guests: int) -> tuple[dict, ...]:  # type: ignore[type-arg]
        return rate_row(staff, round(staff * 0.01), team="staff"), rate_row(guests, round(guests * 0.08), team="guests")

    played = Played(store, terms())
    played.minute(*both(30_000, 10_000))
    looked = [played.minute(*both(300, 100)) for _ in range(20)] + [played.minute(*both(100, 900)) for _ in range(60)]
    assert [one for each in looked for one in each.changes] == []
    assert shown(looked[-1]).now == pytest.approx(0.073, abs=0.01)
    assert shown(looked[-1]).effect == pytest.approx(0, abs=0.02)
    new = [played.minute(*both(300, 100), rate_row(300, 100, team="new")) for _ in range(20)]
    assert [one for each in new for one in each.changes] == []
    assert shown(new[-1]).left_out == 1


def test_a_drift_in_one_stratum_names_it(store: LedgerStore) -> None:
    """The others are as they were."""
    played = Played(store, terms())
    played.minute(rate_row(30_000, 600, team="a"), rate_row(30_000, 600, team="b"))
    for _ in range(40):
        looked = played.minute(rate_row(400, 8, team="a"), rate_row(200, 20, team="b"))
    assert (shown(looked).alarm, shown(looked).stratum) == (True, "night b")
    assert shown(looked).effect == pytest.approx(4, abs=0.5)


# --- settings ------------------------------------------------------------------------------------------------------


def test_another_reference_begins_anew_and_another_threshold_does_not(store: LedgerStore) -> None:
    """Evidence is kept where it still means the same."""
    played = pinned(store)
    for _ in range(4):
        looked = played.minute(DOUBLED)
    evidence = shown(looked).evidence
    assert evidence > 0.5
    played.terms = terms(PINNED.model_copy(update={"false_alarms_a_month": 0.1}))
    played.restart()
    looked = played.minute(CALM)
    assert shown(looked).evidence > 0.3
    played.terms = terms(DriftSection(reference="previous_version"))
    played.restart()
    looked = played.minute(DOUBLED)
    assert (shown(looked).evidence, shown(looked).reference) == (0, "empty")


def test_only_some_signals_of_configured_versions_are_shown(store: LedgerStore) -> None:
    """The others are not compared, or not told."""
    played = Played(store, terms(PINNED.model_copy(update={"signals": ("refused",)})))
    looked = played.minute(rate_row(400, 8), log_row(400, 6.0, 0.5), rate_row(400, 8, version="v9"))
    assert [(one.version, one.signal) for one in looked.shown] == [("v2", "refused")]


def test_a_state_that_cannot_be_read_begins_anew(store: LedgerStore) -> None:
    """Another release wrote it; nothing fails."""
    played = pinned(store)
    played.minute(DOUBLED)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE drift_states SET state = '{}' WHERE signal = 'refused'")
    assert shown(played.minute(CALM)).answers == 400
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE drift_states SET shown = '[]'")
    assert shown(played.minute(CALM)).answers == 400


# --- when it looks -------------------------------------------------------------------------------------------------


def test_when_it_looks(store: LedgerStore) -> None:
    """Each few seconds; what is shown is told when it is another one, and a block is closed after a minute."""
    now_s = [100.0]
    watch = DriftWatch(store, terms(), lambda: now_s[0])
    looked = watch.look_if_due(NOON_US)
    assert looked == DriftLooked()
    assert watch.look_if_due(NOON_US + MINUTE_US) is None
    now_s[0] += LOOK_S
    assert watch.look_if_due(NOON_US + int(BLOCK_S * 1e6) - 1) is None
    now_s[0] += LOOK_S
    assert watch.look_if_due(NOON_US + int(BLOCK_S * 1e6)) == DriftLooked()


def test_a_clock_that_is_set_back_stops_nothing(store: LedgerStore) -> None:
    """A block is closed when the clock is far from where it was opened, on either side."""
    played = pinned(store)
    played.now_us -= 30 * HOUR_US
    before = shown(played.minute(CALM)).answers
    assert shown(played.minute(CALM)).answers > before


def test_answers_of_other_strata_are_counted(store: LedgerStore) -> None:
    """By who has read their block."""
    played = Played(store, terms())
    looked = played.minute(*(rate_row(10, 0, team=f"t{number:02}") for number in range(11)))
    assert looked.others == 30


# --- what it computes ----------------------------------------------------------------------------------------------


def test_it_is_the_drift_of_the_same_sums(store: LedgerStore) -> None:
    """What the simulation measures holds for what is served: the database changes nothing."""
    played = Played(store, terms())
    teams = {"a": (20_000, 400), "b": (30_000, 1_200)}
    played.minute(*(rate_row(answers, events, team=team) for team, (answers, events) in teams.items()))
    window = {f"night {team}": BlockSums.of_events(*sizes) for team, sizes in teams.items()}
    drift = SignalDrift(SignalKind.RATE, played.terms.threshold(SignalKind.RATE))
    for step, events in enumerate([(3, 7), (2, 9), (8, 4), (12, 30), (9, 31), (11, 26), (14, 29), (2, 4)]):
        sizes = dict(zip("ab", ((150, events[0]), (170, events[1])), strict=True))
        looked = played.minute(*(rate_row(*size, team=team) for team, size in sizes.items()))
        block = {f"night {team}": BlockSums.of_events(*size) for team, size in sizes.items()}
        result = drift.observe(block, pinned_reference(SignalKind.RATE, window), step)
        assert shown(looked).evidence == pytest.approx(max(result.log_evidence, 0) / drift.log_threshold)
        assert shown(looked).alarm == result.alarm
        assert result.recent is not None
        assert shown(looked).now == pytest.approx(result.recent.seen)
    assert result.alarm
