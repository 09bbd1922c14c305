"""Reports on real stores: sums are those of the entries, by every grouping, on both databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.database.engine import StoreFailed
from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource
from extproc.ledger.store import LedgerStore
from extproc.reports.dimensions import DIMENSIONS, BadDimension, Dimension, dimension_of, dimensions_of
from extproc.reports.latencies import ERROR_MAX
from extproc.reports.periods import BadRange, PeriodSize
from extproc.reports.report import NOTHING, Figures, Report
from extproc.reports.usage import COUNTS, Measure
from tests.unit.reports.samples import at_us, entry_at, random_entries, report

ENTRIES = random_entries(400, "2026-03-20", 30)
"""Over the days on which Europe puts the clock forward."""
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")


def counts_of(entries: list[LedgerEntry]) -> dict[str, int]:
    """The sums of a group, from its entries."""
    reached = [one for one in entries if one.outcome is not EntryOutcome.REFUSED]
    answered = (EntryOutcome.COMPLETED, EntryOutcome.CUT)
    estimated = TokenSource.ESTIMATED
    sources = [(one.prompt_tokens_source, one.completion_tokens_source) for one in reached]
    return {
        "exchanges": len(reached),
        "refused": len(entries) - len(reached),
        "failed": sum(one.outcome not in answered for one in reached),
        "estimated": sum(estimated in one for one in sources),
        "findings": sum(one.finding_count for one in entries),
        **{
            name: sum(getattr(one, name) for one in reached)
            for name in COUNTS
            if name.endswith(("tokens", "usd", "refusals"))
        },
    }


def group_of(one: LedgerEntry, dimensions: tuple[Dimension, ...]) -> tuple[str, ...]:
    """As a report names it."""
    return tuple(dimension.value_of([getattr(one, name) for name in dimension.columns]) for dimension in dimensions)


def sums_of(figures: Figures) -> dict[str, int]:
    """Without the quantiles."""
    return {name: getattr(figures, name) for name in COUNTS}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """A store with many kinds of entries."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    opened.add(ENTRIES)
    yield opened
    opened.close()


@given(
    st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True),
    st.sampled_from(list(PeriodSize)),
    st.sampled_from(ZONES),
    st.integers(1, 28),
    st.integers(0, 30),
)
def test_sums_by_any_grouping_are_those_of_the_entries(
    ledger: LedgerStore, names: list[str], size: PeriodSize, zone: str, first: int, more: int
) -> None:
    """To the token, beyond 2**53; each entry is in one period and one group, whatever its time zone."""
    start, end = date(2026, 3, first), date.fromordinal(date(2026, 3, first).toordinal() + more)
    made = report(ledger, start.isoformat(), end.isoformat(), ",".join(names), size, zone=zone)
    dimensions = dimensions_of(",".join(names))
    expected: dict[Any, list[LedgerEntry]] = defaultdict(list)
    for one in ENTRIES:
        for period in made.periods:
            if period.start_us <= one.started_at_us < period.end_us:
                expected[period.start_us, group_of(one, dimensions)].append(one)
    assert {(row.period.start_us, row.group): sums_of(row.figures) for row in made.rows} == {
        key: counts_of(entries) for key, entries in expected.items()
    }
    adds_up(made)


def adds_up(made: Report) -> None:
    """Rows, periods, groups and the total agree."""
    for name in COUNTS:
        total = getattr(made.total, name)
        assert sum(getattr(row.figures, name) for row in made.rows) == total
        assert sum(getattr(figures, name) for figures in made.by_period) == total
        assert sum(getattr(figures, name) for _, figures in made.groups) == total


@pytest.mark.parametrize("by", ["", "team", "version,outcome", "status"])
def test_both_databases_report_alike(store: LedgerStore, ledger: LedgerStore, by: str) -> None:
    """PostgreSQL counts durations by itself."""
    store.add(ENTRIES)
    made, other = (report(one, "2026-03-20", "2026-04-20", by, PeriodSize.WEEK) for one in (store, ledger))
    assert made == other


