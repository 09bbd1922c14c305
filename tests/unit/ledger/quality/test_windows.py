"""What a version is compared with: a pinned window, the version before, or the same hours of last week."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from extproc.config.drift import DriftSection
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.quality.samples import HOUR_US, Played, answers_of, log_row, rate_row, shown, terms, told
from tests.unit.ledger.samples import NOON_US

WINDOW = rate_row(40_000, 800)


def test_there_is_no_alarm_without_a_reference(store: LedgerStore, tmp_path: Path) -> None:
    """Nor is anything compared; it says why."""
    played = Played(store, terms())
    for _ in range(20):
        looked = played.minute(rate_row(400, 200))
    assert (shown(looked).reference, shown(looked).now, looked.changes) == ("empty", None, ())
    with closing(LedgerStore("sqlite:///few.db", tmp_path)) as second_store:
        few = Played(second_store, terms())
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
    played = Played(store, terms())
    played.minute(WINDOW)
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


def test_an_hour_that_was_compared_does_not_come_back(store: LedgerStore) -> None:
    """A machine whose clock is wrong, on either side, makes no steps: each one may add the evidence of an hour."""
    played = Played(store, terms(DriftSection()))
    week_of(played)
    start_us = played.now_us = played.now_us // HOUR_US * HOUR_US
    high = round(1.2 * rhythm(start_us, 4_000))  # as an hour may be by chance
    for _ in range(40):
        looked = played.minute(
            rate_row(4_000, high, hour_us=start_us),
            rate_row(100, 100, hour_us=start_us - 3 * HOUR_US),
            rate_row(100, 100, hour_us=start_us + 3 * HOUR_US),
        )
        assert looked.changes == ()
    assert shown(looked).evidence < 0.6
    assert shown(looked).effect == pytest.approx(0.2, abs=0.02)


def test_the_first_week_has_no_reference(store: LedgerStore) -> None:
    """Nothing is compared with an hour that nobody has seen."""
    played = Played(store, terms(DriftSection()))
    for _ in range(10):
        looked = played.minute(rate_row(4_000, 80))
    assert (shown(looked).reference, shown(looked).evidence) == ("empty", 0)
