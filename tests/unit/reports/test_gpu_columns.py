"""GPU time in a report: rows, periods, groups and the total agree with each other, and with what was allocated."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.csv_text import report_csv
from extproc.reports.data import report_data
from extproc.reports.gpu_figures import NO_GPU_TIME, AllocatedDays, GpuColumns, GpuFigures
from extproc.reports.gpu_time import GpuQuestion, gpu_report
from extproc.reports.periods import PeriodSize
from extproc.reports.report import NOTHING, Report
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER, PRICE
from tests.unit.reports.gpu_samples import SECTION, allocate, busy_for, days_of_traffic, gpu_report_of

DAYS = 9
"""Over a month's end and into a second week."""
METHODS = ("even_ps", "weighted_ps_v1")
WATTS = {"H100": 620, "L4": 72}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """Allocated by two methods, by one of them not to the end."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    opened.add(days_of_traffic(DAYS, quiet=[3]))
    allocate(opened, DAYS)
    allocate(opened, 4, "even_ps")
    yield opened
    opened.close()


def columns_of(made: Report) -> dict[str, GpuColumns]:
    """By method."""
    assert made.gpu is not None
    assert made.gpu.absent == ""
    return {one.method: one for one in made.gpu.columns}


def total_of(parts: list[GpuFigures]) -> GpuFigures:
    """Added up."""
    whole = NO_GPU_TIME
    for one in parts:
        whole = whole.plus(one)
    return whole


KEPT_BY = ("team", "project", "budget_code", "tier", "use_case", "model", "version", "server")


@settings(max_examples=examples(25))
@given(
    st.lists(st.sampled_from(KEPT_BY), max_size=3, unique=True),
    st.sampled_from(list(PeriodSize)),
    st.sampled_from(["own_row", "by_use"]),
    st.integers(0, 3),
    st.integers(1, 5),
)
def test_all_of_it_adds_up(
    ledger: LedgerStore, by: list[str], size: PeriodSize, idle: str, first: int, days: int
) -> None:
    """To the microsecond, the token, the billionth and the milliwatt-hour; whatever groups and periods are."""
    section = SECTION.model_copy(update={"idle": idle, "watts": WATTS})
    made = gpu_report_of(ledger, days, ",".join(by), size, first=first, section=section)
    for method, columns in columns_of(made).items():
        allocated = days if method == "weighted_ps_v1" else max(min(4 - first, days), 0)
        assert columns.days == AllocatedDays(days, allocated, 0)
        assert columns.total.time_us == allocated * 3 * DAY_US
        assert columns.total.costs == ({"USD": allocated * 24 * 2 * PRICE} if allocated else {})
        assert total_of(list(columns.by_period)) == columns.total
        unpaid = total_of([GpuFigures(other_us=one.time, costs={one.currency: one.cost}) for one in columns.unpaid])
        assert total_of(list(columns.rows.values())) == total_of(list(columns.groups.values()))
        paid = total_of(list(columns.groups.values()))
        assert paid.time_us + unpaid.time_us == columns.total.time_us
        assert paid.plus(unpaid).costs == columns.total.costs
        assert paid.energy_mwh == columns.total.energy_mwh == energy_of(ledger, method, first, days)
        assert columns.without_watts_us == 0
        assert columns.rows.keys() <= {(row.period.start_us, row.group) for row in made.rows}
        assert columns.groups.keys() <= {group for group, _ in made.groups}
        if method == "weighted_ps_v1":
            assert columns.total.tokens == made.total.prompt_tokens + made.total.completion_tokens


def energy_of(ledger: LedgerStore, method: str, first: int, days: int) -> int:
    """What `extproc allocate` has of these days. [mWh]"""
    begin_us = MIDNIGHT_US + first * DAY_US
    asked = GpuQuestion(method, begin_us, begin_us + days * DAY_US, ("team", "model"), watts=WATTS)
    with ledger.reading() as connection:
        return gpu_report(connection, asked).energy


@pytest.mark.parametrize("by", ["team", "server,version", ""])
def test_both_databases_report_alike(store: LedgerStore, ledger: LedgerStore, by: str) -> None:
    """Days are cut by them."""
    store.add(days_of_traffic(DAYS, quiet=[3]))
    allocate(store, 4)
    allocate(store, 4, "even_ps")
    made, other = (gpu_report_of(one, 4, by, PeriodSize.WEEK) for one in (store, ledger))
    assert made == other
    assert sorted(columns_of(made)) == list(METHODS)


def test_a_group_without_an_entry_has_a_row(store: LedgerStore) -> None:
    """It ran over midnight: its tokens are of the day in which it began, its time of both."""
    store.add([busy_for(1, DAY_US - 60_000_000, 120_000_000, team="late")])
    allocate(store, 2)
    made = gpu_report_of(store, 1, first=1)
    (row,) = made.rows
    assert (row.group, row.figures, row.before) == (("late",), NOTHING, None)
    assert [group for group, _ in made.groups] == [("late",)]
    (columns,) = columns_of(made).values()
    of_row = columns.rows[row.period.start_us, row.group]
    assert (of_row.used_us, of_row.tokens) == (2 * 60_000_000, 0)


def test_tokens_of_others_are_not_those_of_gpus(store: LedgerStore) -> None:
    """Of a provider, or of servers whose GPUs nobody knows."""
    store.add(
        [
            busy_for(1, HOUR_US, 10_000_000),
            busy_for(2, HOUR_US, 10_000_000, server=""),
            busy_for(3, HOUR_US, 10_000_000, server="10.9.9.9:80"),
        ]
    )
    allocate(store, 1)
    made = gpu_report_of(store, 1)
    (columns,) = columns_of(made).values()
    assert (made.total.prompt_tokens, columns.total.tokens) == (300, 107)
    assert columns.total.tokens_per_gpu_second == Fraction(107, 3 * 86_400)


def test_idle_time_of_all_and_of_a_group(store: LedgerStore) -> None:
    """Of a row of its own no group has a part."""
    store.add([busy_for(1, 0, 43_200_000_000)])
    allocate(store, 1)
    for idle, of_group in (("own_row", Fraction(0)), ("by_use", Fraction(1, 2))):
        made = gpu_report_of(store, 1, section=SECTION.model_copy(update={"idle": idle}))
        (columns,) = columns_of(made).values()
        assert columns.groups["search",].idle_share == of_group
        assert columns.total.idle_share == Fraction(2, 3)


@pytest.mark.parametrize("idle", ["own_row", "by_use"])
def test_all_time_of_a_server_is_its_own(store: LedgerStore, idle: str) -> None:
    """By servers alone: nothing is nobody's, whoever pays for idle time. One that did nothing has a row."""
    store.add([busy_for(1, 0, 43_200_000_000)])
    allocate(store, 1)
    section = SECTION.model_copy(update={"idle": idle})
    (columns,) = columns_of(gpu_report_of(store, 1, "server", section=section)).values()
    assert {group: (one.time_us, one.idle_share) for group, one in columns.groups.items()} == {
        (ONE,): (2 * DAY_US, Fraction(1, 2)),
        (OTHER,): (DAY_US, Fraction(1)),
    }
    assert columns.unpaid == []


