"""Drift is found from what the store has: once over all that watch it, and the same whatever is restarted."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from extproc.config.drift import DriftSection
from extproc.ledger.quality.blocks import BLOCK_S
from extproc.ledger.quality.states import ShownDrift, shown_drifts
from extproc.ledger.quality.watch import LOOK_S, DriftLooked, DriftWatch
from extproc.ledger.store import LedgerStore
from extproc.statistics.drift import SignalDrift
from extproc.statistics.references import SignalKind, pinned_reference
from extproc.statistics.sums import BlockSums
from tests.unit.ledger.quality.samples import (
    HOUR_US,
    MINUTE_US,
    PINNED,
    Played,
    answers_of,
    log_row,
    rate_row,
    terms,
)
from tests.unit.ledger.samples import NOON_US

CALM, DOUBLED = rate_row(400, 8), rate_row(400, 20)
WINDOW = rate_row(40_000, 800)


def shown(looked: DriftLooked, signal: str = "refused", version: str = "v2") -> ShownDrift:
    """Of one signal."""
    (found,) = [one for one in looked.shown if (one.signal, one.version) == (signal, version)]
    return found


def told(looked: DriftLooked) -> list[tuple[str, str, str]]:
    """The changes."""
    return [(one.kind, one.shown.signal, one.reason) for one in looked.changes]


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


@pytest.mark.parametrize("restarted_at", [0, 3, 25, 32, 60])
def test_a_restart_changes_nothing(tmp_path: Path, restarted_at: int) -> None:
    """Whoever watches, the same is known after each block, and told."""
    stores = [LedgerStore(f"sqlite:///{name}.db", tmp_path) for name in ("one", "restarted")]
    one, restarted = (Played(store, terms()) for store in stores)
    for number, block in enumerate([WINDOW, *[CALM] * 25, *[DOUBLED] * 8, *[CALM] * 40]):
        if number == restarted_at:
            restarted.restart()
        assert restarted.minute(block) == one.minute(block)
    for store in stores:
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


# --- references ----------------------------------------------------------------------------------------------------


def test_there_is_no_alarm_without_a_reference(store: LedgerStore) -> None:
    """Nor is anything compared; it says why."""
    played = Played(store, terms())
    for _ in range(20):
        looked = played.minute(rate_row(400, 200))
    assert (shown(looked).reference, shown(looked).now, looked.changes) == ("empty", None, ())
    few = Played(LedgerStore("sqlite:///:memory:", Path("/")), terms())
    few.minute(rate_row(40_000, 20))
    for _ in range(20):
        looked = few.minute(rate_row(400, 200))
    assert (shown(looked).reference, looked.changes) == ("few_events", ())


def test_a_constant_signal_is_no_drift(store: LedgerStore) -> None:
    """All answers have one token, in blocks of any size; and a rate of 0."""
    played = Played(store, terms())
    played.minute(log_row(40_000, 0.0, 0.0), rate_row(40_000, 0))
    looked = [played.minute(log_row(count, 0.0, 0.0), rate_row(count, 0)) for count in (1, 400, 7, 3_000, 90) * 6]
    assert [one for each in looked for one in each.changes] == []
    assert shown(looked[-1], "length").evidence < 0.5
    assert shown(looked[-1]).reference == "few_events"


def test_a_counter_that_begins_again_is_nothing(store: LedgerStore) -> None:
    """A worker is restarted: sums come from entries, and entries count for themselves."""
    store.strata_max = 8
    played = pinned(store)
    for number in range(12):
        store.add(answers_of(2, 100, fingerprint="f2"))
        if number == 6:
            played.restart()
        looked = played.minute()
        assert looked.changes == ()
    assert shown(looked).answers > 700
    assert shown(looked).now == pytest.approx(0.02)


def test_a_pinned_window_is_kept(store: LedgerStore) -> None:
    """What comes later does not change it; it is that of the first answers, which are not compared."""
    played = Played(store, terms())
    played.minute(rate_row(19_999, 600))
    assert shown(played.minute(rate_row(400, 8))).reference == "empty"
    for _ in range(3):
        looked = played.minute(rate_row(400, 400))
    assert shown(looked).reference == "ready"
    assert shown(looked).expected == pytest.approx(608.5 / 20_400, rel=0.01)
    assert shown(looked).alarm


def test_a_window_of_days(store: LedgerStore) -> None:
    """Of the version whatever its revision was; it counts when its days are over."""
    day = HOUR_US * 24
    section = DriftSection(reference="pinned", first_day="2026-11-28", last_day="2026-11-28")
    played = Played(store, terms(section), NOON_US - day)
    played.minute(rate_row(40_000, 800, hour_us=NOON_US - day, fingerprint="f1"))
    assert shown(played.minute(rate_row(400, 8, hour_us=NOON_US - day))).reference == "empty"
    played.now_us = NOON_US
    looked = played.minute(rate_row(400, 40))
    assert shown(looked).reference == "ready"
    assert shown(looked).expected == pytest.approx(0.02, rel=0.01)


def test_the_version_before(store: LedgerStore) -> None:
    """A new version, or a new revision of one, is compared with what came before it."""
    section = DriftSection(reference="previous_version")
    played = Played(store, terms(section, ("tiny", "v1"), ("tiny", "v2")))
    assert shown(played.minute(rate_row(40_000, 800, version="v1")), version="v1").reference == "empty"
    played.now_us += 3 * HOUR_US
    looked = [
        played.minute(
            rate_row(200, 4, version="v1", hour_us=played.now_us), rate_row(1_200, 120, hour_us=played.now_us)
        )
        for _ in range(6)
    ]
    assert shown(looked[-1]).alarm
    assert shown(looked[-1]).effect == pytest.approx(4, rel=0.1)
    assert shown(looked[-1], version="v1").reference == "empty"
    played.now_us += 3 * HOUR_US
    replaced = played.minute(rate_row(400, 40, fingerprint="f3", hour_us=played.now_us))
    assert told(replaced) == [("cleared", "refused", "replaced")]
    assert (shown(replaced).fingerprint, shown(replaced).alarm) == ("f3", False)
    assert shown(replaced).expected == pytest.approx(0.1, rel=0.05)


def week_of(played: Played) -> None:
    """A week with a rhythm: refusals are frequent in each second hour."""
    start_us = played.now_us // HOUR_US * HOUR_US - 170 * HOUR_US
    for first in range(0, 170, 17):
        hours = range(first, first + 17)
        rows = [
            rate_row(4_000, rhythm(start_us + hour * HOUR_US, 4_000), hour_us=start_us + hour * HOUR_US)
            for hour in hours
        ]
        played.minute(*rows)


def rhythm(hour_us: int, answers: int) -> int:
    """Refusals of an hour: six of a day have many."""
    return answers * (8 if hour_us // HOUR_US % 24 < 6 else 2) // 100


def test_the_same_hours_of_last_week(store: LedgerStore) -> None:
    """A rhythm is no drift; a rate that doubles is. Answers that come late are compared with their own hour."""
    played = Played(store, terms(DriftSection()))
    week_of(played)
    start_us = played.now_us = played.now_us // HOUR_US * HOUR_US
    looked = []
    for hour in range(12):
        hour_us = start_us + hour * HOUR_US
        played.now_us = hour_us
        late_us = hour_us - 7 * HOUR_US
        rows = (
            rate_row(400, rhythm(hour_us, 400), hour_us=hour_us),
            rate_row(100, rhythm(late_us, 100), hour_us=late_us),
        )
        looked += [played.minute(*rows) for _ in range(4)]
    assert [one for each in looked for one in each.changes] == []
    assert shown(looked[-1]).reference == "ready"
    doubled = []
    for hour in range(12, 24):
        hour_us = start_us + hour * HOUR_US
        played.now_us = hour_us
        doubled += [played.minute(rate_row(400, 2 * rhythm(hour_us, 400), hour_us=hour_us)) for _ in range(4)]
    assert [change for each in doubled for change in told(each)] == [("raised", "refused", "")]


def test_the_first_week_has_no_reference(store: LedgerStore) -> None:
    """Nothing is compared with an hour that nobody has seen."""
    played = Played(store, terms(DriftSection()))
    for _ in range(10):
        looked = played.minute(rate_row(4_000, 80))
    assert (shown(looked).reference, shown(looked).evidence) == ("empty", 0)


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