def test_durations_are_near_the_true_ones(store: LedgerStore) -> None:
    """Of exchanges that were answered; a first token also of others."""
    entries = [
        entry_at("2026-03-20T10:00", f"d-{number}", ended_at_us=at_us("2026-03-20T10:00") + number * 10_000)
        for number in range(1, 101)
    ]
    entries.append(
        entry_at("2026-03-20T10:00", "d-0", ended_at_us=at_us("2026-03-21T10:00"), outcome=EntryOutcome.FAILED)
    )
    store.add(entries)
    (row,) = report(store, "2026-03-20", "2026-03-20").rows
    assert row.figures.duration_p50_ms == pytest.approx(500, rel=ERROR_MAX)
    assert row.figures.duration_p95_ms == pytest.approx(950, rel=ERROR_MAX)
    assert row.figures.first_token_p95_ms == pytest.approx(90, rel=ERROR_MAX)


def test_an_entry_counts_once_where_the_clock_is_put_back(store: LedgerStore) -> None:
    """Half past two is twice on that day in Berlin; the hour before midnight in UTC is the next day there."""
    store.add(
        [
            entry_at("2026-10-25T00:30", "first"),
            entry_at("2026-10-25T01:30", "second"),
            entry_at("2026-10-24T22:30", "early"),
            entry_at("2026-10-25T23:30", "late"),
        ]
    )
    made = report(store, "2026-10-24", "2026-10-26", zone="Europe/Berlin")
    assert [(row.period.first.day, row.figures.exchanges) for row in made.rows] == [(25, 3), (26, 1)]


# --- changes -------------------------------------------------------------------------------------------------------


def test_a_row_is_compared_with_the_period_before(store: LedgerStore) -> None:
    """The first one too; a group that was not there is compared with nothing, a period that is cut with no other."""
    store.add(
        [
            entry_at("2026-11-21T10:00", "a", team="old", cost_micro_usd=100),
            entry_at("2026-11-24T10:00", "b", team="old", cost_micro_usd=150),
            entry_at("2026-11-25T10:00", "c", team="new", cost_micro_usd=70),
            entry_at("2026-12-01T10:00", "d", team="old", cost_micro_usd=1),
        ]
    )
    made = report(store, "2026-11-23", "2026-12-01", size=PeriodSize.WEEK)
    old, new, cut = made.rows
    assert (old.group, old.figures.cost_micro_usd) == (("old",), 150)
    assert old.before is not None
    assert old.before.cost_micro_usd == 100
    assert (new.group, new.before) == (("new",), NOTHING)
    assert cut.before is None
    assert made.movers is not None
    assert [(one.group, one.before, one.after) for one in made.movers.groups] == [
        (("new",), 0, 70),
        (("old",), 100, 150),
    ]


def test_a_group_that_has_gone_is_a_mover(store: LedgerStore) -> None:
    """It has no row."""
    store.add([entry_at("2026-11-22T10:00", "a", team="gone", cost_micro_usd=100)])
    made = report(store, "2026-11-23", "2026-11-23")
    assert made.rows == []
    assert made.movers is not None
    assert [(one.group, one.before, one.after) for one in made.movers.groups] == [(("gone",), 100, 0)]


@pytest.mark.parametrize(
    ("measure", "order"), [(None, ["b", "a"]), (Measure.REQUESTS, ["a", "b"]), (Measure.TOKENS, ["a", "b"])]
)
def test_a_measure_orders_groups(store: LedgerStore, measure: Measure | None, order: list[str]) -> None:
    """By cost, unless all is free: then by tokens."""
    store.add(
        [
            entry_at("2026-11-23T10:00", "1", team="a", cost_micro_usd=1),
            entry_at("2026-11-23T10:00", "2", team="a", cost_micro_usd=1),
            entry_at("2026-11-23T10:00", "3", team="b", cost_micro_usd=10),
        ]
    )
    made = report(store, "2026-11-23", "2026-11-23", measure=measure)
    assert [row.group[0] for row in made.rows] == order
    assert made.measure is (measure or Measure.COST)
    free = report(store, "2026-11-22", "2026-11-22")
    assert free.measure is Measure.TOKENS