def test_movers_are_of_days_that_are_allocated(store: LedgerStore) -> None:
    """The last two of them; a group that has gone is one too."""
    store.add(
        [
            busy_for(1, 0, 10_000_000, team="a"),
            busy_for(2, DAY_US, 30_000_000, team="a"),
            busy_for(3, 0, 20_000_000, team="b", server=OTHER),
        ]
    )
    allocate(store, 2)
    section = SECTION.model_copy(update={"idle": "own_row"})
    for first, days in ((0, 4), (1, 1), (0, 2)):
        (columns,) = columns_of(gpu_report_of(store, days, first=first, section=section)).values()
        assert columns.movers is not None
        assert columns.movers.period.start_us == MIDNIGHT_US + DAY_US
        assert [(one.group, one.before, one.after) for one in columns.movers.groups] == [
            (("a",), 2 * 10_000_000, 2 * 30_000_000),
            (("b",), 20_000_000, 0),
        ]
    (columns,) = columns_of(gpu_report_of(store, 1)).values()
    assert columns.movers is None  # the day before is not allocated
    (columns,) = columns_of(gpu_report_of(store, 1, size=PeriodSize.TOTAL, first=1, section=section)).values()
    assert columns.movers is not None
    (columns,) = columns_of(gpu_report_of(store, 2, "", first=0)).values()
    assert columns.movers is None


def test_a_day_that_is_allocated_in_part(store: LedgerStore) -> None:
    """And one that has not begun."""
    store.add([busy_for(1, 0, 10_000_000)])
    allocate(store, 1)
    made = gpu_report_of(store, 5, now_us=MIDNIGHT_US + DAY_US + 1)
    assert columns_of(made)["weighted_ps_v1"].days == AllocatedDays(2, 1, 0)