# --- conditions and limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "exchanges"),
    [
        ((), 3),
        ((("team", "a"),), 2),
        ((("team", "a"), ("version", "org/tiny/v1")), 1),
        ((("version", "v1"),), 2),
        ((("version", "tiny/v9"),), 0),
        ((("project", ""),), 1),
        ((("status", "200"),), 3),
        ((("status", "ok"),), 0),
    ],
)
def test_conditions_leave_entries_out(store: LedgerStore, only: tuple[tuple[str, str], ...], exchanges: int) -> None:
    """Of a version with its model or without; an empty value is one too."""
    store.add(
        [
            entry_at("2026-11-23T10:00", "1", team="a", model="org/tiny", version="v1"),
            entry_at("2026-11-23T10:00", "2", team="a", model="tiny", version="v2", project=""),
            entry_at("2026-11-23T10:00", "3", team="b", model="tiny", version="v1"),
        ]
    )
    assert report(store, "2026-11-23", "2026-11-23", "", only=only).total.exchanges == exchanges


def test_an_empty_ledger_has_an_empty_report(store: LedgerStore) -> None:
    """With all its periods."""
    made = report(store, "2026-11-01", "2026-11-30")
    assert (made.rows, made.groups, made.total, len(made.periods)) == ([], [], NOTHING, 30)
    assert made.by_period == [NOTHING] * 30


def test_a_report_has_a_limit(store: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than anybody reads."""
    monkeypatch.setattr("extproc.reports.report.ROWS_MAX", 2)
    store.add([entry_at("2026-11-23T10:00", name, team=name) for name in "abc"])
    with pytest.raises(BadRange, match="more than 2 rows; group --by fewer names, or take a longer --period"):
        report(store, "2026-11-23", "2026-11-23")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("teams", "there is no `teams` to group by. Did you mean `team`? There are: team, project,"),
        ("x" * 100, f"there is no `{'x' * 40}` to group by. There are: team"),
        (",".join(DIMENSIONS), "a report groups by 8 names at most"),
    ],
)
def test_a_name_that_there_is_not_is_told(written: str, problem: str) -> None:
    """With those that there are."""
    with pytest.raises(BadDimension) as bad:
        dimensions_of(written)
    assert str(bad.value).startswith(problem)


def test_every_name_is_a_column() -> None:
    """Of an entry; a name that is repeated counts once."""
    fields = set(LedgerEntry.__dataclass_fields__)
    assert {column for name in DIMENSIONS for column in dimension_of(name).columns} <= fields
    assert [one.name for one in dimensions_of("team, project,team,")] == ["team", "project"]


def test_sums_beyond_64_bits_are_exact_or_an_error(store: LedgerStore) -> None:
    """Those of several days are added up by us; within a day SQLite refuses to be wrong."""
    huge = {"prompt_tokens": 2**62, "cost_micro_usd": 0}
    store.add([entry_at(f"2026-11-{day}T10:00", str(day), **huge) for day in (23, 24, 25)])
    assert report(store, "2026-11-23", "2026-11-25").total.prompt_tokens == 3 * 2**62
    store.add([entry_at("2026-11-25T11:00", "another", **huge)])
    with store.reading() as connection:
        name = connection.dialect.name
    if name == "sqlite":
        with pytest.raises(StoreFailed, match=r"^integer overflow$"):
            report(store, "2026-11-25", "2026-11-25")
    else:
        assert report(store, "2026-11-25", "2026-11-25").total.prompt_tokens == 2**63