@pytest.mark.parametrize(
    ("by", "only", "zone", "told"),
    [
        ("team,user", (), "UTC", "GPU time is not kept by user, so it is left out. It is kept by team, project,"),
        ("team", (("route", "night"),), "UTC", "GPU time is not kept by route, so it is left out."),
        ("team", (), "Europe/Berlin", "GPU time is kept by hours of UTC, so days of Europe/Berlin have none."),
        ("team", (), "UTC", "No GPU time of these days is allocated: run `extproc allocate --from 2026-12-29 --to"),
    ],
)
def test_a_sentence_says_why_there_is_none(
    ledger: LedgerStore, by: str, only: tuple[tuple[str, str], ...], zone: str, told: str
) -> None:
    """And there are no columns."""
    made = gpu_report_of(ledger, 3, by, only=only, zone=zone, first=30 if told.startswith("No") else 0)
    assert made.gpu is not None
    assert made.gpu.absent.startswith(told)
    assert made.gpu.columns == ()
    assert "gpu_" not in report_csv(made)


@pytest.mark.parametrize("only", [(("team", "search"),), (("version", "tiny/v2"),), (("version", "v2"),)])
def test_conditions_are_those_of_entries(ledger: LedgerStore, only: tuple[tuple[str, str], ...]) -> None:
    """Of a version with its model or without; nobody pays nothing then."""
    made = gpu_report_of(ledger, DAYS, "team,model", only=only)
    columns = columns_of(made)["weighted_ps_v1"]
    assert columns.total.tokens == made.total.prompt_tokens + made.total.completion_tokens
    assert list(columns.unpaid) == []
    assert 0 < columns.total.time_us < DAYS * 3 * DAY_US


def test_of_one_server(ledger: LedgerStore) -> None:
    """With all its time."""
    columns = columns_of(gpu_report_of(ledger, DAYS, only=(("server", ONE),)))["weighted_ps_v1"]
    assert columns.total.time_us == DAYS * 2 * DAY_US


def test_csv_has_columns_for_each_method(ledger: LedgerStore) -> None:
    """Whole numbers, which add up to what groups pay."""
    made = gpu_report_of(ledger, 5)
    rows = list(csv.DictReader(io.StringIO(report_csv(made))))
    for method, columns in columns_of(made).items():
        for name in ("used_us", "idle_us", "other_us", "tokens"):
            assert sum(int(row[f"gpu_{method}_{name}"]) for row in rows) == sum(
                getattr(one, name) for one in columns.groups.values()
            )
        assert sum(int(row[f"gpu_{method}_cost_nano_USD"]) for row in rows) == sum(
            one.costs.get("USD", 0) for one in columns.groups.values()
        )


def test_energy_is_nowhere_unless_it_is_configured(ledger: LedgerStore) -> None:
    """No column of CSV, and null in JSON; with watts of another kind, it is said of how much time there is none."""
    made = gpu_report_of(ledger, 5)
    assert "energy" not in report_csv(made)
    assert {one["total"]["energy_mwh"] for one in report_data(made)["gpu"]["methods"]} == {None}
    other = gpu_report_of(ledger, 5, section=SECTION.model_copy(update={"watts": {"L4": 72}}))
    text = report_csv(other)
    for method, columns in columns_of(other).items():
        assert columns.without_watts_us is not None
        assert 0 < columns.without_watts_us < columns.total.used_us
        rows = csv.DictReader(io.StringIO(text))
        assert sum(int(row[f"gpu_{method}_energy_mwh"]) for row in rows) == columns.total.energy_mwh > 0


def test_json_has_figures_in_the_order_of_rows(ledger: LedgerStore) -> None:
    """Of each row, period and group."""
    made = gpu_report_of(ledger, 5)
    data = report_data(made)
    for one, columns in zip(data["gpu"]["methods"], columns_of(made).values(), strict=True):
        assert [len(one[name]) for name in ("rows", "periods", "groups")] == [
            len(data[name]) for name in ("rows", "periods", "groups")
        ]
        for row, figures in zip(data["rows"], one["rows"], strict=True):
            assert figures["used_us"] == next(
                (
                    found.used_us
                    for (start_us, group), found in columns.rows.items()
                    if (list(group), start_us) == (row["group"], made_start(made, row["start"]))
                ),
                0,
            )


def made_start(made: Report, start: str) -> int:
    """Of the period that begins then."""
    return next(one.start_us for one in made.periods if start.startswith(one.first.isoformat()))
